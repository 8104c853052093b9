"""Whole calls on 127.0.0.1: a caller that is aiortc's own peer, and every way in which a call ends."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aioice.ice import Connection
from aiortc import RTCDtlsTransport, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCSctpTransport
from aiortc.rtcsctptransport import DataChunk
from tests.transports._peers import (
    GOOD,
    Phone,
    Reception,
    Session,
    calls,
    on_loopback,  # noqa: F401
    share,
    tone,
)
from tests.voice._fakes import until

from pinecall_run.audio.chunk import RATE
from pinecall_run.transports import webrtc
from pinecall_run.transports.contract import NotAdmittedError
from pinecall_run.transports.sdp import BadOfferError
from pinecall_run.transports.webrtc import BusyError, Calls, Request
from pinecall_run.wire.events import BotSpeaking

pytestmark = pytest.mark.usefixtures("on_loopback")

PATIENCE = 10.0

MOST = 30_000
"""Pieces of a message that a page sends unless somebody stops it; a busy machine lets some through."""

THEIRS = (Connection, RTCRtpReceiver, RTCRtpSender, RTCPeerConnection)
"""What runs tasks for aiortc's peers and never for us."""


def speaking(number: int, text: str = "hi") -> BotSpeaking:
    return BotSpeaking(agent_id="desk", call_id="c", message_id=str(number), text=text)


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[Session, Phone, Calls]]:
    """A call that is under way: whoever answers it, its phone, and the server."""
    reception = Reception()
    async with calls(reception) as server:
        phone = Phone()
        await phone.call(server)
        (session,) = reception.sessions
        await until(lambda: session.heard, PATIENCE)
        yield session, phone, server


async def test_both_sides_hear_each_other_and_the_page_is_told_what_happens() -> None:
    reception = Reception(tone(700, 30))
    async with calls(reception) as server:
        phone = Phone(tone(440, 1, 48_000))
        session_id = await phone.call(server, config={"language": "es", "prompt": "x"}, metadata={"page": "home"})
        (session,) = reception.sessions
        assert session_id == session.id
        caller = session.caller
        assert (caller.transport, caller.config, caller.metadata) == ("webrtc", {"language": "es"}, {"page": "home"})
        session.outlet.event(speaking(1))  # before the channel is open
        await until(lambda: len(phone.frames) > 75 and len(session.heard) > 75, PATIENCE)
        session.outlet.event(speaking(2))
        assert phone.channel is not None
        phone.channel.send("ping")
        phone.channel.send('{"action":"inject_text","text":"hello"}')
        phone.channel.send(b"\x00")
        await until(lambda: session.actions and len(phone.messages) == 3, PATIENCE)
        assert session.actions == [{"action": "inject_text", "text": "hello"}]
        told = [json.loads(message) for message in phone.messages]
        assert [frame["event"] for frame in told] == ["bot.speaking", "bot.speaking", "pong"]
        assert [frame["message_id"] for frame in told[:2]] == ["1", "2"]
        assert share(session.sound[-RATE // 2 :], 440) > 0.8
        assert share(np.concatenate(phone.frames)[-RATE // 2 :], 700) > 0.8
        (call,) = server._calls
        assert call._ear is not None
        assert len(session.heard) - session.taken == call._ear._playout._ahead, (
            "a chunk each 20 ms but those waited for"
        )
        await phone.hang_up()
        await until(lambda: session.reason, PATIENCE)
    assert session.reason == "disconnected"


async def test_chunks_come_at_a_steady_pace() -> None:
    async with talking() as (session, phone, _):
        clock, before, began = asyncio.get_running_loop().time, len(session.heard), asyncio.get_running_loop().time()
        await asyncio.sleep(2)
        due = (clock() - began) * 50
        assert due * 0.7 < len(session.heard) - before < due + 6  # a busy machine leaves some out, none makes more
        await phone.hang_up()


async def test_a_call_without_a_channel_is_a_call() -> None:
    reception = Reception(is_echo=True)
    async with calls(reception) as server:
        phone = Phone(has_channel=False)
        await phone.call(server)
        await until(lambda: len(phone.frames) > 100, PATIENCE)
        reception.sessions[0].outlet.event(speaking(1))
        assert share(np.concatenate(phone.frames)[-RATE // 2 :], 440) > 0.8  # a busy machine makes gaps
        await phone.hang_up()


async def test_a_bad_line_is_heard_through() -> None:
    async with talking() as (session, phone, _):
        phone.spoil(loss=0.2, jitter=0.2)
        await asyncio.sleep(6)
        settled = session.sound[-2 * RATE :]
        assert share(settled, 440, width=60) > 0.7
        assert (np.abs(settled).reshape(-1, 320).max(axis=1) < 300).mean() < 0.1
        assert not session.reason
        await phone.hang_up()


async def test_who_is_gone_without_a_word_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert webrtc.SILENCE_SECONDS + webrtc.CHECK_BEATS * 0.02 < 10
    monkeypatch.setattr(webrtc, "SILENCE_SECONDS", 1.0)
    reception = Reception(tone(700, 30))
    async with calls(reception) as server:
        phone = Phone()
        await phone.call(server)
        (session,) = reception.sessions
        await until(lambda: len(session.heard) > 20, PATIENCE)
        await phone.vanish()
        assert not session.reason
        await until(lambda: session.reason, PATIENCE)
        assert session.reason == "disconnected"
        await until(lambda: not server._calls, PATIENCE)


async def test_who_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert webrtc.CONNECT_SECONDS == 15
    monkeypatch.setattr(webrtc, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(webrtc, "MAX_WAITING", 2)
    reception = Reception()
    async with calls(reception) as server:
        phone = Phone()
        offer = await phone.offer()
        await asyncio.gather(*(server.answer(Request(offer, "wrt_good")) for _ in range(2)))
        with pytest.raises(BusyError):
            await server.answer(Request(offer, "wrt_good"))
        await until(lambda: not server._calls, PATIENCE)
        assert [session.reason for session in reception.sessions] == ["disconnected"] * 2
        assert not any(session.heard for session in reception.sessions)
        await server.answer(Request(offer, "wrt_good"))
        await phone.hang_up()


async def test_those_who_never_come_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc, "MAX_WAITING", 3)
    monkeypatch.setattr(webrtc, "AMPLE_SECONDS", 0.2)
    reception = Reception()
    async with calls(reception) as server:
        phones = [Phone() for _ in range(4)]
        for phone in phones[:3]:
            await server.answer(Request(await phone.offer(), GOOD))
        with pytest.raises(BusyError):
            await server.answer(Request(await phones[3].offer(), GOOD))
        await asyncio.sleep(0.2)
        await phones[3].call(server)
        await until(lambda: reception.sessions[3].heard, PATIENCE)
        assert [session.reason for session in reception.sessions] == ["disconnected", "", "", ""]


async def test_someone_elses_certificate_is_refused() -> None:
    reception = Reception()
    async with calls(reception) as server:
        phone, other = Phone(), Phone()
        offer, theirs = await phone.offer(), await other.offer()
        own = [line for line in offer.splitlines() if line.startswith("a=fingerprint:sha-")]
        foreign = [line for line in theirs.splitlines() if line.startswith("a=fingerprint:sha-")]
        for mine, yours in zip(own, foreign, strict=True):
            offer = offer.replace(mine, yours)
        answer = await server.answer(Request(offer, "wrt_good"))
        await phone.accept(answer.sdp)
        await until(lambda: reception.sessions[0].reason, PATIENCE)
        assert not reception.sessions[0].heard
        await asyncio.gather(phone.hang_up(), other.hang_up())


async def test_the_conversation_ends_and_everything_that_it_said_arrives() -> None:
    async with talking() as (session, phone, server):
        await until(lambda: session.heard and phone.channel and phone.channel.readyState == "open", PATIENCE)
        for number in range(300):
            session.outlet.event(speaking(number, "x" * 500))
        session.outlet.ended("agent_hangup")
        await until(lambda: phone.peer.connectionState == "closed", PATIENCE)
        assert len(phone.messages) == 300
        await until(lambda: not server._calls, PATIENCE)
        assert session.reason == ""  # it knows
        await phone.hang_up()


async def test_a_conversation_that_ends_before_media_came() -> None:
    reception = Reception()
    async with calls(reception) as server:
        phone = Phone()
        await server.answer(Request(await phone.offer(), "wrt_good"))
        reception.sessions[0].outlet.ended("idle_timeout")
        await until(lambda: not server._calls, PATIENCE)
        await phone.hang_up()


async def test_a_page_that_reads_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talking() as (session, phone, _):
        await until(lambda: session.heard and phone.channel and phone.channel.readyState == "open", PATIENCE)
        phone.peer.sctp.transport._data_receiver = None  # type: ignore[union-attr]
        for number in range(100):
            session.outlet.event(speaking(number, "x" * 20_000))
        await until(lambda: session.reason, PATIENCE)
        assert session.reason == "disconnected"
        await phone.hang_up()


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("streams", [1, 60_000])
async def test_a_message_without_end_ends_the_call(step: int, streams: int) -> None:
    """Piece after piece of no whole, with gaps or without, in one stream or in each its own."""
    async with talking() as (session, phone, _):
        await until(lambda: phone.channel and phone.channel.readyState == "open", PATIENCE)
        sctp = phone.peer.sctp
        assert sctp is not None
        for number in range(MOST):
            chunk = DataChunk(flags=2 if number == 0 else 0)
            chunk.tsn = (sctp._local_tsn + number * step) % 2**32
            chunk.stream_id, chunk.protocol, chunk.user_data = number % streams + 2, 51, b"x"
            try:
                await sctp._send_chunk(chunk)
            except ConnectionError:
                break
            if session.reason:
                break
            if number % 50 == 0:
                await asyncio.sleep(0.01)
        await until(lambda: session.reason, PATIENCE)
        assert session.reason == "disconnected"
        assert number < MOST - 1


async def test_a_conversation_that_breaks_as_it_ends_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talking() as (session, phone, server):

        def fail(reason: str) -> None:
            raise ValueError(reason)

        monkeypatch.setattr(session, "end", fail)
        (call,) = server._calls
        await phone.hang_up()
        await until(lambda: not server._calls, PATIENCE)
        assert call._ice._closed


@pytest.mark.parametrize("method", ["hear", "take"])
async def test_a_conversation_that_breaks_stops_nobody_else(
    method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reception = Reception()
    async with calls(reception) as server:
        phones = [Phone(), Phone()]
        for phone in phones:
            await phone.call(server)
        broken, whole = reception.sessions

        def fail(*_: object) -> None:
            raise ValueError("my card is 4111")

        monkeypatch.setattr(broken, method, fail)
        await until(lambda: broken.reason, PATIENCE)
        assert broken.reason == "error"
        before = len(whole.heard)
        await until(lambda: len(whole.heard) > before + 20, PATIENCE)
        await asyncio.gather(*(phone.hang_up() for phone in phones))
    assert "ValueError" in caplog.text
    assert "4111" not in caplog.text


async def test_a_server_that_stops_says_goodbye() -> None:
    reception = Reception()
    async with calls(reception) as server:
        phones = [Phone(), Phone()]
        for phone in phones:
            await phone.call(server)
        await until(lambda: all(session.heard for session in reception.sessions), PATIENCE)
        await server.close()
        assert [session.reason for session in reception.sessions] == ["server_stopped"] * 2
        for phone in phones:
            await until(lambda phone=phone: phone.peer.connectionState == "closed", PATIENCE)
            with pytest.raises(BusyError):
                await server.answer(Request(phone.peer.localDescription.sdp, "wrt_good"))
            await phone.hang_up()


async def test_a_bad_offer_leaves_the_token_good_and_a_good_one_uses_it() -> None:
    reception = Reception()
    async with calls(reception) as server:
        phone = Phone()
        with pytest.raises(BadOfferError):
            await server.answer(Request("v=0", "wrt_once"))
        offer = await phone.offer()
        await server.answer(Request(offer, "wrt_once"))
        with pytest.raises(NotAdmittedError):
            await server.answer(Request(offer, "wrt_once"))
        assert len(reception.sessions) == 1
        await phone.hang_up()


async def test_calls_cut_at_any_moment_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(webrtc, "SILENCE_SECONDS", 1.0)
    reception, chance = Reception(is_echo=True), random.Random(11)

    async def cut(server: webrtc.Calls) -> None:
        phone = Phone()
        if chance.random() < 0.15:
            await server.answer(Request(await phone.offer(), "wrt_good"))
        else:
            await phone.call(server)
        await asyncio.sleep(chance.choice([0.0, 0.005, 0.02, 0.05, 0.1, 0.3]))
        await (phone.vanish() if chance.random() < 0.3 else phone.hang_up())

    def held() -> tuple[int, int, int]:
        """Without what aiortc's peers leave of themselves: they go on where they were closed on their way."""
        gc.collect()
        tasks = [task.get_coro().cr_frame.f_locals.get("self") for task in asyncio.all_tasks()]  # type: ignore[union-attr]
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        return sum(type(of) not in THEIRS for of in tasks), len(os.listdir("/proc/self/fd")), len(threads)

    async with calls(reception) as server:
        await cut(server)
        await until(lambda: not server._calls, PATIENCE)
        await asyncio.sleep(0.1)
        before = held()
        for _ in range(10):
            await asyncio.gather(*(cut(server) for _ in range(4)))
        await until(lambda: not server._calls, PATIENCE)
        await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), PATIENCE)
        assert server._metronome._timer is None
    assert len(reception.sessions) == 41
    assert all(session.reason for session in reception.sessions)


def test_the_parts_of_aiortc_that_this_leans_on() -> None:
    """A new aiortc that changes them fails here and not in a call (docs/decisions/webrtc-parts.md)."""
    names = RTCDtlsTransport._setup_srtp.__code__.co_names
    assert {"_rx_srtp", "_tx_srtp"} <= set(names)
    assert {"transport", "_recv"} <= set(RTCDtlsTransport._recv_next.__code__.co_names)
    assert {"transport", "_send"} <= set(RTCDtlsTransport._send_rtp.__code__.co_names)
    assert {"_get_inbound_stream", "_mark_received"} <= set(RTCSctpTransport._receive_data_chunk.__code__.co_names)
    assert "_sack_misordered" in RTCSctpTransport._mark_received.__code__.co_names
    assert {"transport", "role", "_set_role"} <= set(RTCDtlsTransport.start.__code__.co_names)
