"""The socket of raw sound: chunk for chunk, on the caller's clock, with its bounds."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transports._calls import DEVELOPERS, GOOD, PATIENCE, Reception, Session, line, ramp
from tests.voice._door import narrow
from tests.voice._fakes import until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.transports import audio_socket as door
from pinecall_run.transports._allowance import BURST, Allowance
from pinecall_run.transports.audio_socket import CHUNK_BYTES, MAX_SOUND
from pinecall_run.wire.events import CallEvent
from pinecall_run.wire.speech_events import BotWord


class _ToolResult(CallEvent, tag="llm.tool_result", kw_only=True):
    results: list[Any]


class _Peer:
    """What a caller's program got, in its order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.got: list[bytes | dict[str, Any]] = []

    async def read(self) -> bytes | dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            message = await self.socket.recv()
        self.got.append(message if isinstance(message, bytes) else json.loads(message))
        return self.got[-1]

    async def sound(self, chunks: int) -> list[bytes]:
        while len(self.heard) < chunks:
            await self.read()
        return self.heard

    async def closed(self) -> tuple[int, str]:
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - it may come after any frame
            while True:
                await self.read()
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, closed.value.rcvd.reason

    @property
    def heard(self) -> list[bytes]:
        return [each for each in self.got if isinstance(each, bytes)]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [each for each in self.got if isinstance(each, dict)]


def _call(address: str, token: str = GOOD, **options: Any) -> Any:
    return connect(f"ws://{address}/audio/ws?token={token}", max_size=None, **options)


async def test_each_chunk_is_heard_and_answered_and_moves_the_clock() -> None:
    reception = Reception()
    async with line(reception) as address, _call(address) as socket:
        peer = _Peer(socket)
        sound = ramp(3)
        for piece in (sound[:1], sound[1:700], sound[700:1279], sound[1279:], bytes(CHUNK_BYTES)):
            await socket.send(piece)
        heard = await peer.sound(4)
        (session,) = reception.sessions
        assert b"".join(chunk.tobytes() for chunk in session.heard) == sound + bytes(CHUNK_BYTES)
        assert session.times == pytest.approx([0.02, 0.04, 0.06, 0.08])
        assert [len(chunk) for chunk in heard] == [CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, 0]
        assert np.array_equal(np.frombuffer(b"".join(heard), "<i2"), np.frombuffer(sound, "<i2") + 1)
        assert reception.kinds == ["stream"]
        assert session.caller.transport == "audio"
    await until(lambda: session.ends == ["disconnected"])


async def test_events_come_between_the_chunks_they_belong_to() -> None:
    class Speaking(Session):
        def take(self) -> Any:
            self.outlet.event(BotWord(agent_id="desk", call_id=self.id, message_id="m", word=str(len(self.heard))))
            return super().take()

    async with line(Reception(Speaking)) as address, _call(address) as socket:
        peer = _Peer(socket)
        await socket.send(ramp(3))
        await peer.sound(3)
        assert [each["event"] if isinstance(each, dict) else "sound" for each in peer.got] == [
            "call.started", "bot.word", "sound", "bot.word", "sound", "bot.word", "sound",
        ]  # fmt: skip
        assert peer.events[0] == {
            "event": "call.started", "agent_id": "desk", "call_id": "call-1", "transport": "audio",
        }  # fmt: skip


@pytest.mark.parametrize(("token", "shown"), [(GOOD, False), (DEVELOPERS, True)])
async def test_only_developers_see_what_tools_answered(token: str, shown: bool) -> None:
    reception = Reception()
    async with line(reception) as address, _call(address, token) as socket:
        peer = _Peer(socket)
        await peer.read()
        reception.sessions[0].outlet.event(_ToolResult(agent_id="desk", call_id="call-1", results=["secret"]))
        await socket.send('{"action":"hangup"}')
        assert await peer.closed() == (1000, "hangup")
        assert ("llm.tool_result" in [event["event"] for event in peer.events]) is shown
        assert peer.events[-1]["event"] == "call.ended"
        assert ("messages" in peer.events[-1]) is shown
    assert reception.sessions[0].ends[0] == "hangup"


async def test_actions_reach_the_session_and_garbage_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pinecall_run.transports")
    garbage = ["", "{", "null", "[]", "7", "ping", '{"action":5}', '{"event":"x"}', "[" * 5000, '{"a":"' + "x" * 9000]
    reception = Reception()
    async with line(reception) as address:
        async with _call(address) as socket:
            peer = _Peer(socket)
            for text in garbage:
                await socket.send(text)
            await socket.send('{"action":"mute"}')
            await socket.send('{"action":"inject_text","text":"hello"}')
            await socket.send(ramp(1))
            await peer.sound(1)
        (session,) = reception.sessions
        assert session.actions == [{"action": "mute"}, {"action": "inject_text", "text": "hello"}]
        await until(lambda: f"{len(garbage)} messages on a caller's socket" in caplog.text)
    assert "ping" not in caplog.text


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_text_breaks_an_action(text: str | bytes) -> None:
    class Nobody:
        def act(self, action: Any) -> None:
            assert isinstance(action["action"], str)

        end = act

    class Line:
        ignored = 0
        allowance = Allowance(lambda: 0.0)

    said = text if isinstance(text, str) else text.decode("utf-8", "replace")
    door._act(said, Nobody(), Line())  # type: ignore[arg-type]


async def test_a_hangup_of_the_agent_ends_the_socket_after_its_last_words() -> None:
    reception = Reception()
    async with line(reception) as address, _call(address) as socket:
        peer = _Peer(socket)
        await socket.send(ramp(2))
        await peer.sound(2)
        reception.sessions[0].end("client_hangup")
        await socket.send(ramp(5))
        assert await peer.closed() == (1000, "client_hangup")
        assert peer.events[-1]["event"] == "call.ended"
        assert len(reception.sessions[0].heard) == 2


@pytest.mark.parametrize("query", ["", "?token=stm_forged", "?token=cht_x"])
async def test_a_token_that_is_not_good_is_an_error_and_a_close(query: str) -> None:
    async with line(Reception()) as address, connect(f"ws://{address}/audio/ws{query}") as socket:
        peer = _Peer(socket)
        code, reason = await peer.closed()
        assert code == 1008
        assert peer.got == [{"event": "error", "error": reason}]


async def test_a_frame_that_is_too_long_ends_the_call() -> None:
    reception = Reception()
    async with line(reception) as address, _call(address) as socket:
        peer = _Peer(socket)
        await socket.send(bytes(MAX_SOUND))
        await peer.sound(100)
        await socket.send(bytes(MAX_SOUND + 1))
        code, reason = await peer.closed()
        assert (code, "64,000 bytes" in reason) == (1009, True)
        assert len(reception.sessions[0].heard) == 100
    assert reception.sessions[0].ends[0] == "disconnected"


async def test_a_caller_who_sends_much_and_reads_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "OUTBOX", 50)
    monkeypatch.setattr(door, "CLOSE_SECONDS", 0.05)
    reception = Reception()
    async with line(reception) as address:
        raw = await narrow(address)
        async with _call(address, sock=raw, max_queue=1, compression=None, close_timeout=0.1) as socket:
            flooding = asyncio.create_task(_flood(socket))
            await until(lambda: reception.sessions[0].ends == ["disconnected"])
            heard = len(reception.sessions[0].heard)
            await asyncio.sleep(0.1)
            assert len(reception.sessions[0].heard) == heard
            flooding.cancel()
            await asyncio.gather(flooding, return_exceptions=True)
            socket.transport.abort()  # its goodbye would stand behind what it could not send


async def test_one_who_reads_at_last_is_told_that_it_was_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    class Chatty(Session):
        def hear(self, chunk: Any) -> None:
            super().hear(chunk)
            for _ in range(door.OUTBOX + 1):
                self.outlet.event(BotWord(agent_id="desk", call_id=self.id, message_id="m"))

    monkeypatch.setattr(door, "OUTBOX", 20)
    async with line(Reception(Chatty)) as address, _call(address) as socket:
        await socket.send(ramp(1))
        assert await _Peer(socket).closed() == (1013, "reads too slowly")


async def _flood(socket: ClientConnection) -> None:
    while True:
        await socket.send(ramp(100))


async def test_a_caller_who_sends_no_sound_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "QUIET_SECONDS", 0.3)
    reception = Reception()
    async with line(reception) as address, _call(address) as socket:
        peer = _Peer(socket)
        for _ in range(12):
            await socket.send(bytes(CHUNK_BYTES))
            await asyncio.sleep(0.05)
        assert await peer.sound(12) == [b""] * 12
        chatting = asyncio.create_task(_chat(socket))  # actions are no sound
        assert await peer.closed() == (1000, "disconnected")
        chatting.cancel()
        assert peer.events[-1]["reason"] == "disconnected"


async def _chat(socket: ClientConnection) -> None:
    while True:
        await asyncio.sleep(0.02)
        await socket.send('{"action":"unmute"}')


async def test_a_caller_whose_clock_hardly_moves_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk now and then would hold a line for days: its limits are those of its own clock."""
    monkeypatch.setattr(door, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(door, "SLOWEST", 4)
    async with line(Reception()) as address, _call(address) as socket:
        peer = _Peer(socket)
        trickling = asyncio.create_task(_trickle(socket))
        assert await peer.closed() == (1000, "disconnected")
        trickling.cancel()
        assert len(peer.heard) < 10


async def _trickle(socket: ClientConnection) -> None:
    while True:
        await asyncio.sleep(0.15)
        await socket.send(bytes(CHUNK_BYTES))


async def test_nobody_is_heard_much_faster_than_real_time() -> None:
    """What one caller sends in a second costs what a hundred do."""
    loop = asyncio.get_running_loop()
    async with line(Reception()) as address, _call(address) as socket:
        peer, began = _Peer(socket), loop.time()
        for _ in range(6):
            await socket.send(bytes(MAX_SOUND))
        await peer.sound(500)
        assert loop.time() - began >= 10 / door.FASTEST - 0.05


async def test_an_action_that_breaks_the_conversation_does_not_end_the_call(caplog: pytest.LogCaptureFixture) -> None:
    class Fragile(Session):
        def act(self, action: Any) -> None:
            raise ValueError("what the caller said")

    async with line(Reception(Fragile)) as address, _call(address) as socket:
        peer = _Peer(socket)
        await socket.send('{"action":"mute"}')
        await socket.send(ramp(1))
        assert len(await peer.sound(1)) == 1
    assert caplog.messages == ["what a caller's program asked for failed: ValueError"]


async def test_a_flood_of_actions_is_held_to_a_pace() -> None:
    reception = Reception()
    async with line(reception) as address, _call(address) as socket:
        peer = _Peer(socket)
        for _ in range(BURST * 5):
            await socket.send('{"action":"mute"}')
        await socket.send(ramp(1))
        await peer.sound(1)
        assert BURST <= len(reception.sessions[0].actions) < BURST * 3


async def test_a_session_that_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn(Session):
        def end(self, reason: str) -> None:
            self.ends.append(reason)

    monkeypatch.setattr(door, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(door, "GOODBYE_SECONDS", 0.05)
    reception = Reception(Stubborn)
    async with line(reception) as address, _call(address) as socket:
        await socket.send(ramp(1) + b"odd")
        await socket.send('{"action":"hangup"}')
        assert await _Peer(socket).closed() == (1000, "")
    assert reception.sessions[0].ends[0] == "hangup"


async def test_a_caller_who_vanishes_ends_the_call() -> None:
    reception = Reception()
    async with line(reception) as address, _call(address) as socket:
        await socket.send(ramp(1))
        await _Peer(socket).sound(1)
        socket.transport.abort()
        await until(lambda: reception.sessions[0].ends == ["disconnected"])
