"""Behind kamailio, a proxy that is not ours: calls come by way of it, and what belongs to them goes back that way."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.sip._sipp import LOOPBACK
from tests.stories._baresip import baresip, needs_baresip
from tests.stories._callers import tape
from tests.stories._kamailio import DOMAIN, PASSWORD, kamailio, needs_kamailio
from tests.stories._sip_phone import LOBBY, lobby
from tests.stories._tshark import Capture, captured, needs_tshark
from tests.voice._speech import needs_flite

pytestmark = [needs_kamailio, needs_baresip, needs_flite]

ASKS = "where is my order"


def account(proxy: int, password: str = PASSWORD) -> str:
    """A telephone that registers at the proxy, and calls by way of it."""
    return f'<sip:ana@{DOMAIN}>;auth_user=ana;auth_pass={password};regint=60;outbound="sip:{LOOPBACK}:{proxy}"'


async def test_calls_come_by_way_of_it(tmp_path: Path) -> None:
    async with (
        lobby(tmp_path) as line,
        kamailio(tmp_path / "proxy", line.port) as proxy,
        baresip(tmp_path / "phone", tape(1.0, ASKS).sound, account=account(proxy)) as phone,
    ):
        await phone.registered()
        phone.do("dial", LOBBY)
        started = await line.runner.until("call.started")
        assert (started["from"], started["to"]) == (f"sip:ana@{DOMAIN}", LOBBY)
        await line.runner.until("user.message")
        await line.runner.until("bot.finished")
        phone.do("hold")
        await phone.until("CALL_REMOTE_SDP", after=len(phone.events))
        phone.do("resume")
        await phone.until("CALL_REMOTE_SDP", after=len(phone.events))
        phone.do("hangup")
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"


@needs_tshark
async def test_what_we_say_follows_the_route(tmp_path: Path) -> None:
    async with (
        lobby(tmp_path) as line,
        kamailio(tmp_path / "proxy", line.port) as proxy,
        baresip(tmp_path / "phone", tape(0.1).sound, account=account(proxy)) as phone,
    ):
        await phone.registered()
        async with captured(tmp_path / "call.pcap", f"udp port {line.port} or udp port {proxy}") as capture:
            phone.do("dial", LOBBY)
            call_id = (await line.runner.until("call.started"))["call_id"]
            await line.runner.until("bot.finished")
            await line.runner.send("call.hangup", call_id=call_id)
            await phone.until("CALL_CLOSED")
    await asyncio.to_thread(_follows, capture, line.port, proxy)


def _follows(capture: Capture, port: int, proxy: int) -> None:
    assert capture.faults() == []
    *answers, (way, method, route) = capture.rows(
        f"sip && udp.srcport=={port}", "udp.dstport", "sip.Method", "sip.Route"
    )
    assert {row[0] for row in answers} == {way} == {str(proxy)}
    assert method == "BYE"
    assert route.startswith(f"<sip:{LOOPBACK}:{proxy};lr")
    passed = capture.rows(f"sip.Method && udp.srcport=={proxy}", "sip.Method")
    assert passed == [["INVITE"], ["ACK"], ["BYE"]]


async def test_who_does_not_know_the_password_does_not_come_through(tmp_path: Path) -> None:
    async with (
        lobby(tmp_path) as line,
        kamailio(tmp_path / "proxy", line.port) as proxy,
        baresip(tmp_path / "phone", tape(0.1).sound, account=account(proxy, "guess")) as phone,
    ):
        phone.do("dial", LOBBY)
        await phone.until("CALL_CLOSED")
        assert "call.started" not in await line.runner.so_far()
