"""Calls over WebRTC to the root project, all of it real: a spoken question reaches the database, and an ear understands
the spoken answer, on a good line and on a bad one."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from aiortc.rtp import RtpPacket
from tests.stories._callers import tape
from tests.stories._lines import House, house, nothing_left, until
from tests.transports._peers import Phone, on_loopback
from tests.voice._speech import needs_flite

from pinecall_run.audio.chunk import CHUNK_SECONDS, RATE, Samples
from pinecall_run.audio.resample import Resampler
from pinecall_run.providers import local_voice
from pinecall_run.providers.contracts import Audio, SpeechSpec
from pinecall_run.transports.webrtc import Calls, Request
from pinecall_run.transports.webrtc_media import Ear
from pinecall_run.wire.codec import object_from_json

pytestmark = needs_flite
__all__ = ["on_loopback"]

STATUSES = ("shipped", "delayed", "lost", "delivered")
LOSS, JITTER = 0.2, 0.2
WEBRTC_RATE = 48_000
GREETED = 4.5


def heard_status(sound: Samples, order: str, item: str) -> str:
    """Which of the statuses an answer holds, by an ear to which each is as probable as the others."""
    from pocketsphinx import Decoder  # type: ignore[import-untyped]

    # Beams as wide as can be: the voice of espeak flutters, and a sentence that is given up in its middle is none.
    decoder = Decoder(loglevel="FATAL", bestpath=False, beam=1e-100, pbeam=1e-100, wbeam=1e-80)
    sentence = f"order [o r] d {order} the {item} is ({' | '.join(STATUSES)}) and should arrive on (tuesday | thursday)"
    decoder.add_jsgf_string("answer", f"#JSGF V1.0; grammar answer; public <answer> = {sentence};")
    decoder.activate_search("answer")
    decoder.start_utt()
    decoder.process_raw(np.concatenate((sound, np.zeros(RATE // 2, np.int16))).tobytes(), False, True)
    decoder.end_utt()
    understood = decoder.hyp()
    words = understood.hypstr.split() if understood else []
    return next((word for word in words if word in STATUSES), f"nothing: {words}")


@pytest.mark.parametrize("status", STATUSES)
async def test_the_ear_of_these_tests_tells_statuses_apart(status: str) -> None:
    voice = local_voice.open_tts(SpeechSpec("local", "", "en"), {})
    resampler, pieces = Resampler(voice.rate, RATE), []
    sentence = f"Order ORD-1001, the espresso machine, is {status} and should arrive on Tuesday."
    async for piece in voice.speak(sentence, "context"):
        if isinstance(piece, Audio):
            pieces.append(resampler.feed(piece.samples))
    await local_voice.close()
    assert heard_status(np.concatenate(pieces), "one thousand one", "espresso machine") == status


def spoil(send: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """A way that loses and delays sound, and nothing else."""
    chance, loop = random.Random(4), asyncio.get_running_loop()

    def lossy(data: bytes) -> None:
        if not 127 < data[0] < 192:
            send(data)
        elif chance.random() >= LOSS:
            loop.call_later(chance.random() * JITTER, send, data)

    return lossy


class Plain:
    """SRTP that is undone already."""

    def unprotect(self, packet: bytes) -> bytes:
        return packet

    protect = protect_rtcp = unprotect


class Loudspeaker:
    """What a browser plays of a call: aiortc's own receiver makes up for no loss, so our receiver stands in for it."""

    def __init__(self, phone: Phone) -> None:
        self.chunks: list[Samples] = []
        self._ear: Ear | None = None
        self._loop = asyncio.get_running_loop()
        phone.peer.getTransceivers()[0].receiver._handle_rtp_packet = self._receive
        self._playing = asyncio.create_task(self._play())

    async def _receive(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if self._ear is None:
            self._ear = Ear(packet.payload_type, Plain(), self._loop.time)
        self._ear.receive(packet.serialize())

    async def _play(self) -> None:
        due = self._loop.time()
        while True:
            due += CHUNK_SECONDS
            await asyncio.sleep(due - self._loop.time())
            if self._ear is not None:
                self.chunks += self._ear.chunks(self._loop.time())

    async def stop(self) -> None:
        self._playing.cancel()
        await asyncio.gather(self._playing, return_exceptions=True)


@dataclass(frozen=True)
class Heard:
    """What came of a call: the answer as it was told, and its sound."""

    told: str
    sound: Samples


async def ask(acme: House, calls: Calls, question: str, *, is_bad: bool) -> Heard:
    """Call, hear the greeting, ask, hear the answer to its end, and hang up."""
    phone = Phone(np.repeat(tape(GREETED, question, 30.0).sound, WEBRTC_RATE // RATE))
    loudspeaker = Loudspeaker(phone)

    def told(event: str) -> list[str]:
        frames = [object_from_json(message) or {} for message in phone.messages]
        return [str(frame.get("text", "")) for frame in frames if frame.get("event") == event]

    try:
        hub = acme.stage.hub
        token = hub.tokens.mint("webrtc", "support", hub.clock(), scope="supervise", metadata={})
        answer = await calls.answer(Request(await phone.offer(), token))
        if is_bad:
            ice = next(call._ice for call in calls._calls if call._session and call._session.id == answer.session_id)
            ice.send_now = spoil(ice.send_now)  # type: ignore[method-assign]
        await phone.accept(answer.sdp)
        await until(lambda: loudspeaker.chunks)
        if is_bad:
            phone.spoil(LOSS, JITTER)
        await until(lambda: len(told("message.confirmed")) == 1)
        loudspeaker.chunks.clear()
        await until(lambda: len(told("message.confirmed")) == 2, 30)
        await asyncio.sleep(JITTER * 2)
        assert len(told("turn.end")) == 1
        return Heard(told("message.confirmed")[-1], np.concatenate(loudspeaker.chunks))
    finally:
        await loudspeaker.stop()
        Phone.all.remove(phone)
        await phone.hang_up()


@pytest.mark.usefixtures("on_loopback")
async def test_spoken_questions_are_answered_by_voice_on_a_good_line_and_on_a_bad_one(tmp_path: Path) -> None:
    async with nothing_left(), house(tmp_path) as acme:
        async with acme.stage.chat("support") as chat:  # which makes the database
            await chat.say("where is order ORD-1002?")
        with closing(sqlite3.connect(acme.folder / "shop.sqlite3")) as database, database:
            database.execute("UPDATE orders SET status = 'delayed' WHERE id = 'ORD-1002'")
        calls = Calls(acme.stage.hub.calls, host="127.0.0.1")
        try:
            good, bad = await asyncio.gather(
                ask(acme, calls, "where is order one thousand and one", is_bad=False),
                ask(acme, calls, "where is order one thousand and two", is_bad=True),
            )
        finally:
            await calls.close()
        assert good.told == "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."
        assert heard_status(good.sound, "one thousand one", "espresso machine") == "shipped"
        assert bad.told == "Order ORD-1002, the burr grinder, is delayed and should arrive on Thursday."
        assert heard_status(bad.sound, "one thousand two", "burr grinder") == "delayed"
