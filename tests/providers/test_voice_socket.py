"""Sentences of many calls share sockets; a dead, silent or idle one is not used again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
from tests.providers._acme import VENDOR, Acme, acme

from pinecall_run.providers import voice_socket
from pinecall_run.providers.contracts import Audio, ProviderError, Spoken, WordTime
from pinecall_run.providers.vendor_socket import Address, Frame
from pinecall_run.providers.voice_socket import END, News, Sentence, SocketVoice, VoiceVendor, close


class Wire:
    """Acme's messages: it is asked for a sentence by its id."""

    def speak(self, sentence: Sentence) -> Sequence[Frame]:
        return [json.dumps({"id": sentence.id, "say": sentence.text})]

    def cancel(self, sentence: Sentence) -> Sequence[Frame]:
        return [json.dumps({"id": sentence.id, "cancel": True})]

    def keep_alive(self) -> Sequence[Frame]:
        return ["alive"]

    def goodbye(self) -> Sequence[Frame]:
        return ["bye"]

    def received(self, frame: Frame) -> Sequence[News]:
        said = json.loads(frame)
        if "broken" in said:
            raise VENDOR.of_garbage()
        if "word" in said:
            return [(said["id"], WordTime(said["word"], 0.0, 0.1)), (said["id"], Audio(np.ones(2, np.int16)))]
        if "error" in said:
            return [(said["id"], VENDOR.failed(said["error"], "request"))]
        return [(said["id"], END)]


def _voice(vendor: Acme, **more: Any) -> SocketVoice:
    async def address() -> Address:
        return Address(vendor.url)

    return SocketVoice(16_000, vendor.url, VoiceVendor(VENDOR, address, Wire, **more))


async def _begin(vendor: Acme, voice: SocketVoice, text: str, asked: int) -> tuple[AsyncIterator[Spoken], str]:
    """A sentence that was asked for and of which the first word came, and its id."""
    pieces = voice.speak(text, "u")
    first = asyncio.ensure_future(anext(pieces))
    sentence = json.loads((await vendor.until(asked))[asked - 1])["id"]
    await vendor.says(id=sentence, word=text)
    assert await first == WordTime(text, 0.0, 0.1)
    assert isinstance(await anext(pieces), Audio)
    return pieces, sentence


@pytest.fixture(autouse=True)
async def _nothing_left() -> AsyncIterator[None]:
    yield
    await close()
    assert len(asyncio.all_tasks()) == 1


async def test_sentences_share_a_socket_and_each_gets_its_own() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
        one, first = await _begin(vendor, voice, "one", 1)
        two, second = await _begin(vendor, voice, "two", 2)
        line = vendor.line
        await vendor.says(id=second)
        with pytest.raises(StopAsyncIteration):
            await anext(two)
        await vendor.says(id=first, error="has no such voice")
        with pytest.raises(ProviderError, match="Acme has no such voice"):
            await anext(one)
        three, _ = await _begin(vendor, _voice(vendor), "three", 3)
        assert vendor.line is line
        await three.aclose()  # type: ignore[attr-defined]
        assert json.loads((await vendor.until(4))[3])["cancel"]


async def test_one_that_is_full_has_another_opened() -> None:
    async with acme() as vendor:
        voice = _voice(vendor, at_once=1)
        await voice.warm()
        one, _ = await _begin(vendor, voice, "one", 1)
        line = vendor.line
        two, _ = await _begin(vendor, voice, "two", 2)
        assert vendor.line is not line
        for pieces in (one, two):
            await pieces.aclose()  # type: ignore[attr-defined]


async def test_a_socket_that_died_while_nobody_looked_is_replaced() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
        pieces, sentence = await _begin(vendor, voice, "one", 1)
        await vendor.says(id=sentence)
        assert await anext(pieces, None) is None
        assert vendor.line is not None
        waiting = asyncio.ensure_future(anext(voice.speak("two", "u")))
        await vendor.until(2)
        vendor.line.transport.abort()
        asked = json.loads((await vendor.until(3))[2])
        assert asked["say"] == "two"
        await vendor.says(id=asked["id"], word="two")
        assert await waiting == WordTime("two", 0.0, 0.1)


async def test_what_breaks_in_the_middle_is_an_error_for_everybody_on_it() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
        one, _ = await _begin(vendor, voice, "one", 1)
        two, _ = await _begin(vendor, voice, "two", 2)
        await vendor.says(broken=True)
        for pieces in (one, two):
            with pytest.raises(ProviderError, match="none of its interface"):
                await anext(pieces)


async def test_a_vendor_who_is_not_there_is_an_error_at_once() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
    await voice.warm()
    with pytest.raises(ProviderError, match="cannot be reached"):
        await anext(voice.speak("one", "u"))


async def test_a_silent_socket_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_socket, "STALE_SECONDS", 0.0)
    async with acme() as vendor:
        voice = _voice(vendor)
        pieces = voice.speak("one", "u")
        waiting = asyncio.ensure_future(anext(pieces))
        await vendor.until(1)
        line = vendor.line
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        two, _ = await _begin(vendor, voice, "two", 3)
        assert vendor.line is not line
        await two.aclose()  # type: ignore[attr-defined]


async def test_an_idle_socket_is_kept_alive_and_then_closed() -> None:
    async with acme() as vendor:
        voice = _voice(vendor, keep_alive_seconds=0.02, idle_seconds=0.05)
        await voice.warm()
        frames = await vendor.until(2)
        assert frames[0] == "alive"
        async with asyncio.timeout(5):
            while frames[-1] != "bye":
                frames = await vendor.until(len(frames) + 1)
        assert set(frames[:-1]) == {"alive"}
