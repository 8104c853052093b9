"""Hooks run when something happens, one after the other, and nothing that they do disturbs the call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.live._stage import Stage, hook

from pinecall_run.live import hooks as module
from pinecall_run.live.hooks import Hooks
from pinecall_run.tools.call import Call
from pinecall_run.wire import events, speech_events


async def test_events_of_a_call_come_in_order_whatever_kind_of_function_takes_them() -> None:
    seen: list[Any] = []

    async def started(call: Call) -> None:
        await asyncio.sleep(0.01)
        seen.append((call.id, "started"))

    def said(event: Any) -> None:
        time.sleep(0.01)
        seen.append(event.text)

    stage = Stage(on={"call.started": hook(started, "call"), "user.message": hook(said, "event")})
    hooks = Hooks(stage.pool, stage.notify)
    hooks.handle(stage.live, stage.event(events.ChatStarted))
    hooks.handle(stage.live, stage.event(events.ChatMessage, text="one", message_id="u1"))
    hooks.handle(stage.live, stage.event(events.UserMessage, text="one", message_id="u1"))  # told twice
    hooks.handle(stage.live, stage.event(events.UserMessage, text="two", message_id="u2"))
    hooks.handle(stage.live, stage.event(speech_events.BotWord, message_id="m"))  # nothing is bound to it
    await hooks.join()
    assert seen == [("1", "started"), "one", "two"]
    assert stage.notices == []


async def test_what_a_hook_raises_is_told_and_the_next_one_runs() -> None:
    seen = []

    def fails() -> None:
        raise LookupError("no such customer")

    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    def ended(event: Any) -> None:
        seen.append(event.reason)

    on = {"call.started": hook(fails), "turn.end": hook(cancels_itself), "call.ended": hook(ended, "event")}
    stage = Stage(on=on)
    hooks = Hooks(stage.pool, stage.notify)
    for event in (
        stage.event(events.CallStarted),
        stage.event(events.TurnEnd),
        stage.event(events.CallEnded, reason="hangup"),
    ):
        hooks.handle(stage.live, event)
    await hooks.join()
    assert seen == ["hangup"]
    assert stage.failures() == [("on call.started", "LookupError"), ("on turn.end", "CancelledError")]


class SpeechlessError(Exception):
    def __str__(self) -> str:
        return str(self.args[0])


async def test_an_exception_that_cannot_say_what_it_is_stops_nothing() -> None:
    def fails() -> None:
        raise SpeechlessError

    seen: list[str] = []
    stage = Stage(on={"call.started": hook(fails), "call.ended": hook(lambda: seen.append("ended"))})
    hooks = Hooks(stage.pool, stage.notify)
    hooks.handle(stage.live, stage.event(events.CallStarted))
    hooks.handle(stage.live, stage.event(events.CallEnded))
    await hooks.join()
    assert (seen, stage.failures()) == (["ended"], [("on call.started", "SpeechlessError")])


async def test_a_hook_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOOK_SECONDS", 0.01)
    seen = []
    stage = Stage(on={"call.started": hook(asyncio.Event().wait), "call.ended": hook(lambda: seen.append("ended"))})
    hooks = Hooks(stage.pool, stage.notify)
    hooks.handle(stage.live, stage.event(events.CallStarted))
    hooks.handle(stage.live, stage.event(events.CallEnded))
    await hooks.join()
    assert stage.failures() == [("on call.started", "a time-out after 0.01 s")]
    assert seen == ["ended"]


async def test_too_many_events_are_dropped_and_the_end_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 3)
    gate, seen = asyncio.Event(), []

    async def word(event: Any) -> None:
        await gate.wait()
        seen.append(event.word)

    stage = Stage(on={"bot.word": hook(word, "event"), "call.ended": hook(lambda: seen.append("ended"))})
    hooks = Hooks(stage.pool, stage.notify)
    for index in range(10):
        hooks.handle(stage.live, stage.event(speech_events.BotWord, message_id="m", word=str(index)))
        await asyncio.sleep(0)
    hooks.handle(stage.live, stage.event(events.CallEnded))
    gate.set()
    await hooks.join()
    assert seen == ["0", "1", "2", "3", "ended"]
    assert len(stage.notices) == 1


async def test_what_a_lifespan_opened_stays_open_while_hooks_of_a_call_that_is_over_run() -> None:
    gate = asyncio.Event()
    stage = Stage(on={"call.ended": hook(gate.wait)})
    hooks = Hooks(stage.pool, stage.notify)
    event = stage.event(events.CallEnded)
    stage.calls.end("1", "hangup")
    hooks.handle(stage.live, event)
    leaving = asyncio.create_task(stage.live.state.leave(when_idle=True))
    await asyncio.sleep(0)
    assert not leaving.done()
    gate.set()
    await hooks.join()
    await leaving


async def test_closing_waits_for_no_function() -> None:
    release = Release()
    stage = Stage(on={"call.started": hook(release.wait)})
    hooks = Hooks(stage.pool, stage.notify)
    hooks.handle(stage.live, stage.event(events.CallStarted))
    await asyncio.sleep(0)
    await hooks.close()
    assert stage.notices == []
    release.now()


class Release:
    """Blocks a thread until it is let go."""

    def __init__(self) -> None:
        import threading

        self._event = threading.Event()
        self.wait: Callable[[], Any] = self._event.wait
        self.now = self._event.set
