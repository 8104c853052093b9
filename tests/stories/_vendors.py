"""The emulators of all vendors together, and conversations that go through three of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.emulators.anthropic_server import anthropic_server
from tests.emulators.aws_server import aws_server
from tests.emulators.cartesia_server import cartesia_server
from tests.emulators.deepgram_server import deepgram_server
from tests.emulators.elevenlabs_server import elevenlabs_server
from tests.emulators.gladia_server import gladia_server
from tests.emulators.google_server import google_server
from tests.emulators.openai_server import calls, openai_server, says
from tests.voice._door import Socket, get
from tests.voice._speech import said
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.audio.chunk import CHUNK_SAMPLES, CHUNK_SECONDS, from_bytes

QUESTION, RESULT, ANSWER = "Where is my order?", "shipped on Monday", "It was shipped on Monday."
TOOL = {
    "type": "function",
    "function": {
        "name": "lookup_order",
        "description": "Finds an order.",
        "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
    },
}
TIMES_FASTER = 3
"""Than real time do these callers live; vendors take the time that they take."""
PATIENCE = 40.0

EARS: Mapping[str, Any] = {
    "deepgram": "deepgram",
    "flux": "deepgram-flux",
    "gladia": "gladia",
    "transcribe": {"provider": "transcribe", "language": "en-US"},
    "scribe": "elevenlabs/scribe_v2_realtime",
}
VOICES: Mapping[str, Any] = {
    "elevenlabs": "elevenlabs/sarah",
    "cartesia": "cartesia:a0e99841-438c-4a64-b679-ae501e7d6091",
    "polly": "polly/joanna",
}
MODELS: Mapping[str, Any] = {
    "openai": "gpt-4.1-mini",
    "anthropic": "anthropic/claude-haiku-4-5",
    "google": "google/gemini-2.5-flash",
}


def answer(request: Mapping[str, Any]) -> Any:
    """Every emulated model's mind: ask the tool, then tell what it said."""
    return says(ANSWER) if RESULT in json.dumps(request) else calls(("lookup_order", {"id": "1001"}))


@dataclass
class Vendors:
    """All of them, by the names of the tables above."""

    servers: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def vendors() -> AsyncIterator[Vendors]:
    """Every vendor, well. At the end none may have anything to complain of."""
    made = Vendors()
    emulators: Mapping[tuple[str, ...], Callable[[], Any]] = {
        ("deepgram", "flux"): lambda: deepgram_server([QUESTION]),
        ("gladia",): lambda: gladia_server([QUESTION]),
        ("transcribe", "polly"): lambda: aws_server(sentences=[QUESTION]),
        ("elevenlabs", "scribe"): lambda: elevenlabs_server([QUESTION]),
        ("cartesia",): cartesia_server,
        ("openai",): lambda: openai_server(answer),
        ("anthropic",): lambda: anthropic_server(answer),
        ("google",): lambda: google_server(answer),
    }
    async with AsyncExitStack() as stack:
        for names, emulator in emulators.items():
            server = await stack.enter_async_context(emulator())
            made.servers |= dict.fromkeys(names, server)
            made.environ |= server.environ
        yield made


class Runner:
    """Answers the tool calls of all agents, and keeps what it is told of each."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self.told: dict[str, list[dict[str, Any]]] = {}
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Until cancelled."""
        async for message in self._socket.socket:
            frame = json.loads(message)
            async with self._news:
                self.told.setdefault(frame.get("agent_id", ""), []).append(frame)
                self._news.notify_all()
            if frame["event"] == "ping":
                await self._socket.send("pong")
            if frame["event"] == "llm.tool_call":
                results = [{"tool_call_id": call["id"], "result": RESULT} for call in frame["tool_calls"]]
                await self._socket.send(
                    "llm.tool_result", call_id=frame["call_id"], msg_id=frame["msg_id"], results=results
                )

    async def until(self, agent: str, event: str) -> dict[str, Any]:
        """The first frame of a name about an agent."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.named(agent, event))
        return self.named(agent, event)[0]

    def named(self, agent: str, event: str) -> list[dict[str, Any]]:
        """What was told of an agent, by the name of the frame."""
        return [frame for frame in self.told.get(agent, ()) if frame["event"] == event]


class Caller:
    """Somebody who calls an agent, asks, and listens to the answer."""

    def __init__(self, address: str, agent: str) -> None:
        self._address = address
        self._agent = agent
        self._saying = b""
        self._news = asyncio.Event()
        self.frames: list[dict[str, Any]] = []
        self.sound = bytearray()

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[Caller]:
        """While the call lasts."""
        answered = await get(self._address, f"/stream/token?agent_id={self._agent}")
        assert answered.status == 200, answered
        url = f"ws://{self._address}/audio/ws?token={answered.json['token']}"
        async with connect(url, compression=None) as line, asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._speak(line)), group.create_task(self._listen(line))]
            yield self
            await line.send('{"action":"hangup"}')
            await asyncio.wait_for(tasks[1], PATIENCE)
            tasks[0].cancel()

    def ask(self) -> None:
        """Say the question."""
        self._saying += said("where is my order").astype("<i2").tobytes()

    async def until(self, event: str, count: int = 1) -> dict[str, Any]:
        """The frame of a name that comes as the ``count``-th."""
        async with asyncio.timeout(PATIENCE):
            while len(found := [frame for frame in self.frames if frame["event"] == event]) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]

    @property
    def heard_seconds(self) -> float:
        """How much sound there was that is no silence."""
        samples = from_bytes(self.sound)
        pieces = samples[: len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
        return float((np.abs(pieces.astype(int)).max(axis=1) > 500).sum()) * CHUNK_SECONDS

    async def _speak(self, line: Any) -> None:
        loop = asyncio.get_running_loop()
        due, size = loop.time(), 2 * CHUNK_SAMPLES
        with suppress(ConnectionClosed):
            while True:
                due += CHUNK_SECONDS / TIMES_FASTER
                await asyncio.sleep(max(due - loop.time(), 0))
                chunk, self._saying = self._saying[:size], self._saying[size:]
                await line.send(chunk.ljust(size, b"\0"))

    async def _listen(self, line: Any) -> None:
        async for message in line:
            if isinstance(message, bytes):
                self.sound += message
            else:
                self.frames.append(json.loads(message))
                self._news.set()


async def register(socket: Socket, agent: str, *, stt: Any, voice: Any, llm: Any) -> None:
    """An agent that browsers may call."""
    await socket.send(
        "agent.create", agent_id=agent, stt=stt, voice=voice, llm=llm, tools=[TOOL], prompt="You are the desk.",
        language="en",
    )  # fmt: skip
    await socket.until("agent.created", agent_id=agent)
    await socket.send("channel.add", agent_id=agent, type="webrtc", ref="webrtc")
    added = await socket.until("channel.added", agent_id=agent)
    assert added.get("served", True), added
