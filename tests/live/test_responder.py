"""A model that is a function answers each turn once, stops when nobody listens, and fails without hanging the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from tests.live._stage import Stage, hook

from pinecall_run.live.responder import Responder
from pinecall_run.tools.call import Call
from pinecall_run.wire.commands import BotReplyStream
from pinecall_run.wire.events import CallEnded, ReplyRejected, TurnEnd, UserMessage
from pinecall_run.wire.speech_events import BotInterrupted, EagerTurn, TurnContinued


class World(Stage):
    """A stage whose agent's model is a function, and what it says."""

    def __init__(self, function: Callable[..., Any], *given: str) -> None:
        super().__init__(model=hook(function, *given))
        self.responder = Responder(self.pool, self.notify)

    def hear(self, kind: type[Any], **fields: Any) -> None:
        self.responder.handle(self.live, self.event(kind, **fields))

    @property
    def said(self) -> list[tuple[str, str]]:
        """Each reply: what it answers, and its text, with a full stop where it was ended."""
        replies: dict[str, list[str]] = {}
        for command in self.all(BotReplyStream):
            match command.action:
                case "start":
                    replies[command.message_id] = [str(command.in_reply_to), ""]
                case "chunk":
                    replies[command.message_id][1] += command.token
                case "end":
                    replies[command.message_id][1] += "."
        return [(answered, text) for answered, text in replies.values()]


async def agen(call: Call, event: Any) -> AsyncIterator[str]:
    yield "to "
    await asyncio.sleep(0)
    yield f"{event.text or call.transcript[-1].text}"


def gen(call: Call, event: Any) -> Iterator[str]:
    yield "to "
    yield call.transcript[-1].text


async def whole(call: Call, event: Any) -> str:
    return f"to {call.transcript[-1].text}"


def plain(call: Call, event: Any) -> str:
    return f"to {call.transcript[-1].text}"


async def gives_stream(call: Call, event: Any) -> AsyncIterator[str]:
    return agen(call, event)


@pytest.mark.parametrize("function", [agen, gen, whole, plain, gives_stream])
async def test_a_turn_is_answered_whatever_form_the_function_has(function: Callable[..., Any]) -> None:
    world = World(function, "call", "event")
    world.hear(UserMessage, message_id="u1", text="hello")
    world.hear(TurnEnd)  # a server need not say again what was said
    await world.until(lambda: world.said and world.said[0][1].endswith("."))
    assert world.said == [("u1", "to hello.")]
    assert world.notices == []


async def test_a_reply_begun_early_is_the_reply() -> None:
    world = World(agen, "call", "event")
    world.hear(EagerTurn, message_id="u1", text="hello")
    world.hear(TurnEnd, message_id="u1", text="hello")
    await world.until(lambda: world.said and world.said[0][1].endswith("."))
    world.hear(TurnEnd, message_id="u1", text="hello")
    await asyncio.sleep(0.01)
    assert world.said == [("u1", "to hello.")]


class Endless:
    """A function that says a word and goes on for ever; ``left`` counts those that were stopped."""

    def __init__(self) -> None:
        self.left = 0

    async def respond(self, event: Any) -> AsyncIterator[str]:
        try:
            yield event.text
            await asyncio.Event().wait()
        finally:
            self.left += 1


@pytest.mark.parametrize(
    ("kind", "fields", "then"),
    [
        (TurnContinued, {}, "ab."),
        (CallEnded, {}, ""),
        (TurnEnd, {"message_id": "u2", "text": "ab"}, ""),
        (ReplyRejected, {"in_reply_to": "u1", "expected_reply_to": "u2", "reason": "obsolete"}, ""),
        (BotInterrupted, {"reason": "user_spoke"}, ""),
    ],
)
async def test_it_is_stopped_when_nobody_wants_the_rest(kind: type[Any], fields: dict[str, str], then: str) -> None:
    endless = Endless()
    world = World(endless.respond, "event")
    world.hear(TurnEnd, message_id="u1", text="a")
    await world.until(lambda: world.said == [("u1", "a")])
    if kind is BotInterrupted or kind is ReplyRejected:
        fields = {**fields, "message_id": world.all(BotReplyStream)[0].message_id}
    world.hear(kind, **fields)
    for _ in range(5):
        await asyncio.sleep(0)
    assert (endless.left, world.said[0]) == (1, ("u1", "a."))
    if kind is TurnContinued:
        world.hear(TurnEnd, message_id="u1", text="ab")
        await world.until(lambda: len(world.said) == 2)
    await world.responder.close()
    assert world.notices == []


def breaks() -> Iterator[str]:
    yield "I "
    raise LookupError("no such order")


@pytest.mark.parametrize(
    ("function", "said", "failure"),
    [
        (breaks, "I .", "LookupError"),
        (lambda: ["one ", 2], "one .", "a piece of type int, and a reply is text"),
        (lambda: 7, ".", "a reply of type int, and a reply is text, or pieces of it"),
        (lambda: None, ".", ""),
    ],
)
async def test_a_reply_that_fails_is_ended_and_told_of(function: Callable[..., Any], said: str, failure: str) -> None:
    world = World(function)
    world.hear(TurnEnd, message_id="u1", text="a")
    await world.until(lambda: world.said and world.said[0][1].endswith("."))
    assert world.said == [("u1", said)]
    assert world.failures() == ([("model", failure)] if failure else [])


async def test_the_first_turn_waits_for_the_calls_own_prompt() -> None:
    gate = asyncio.Event()

    async def prepare() -> None:
        await gate.wait()

    preparing = asyncio.create_task(prepare())
    world = World(agen, "call", "event")
    world.responder = Responder(world.pool, world.notify, lambda call_id: preparing)
    world.hear(TurnEnd, message_id="u1", text="a")
    await asyncio.sleep(0.01)
    assert world.said == []
    gate.set()
    await world.until(lambda: world.said and world.said[0][1].endswith("."))


async def test_after_a_lost_connection_a_turn_that_is_told_again_is_answered() -> None:
    endless = Endless()
    world = World(endless.respond, "event")
    world.hear(TurnEnd, message_id="u1", text="a")
    await world.until(lambda: world.said == [("u1", "a")])
    world.live.driver.cut("connection_lost")
    world.responder.disconnected()
    world.hear(TurnEnd, message_id="u1", text="a")
    await world.until(lambda: len(world.said) == 2)
    await world.responder.close()


async def test_a_call_whose_model_is_elsewhere_is_left_alone() -> None:
    stage = Stage()
    Responder(stage.pool, stage.notify).handle(stage.live, stage.event(TurnEnd, message_id="u1", text="a"))
    assert stage.sent == []
