"""What a tool round trip costs the link, and the runner, against a bare client; what an idle call weighs.

Prints one JSON line. The server is a process of its own; CPU is that of the client's process alone, from the first
request to the last answer. The clients take turns, so that a busy moment hits all.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from pinecall_run.link.link import Link
from pinecall_run.live.bind import load
from pinecall_run.live.project import Project
from pinecall_run.live.runner import Runner
from pinecall_run.protocol.client import ClientPeer
from pinecall_run.protocol.outputs import Received
from pinecall_run.wire.commands import AgentCreate, LlmToolResult, ToolResult
from pinecall_run.wire.events import Error, LlmToolCall
from pinecall_run.wire.registration import Registration

CALLS, ROUND_TRIPS, RUNS = 100, 20_000, 5
SIZES = (10, 100, 1_000, 10_000)
EVENTS = 20_000
CONFIG = """
version: 1
server: {url: "ws://127.0.0.1", api_key: k}
agents: {desk: {prompt: Help., model: gpt-4.1-mini, channels: [chat], tools: {look: benchtools.look}}}
"""
TOOLS = """
async def look(order_id: str) -> dict[str, str]:
    return {"order": order_id, "status": "shipped", "carrier": "acme"}
"""


# the server: asks each call for the next tool when it has the answer to the last


async def _drive(socket: ServerConnection) -> None:
    left = ROUND_TRIPS
    while json.loads(await socket.recv())["event"] != "agent.create":
        await socket.send('{"event":"connected"}')
    await socket.send('{"event":"agent.created","agent_id":"desk"}')
    for call in range(CALLS):
        await socket.send(json.dumps({"event": "llm.chat.started", "agent_id": "desk", "call_id": f"chat-{call}"}))
    await asyncio.sleep(0.3)
    for call in range(CALLS):
        await socket.send(_request(f"chat-{call}", left))
        left -= 1
    answered = 0
    while answered < ROUND_TRIPS:
        frame = _DECODER.decode(await socket.recv())
        if frame.event == "llm.tool_result":
            answered += 1
            if left:
                await socket.send(_request(frame.call_id, left))
                left -= 1
    await socket.send('{"event":"error","code":"DONE","error":"that was all"}')
    await socket.wait_closed()


class _Answered(msgspec.Struct):
    event: str
    call_id: str = ""


_DECODER = msgspec.json.Decoder(_Answered)


def _request(call_id: str, number: int) -> str:
    calls = f'[{{"id":"tc_{number}","name":"look","arguments":"{{\\"order_id\\":\\"ORD-{number}\\"}}"}}]'
    head = f'"event":"llm.tool_call","agent_id":"desk","call_id":"{call_id}","session_id":"{call_id}"'
    return f'{{{head},"msg_id":"m{number}","tool_calls":{calls}}}'


async def _serve() -> None:
    async with serve(_drive, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


# the bare client


class _Call(msgspec.Struct):
    id: str
    name: str
    arguments: str


class _Frame(msgspec.Struct):
    event: str
    call_id: str = ""
    msg_id: str = ""
    tool_calls: list[_Call] = []


async def _bare(url: str) -> float:
    decode, encode, arguments = msgspec.json.Decoder(_Frame).decode, msgspec.json.encode, msgspec.json.decode
    began = 0.0
    async with connect(f"{url}/client", compression=None) as socket:
        await socket.send('{"event":"connect","api_key":"k"}')
        await socket.send('{"event":"agent.create","agent_id":"desk"}')
        async for message in socket:
            frame = decode(message)
            if frame.event == "llm.tool_call":
                began = began or time.process_time()
                results = [
                    {
                        "tool_call_id": call.id,
                        "result": {"order": arguments(call.arguments)["order_id"], "status": "shipped"},
                    }
                    for call in frame.tool_calls
                ]
                answer = {
                    "event": "llm.tool_result",
                    "call_id": frame.call_id,
                    "msg_id": frame.msg_id,
                    "results": results,
                }
                await socket.send(encode(answer), text=True)
            elif frame.event == "error":
                break
        return time.process_time() - began


# the link alone: what there is between the socket and whoever runs tools


async def _link(url: str) -> float:
    began = took = 0.0

    def tell(output: Any) -> None:
        nonlocal began, took
        frame = output.frame if isinstance(output, Received) else None
        if isinstance(frame, LlmToolCall):
            began = began or time.process_time()
            results = [
                ToolResult(
                    tool_call_id=call.id,
                    result={"order": msgspec.json.decode(call.arguments)["order_id"], "status": "shipped"},
                )
                for call in frame.tool_calls
            ]
            link.send(LlmToolResult(call_id=frame.call_id, msg_id=frame.msg_id, results=results))
        elif isinstance(frame, Error):
            took = time.process_time() - began
            link.stop()

    peer = ClientPeer("k", random.random)
    peer.want({"desk": Registration(AgentCreate(agent_id="desk"))}, now=time.monotonic())
    link = Link(url, peer, tell, time.monotonic)
    await link.run()
    return took


# the runner


class _Watching:
    """Takes the time between a runner's first tool and the server's last word."""

    def __init__(self) -> None:
        self.began = self.took = 0.0
        self.done = asyncio.Event()

    def __call__(self, notice: Any) -> None:
        match type(notice).__name__:
            case "ToolRan" if not self.began:
                self.began = time.process_time()
            case "Trouble":
                self.took = time.process_time() - self.began
                self.done.set()


def _runner(root: Path, url: str, notify: Any) -> Runner:
    checked, deployment = load(Project.at(root), {})
    assert deployment is not None, checked.diagnostics
    return Runner(checked, deployment, url=url, api_key="k", notify=notify, environ={})


async def _ours(root: Path, url: str) -> float:
    watching = _Watching()
    runner = _runner(root, url, watching)
    running = asyncio.create_task(runner.run())
    await watching.done.wait()
    runner.stop()
    await running
    return watching.took


async def _round_trips(root: Path, port: int) -> dict[str, Any]:
    url = f"ws://127.0.0.1:{port}"
    runs = [(await _bare(url), await _link(url), await _ours(root, url)) for _ in range(RUNS)]
    bare, link, ours = (statistics.median(side) / ROUND_TRIPS * 1e6 for side in zip(*runs, strict=True))
    return {
        "bare_us": round(bare, 1),
        "link_us": round(link, 1),
        "runner_us": round(ours, 1),
        "link_to_bare": round(statistics.median(link / bare for bare, link, _ in runs), 2),
        "runner_to_bare": round(statistics.median(ours / bare for bare, _, ours in runs), 2),
    }


# many calls: no socket, the frames go in where the socket's would


async def _many(root: Path) -> dict[str, Any]:
    cost: dict[str, float] = {}
    weight = 0.0
    for size in SIZES:
        runner = _runner(root, "ws://127.0.0.1", lambda notice: None)
        peer, link = runner._link._peer, runner._link
        peer.start(0.0)
        peer.opened(0.0)
        peer.receive(b'{"event":"connected"}', 0.0)
        peer.drain()
        metadata = {"userId": "7", "page": "/orders"}
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(size):
            call_id = f"chat-{number:024x}"
            started = {"event": "llm.chat.started", "agent_id": "desk", "call_id": call_id, "metadata": metadata}
            peer.receive(json.dumps(started).encode(), 1.0)
            link._pump()
        weight = (tracemalloc.get_traced_memory()[0] - before) / size
        tracemalloc.stop()
        chance = random.Random(1)
        messages = [
            json.dumps(
                {
                    "event": "chat.message",
                    "agent_id": "desk",
                    "call_id": f"chat-{chance.randrange(size):024x}",
                    "text": "where is my order?",
                }
            ).encode()
            for _ in range(EVENTS)
        ]
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            for message in messages:
                peer.receive(message, 1.0)
                link._pump()
            best = min(best, time.process_time() - began)
        cost[str(size)] = round(best / EVENTS * 1e6, 2)
        await runner._dispatcher.close()
    return {
        "event_us": cost,
        "event_10000_to_10": round(cost["10000"] / cost["10"], 2),
        "bytes_per_idle_call": round(weight),
    }


def main() -> None:
    """Measure, and print."""
    server = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "pinecall.yaml").write_text(CONFIG, encoding="utf-8")
            (root / "benchtools.py").write_text(TOOLS, encoding="utf-8")
            sys.path.insert(0, folder)
            measured = asyncio.run(_round_trips(root, int(server.stdout.readline())))
            many = asyncio.run(_many(root))
    finally:
        server.communicate("")
    print(json.dumps({"bench": "link", "calls": CALLS, "round_trips": ROUND_TRIPS, **measured, **many}))


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        main()
