"""The sockets of a call's sound: where from, where to, and what is passed over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.stories._sip_phone import Player, player
from tests.voice._fakes import until

from pinecall_run.sip.media import PCMU, Media
from pinecall_run.transports.rtp_session import MOVED_SECONDS, RtpSession, SourceLock

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
            await until(lambda: it.session.hear(asyncio.get_running_loop().time()).any())
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
