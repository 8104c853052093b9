"""Media streams on real sockets: whose they are, what is played and cleared, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from tests.emulators.twilio_server import serving
from tests.transports._peers import tone
from tests.transports._phones import PhoneSession
from tests.transports.test_twilio_media import START
from tests.voice._fakes import until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.transports import twilio_stream
from pinecall_run.transports.contract import Caller, NotAdmittedError
from pinecall_run.transports.metronome import Metronome
from pinecall_run.transports.twilio_media import MAX_MESSAGE, Start
from pinecall_run.transports.twilio_stream import MAX_IGNORED, StreamCall, serve_stream
from pinecall_run.wire.speech_events import BotInterrupted

MEDIA = {"event": "media", "streamSid": "MZ1", "media": {"track": "inbound", "payload": "/////w=="}}
CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}


class Desk:
    """Admits the token ``t``, as often as it likes."""

    def __init__(self) -> None:
        self.port = 0
        self.refused: Counter[str] = Counter()
        self.sessions: list[PhoneSession] = []
        self.streams: list[StreamCall] = []
        self.says = tone(200, 1.0)

    def admit(self, start: Start, stream: StreamCall) -> PhoneSession:
        if start.token != "t":
            raise NotAdmittedError("no stream of this call is awaited")
        self.streams.append(stream)
        self.sessions.append(PhoneSession(stream, Caller("phone", lambda: 0.0), self.says))
        return self.sessions[-1]

    async def serve(self, socket: WebSocket) -> None:
        await serve_stream(socket, self.admit, Metronome(), self.refused)


@asynccontextmanager
async def line(*first: Any) -> AsyncIterator[tuple[Desk, ClientConnection]]:
    """A socket on which some messages were sent."""
    desk = Desk()
    async with (
        serving(Starlette(routes=[WebSocketRoute("/", desk.serve)]), desk),
        connect(f"ws://127.0.0.1:{desk.port}/", compression=None) as socket,
    ):
        for message in first:
            await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        yield desk, socket


async def closed(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:  # noqa: PT012 - it may come after any message
        async with asyncio.timeout(5):
            while True:
                await socket.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def read(socket: ClientConnection, event: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while (message := json.loads(await socket.recv()))["event"] != event:
            pass
    return dict(message)


async def test_sound_goes_both_ways_and_marks_tell_what_was_played() -> None:
    async with line(CONNECTED, START, *[MEDIA] * 60) as (desk, socket):
        mark = await read(socket, "mark")
        await socket.send(json.dumps({"event": "mark", "streamSid": "MZ1", "mark": mark["mark"]}))
        await until(lambda: desk.sessions[0].phone.chunks == 5)
        assert desk.sessions[0].heard
        await socket.send(json.dumps({"event": "stop", "streamSid": "MZ1", "stop": {}}))
        assert await closed(socket) == (1000, "")
        assert (desk.sessions[0].reason, desk.refused) == ("hangup", Counter())


async def test_what_is_cut_short_is_taken_back_at_once() -> None:
    async with line(START) as (desk, socket):
        await read(socket, "mark")
        desk.streams[0].event(BotInterrupted(call_id="CA1"))
        assert (await read(socket, "clear")) == {"event": "clear", "streamSid": "MZ1"}


async def test_keys_come_and_go() -> None:
    async with line(START, {"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "7"}}) as (desk, socket):
        await until(lambda: desk.sessions and desk.sessions[0].phone.keys == "7")
        await read(socket, "media")
        taken = desk.sessions[0].taken
        desk.streams[0].press("1")
        await asyncio.sleep(0.1)
        assert desk.sessions[0].taken <= taken + 2, "the conversation waits while tones are played"
        desk.streams[0].event(BotInterrupted(call_id="CA1"))
        await until(lambda: desk.sessions[0].taken > taken + 2)


async def test_the_conversation_ends_and_the_line_with_it() -> None:
    async with line(START) as (desk, socket):
        await read(socket, "media")
        desk.streams[0].ended("client_hangup")
        assert await closed(socket) == (1000, "client_hangup")


async def test_a_line_that_is_forwarded_is_not_hung_up() -> None:
    async with line(START) as (desk, socket):
        await read(socket, "media")
        desk.streams[0].hands_on()
        await socket.send(json.dumps({"event": "stop"}))
        await closed(socket)
        assert desk.sessions[0].reason == "", "Twilio ends the stream before it answers that it does"
        desk.streams[0].handed_on("+1555")
        assert desk.sessions[0].phone.forwarded_to == "+1555"


async def test_who_hangs_up_while_a_line_is_forwarded_is_not_forwarded() -> None:
    async with line(START) as (desk, socket):
        await read(socket, "media")
        for _ in range(2):
            desk.streams[0].hands_on()
        await socket.send(json.dumps({"event": "stop"}))
        await closed(socket)
        desk.streams[0].handed_on()
        assert desk.sessions[0].reason == "", "another request is on its way"
        desk.streams[0].handed_on()
        assert (desk.sessions[0].reason, desk.sessions[0].phone.forwarded_to) == ("hangup", "")


async def test_a_line_that_could_not_be_forwarded_goes_on() -> None:
    async with line(START) as (desk, socket):
        await read(socket, "media")
        desk.streams[0].hands_on()
        desk.streams[0].handed_on()
        assert desk.sessions[0].reason == ""
        await socket.send(json.dumps({"event": "stop"}))
        await closed(socket)
        assert desk.sessions[0].reason == "hangup"


async def test_a_socket_that_breaks_is_a_line_that_breaks() -> None:
    async with line(START) as (desk, socket):
        await read(socket, "media")
        socket.transport.abort()
        await until(lambda: desk.sessions[0].reason)
        assert desk.sessions[0].reason == "disconnected"


async def test_a_line_on_which_nothing_comes_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio_stream, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(twilio_stream, "CHECK_BEATS", 5)
    async with line(START) as (desk, socket):
        assert await closed(socket) == (1000, "disconnected")
        assert desk.sessions[0].reason == "disconnected"


async def test_who_reads_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio_stream, "OUTBOX", 3)
    async with line(START) as (desk, socket):
        await until(lambda: desk.streams)
        for _ in range(5):
            desk.streams[0].event(BotInterrupted(call_id="CA1"))
        assert await closed(socket) == (1013, "reads too slowly")


async def test_a_conversation_that_fails_takes_only_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: PhoneSession) -> None:
        raise ValueError("my card is 4111")

    monkeypatch.setattr(PhoneSession, "take", fail)
    async with line(START) as (_, socket):
        assert await closed(socket) == (1011, "the voice server failed")


@pytest.mark.parametrize(
    ("messages", "code", "counted"),
    [
        ([MEDIA], 1008, "media before start"),
        ([CONNECTED, MEDIA], 1008, "media before start"),
        ([{"event": "dtmf", "dtmf": {"digit": "1"}}], 1008, "media before start"),
        ([{"event": "stop"}], 1008, "garbage"),
        (["{"], 1008, "garbage"),
        ([b"\x00\x01"], 1008, "garbage"),
        (["[1]"], 1008, "garbage"),
        ([{"event": "start"}], 1008, "garbage"),
        ([" " * (MAX_MESSAGE + 1)], 1009, "giant frames"),
        ([b" " * (MAX_MESSAGE + 1)], 1009, "giant frames"),
    ],
)
async def test_what_begins_no_stream(messages: list[Any], code: int, counted: str) -> None:
    async with line(*messages) as (desk, socket):
        assert (await closed(socket))[0] == code
        assert (desk.refused, desk.sessions) == (Counter({counted: 1}), [])


async def test_a_socket_that_does_not_say_whose_it_is_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio_stream, "START_SECONDS", 0.05)
    async with line(CONNECTED) as (desk, socket):
        assert (await closed(socket))[0] == 1008
        assert desk.refused == Counter({"no start": 1})


async def test_a_stream_of_nobodys_is_closed() -> None:
    wrong = {**START["start"], "customParameters": {"token": "x"}}
    async with line({**START, "start": wrong}) as (_, socket):
        assert await closed(socket) == (1008, "no stream of this call is awaited")


GARBAGE = ["{", "null", b"\x00", "[]", {"event": "media"}, {"event": "mark"}, {"event": "dtmf", "dtmf": 1}, START]


async def test_garbage_on_a_live_line_is_counted_and_the_call_goes_on() -> None:
    async with line(START, *GARBAGE, {"event": "new.one"}) as (desk, socket):
        await read(socket, "mark")
        assert not desk.sessions[0].reason
        await socket.send(json.dumps({"event": "stop"}))
        await closed(socket)
        assert desk.refused == Counter({"garbage": len(GARBAGE) + 1})


@pytest.mark.parametrize("flood", [["{"] * (MAX_IGNORED + 1), ["x" * (MAX_MESSAGE + 1)]])
async def test_too_much_of_it_ends_the_call(flood: list[str]) -> None:
    async with line(START, *flood) as (desk, socket):
        await closed(socket)
        await until(lambda: desk.refused)
        assert desk.sessions[0].reason == "disconnected"
