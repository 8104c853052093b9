"""Sentences of many calls share sockets; a dead, silent or idle one is not used again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
from tests.providers._acme import VENDOR, Acme, acme

from pinecall_run.providers import vendor_socket, voice_socket
from pinecall_run.providers.contracts import Audio, ProviderError, Spoken, WordTime
from pinecall_run.providers.vendor_socket import Address, Frame, VendorSocket
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

    def received(self, frame: Frame) -> Sequence[News | Frame]:
        said = json.loads(frame)
        if "ask" in said:
            return [said["ask"]]
        if "broken" in said:
            raise VENDOR.of_garbage()
        if "word" in said:
            return [(said["id"], WordTime(said["word"], 0.0, 0.1)), (said["id"], Audio(np.ones(2, np.int16)))]
        if "error" in said:
            return [(said["id"], VENDOR.failed(said["error"], "unavailable"))]
        return [(said["id"], END)]


def _voice(vendor: Acme, **more: Any) -> SocketVoice:
    async def address() -> Address:
        vendor.asked += 1
        return Address(vendor.url)

    return SocketVoice(16_000, vendor.url, VoiceVendor(VENDOR, address, Wire, **more))


async def _gone(*waiting: asyncio.Future[Any]) -> None:
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


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
        await _gone(waiting)
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


async def test_what_a_message_is_answered_with_is_sent() -> None:
    async with acme() as vendor:
        await _voice(vendor).warm()
        await vendor.until_open()
        await vendor.says(ask="what is it")
        assert await vendor.until(1) == ["what is it"]


async def test_one_that_was_cancelled_takes_room_until_the_vendor_has_stopped() -> None:
    async with acme() as vendor:
        voice = _voice(vendor, at_once=1, confirms_cancel=True)
        one, first = await _begin(vendor, voice, "one", 1)
        line = vendor.line
        assert line is not None
        await one.aclose()  # type: ignore[attr-defined]
        two, _ = await _begin(vendor, voice, "two", 3)
        assert vendor.line is not line
        await line.send(json.dumps({"id": first}))
        await line.ping()
        await asyncio.sleep(0.02)
        three = asyncio.ensure_future(anext(voice.speak("three", "u")))
        await vendor.until(4)
        assert vendor.asked == 2
        await _gone(three)
        await two.aclose()  # type: ignore[attr-defined]


async def test_a_sentence_that_failed_on_a_sound_socket_is_not_asked_for_again() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
        await voice.warm()
        waiting = asyncio.ensure_future(anext(voice.speak("one", "u")))
        sentence = json.loads((await vendor.until(1))[0])["id"]
        await vendor.says(id=sentence, error="is busy")
        with pytest.raises(ProviderError, match="is busy"):
            await waiting
        assert len(vendor.frames) == 1


async def test_a_sentence_that_sockets_are_closed_for_ends_one_that_others_use_and_no_more() -> None:
    async with acme() as vendor:
        voice = _voice(vendor, at_once=1)
        lines = [await _begin(vendor, voice, text, count) for count, text in ((1, "one"), (2, "two"))]
        for pieces, _ in lines:
            await pieces.aclose()  # type: ignore[attr-defined]
        await vendor.until(4)
        waiting = asyncio.ensure_future(anext(voice.speak("poison", "u")))
        for count in (5, 6):
            await vendor.until(count)
            await vendor.lines[-1].close(1011, "poison")
        with pytest.raises(ProviderError, match="poison"):
            await waiting
        assert vendor.asked == 3
        assert [line.state.name for line in vendor.lines].count("OPEN") == 1


async def test_a_silent_socket_is_found_out_though_others_go_on_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_socket, "STALE_SECONDS", 0.05)
    async with acme() as vendor:
        voice = _voice(vendor)
        first = asyncio.ensure_future(anext(voice.speak("one", "u")))
        await vendor.until(1)
        await asyncio.sleep(0.06)
        second = asyncio.ensure_future(anext(voice.speak("two", "v")))
        await vendor.until(2)
        await _gone(first)
        third = asyncio.ensure_future(anext(voice.speak("three", "w")))
        await vendor.until(4)
        assert vendor.asked == 2
        await _gone(second, third)


async def test_callers_who_wait_for_a_socket_wait_for_the_same() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
        waiting = [asyncio.ensure_future(anext(voice.speak(str(count), "u"))) for count in range(5)]
        await vendor.until(5)
        assert vendor.asked == 1
        await _gone(*waiting)
    again = [asyncio.ensure_future(anext(_voice(vendor).speak("x", "u"))) for _ in range(20)]
    await close()
    errors = await asyncio.gather(*again, return_exceptions=True)
    assert all(isinstance(error, ProviderError) for error in errors)


async def test_a_socket_is_opened_though_nobody_waits_any_more() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
        waiting = asyncio.ensure_future(anext(voice.speak("one", "u")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await _gone(waiting)
        await vendor.until_open()
        two, _ = await _begin(vendor, voice, "two", 1)
        assert vendor.asked == 1
        await two.aclose()  # type: ignore[attr-defined]


async def test_a_vendor_that_refuses_is_asked_once_for_all_who_wait() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
    waiting = [asyncio.ensure_future(anext(voice.speak(str(count), "u"))) for count in range(5)]
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(error, ProviderError) for error in errors)
    assert vendor.asked == 1


async def test_a_socket_that_the_vendor_closed_in_its_idleness_is_nobodys_trouble() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
        one, first = await _begin(vendor, voice, "one", 1)
        await vendor.says(id=first)
        assert await anext(one, None) is None
        assert vendor.line is not None
        await vendor.line.close(1008, "idle")
        two, _ = await _begin(vendor, voice, "two", 2)
        assert vendor.asked == 2
        await two.aclose()  # type: ignore[attr-defined]


async def test_who_is_spoken_to_when_all_is_closed_gets_an_error_and_nothing_is_opened() -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
        await voice.warm()
        waiting = asyncio.ensure_future(anext(voice.speak("one", "u")))
        await vendor.until(1)
        await close()
        with pytest.raises(ProviderError, match="was let go of"):
            await waiting
        assert vendor.asked == 1


async def test_a_socket_whose_vendor_does_not_read_takes_no_more_once_somebody_interrupts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with acme() as vendor:
        voice = _voice(vendor)
        one, _ = await _begin(vendor, voice, "one", 1)
        monkeypatch.setattr(vendor_socket, "UNREAD_BYTES", -1)
        async with asyncio.timeout(1):
            await one.aclose()  # type: ignore[attr-defined]
        two, _ = await _begin(vendor, voice, "two", 3)
        assert vendor.asked == 2
        await two.aclose()  # type: ignore[attr-defined]


async def test_what_nobody_speaks_with_any_more_is_forgotten() -> None:
    async with acme() as vendor:
        for count in range(5):
            voice = SocketVoice(16_000, count, _voice(vendor).vendor)
            await voice.warm()
            await vendor.until_open()
            assert vendor.line is not None
            await vendor.line.close()
            vendor.line = None
            await asyncio.sleep(0.02)
    assert len(voice_socket._POOLS[asyncio.get_running_loop()]) == 1


async def test_what_the_vendor_said_before_it_closed_counts() -> None:
    async with acme() as vendor:
        waiting = asyncio.ensure_future(anext(_voice(vendor).speak("one", "u")))
        await vendor.until(1)
        await vendor.says(broken=True)
        assert vendor.line is not None
        await vendor.line.close(1008, "closed")
        with pytest.raises(ProviderError, match="none of its interface"):
            await waiting


async def test_closing_waits_for_sockets_that_are_closing_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    shut, seconds = VendorSocket.close, iter([0.2])

    async def slow(self: VendorSocket) -> None:
        await asyncio.sleep(next(seconds, 0))
        await shut(self)

    monkeypatch.setattr(VendorSocket, "close", slow)
    async with acme() as vendor:
        voice = _voice(vendor)
        one, _ = await _begin(vendor, voice, "one", 1)
        await vendor.says(broken=True)
        with pytest.raises(ProviderError):
            await anext(one)
        await voice.warm()
        await close()
        assert [line.state.name for line in vendor.lines] == ["CLOSED", "CLOSED"]
