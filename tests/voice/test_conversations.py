"""Conversations begin when there is room, end when they are forgotten, and leave nothing behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.voice._fakes import Outlet, settle
from tests.voice._stage import LOOKING

from pinecall_run.protocol.registry import Agent, Channel
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.transports.contract import NotAdmittedError
from pinecall_run.voice import conversations
from pinecall_run.voice.capacity import Capacity
from pinecall_run.voice.conversations import IDLE_SECONDS, Conversations, Opening
from pinecall_run.wire import events
from pinecall_run.wire.codec import to_json


class Room:
    def __init__(self, **options: Any) -> None:
        self.now = 1000.0
        self.told: list[tuple[str, str, str]] = []
        capacity = Capacity(lambda agent_id, event: None, lambda: self.now)
        self.all = Conversations(self.tell, {}, lambda: "id", lambda: self.now, 5.0, capacity=capacity, **options)

    def tell(self, connection: str, event: events.CallEvent) -> bool:
        self.told.append((connection, event.call_id, type(event).__name__))
        return True

    def begin(self, call_id: str, agent_id: str = "front", **configuration: Any) -> Outlet:
        outlet = Outlet()
        agent = Agent(agent_id, "connection", {"llm": LOOKING, **configuration})
        self.session = self.all.begin(agent, call_id, outlet, {})
        return outlet


async def test_they_are_found_counted_and_forgotten() -> None:
    room = Room()
    for call_id, agent_id in [("1", "front"), ("2", "front"), ("3", "back")]:
        room.begin(call_id, agent_id)
    assert room.all.get("3") is room.session
    assert [room.all.count(agent) for agent in ("front", "back", "none")] == [2, 1, 0]
    room.session.end("disconnected")
    await settle()
    assert room.all.get("3") is None
    assert room.all.count("back") == 0
    room.begin("3", "back")
    await room.all.close()
    assert (room.all._sessions, room.all._tasks) == ({}, {})


async def test_a_session_is_its_owners_and_an_orphan_the_next_ones() -> None:
    room = Room()
    for call_id, agent_id in [("1", "front"), ("2", "front"), ("3", "back")]:
        room.begin(call_id, agent_id)
    room.all.adopt("front", "thief")
    assert room.all.owner("1") == "connection"
    assert room.all.orphan("another") == set()
    assert room.all.orphan("connection") == {"front", "back"}
    assert room.all.owner("1") is None
    room.session.end("disconnected")
    await settle()
    assert ("connection", "3", "ChatEnded") not in room.told  # nobody to tell
    room.all.adopt("back", "next")
    room.all.adopt("front", "next")
    assert room.all.owner("2") == "next"
    assert [told for told in room.told if told[0] == "next"] == [
        ("next", "1", "ChatStarted"),
        ("next", "2", "ChatStarted"),
    ]
    await room.all.close()
    assert {tuple(told[1:]) for told in room.told[-2:]} == {("1", "ChatEnded"), ("2", "ChatEnded")}
    assert (room.all._owners, room.all._orphans) == ({}, {})


async def test_an_id_is_taken_once_and_the_room_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room()
    room.begin("1")
    with pytest.raises(NotAdmittedError, match="in use"):
        room.begin("1")
    monkeypatch.setattr(conversations, "MAX_SESSIONS", 1)
    with pytest.raises(NotAdmittedError, match="capacity"):
        room.begin("2")
    await room.all.close()


@pytest.mark.parametrize(
    "llm", [5, ["x"], {"provider": "x"}, {"provider": "scripted", "model": "s", "script": 5}, "x/y", "gpt-4.1-mini"]
)
async def test_whatever_a_client_calls_its_model_it_is_opened_or_refused(llm: Any) -> None:
    room = Room()
    with pytest.raises(ProviderError):
        room.all.model({"llm": llm})
    with pytest.raises(NotAdmittedError, match="not available"):
        room.begin("1", llm=llm)
    assert room.all.get("1") is None


def test_a_prompt_alone_is_answered_by_the_default_model_and_nothing_by_the_client() -> None:
    room = Room()
    assert room.all.model({}) is None
    assert room.all.model({"llm": {"enabled": False, "model": "x"}, "prompt": "p"}) is None
    with pytest.raises(ProviderError, match=r"gpt-4\.1-mini needs a key"):
        room.all.model({"prompt": "p"})


def test_a_model_that_hears_and_speaks_is_for_calls_alone() -> None:
    room = Room()
    room.all._environ = {"OPENAI_API_KEY": "k"}
    with pytest.raises(NotAdmittedError, match="takes calls, and no typed conversations"):
        room.begin("1", llm="openai/gpt-realtime")
    assert room.all.model({"llm": "openai/gpt-realtime"}) is None
    assert room.all.model({"llm": ["openai/gpt-realtime", LOOKING]}) is not None
    with pytest.raises(ProviderError, match="temperature"):
        room.all.model({"llm": {"model": "gpt-realtime", "temperature": 1}})
    room.all._environ = {}
    with pytest.raises(ProviderError, match="needs a key"):
        room.all.model({"llm": "openai/gpt-realtime"})


async def test_forgotten_ones_are_swept_away_and_live_ones_are_not() -> None:
    room = Room()
    forgotten = room.begin("1")
    live = room.begin("2")
    room.now += IDLE_SECONDS - 1
    room.session.post("still here")
    room.now += 2
    room.all.sweep()
    await settle()
    assert forgotten.log == [("ended", "idle_timeout")]
    assert ("ended", "idle_timeout") not in live.log
    await room.all.close()
    assert live.log[-1] == ("ended", "server_stopped")


async def test_an_opening_says_how_long_it_may_be_silent_and_how_it_is_told() -> None:
    room = Room()
    outlet, names = Outlet(), []

    def retell(event: events.CallEvent) -> events.Event | None:
        names.append(type(event).__name__)
        return None if isinstance(event, events.ChatMessage) else event

    key = ("whatsapp", "106")
    options = {"language": "es", "access_token": "t0ken", "app_secret": "s3cret"}
    agent = Agent("front", "connection", {"llm": LOOKING}, {key: Channel("whatsapp", "106", options)})
    opening = Opening(*key, retell, idle_seconds=60.0)
    session = room.all.begin(agent, "wa-1", outlet, {}, opening)
    assert session.core.configuration == {"llm": LOOKING, "language": "es"}
    session.post("hello")
    await settle()
    assert names == ["ChatStarted", "ChatMessage", "ChatResponse"]
    assert [told for _, _, told in room.told] == ["ChatStarted", "ChatResponse"]
    room.now += 61
    room.all.sweep()
    await settle()
    assert outlet.log[-1] == ("ended", "idle_timeout")
    assert not room.all._openings
    assert not room.all.tell("wa-1", events.ChatStarted(agent_id="front", call_id="wa-1"))


async def test_closing_does_not_wait_for_a_model_that_will_not_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "CLOSING_SECONDS", 0.02)
    gate = asyncio.Event()

    class Stubborn:
        async def stream(self, request: Any) -> Any:
            try:
                await asyncio.Event().wait()
            finally:
                await gate.wait()
            yield

    room = Room(open_model=lambda spec, environ: Stubborn())
    outlet = room.begin("1")
    room.session.post("hi")
    await settle()
    async with asyncio.timeout(1):
        await room.all.close()
    assert outlet.log == []
    gate.set()
    await settle()
    assert outlet.log == [("ended", "server_stopped")]


async def test_one_that_cannot_be_told_keeps_no_place() -> None:
    room = Room()
    agent = Agent("front", "connection", {"llm": LOOKING})
    deep: dict[str, Any] = {}
    for _ in range(3_000):
        deep = {"a": deep}
    room.all._tell = lambda connection, event: bool(to_json(event))
    with pytest.raises(RecursionError):
        room.all.begin(agent, "1", Outlet(), deep)
    assert (room.all.get("1"), room.all.count("front"), room.all.owner("1")) == (None, 0, None)
    assert not room.all._capacity._taken
    room.begin("1")
    await room.all.close()


async def test_a_place_is_given_back_whatever_becomes_of_what_hears_of_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def over() -> None:
        raise RuntimeError("secret")

    room = Room()
    agent = Agent("front", "connection", {"llm": LOOKING})
    room.all.begin(agent, "1", Outlet(), {}, Opening(on_over=over)).end("disconnected")
    await settle()
    assert not room.all._capacity._taken
    assert "secret" not in caplog.text
    await room.all.close()
