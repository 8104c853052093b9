"""What a call asks for goes out in order from any thread, and what comes of it comes back."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from pinecall_run.live import driver as module
from pinecall_run.live.driver import CallDriver, Wire, new_message_id
from pinecall_run.tools.call import Call, CallError
from pinecall_run.wire import commands, events, speech_events


class World:
    """One call on a link that is up until ``is_up`` says otherwise."""

    def __init__(self) -> None:
        self.sent: list[commands.Command] = []
        self.sent_two = asyncio.Event()
        self.is_up = True
        self.wire = Wire(self._send)
        self.wire.attach()
        self.driver = CallDriver(self.wire)
        self.call = Call(self.driver, id="1", agent="desk", channel="phone", revision="r")
        self.call.latest_message = "user_1"

    def _send(self, command: commands.Command) -> bool:
        if self.is_up:
            self.sent.append(command)
        if len(self.sent) == 2:
            self.sent_two.set()
        return self.is_up

    def event(self, kind: type[events.CallEvent], **fields: Any) -> None:
        self.driver.handle(kind(agent_id="desk", call_id="1", **fields))

    def last(self, kind: type[Any]) -> Any:
        return [command for command in self.sent if isinstance(command, kind)][-1]


def test_message_ids_have_the_protocols_form() -> None:
    ids = {new_message_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"msg_[a-z0-9]{12}", each) for each in ids)


@pytest.mark.parametrize(
    ("kind", "fields", "outcome"),
    [
        (events.BotFinished, {}, "finished"),
        (speech_events.BotInterrupted, {"reason": "user_spoke"}, "interrupted"),
        (events.ReplyRejected, {"in_reply_to": "", "expected_reply_to": "", "reason": "message_obsolete"}, "rejected"),
    ],
)
async def test_an_utterance_is_followed_to_its_end(kind: Any, fields: dict[str, str], outcome: str) -> None:
    world = World()
    said, other = world.call.say("One."), world.call.say("Two.")
    message_id = world.sent[0].message_id  # type: ignore[attr-defined]
    world.event(kind, message_id=message_id, **fields)
    found = await said
    assert (found.message_id, found.outcome, found.reason) == (message_id, outcome, fields.get("reason", ""))
    world.driver.cut("hangup")
    assert (await other).outcome == "unknown"


async def test_a_server_that_names_no_utterance_means_the_first() -> None:
    world = World()
    first, second = world.call.say("One."), world.call.say("Two.")
    world.event(events.BotFinished, message_id="")
    assert (await first).outcome == "finished"
    world.event(events.BotFinished, message_id="")
    assert (await second).outcome == "finished"
    world.event(events.BotFinished, message_id="")


async def test_without_a_connection_nothing_is_waited_for() -> None:
    world = World()
    world.is_up = False
    assert (await world.call.say("Hello.")).outcome == "unknown"
    with pytest.raises(CallError, match="no connection"):
        await world.call.history.get()


async def test_a_request_is_answered_by_its_id() -> None:
    world = World()
    messages, change = world.call.history.get(), world.call.set_prompt("p")
    asked, changed = world.last(commands.HistoryGet), world.last(commands.HistorySetInstructions)
    world.event(events.HistoryUpdated, request_id=changed.request_id, count=1)
    world.event(events.HistoryData, request_id=asked.request_id, messages=[{"role": "user"}])
    world.event(events.HistoryData, request_id="rq_unknown", messages=[])
    assert await messages == [{"role": "user"}]
    await change


async def test_a_request_that_is_refused_late_or_cut_off_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    refused = world.call.add_context("t")
    request_id = world.last(commands.HistoryAddContext).request_id
    world.event(events.HistoryUpdated, request_id=request_id, error="no server llm")
    with pytest.raises(CallError, match="no server llm"):
        await refused
    cut = world.call.history.clear()
    world.driver.cut("connection_lost")
    with pytest.raises(CallError, match="connection_lost"):
        await cut
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.0)
    with pytest.raises(CallError, match="did not answer"):
        await world.call.history.get()


async def test_streams_stop_when_the_person_goes_on_and_at_the_end() -> None:
    world = World()
    begun, unbegun = world.call.stream(), world.call.stream()
    begun.write("a")
    world.event(speech_events.TurnContinued)
    assert not begun.is_open
    assert not unbegun.write("b")
    assert [frame.action for frame in world.sent] == ["start", "chunk", "end"]  # type: ignore[attr-defined]
    late = world.call.stream()
    late.write("c")
    world.driver.cut("hangup")
    assert not late.write("d")
    assert world.last(commands.BotReplyStream).token == "c"
    rejected = world.call.stream()
    rejected.write("e")
    world.event(
        events.ReplyRejected, message_id=rejected.message_id, in_reply_to="a", expected_reply_to="b", reason="obsolete"
    )
    assert not rejected.is_open


async def test_a_thread_speaks_in_its_order_and_waits_for_what_comes_of_it() -> None:
    world = World()

    def tool() -> str:
        said = world.call.say("One moment.")
        world.call.hold()
        return said.wait(5).outcome

    running = asyncio.create_task(asyncio.to_thread(tool))
    await world.sent_two.wait()
    assert [type(command).__name__ for command in world.sent] == ["BotReply", "CallHold"]
    world.event(events.BotFinished, message_id=world.last(commands.BotReply).message_id)
    assert await running == "finished"


def test_after_the_loop_is_gone_nothing_is_sent() -> None:
    async def begin() -> World:
        return World()

    world = asyncio.run(begin())
    wire = world.wire
    wire._thread = -1
    world.call.hangup()
    assert world.sent == []
