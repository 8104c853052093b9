"""The sockets of a call's sound: where from, where to, and what is passed over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.stories._sip_phone import Player, pair, player
from tests.transports._srtp import Reference
from tests.voice._fakes import until

from pinecall_run.sip.media import G722, PCMU, Media
from pinecall_run.sip.sdes import SUITES, Crypto
from pinecall_run.transports.rtp_session import MOVED_SECONDS, RtpSession, SourceLock
from pinecall_run.transports.telephone_events import pressed

HERE, THERE = "127.0.0.1", "192.0.2.1"


def test_the_first_place_that_sounds_is_the_one() -> None:
    lock = SourceLock()
    lock.expect((HERE, 6000), [HERE])
    assert not lock.may_be((THERE, 6000), 1.0)
    assert lock.may_be((HERE, 7000), 1.0), "a translator of addresses gives it another port"
    lock.heard((HERE, 7000), 1.0)
    assert not lock.may_be((HERE, 6000), 1.5)
    assert lock.may_be((HERE, 7000), 60.0)
    assert lock.may_be((HERE, 6000), 1.1 + MOVED_SECONDS), "it was silent: it has moved"


def test_another_description_is_another_place() -> None:
    lock = SourceLock()
    lock.expect((HERE, 6000), [HERE])
    lock.heard((HERE, 6000), 1.0)
    lock.expect((HERE, 6000), [HERE])
    assert lock.address == (HERE, 6000)
    lock.expect((THERE, 6000), [THERE])
    assert lock.address is None
    assert not lock.may_be((HERE, 6000), 1.1)


class Call:
    """A session and what it was told."""

    def __init__(self, phone: Player, ports: tuple[int, int] | None = None) -> None:
        self.keys = ""
        self.session = RtpSession(HERE, ports, asyncio.get_running_loop().time, on_key=self.key)
        self.media = Media(HERE, phone.port, PCMU, 0, 0, phone.port + 1, dtmf_sends=101, dtmf_receives=101)

    def key(self, key: str) -> None:
        self.keys += key


@contextmanager
def call(phone: Player, **changes: object) -> Iterator[Call]:
    it = Call(phone)
    it.session.agree(replace(it.media, **changes), HERE)  # type: ignore[arg-type]
    try:
        yield it
    finally:
        it.session.close()
        it.session.close()


async def test_sound_goes_to_where_it_comes_from() -> None:
    async with player() as phone, player() as translated:
        with call(phone) as it:
            it.session.say(None)
            await until(lambda: phone.got)
            phone.is_sending = False
            translated.to = phone.to
            translated.say(b"\x00" * 800)
            await until(lambda: any(each.any() for each in it.session.hear(asyncio.get_running_loop().time())))
            it.session.say(None)
            await until(lambda: translated.got)
            it.session.report()
            await until(lambda: phone.report_count)


async def test_what_is_not_the_calls_is_counted() -> None:
    async with player() as phone:
        with call(phone) as it, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
            phone.to = (HERE, it.session.port)
            await asyncio.sleep(0.1)
            ignored = it.session.ignored
            forger.bind(("127.0.0.2", 0))
            for data in (phone.packet(b"\0" * 160), b"", b"x", b"\x80" * 500):
                forger.sendto(data, phone.to)
            forger.sendto(b"\x80\xc9\x00\x01" + b"\0" * 4, (HERE, it.session.port + 1))
            await until(lambda: it.session.ignored == ignored + 5)
            phone.way.sendto(phone.packet(b"\0" * 160, 77), phone.to)
            await until(lambda: it.session.ignored == ignored + 6)


async def test_keys_are_told_and_sent() -> None:
    async with player() as phone:
        with call(phone) as it:
            phone.to = (HERE, it.session.port)
            await phone.press("8")
            await until(lambda: it.keys == "8")
            assert it.session.can_send_keys


async def test_keys_are_not_told_as_lost() -> None:
    async with player() as phone:
        with call(phone) as it:
            phone.to = (HERE, it.session.port)
            ear = it.session._ear
            await until(lambda: ear.incoming is not None)
            await phone.press("8")
            await until(lambda: it.keys == "8")
            await asyncio.sleep(0.1)
            assert ear.incoming is not None
            assert ear.incoming.info().packets_lost == 0


async def test_a_name_is_answered_where_it_sounds() -> None:
    async with player() as phone:
        with call(phone, host="phone.example") as it:
            it.session.say(None)
            phone.to = (HERE, it.session.port)
            await asyncio.sleep(0.1)
            assert phone.got == []
            it.session.say(None)
            await until(lambda: phone.got)


async def test_reports_share_the_port_where_that_was_agreed_on() -> None:
    async with player() as phone:
        with call(phone, is_rtcp_mux=True, rtcp_port=phone.port) as it:
            it.session.report()
            await until(lambda: phone.got)
            heard_at = it.session.heard_at
            phone.is_sending = False
            await asyncio.sleep(0.05)
            phone.way.sendto(b"\x80\xc9\x00\x01" + b"\0" * 4, (HERE, it.session.port))
            await until(lambda: it.session.heard_at > heard_at)


OURS, THEIRS = (Crypto(1, SUITES[0], bytes([byte]) * 30) for byte in (1, 2))
KEYS = {"send_key": OURS, "receive_key": THEIRS}


@contextmanager
def datagrams() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A telephone's sockets, of sound and of reports, for what a player does not do."""
    way, reports = pair()
    try:
        yield way, reports
    finally:
        way.close()
        reports.close()


async def received(way: socket.socket) -> bytes:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(way, 2_048), 5)


async def test_encrypted_sound_both_ways() -> None:
    async with player() as phone:
        phone.is_sending = False
        with call(phone, **KEYS) as it, datagrams() as (way, reports):
            it.session.agree(
                replace(it.media, port=way.getsockname()[1], rtcp_port=reports.getsockname()[1], **KEYS), HERE
            )
            here, there = Reference(OURS), Reference(THEIRS)
            it.session.say(None)
            assert here.unprotect(await received(way))[12:] == b"\xff" * 160
            for beat in pressed("5", 8_000):
                it.session.press(beat)
            assert here.unprotect(await received(way))[12] == 5
            it.session.report()
            assert here.unprotect_report(await received(reports))[1] == 200
            for _ in range(5):
                way.sendto(there.protect(phone.packet(b"\x00" * 160)), (HERE, it.session.port))
            way.sendto(there.protect(phone.packet(b"\x07\x0a\0\xa0", 101)), (HERE, it.session.port))
            await until(lambda: it.keys == "7")
            await until(lambda: any(each.any() for each in it.session.hear(asyncio.get_running_loop().time())))
            assert it.session.ignored == 0


async def test_on_an_encrypted_call_the_rest_is_counted_and_nothing_else() -> None:
    async with player() as phone:
        phone.is_sending = False
        with call(phone, **KEYS) as it, datagrams() as (way, _):
            it.session.heard_at = heard_at = -1.0
            to, there = (HERE, it.session.port), Reference(THEIRS)
            plain = phone.packet(b"\x00" * 160)
            forged = there.protect(plain)[:-1] + b"\0"
            for data in (plain, forged, Reference(OURS).protect(plain)):
                way.sendto(data, to)
            way.sendto(b"\x80\xc9\x00\x01" + b"\0" * 4, (HERE, it.session.port + 1))
            await until(lambda: it.session.ignored == 4)
            assert it.session.heard_at == heard_at
            way.sendto(there.protect(plain), to)
            await until(lambda: it.session.heard_at != heard_at)
            for _ in range(3):
                way.sendto(there.protect(plain), to)
            await until(lambda: it.session.ignored == 7)
            way.sendto(there.protect_report(b"\x80\xc9\x00\x01" + b"\0" * 4, 1), (HERE, it.session.port + 1))
            heard_at = it.session.heard_at
            await until(lambda: it.session.heard_at != heard_at)
            assert it.session.ignored == 7


async def test_codecs_that_were_agreed_on_are_told_apart_by_their_numbers() -> None:
    async with player() as phone:
        phone.is_sending = False
        with call(phone, also={9: G722}) as it, datagrams() as (way, _):
            for payload_type in (0, 9, 8):
                way.sendto(phone.packet(b"\x00" * 160, payload_type), (HERE, it.session.port))
            await until(lambda: it.session.ignored == 1)


async def test_ports_come_from_a_range_and_run_out() -> None:
    async with player() as phone:
        first = phone.port + 2
        taken = [Call(phone, (first, first + 5)).session for _ in range(2)]
        assert {each.port % 2 for each in taken} == {0}
        assert all(first <= each.port <= first + 4 for each in taken)
        taken.append(Call(phone, (first, first + 5)).session)
        with pytest.raises(OSError, match="no pair"):
            Call(phone, (first, first + 5))
        for each in taken:
            each.close()
