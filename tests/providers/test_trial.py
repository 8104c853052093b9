"""Providers are tried with a call each, all at once, and whatever fails is an outcome."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("numpy")

import numpy as np
from tests._packages import Packages
from tests.emulators.openai_server import Answer, fails, openai_server, says
from tests.providers import _acme
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from pinecall_run.providers import trial as trials
from pinecall_run.providers.contracts import (
    Audio,
    HearingStream,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    SpeechSpec,
    Spoken,
    Text,
    Transcript,
)
from pinecall_run.providers.opening import registered
from pinecall_run.providers.trial import Outcome, Trial, keyed, tried

MODEL = Trial("model", ModelSpec("openai", "gpt-4.1-mini"))
EAR = Trial("stt", SpeechSpec("acme"))
VOICE = Trial("voice", SpeechSpec("acme"))


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of a provider, for a test to fill."""
    module = ModuleType("acme_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with registered(module.__name__, ("stt", "acme"), ("voice", "acme"), ("model", "acme")):
        yield module


async def one(trial: Trial, seconds: float = 3.0, **environ: str) -> Outcome:
    before = asyncio.all_tasks()
    (outcome,) = await tried([trial], environ, seconds)
    async with asyncio.timeout(15):  # a server's side of what was closed ends a moment later
        while asyncio.all_tasks() - before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return outcome


# ears


async def _hears(line: ServerConnection) -> None:
    async for frame in line:
        if frame == "finish":
            await line.send('{"text": "", "is_final": true}')


async def _garbage(line: ServerConnection) -> None:
    await line.send("<html>")
    await line.wait_closed()


async def _drops(line: ServerConnection) -> None:
    line.transport.abort()


async def _stalls(line: ServerConnection) -> None:
    await line.wait_closed()


def _refusing(status: int) -> Callable[[ServerConnection, Request], Response]:
    return lambda line, request: line.respond(status, '{"err_msg": "no such luck"}')


async def _heard(acme: Any, talk: Any = _hears, *, status: int = 0, **more: Any) -> Outcome:
    async with serve(talk, "127.0.0.1", 0, process_request=_refusing(status) if status else None) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        acme.open_stt = lambda spec, environ: _acme.ear(url, **more)
        return await one(EAR, 1.5)


async def test_an_ear_is_well_that_answers_a_pause(acme: Any) -> None:
    outcome = await _heard(acme)
    assert outcome.kind is None
    assert 0 < outcome.seconds < 0.5  # without the half second that it heard


async def test_an_ear_that_decides_about_turns_is_well_when_it_does_not_complain(acme: Any) -> None:
    assert (await _heard(acme, _stalls, has_turns=True)).kind is None
    assert (await _heard(acme, _garbage, has_turns=True)).kind == "garbage"


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "key", "Acme refused the key: no such luck"),
        (402, "credit", "Acme has no credit left: no such luck"),
        (400, "request", "Acme answered 400: no such luck"),
        (429, "rate_limit", "Acme is asked too much at once: no such luck"),
        (503, "unavailable", "Acme answered 503: no such luck"),
    ],
)
async def test_what_an_ear_is_refused_with_is_told_in_its_words(acme: Any, status: int, kind: str, error: str) -> None:
    outcome = await _heard(acme, status=status)
    assert (outcome.kind, outcome.error) == (kind, error)
    assert outcome.hint or status in (400, 503)


@pytest.mark.parametrize(
    ("talk", "kind", "error"),
    [
        (_garbage, "garbage", "Acme sent a message that is none of its interface"),
        (_drops, "network", "Acme broke the connection off"),
        (_stalls, "timeout", "acme did not answer within 1.5 s"),
    ],
)
async def test_what_an_ear_does_on_the_line_is_told(acme: Any, talk: Any, kind: str, error: str) -> None:
    outcome = await _heard(acme, talk, answers_finish=True)
    assert (outcome.kind, outcome.error) == (kind, error)


async def test_an_ear_whose_stream_just_ends_has_failed(acme: Any) -> None:
    class Stream:
        def hear(self, chunk: Any) -> None: ...
        def finish(self) -> None: ...
        async def close(self) -> None: ...
        async def heard(self) -> AsyncIterator[Transcript]:
            return
            yield

    class Ear:
        has_turns = False

        async def open(self) -> HearingStream:
            return Stream()

    acme.open_stt = lambda spec, environ: Ear()
    assert (await one(EAR)).error == "the stream ended before anything was said of it"


# voices


async def test_a_voice_is_well_that_makes_a_sound(acme: Any) -> None:
    class Voice:
        rate = 16_000

        def __init__(self, samples: int) -> None:
            self.samples = samples

        async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
            assert sentence == "one"
            yield Audio(np.zeros(self.samples, np.int16))

    acme.open_tts = lambda spec, environ: Voice(320)
    assert (await one(VOICE)).kind is None
    acme.open_tts = lambda spec, environ: Voice(0)
    outcome = await one(VOICE)
    assert (outcome.kind, outcome.error) == ("garbage", "the voice made no sound")


async def test_a_bug_of_an_adapter_or_a_package_that_is_missing_is_an_outcome(acme: Any) -> None:
    def opened(error: Exception) -> Callable[..., Any]:
        def open_tts(spec: SpeechSpec, environ: Any) -> Any:
            raise error

        return open_tts

    acme.open_tts = opened(ModuleNotFoundError("No module named 'numpy'", name="numpy"))
    outcome = await one(VOICE)
    assert (outcome.kind, outcome.error) == ("missing", "acme needs numpy, which is not installed")
    acme.open_tts = opened(KeyError("what a caller said"))
    outcome = await one(VOICE)
    assert (outcome.kind, outcome.error) == ("failed", "acme failed with KeyError")


async def test_what_is_not_served_is_told_with_what_is() -> None:
    outcome = await one(Trial("voice", SpeechSpec("rime")))
    assert (outcome.kind, outcome.error) == ("missing", "rime is not served here")
    assert outcome.hint.startswith("served: ")


# models


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says("ok"), None),
        (fails(401), "key"),
        (fails(404), "request"),
        (fails(429), "rate_limit"),
        (fails(429, code="insufficient_quota"), "credit"),
        (fails(500), "unavailable"),
        (replace(says("ok"), cut_after=0), "network"),
        (replace(says("ok"), first_after=2), "timeout"),
        (says(""), "garbage"),
    ],
)
async def test_a_model_is_asked_once_and_its_failures_are_told(answer: Answer, kind: str | None) -> None:
    async with openai_server(lambda request: answer) as server:
        outcome = await one(MODEL, 1.0, OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY=server.key)
        assert outcome.kind == kind
        assert server.requests[0]["messages"] == [{"role": "user", "content": "Say: ok"}]
        assert not outcome.error or server.key not in outcome.error + outcome.hint


async def test_a_model_that_takes_a_limit_of_tokens_gets_one(
    packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
from pinecall_run.providers.contracts import Text
from pinecall_run.vendors.facts import Provider, whole
PROVIDERS = [Provider("acme", "model", "Acme", keys=["ACME_API_KEY"], options={"max_tokens": whole("Most.", 1)},
                      names=["large"])]
asked = []
class Model:
    async def stream(self, request):
        yield Text("ok")
        raise AssertionError("read on")
def open_model(spec, environ):
    asked.append(dict(spec.options))
    return Model()
"""
    packages.install("acme", {"pinecall_run.llm": {"acme": "acme_model"}}, acme_model=code)
    assert (await one(Trial("model", ModelSpec("acme", "large", {"max_tokens": 400})))).kind is None
    assert sys.modules["acme_model"].asked == [{"max_tokens": 16}]
    assert keyed({"ACME_API_KEY": "k"}) == [Trial("model", ModelSpec("acme", "large"))]
    assert keyed({"ACME_API_KEY": ""}) == []


async def test_all_are_tried_at_once(acme: Any) -> None:
    class Model:
        async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
            await asyncio.sleep(0.3)
            yield Text("ok")

    acme.open_model = lambda spec, environ: Model()
    began = time.monotonic()
    outcomes = await tried([Trial("model", ModelSpec("acme", str(n))) for n in range(10)], {})
    assert time.monotonic() - began < 1.5
    assert [outcome.trial.name for outcome in outcomes] == [str(n) for n in range(10)]
    assert all(outcome.seconds >= 0.3 for outcome in outcomes)
    assert trials.TRY_SECONDS <= 10
