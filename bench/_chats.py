"""How long typed conversations wait for us: many at once, on one core, each saying something now and then.

The server is the real program with its real doors, the model a script that answers at once: all of the time from a
message to the first token of its answer is ours, and the network's. Those who type, and the runner that is told of
every message and answer, share the other core.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from _served import KEY, PATIENCE, cpu_seconds, served
from calls import RUNNER
from peers.load import memory_mb, pin
from websockets.asyncio.client import ClientConnection, connect

GOAL_MS = 50.0
AGENT = "desk"
SCRIPT = {"rules": [{"when": "order (?P<order>\\d+)", "reply": "Order {{ order }} is on its way to you today."}],
          "otherwise": "Which order do you mean?"}  # fmt: skip
WARM_SECONDS, AT_ONCE = 2.0, 25


class _Frame(msgspec.Struct):
    event: str


_DECODER = msgspec.json.Decoder(_Frame)


@dataclass
class _Seen:
    """What the load measured, in seconds."""

    first_token: list[float] = field(default_factory=list)
    whole_answer: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """Of the load itself: how long after its moment a message was sent."""


def chats(*, conversations: int = 500, seconds: float = 20.0, every: float = 4.0) -> dict[str, Any]:
    """Measure ``conversations`` at once for so long, of which each says something about ``every`` so many seconds."""
    pin(RUNNER)
    return asyncio.run(_measured(conversations, seconds, every))


async def _measured(conversations: int, seconds: float, every: float) -> dict[str, Any]:
    async with served() as (server, address), _runner(address) as told:
        opening = asyncio.Semaphore(AT_ONCE)
        seen, started = _Seen(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            people = [group.create_task(_person(address, opening, started, seen, every)) for _ in range(conversations)]
            async with asyncio.timeout(PATIENCE):
                while told["llm.chat.started"] < conversations:  # noqa: ASYNC110 - once a run
                    await asyncio.sleep(0.05)
            started.set()
            await asyncio.sleep(every + WARM_SECONDS)  # until everybody has said something
            vars(seen).update(vars(_Seen()))
            told.clear()
            used, began = cpu_seconds(server), time.monotonic()
            await asyncio.sleep(seconds)
            used, took = cpu_seconds(server) - used, time.monotonic() - began
            events = dict(told)
            result = _result(seen, used / took, events)
            for person in people:
                person.cancel()
    return {"conversations": conversations, "every_seconds": every, **result}


def _result(seen: _Seen, share: float, events: dict[str, int]) -> dict[str, Any]:
    return {
        "messages": len(seen.first_token),
        "first_token_ms": _spread(seen.first_token),
        "whole_answer_ms": _spread(seen.whole_answer),
        "generator_late_p99_ms": _spread(seen.late)["p99"],
        "server_cpu_percent": round(100 * share, 1),
        "load_mb": round(memory_mb(), 1),
        "events_over_the_wire": sum(events.values()),
        "goal_p99_ms": GOAL_MS,
    }


def _spread(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=1000)
    return {name: round(1000 * cuts[at - 1], 2) for name, at in (("p50", 500), ("p99", 990), ("p999", 999))}


@asynccontextmanager
async def _runner(address: str) -> AsyncIterator[Counter[str]]:
    """The runner, and what it is told, counted."""
    llm = {"provider": "scripted", "model": "bench", "enabled": True, "script": SCRIPT}
    async with connect(f"ws://{address}/client", compression=None, max_queue=None) as socket:
        await socket.send(json.dumps({"event": "connect", "api_key": KEY}))
        await socket.send(json.dumps({"event": "agent.create", "agent_id": AGENT, "llm": llm, "prompt": "Be brief."}))
        told: Counter[str] = Counter()
        reading = asyncio.create_task(_read(socket, told))
        try:
            async with asyncio.timeout(PATIENCE):
                while not told["agent.created"]:  # noqa: ASYNC110 - once a run
                    await asyncio.sleep(0.01)
            yield told
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _read(socket: ClientConnection, told: Counter[str]) -> None:
    async for message in socket:
        event = _DECODER.decode(message).event
        told[event] += 1
        if event == "ping":
            await socket.send('{"event":"pong"}')
        elif event == "error":
            raise RuntimeError(message)


async def _person(address: str, opening: asyncio.Semaphore, started: asyncio.Event, seen: _Seen, every: float) -> None:
    loop = asyncio.get_running_loop()
    async with opening:
        url = f"http://{address}/chat/token?agent_id={AGENT}"
        answer = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=PATIENCE).read())
        socket = await connect(f"ws://{address}/chat/ws?token={json.loads(answer)['token']}", compression=None)
        await socket.recv()
    async with socket:
        await started.wait()
        due = loop.time() + random.random() * every
        while True:
            await asyncio.sleep(max(due - loop.time(), 0))
            sent = loop.time()
            seen.late.append(sent - due)
            await socket.send('{"event":"message","text":"Where is order 1001?"}')
            is_first = True
            while (event := _DECODER.decode(await socket.recv()).event) != "chat.done":
                assert event == "chat.token", event
                if is_first:
                    seen.first_token.append(loop.time() - sent)
                is_first = False
            seen.whole_answer.append(loop.time() - sent)
            due += every * random.uniform(0.5, 1.5)


if __name__ == "__main__":
    print(json.dumps(chats()))
