"""The socket of a supervisor: what it says first, what it bounds, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from tests.transports._calls import PATIENCE, Reception
from tests.transports._calls import line as serving
from tests.voice._fakes import until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.transports import live_socket as door
from pinecall_run.transports.contract import Supervisor
from pinecall_run.transports.live_socket import ALIVE, MAX_SOUND, MEANS_NOTHING, NOT_ALLOWED, WAITING, Earpiece
from pinecall_run.wire import events, live_events


class Call:
    """A call that notes what supervisors want; ``refuses`` is why it does not do it."""

    rate = 8_000

    def __init__(self) -> None:
        self.here: list[Supervisor] = []
        self.acts: list[Mapping[str, Any]] = []
        self.spoken: list[bytes] = []
        self.refuses = ""

    def join(self, supervisor: Supervisor) -> None:
        self.here.append(supervisor)

    def leave(self, supervisor: Supervisor) -> None:
        self.here.remove(supervisor)

    def act(self, supervisor: Supervisor, action: Mapping[str, Any]) -> str:
        self.acts.append(action)
        return self.refuses

    def speak(self, supervisor: Supervisor, sound: bytes) -> bool:
        self.spoken.append(sound)
        return True


def live(call: Call, *, may_act: bool = True, shows_events: bool = True) -> Any:
    async def supervise(socket: WebSocket) -> None:
        earpiece = Earpiece(shows_events=shows_events)
        call.join(earpiece)
        await door.serve_live(socket, call, earpiece, session_id="call-1", may_act=may_act)

    return serving(Reception(), WebSocketRoute("/live", supervise))


async def read(socket: ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE):
        message = await socket.recv()
    return message if isinstance(message, bytes) else json.loads(message)


async def test_the_shape_of_the_sound_comes_first_and_an_empty_frame_last() -> None:
    call = Call()
    async with live(call) as address, connect(f"ws://{address}/live") as socket:
        assert await read(socket) == {
            "type": "metadata", "sampleRate": 8000, "channels": 1, "bitDepth": 16, "sessionId": "call-1",
        }  # fmt: skip
        call.here[0].sound(b"\1\0" * 400)
        assert await read(socket) == b"\1\0" * 400
        call.here[0].ended()
        assert await read(socket) == b""
        with pytest.raises(ConnectionClosed) as closed:
            await read(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000
        await until(lambda: not call.here)


async def test_a_silent_call_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "ALIVE_SECONDS", 0.02)
    call = Call()
    async with live(call) as address, connect(f"ws://{address}/live") as socket:
        await read(socket)
        assert [await read(socket) for _ in range(3)] == [ALIVE] * 3


async def test_events_are_shown_to_who_asks_and_never_what_tools_answered() -> None:
    ids = {"agent_id": "desk", "call_id": "call-1"}
    told = [
        events.LlmToolCall(**ids, msg_id="m", tool_calls=[]),
        events.CallEnded(**ids, messages=[{"role": "tool", "content": "secret"}]),
        events.UserMessage(**ids, message_id="m", text="hello"),
        live_events.HandoffActive(**ids),
    ]
    for shows_events, names in ((True, ["user.message", "handoff.active"]), (False, [])):
        earpiece = Earpiece(shows_events=shows_events)
        for event in told:
            earpiece.event(event)
        earpiece.ended()
        shown = []
        while (frame := await earpiece.next()) is not None:
            shown.append(json.loads(frame)["event"])
        assert shown == names


async def test_a_slow_listener_loses_the_oldest_sound() -> None:
    earpiece = Earpiece(shows_events=False)
    for number in range(3 * WAITING):
        earpiece.sound(bytes([number]))
    earpiece.ended()
    left = []
    while (frame := await earpiece.next()) is not None:
        left.append(frame)
    assert left == [bytes([number]) for number in range(2 * WAITING, 3 * WAITING)]


async def test_actions_and_sound_reach_the_call_and_refusals_the_supervisor() -> None:
    call = Call()
    async with live(call) as address, connect(f"ws://{address}/live") as socket:
        await read(socket)
        await socket.send('{"action":"take_over"}')
        await socket.send(b"\1\0\2\0")
        await until(lambda: call.spoken)
        assert (call.acts, call.spoken) == ([{"action": "take_over"}], [b"\1\0\2\0"])
        call.refuses = "another supervisor has this call"
        await socket.send('{"action":"take_over"}')
        assert await read(socket) == {"type": "error", "error": "another supervisor has this call"}
        for garbage in ("", "{", "null", "[]", '{"action":5}', '{"a":"' + "x" * 20_000 + '"}', "[" * 5_000):
            await socket.send(garbage)
            assert await read(socket) == {"type": "error", "error": MEANS_NOTHING}
        assert len(call.acts) == 2


async def test_who_may_only_listen_is_told_so() -> None:
    call = Call()
    async with live(call, may_act=False) as address, connect(f"ws://{address}/live") as socket:
        await read(socket)
        await socket.send(b"\1\0")
        await socket.send('{"action":"take_over"}')
        assert await read(socket) == {"type": "error", "error": NOT_ALLOWED}
        assert not call.acts
        assert not call.spoken


async def test_too_much_at_once_is_refused() -> None:
    call = Call()
    async with live(call) as address, connect(f"ws://{address}/live") as socket:
        await read(socket)
        for _ in range(200):
            await socket.send('{"action":"whisper","text":"x"}')
        await socket.send(bytes(MAX_SOUND + 1))
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - it may come after any frame
            while True:
                await read(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert len(call.acts) < 100


async def test_a_listener_who_leaves_is_let_go_at_once() -> None:
    call = Call()
    async with live(call) as address:
        async with connect(f"ws://{address}/live") as socket:
            await read(socket)
            assert call.here
        await until(lambda: not call.here)
