"""What every call has: most of it is tested where it shows, in tests/voice/test_chat_session.py."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from tests.voice._fakes import Model, Owner

from pinecall_run.providers.contracts import ModelFailed, ProviderError, TokensUsed
from pinecall_run.voice.call_core import CallCore, Surroundings, explained
from pinecall_run.voice.health import Health
from pinecall_run.wire import commands, events, speech_events


def core(**configuration: Any) -> tuple[CallCore, Owner]:
    owner, numbers = Owner(), itertools.count(1)
    around = Surroundings(
        owner.tell, lambda: f"id{next(numbers)}", lambda: 1000.0, 5.0, lambda _: None, Health(lambda: 0.0)
    )
    return CallCore("call-1", "front", configuration, None, around), owner


def test_the_greeting_is_in_the_language_of_the_call() -> None:
    words = {"en": "Hello", "es": "Hola"}
    assert core(greeting=words, language="es-MX")[0].greeting == "Hola"
    assert core(greeting=words, language="fr")[0].greeting == "Hello"
    assert core(greeting="Hi")[0].greeting == "Hi"
    assert core(greeting=7)[0].greeting == core()[0].greeting == ""


def test_a_reply_to_an_older_message_is_rejected_and_others_are_not() -> None:
    call, owner = core()
    late = commands.BotReply(call_id="call-1", message_id="m1", text="no", in_reply_to="u1")
    assert call.reject(late, "u2")
    assert owner.last(events.ReplyRejected).expected_reply_to == "u2"
    assert not call.reject(late, "u1")
    assert not call.reject(commands.BotReply(call_id="call-1", message_id="m1", text="no", in_reply_to=""), "u2")


def test_what_only_some_calls_know_is_not_handled_here() -> None:
    call, _ = core()
    assert call.handle(commands.HistoryClear(call_id="call-1"))
    assert not call.handle(commands.CallHangup(call_id="call-1"))


def test_a_call_that_ends_tells_how_long_it_was_and_what_was_said() -> None:
    call, _ = core()
    call.conversation.user_said("hi")
    assert call.over() == {
        "duration_seconds": 0.0,
        "started_at": 1000.0,
        "ended_at": 1000.0,
        "messages": [{"role": "user", "content": "hi"}],
        "metrics": {"usage": [], "cost_usd": 0, "is_cost_complete": True},
    }


def test_what_a_call_used_costs_what_its_project_says() -> None:
    call, _ = core(config={"prices": {"acme:big": {"input": 1.0, "output": 10.0}, "junk": 5}})
    mind = call.mind(Model(), call.ask_tools)
    mind.on_used(TokensUsed(1_000_000, 100_000, provider="acme", model="big"))
    metrics = call.over()["metrics"]
    assert (metrics["cost_usd"], metrics["is_cost_complete"]) == (2.0, True)
    assert metrics["usage"][0]["input"] == 1_000_000


def test_a_model_that_failed_is_told_of() -> None:
    call, owner = core()
    call.mind(Model(), call.ask_tools).on_failed(ModelFailed("acme", "is down", "local"))
    failed = owner.last(speech_events.ProviderFailed)
    assert (failed.stage, failed.provider, failed.error, failed.next) == ("llm", "acme", "is down", "local")


def test_a_failure_is_told_with_its_remedy() -> None:
    assert explained(ProviderError("no key", "set one")) == "no key (set one)"
    assert explained(ProviderError("no key")) == "no key"


def test_a_model_that_is_kept_is_not_changed_and_its_prompt_speaks_of_one_moment() -> None:
    call, owner = core(prompt="It is {{timestamp}}.")
    first, now = Model(), [1000.0]
    call.around = replace(call.around, clock=lambda: now[0])
    call.keep_model(first)
    now[0] = 5000.0
    call.handle(commands.SessionConfigure(session_id="call-1", llm="openai/gpt-4.1-mini"))
    assert call.model is first
    assert owner.last(events.LlmError).error == "a call keeps its realtime model (the next call has the new one)"
    mind = call.mind(first, lambda calls: None)
    assert mind.now().timestamp() == 1000.0
