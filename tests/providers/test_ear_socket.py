"""What goes to a vendor that hears and when, and what its silence means."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from tests.providers._acme import Wire, acme, ear

from pinecall_run.providers import ear_socket, vendor_socket
from pinecall_run.providers.contracts import ConfigurableStream, Heard, ProviderError, Transcript, TurnSignal
from pinecall_run.providers.ear_socket import KEPT_SECONDS, _Settling
from pinecall_run.providers.vendor_socket import Frame

LOUD = np.arange(320, dtype=np.int16)


async def _next(heard: AsyncIterator[Heard]) -> Heard:
    async with asyncio.timeout(5):
        return await anext(heard)


async def test_sound_goes_out_in_pieces_and_a_pause_flushes_it() -> None:
    async with acme() as vendor:
        stream = await ear(vendor.url, piece_seconds=0.06).open()
        for _ in range(4):
            stream.hear(LOUD)
        assert await vendor.until(1) == [LOUD.tobytes() * 3]
        stream.finish()
        assert (await vendor.until(3))[1:] == [LOUD.tobytes(), "finish"]
        await stream.close()
        assert (await vendor.until(4))[3] == "bye"
        await stream.close()


async def test_transcripts_come_as_they_are() -> None:
    async with acme() as vendor:
        stream = await ear(vendor.url).open()
        stream.hear(LOUD)
        stream.hear(LOUD)
        await vendor.until(1)
        heard = stream.heard()
        await vendor.says(text="where", is_final=False)
        await vendor.says(text="where is it", is_final=True)
        assert [await _next(heard), await _next(heard)] == [
            Transcript("where", is_final=False), Transcript("where is it", is_final=True)
        ]  # fmt: skip
        await stream.close()
        with pytest.raises(StopAsyncIteration):
            await _next(heard)


async def test_a_stream_on_which_nothing_is_sent_is_kept_alive() -> None:
    async with acme() as vendor:
        stream = await ear(vendor.url, keep_alive_seconds=0.02).open()
        assert (await vendor.until(2))[:2] == ["alive", "alive"]
        await stream.close()


async def test_a_vendor_that_must_answer_and_does_not_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear_socket, "FINISH_SECONDS", 0.02)
    async with acme() as vendor:
        stream = await ear(vendor.url, answers_finish=True).open()
        stream.finish()
        with pytest.raises(ProviderError, match="Acme did not say what it heard") as raised:
            await _next(stream.heard())
        assert raised.value.kind == "timeout"
        await stream.close()


async def test_of_one_that_cannot_be_asked_the_last_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.02)
    async with acme() as vendor:
        stream = await ear(vendor.url).open()
        stream.hear(LOUD)
        stream.hear(LOUD)
        await vendor.until(1)
        heard = stream.heard()
        await vendor.says(text="where is", is_final=False)
        assert await _next(heard) == Transcript("where is", is_final=False)
        waiting = asyncio.ensure_future(_next(heard))  # the pause comes while somebody waits for the next message
        await asyncio.sleep(0)
        stream.finish()
        assert await waiting == Transcript("where is", is_final=True)
        await vendor.says(text="Where is it?", is_final=True)
        await vendor.says(text="thank you", is_final=True)
        assert await _next(heard) == Transcript("thank you", is_final=True)
        await stream.close()


async def test_a_final_in_time_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.05)
    async with acme() as vendor:
        stream = await ear(vendor.url).open()
        stream.finish()
        await vendor.until(1)
        heard = stream.heard()
        await vendor.says(text="yes", is_final=True)
        assert await _next(heard) == Transcript("yes", is_final=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(heard)
        await stream.close()


async def test_the_end_of_a_turn_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.05)

    class Turns(Wire):
        def received(self, frame: Frame) -> Sequence[Heard]:
            return [TurnSignal(**json.loads(frame))]

    async with acme() as vendor:
        stream = await ear(vendor.url, wire=Turns, has_turns=True).open()
        stream.finish()
        await vendor.until(1)
        heard = stream.heard()
        await vendor.says(kind="ended", text="yes")
        assert await _next(heard) == TurnSignal("ended", "yes")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(heard)
        await stream.close()


async def test_who_says_other_words_after_the_pause_is_not_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.2)
    async with acme() as vendor:
        stream = await ear(vendor.url).open()
        stream.finish()
        await vendor.until(1)
        heard = stream.heard()
        for text in ("where", "where is", "where is my", "where is my order", "where is my order"):
            await vendor.says(text=text, is_final=False)
            assert await _next(heard) == Transcript(text, is_final=False)
            await asyncio.sleep(0.06)
        assert await _next(heard) == Transcript("where is my order", is_final=True)
        await stream.close()


async def test_a_vendor_that_is_sent_sound_and_says_nothing_has_failed() -> None:
    async with acme() as vendor:
        stream = await ear(vendor.url, silent_seconds=0.1).open()
        heard = stream.heard()
        waiting = asyncio.ensure_future(_next(heard))
        await asyncio.sleep(0.15)
        assert not waiting.done(), "it was sent nothing"
        for _ in range(2):
            stream.hear(LOUD)
        await vendor.says(text="where", is_final=False)
        assert await waiting == Transcript("where", is_final=False)
        for _ in range(2):
            stream.hear(LOUD)
        with pytest.raises(ProviderError, match="Acme says nothing any more") as raised:
            await _next(heard)
        assert raised.value.kind == "timeout"
        await stream.close()


async def test_options_change_where_the_vendor_takes_others_on_a_stream() -> None:
    class Pliant(Wire):
        def configure(self, options: Mapping[str, Any]) -> Sequence[Frame] | None:
            return [str(options["pace"])] if "pace" in options else None

    async with acme() as vendor:
        stream = await ear(vendor.url, wire=Pliant).open()
        assert isinstance(stream, ConfigurableStream)
        stream.hear(LOUD)
        assert not stream.configure({"name": "Acme"})
        assert stream.configure({"pace": 2})
        assert await vendor.until(2) == [LOUD.tobytes(), "2"], "what was heard before it goes first"
        await stream.close()
        stream = await ear(vendor.url).open()
        assert not stream.configure({"pace": 2}), "this wire knows of no changes"
        await stream.close()


async def test_a_connection_that_breaks_is_an_error_and_closing_is_not() -> None:
    async with acme() as vendor:
        stream = await ear(vendor.url).open()
        stream.finish()
        await vendor.until(1)
        assert vendor.line is not None
        vendor.line.transport.abort()
        with pytest.raises(ProviderError, match="Acme broke the connection off"):
            await _next(stream.heard())
        stream.hear(LOUD)
        stream.finish()
        await stream.close()


async def test_nobody_there_is_an_error() -> None:
    async with acme() as vendor:
        url = vendor.url
    with pytest.raises(ProviderError, match="Acme cannot be reached") as raised:
        await ear(url).open()
    assert raised.value.kind == "network"


async def test_sound_that_nobody_takes_is_bounded_and_goes_out_when_somebody_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ear_socket, "TEND_SECONDS", 0.02)
    async with acme() as vendor:
        stream = await ear(vendor.url, keep_alive_seconds=0.05).open()
        with monkeypatch.context() as patch:
            patch.setattr(vendor_socket, "UNREAD_BYTES", -1)
            for count in range(4 * round(KEPT_SECONDS / 0.04)):
                stream.hear(np.full(320, count // 2, np.int16))
            await asyncio.sleep(0.15)
            assert not vendor.frames, "not even that it is to be kept alive"
        pieces = await vendor.until(round(KEPT_SECONDS / 0.04))
        first, last = (np.frombuffer(piece, "<i2")[0] for piece in (pieces[0], pieces[374]))
        assert (first, last, pieces[375:]) == (375, 749, []), "the oldest were dropped"
        assert (await vendor.until(376))[375:] == ["alive"]
        await stream.close()


async def test_sound_may_come_in_the_moment_when_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear_socket, "SETTLE_SECONDS", 0.02)
    failures: list[Exception] = []

    async with acme() as vendor:
        stream = await ear(vendor.url, silent_seconds=5.0, piece_seconds=0.02).open()

        def hear() -> None:
            try:
                stream.hear(LOUD)
            except RuntimeError as error:
                failures.append(error)

        waiting = asyncio.ensure_future(_next(stream.heard()))
        await asyncio.sleep(0)
        stream.finish()
        assert stream._due is not None
        asyncio.get_running_loop().call_at(stream._due + 1e-6, hear)
        asyncio.get_running_loop().call_later(0.01, time.sleep, 0.02)  # so that both are due at once
        assert await waiting == Transcript("", is_final=True)
        assert not failures
        await stream.close()


async def test_sound_after_the_connection_ended_is_nobodys() -> None:
    async with acme() as vendor:
        stream = await ear(vendor.url).open()
        await vendor.until_open()
        assert vendor.line is not None
        await vendor.line.close(1008, "enough")
        with pytest.raises(ProviderError, match="enough"):
            await _next(stream.heard())
        for _ in range(4):
            stream.hear(LOUD)
        stream.finish()
        await stream.close()
        stream.hear(LOUD)
        stream.hear(LOUD)
        assert vendor.frames == []


def test_what_is_said_of_the_settled_is_no_news() -> None:
    settling = _Settling()
    assert settling.takes(Transcript("where is", is_final=False))
    assert settling.settle() == Transcript("where is", is_final=True)
    assert not settling.takes(Transcript("Where is my", is_final=False))
    assert not settling.takes(Transcript("Where is my order?", is_final=True))
    assert settling.takes(Transcript("where is my order", is_final=True))
    assert settling.settle() == Transcript("", is_final=True)
    assert settling.takes(Transcript("and", is_final=False))
