"""Ears that fail: heard again from what was kept, and the next one's turn when one is of no use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.voice._fakes import settle
from tests.voice._line import FakeEar

from pinecall_run.audio.chunk import SILENCE
from pinecall_run.providers.contracts import Heard, ProviderError, SpeechSpec, Transcript, TurnSignal
from pinecall_run.voice import listening
from pinecall_run.voice.health import Health
from pinecall_run.voice.listening import Ear, Listener


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PAUSES", (0.0, 0.0, 0.0))


@asynccontextmanager
async def heard_by(
    *ears: FakeEar | Ear, health: Health | None = None, used: list[tuple[str, str, float]] | None = None
) -> AsyncIterator[tuple[Listener, list[Heard], list[tuple[str, ...]]]]:
    heard: list[Heard] = []
    failures: list[tuple[str, ...]] = []
    named = [ear if isinstance(ear, Ear) else Ear(f"ear{number}", ear, "big") for number, ear in enumerate(ears, 1)]
    listener = Listener(
        named,
        heard.append,
        lambda *what: failures.append(what),
        health=health or Health(lambda: 0.0),
        on_used=lambda vendor, seconds: used.append((*vendor, seconds)) if used is not None else None,
    )
    task = asyncio.create_task(listener.run())
    await settle()
    try:
        yield listener, heard, failures
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    fakes = [ear for ear in (one.stt for one in named) if isinstance(ear, FakeEar)]
    assert all(stream.is_closed for ear in fakes for stream in ear._streams)


def final(text: str) -> Transcript:
    return Transcript(text, is_final=True)


async def test_what_is_understood_is_passed_on() -> None:
    ear = FakeEar()
    async with heard_by(ear) as (listener, heard, failures):
        listener.hear(SILENCE)
        ear.stream.give(Transcript("he", is_final=False))
        ear.stream.give(final("hello"))
        await settle()
        assert [getattr(each, "text", "") for each in heard] == ["he", "hello"]
        assert ear.stream.chunks == 1
        assert failures == []


async def test_an_ear_that_dies_in_a_sentence_hears_it_again() -> None:
    ear = FakeEar()
    async with heard_by(ear) as (listener, heard, failures):
        for _ in range(5):
            listener.hear(SILENCE)
        listener.finish()
        ear.stream.give(ProviderError("the socket broke"))
        ear.says = ["hello"]
        await settle()
        assert ear.opened == 2
        assert ear.stream.chunks == 5
        assert heard == [Transcript("hello", is_final=True, confidence=0.9)], "it was asked to finish once more"
        assert failures == [("ear1", "the socket broke", "")]


async def test_what_was_understood_for_good_is_not_heard_again() -> None:
    ear = FakeEar()
    async with heard_by(ear) as (listener, _, _failures):
        listener.hear(SILENCE)
        ear.stream.give(TurnSignal("ended", "hello"))
        await settle()
        ear.stream.give(ProviderError("the socket broke"))
        await settle()
        assert ear.opened == 2
        assert ear.stream.chunks == 0


async def test_the_next_ear_hears_what_the_first_could_not() -> None:
    first, second = FakeEar(), FakeEar()
    first.fails = [ProviderError("no key")] * 9
    async with heard_by(first, second) as (listener, heard, failures):
        listener.hear(SILENCE)
        await settle(60)
        assert (first.opened, second.opened) == (3, 1)
        assert failures == [("ear1", "no key", ""), ("ear1", "no key", "ear2")]
        listener.hear(SILENCE)
        assert second.stream.chunks == 2
        second.stream.give(final("hello"))
        await settle()
        assert heard == [final("hello")]


async def test_the_last_ear_is_asked_for_as_long_as_the_call_lasts() -> None:
    ear = FakeEar()
    ear.fails = [ProviderError("no route")] * 7
    async with heard_by(ear) as (_, _heard, failures):
        await settle(200)
        assert ear.opened == 8
        assert failures == [("ear1", "no route", "")], "and it is said once"


async def test_an_ear_that_is_broken_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    ear: Any = FakeEar()
    ear.fails = [ValueError("what the caller said")]
    async with heard_by(ear) as (_, _heard, failures):
        await settle()
        assert failures == [("ear1", "it failed with ValueError", "")]
    assert "what the caller said" not in caplog.text
    assert "ValueError" in caplog.text


def acme(ear: FakeEar, model: str = "", **options: Any) -> Ear:
    return Ear("acme", ear, spec=SpeechSpec("acme", model, "en", options))


async def test_other_options_go_to_the_stream_that_is_open() -> None:
    ear, other, fallback = FakeEar(is_pliant=True), FakeEar(), FakeEar()
    async with heard_by(acme(ear, pace=1)) as (listener, heard, _):
        listener.hear(SILENCE)
        assert listener.change([acme(other, pace=2), Ear("next", fallback)])
        assert (ear.opened, ear.stream.options) == (1, {"pace": 2})
        ear.stream.give(final("hello"))
        await settle()
        assert heard == [final("hello")]
        ear.stream.give(ProviderError("the socket broke"))
        await settle()
        assert (ear.opened, other.opened) == (1, 1), "whoever hears after a failure has the new options"


async def test_nothing_changes_where_nothing_is_to() -> None:
    ear = FakeEar()
    async with heard_by(acme(ear, pace=1)) as (listener, _heard, _failures):
        assert listener.change([acme(FakeEar(), pace=1)])
        assert (ear.opened, ear.stream.options) == (1, {})


@pytest.mark.parametrize("is_pliant", [True, False])
async def test_what_takes_another_stream_is_not_changed_on_this(is_pliant: bool) -> None:
    ear = FakeEar(is_pliant=is_pliant)
    async with heard_by(acme(ear, pace=1)) as (listener, _heard, _failures):
        assert not listener.change([acme(FakeEar(), "other", pace=1)])
        assert not listener.change([Ear("acme", FakeEar())])
        assert listener.change([acme(FakeEar(), pace=2)]) is is_pliant


async def test_before_a_stream_is_open_there_is_none_to_change() -> None:
    ears = [acme(FakeEar(is_pliant=True))]
    listener = Listener(ears, bool, lambda *_: None, health=Health(lambda: 0.0), on_used=lambda *_: None)
    assert not listener.change([acme(FakeEar(is_pliant=True), pace=2)])


async def test_an_ear_that_cannot_even_close_is_replaced_all_the_same() -> None:
    class Stuck(FakeEar):
        async def open(self) -> Any:
            stream = await super().open()

            async def close() -> None:
                stream.is_closed = True
                raise OSError("broken pipe")

            stream.close = close  # type: ignore[method-assign]
            return stream

    ear = Stuck()
    async with heard_by(ear) as (_, heard, failures):
        ear.stream.give(ProviderError("the socket broke"))
        await settle()
        ear.stream.give(final("hello"))
        await settle()
        assert [getattr(each, "text", "") for each in heard] == ["hello"]
        assert failures == [("ear1", "the socket broke", "")]


async def test_where_asking_again_is_in_vain_the_next_ear_hears_at_once() -> None:
    first, second = FakeEar(), FakeEar()
    first.fails = [ProviderError("no such key", kind="key")]
    async with heard_by(first, second) as (listener, _, failures):
        listener.hear(SILENCE)
        await settle()
        assert (first.opened, second.opened) == (1, 1)
        assert failures == [("ear1", "no such key", "ear2")]
        assert second.stream.chunks == 1


async def test_an_ear_that_failed_other_calls_is_not_the_first_to_hear_this_one() -> None:
    health, first, second = Health(lambda: 0.0), FakeEar(), FakeEar()
    first.fails = [ProviderError("no credit", kind="credit")]
    async with heard_by(first, FakeEar(), health=health):
        await settle()
    async with heard_by(first, second, health=health):
        await settle()
        assert (first.opened, second.opened) == (1, 1)
    async with heard_by(first, health=health):
        await settle()
        assert first.opened == 2, "where there is no other it is asked"
        first.stream.give(final("hello"))
        await settle()
    async with heard_by(first, second, health=health):
        await settle()
        assert (first.opened, second.opened) == (3, 1), "it is well again"


async def test_what_was_given_to_hear_is_counted_as_often_as_it_was() -> None:
    ear, used = FakeEar(), list[tuple[str, str, float]]()
    async with heard_by(ear, used=used) as (listener, _, _failures):
        for _ in range(5):
            listener.hear(SILENCE)
        ear.stream.give(ProviderError("the socket broke"))
        await settle()
        listener.hear(SILENCE)
    assert used == [("ear1", "big", 0.1), ("ear1", "big", 0.12)]
