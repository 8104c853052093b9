"""The socket of sound of a running server: limits of calls, callers at once, and a server that is told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tests.stories._callers import Tape, tape
from tests.stories._lines import KnowingEar, heard_by, nothing_left, until
from tests.stories._stage import Program, clean_environment, command
from tests.voice._door import client, get, server
from tests.voice._speech import needs_flite
from tests.voice._stage import scripted
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.audio.chunk import CHUNK_SAMPLES, CHUNK_SECONDS, from_bytes

pytestmark = needs_flite

CHUNK_BYTES = 2 * CHUNK_SAMPLES
WINDOW = 25
"""Chunks under way of a caller who does not wait for the time to pass."""

SHOP = scripted(
    {"when": "two", "reply": "The second is packed."},
    {"when": "one", "reply": "The first is shipped."},
    otherwise="I do not know.",
)
OFFLINE = {"llm": SHOP, "stt": "local", "voice": "local", "language": "en"}


@dataclass
class Line:
    """One caller on the socket: what they were told and what they heard."""

    socket: ClientConnection
    told: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    closed: tuple[int, str] = (0, "")

    async def listen(self) -> None:
        """Until the server closes."""
        try:
            while True:
                message = await self.socket.recv()
                if isinstance(message, bytes):
                    self.chunks.append(message)
                else:
                    self.told.append(json.loads(message))
        except ConnectionClosed as closed:
            frame = closed.rcvd
            self.closed = (frame.code, frame.reason) if frame else (0, str(closed))

    async def say(self, said: Tape, *, speed: float = 1.0) -> None:
        """Say what is on a tape, in real time or faster."""
        clock = asyncio.get_running_loop().time
        began, sent = clock(), len(self.chunks)
        try:
            for number, chunk in enumerate(said.sound.reshape(-1, CHUNK_SAMPLES)):
                await asyncio.sleep(began + number * CHUNK_SECONDS / speed - clock())
                while number - (len(self.chunks) - sent) > WINDOW * speed:  # noqa: ASYNC110 - it is the server's turn
                    await asyncio.sleep(0.002)
                await self.socket.send(chunk.astype("<i2").tobytes())
        except ConnectionClosed:
            pass

    def named(self, event: str) -> list[dict[str, Any]]:
        return [frame for frame in self.told if frame["event"] == event]

    @property
    def names(self) -> list[str]:
        return [frame["event"] for frame in self.told if frame["event"] != "bot.word"]

    @property
    def loud(self) -> int:
        """How many chunks hold sound."""
        return sum(bool(chunk) and int(np.abs(from_bytes(chunk)).max()) > 500 for chunk in self.chunks)


@asynccontextmanager
async def calling(address: str, agent: str) -> AsyncIterator[Line]:
    """A caller, who hangs up with the block."""
    token = (await get(address, f"/stream/token?agent_id={agent}")).json["token"]
    async with connect(f"ws://{address}/audio/ws?token={token}", max_size=None, compression=None) as socket:
        line = Line(socket)
        listening = asyncio.create_task(line.listen())
        try:
            yield line
        finally:
            await socket.close()
            await asyncio.gather(listening)


@asynccontextmanager
async def desk(address: str, **configuration: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """A runner with the agent ``front``, and what it was told."""
    async with client(address, "front", **{**OFFLINE, **configuration}) as runner:

        async def read() -> None:
            while True:
                runner.frames.append(json.loads(await runner.socket.recv()))

        reading = asyncio.create_task(read())
        try:
            yield runner.frames
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def test_a_caller_who_says_nothing_is_warned_and_let_go_through_the_door() -> None:
    limits = {"idle_timeout_seconds": 2, "idle_warning_seconds": 1, "idle_grace_seconds": 1}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(nothing_left())
        address = await stack.enter_async_context(server())
        told = await stack.enter_async_context(desk(address, session_limits=limits))
        line = await stack.enter_async_context(calling(address, "front"))
        await line.say(tape(6.0), speed=10)
        names = ["call.started", "session.idle_warning", "session.idle_warning", "session.timeout", "call.ended"]
        assert line.names == names
        assert [frame["remaining_seconds"] for frame in line.named("session.idle_warning")] == [1, 1]
        assert line.closed == (1000, "idle_timeout")
        assert len(line.chunks) == pytest.approx(3.0 / CHUNK_SECONDS, abs=10), "on the clock of the sound"
        assert [frame["event"] for frame in told][-len(names) :] == names


async def test_no_call_lasts_longer_than_it_may() -> None:
    configuration = {"session_limits": {"max_duration_seconds": 1.5}, "greeting": "Hello. " * 20}
    async with server() as address, desk(address, **configuration), calling(address, "front") as line:
        await line.say(tape(4.0), speed=10)
        assert line.named("session.timeout")[0]["reason"] == "max_duration"
        assert line.closed == (1000, "max_duration")


async def test_two_callers_of_one_agent_do_not_hear_of_each_other() -> None:
    tapes = [tape(0.3, "the number one", 3.0), tape(0.5, ("the number two", "awb"), 3.0)]
    async with nothing_left(), server() as address, desk(address), AsyncExitStack() as stack:
        lines = []
        for said in tapes:
            with heard_by(KnowingEar(said.passages)):
                lines.append(await stack.enter_async_context(calling(address, "front")))
                await until(lambda: lines[-1].told)
        await asyncio.gather(*(line.say(said) for line, said in zip(lines, tapes, strict=True)))
        texts = [[frame["text"] for frame in line.named("message.confirmed")] for line in lines]
        assert texts == [["The first is shipped."], ["The second is packed."]]
        assert [line.named("turn.end")[0]["text"] for line in lines] == ["the number one", "the number two"]
        assert len({line.named("call.started")[0]["call_id"] for line in lines}) == 2


async def test_thirty_callers_at_once_are_all_answered() -> None:
    said = tape(0.5, "the number one", 2.5, ("the number two", "awb"), 5.0)
    async with nothing_left(), server() as address, desk(address), AsyncExitStack() as stack:
        with heard_by(KnowingEar(said.passages)):
            lines = [await stack.enter_async_context(calling(address, "front")) for _ in range(30)]
            await until(lambda: all(line.told for line in lines))
        began = time.monotonic()
        await asyncio.gather(*(line.say(said) for line in lines))
        took = time.monotonic() - began
        for line in lines:
            texts = [frame["text"] for frame in line.named("message.confirmed")]
            assert texts == ["The first is shipped.", "The second is packed."]
            assert line.loud * CHUNK_SECONDS > 1.5
        assert took < len(said.sound) / 16_000 + 1.0, "nobody was kept waiting"


async def test_a_server_that_is_told_to_stop_says_so_to_everybody() -> None:
    process = await asyncio.create_subprocess_exec(
        *command("serve", "--port", "0", "--key", "k"),
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    program = Program(process)
    reading = asyncio.create_task(program.read())
    try:
        address = (await program.until(r"voice server")).split("//")[1]
        await program.until("Ctrl-C ends it")
        async with (
            desk(address, key="k", greeting="Hello. " * 9) as told,
            AsyncExitStack() as stack,
        ):
            lines = [await stack.enter_async_context(calling(address, "front")) for _ in range(5)]
            talking = asyncio.gather(*(line.say(tape(20.0)) for line in lines))
            await until(lambda: all(line.loud for line in lines))
            stopped = time.monotonic()
            process.send_signal(signal.SIGTERM)
            await talking
            for line in lines:
                assert line.named("call.ended")[0]["reason"] == "server_stopped"
                assert line.closed == (1000, "server_stopped")
            reasons = [frame["reason"] for frame in told if frame["event"] == "call.ended"]
            assert reasons == ["server_stopped"] * len(lines)
            assert await program.ended() == 0
            assert time.monotonic() - stopped < 5
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.gather(reading)
