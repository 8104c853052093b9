"""Behind kamailio, a proxy that is not ours: calls come by way of it, and what belongs to them goes back that way."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.sip._sipp import LOOPBACK
from tests.stories._baresip import baresip, needs_baresip
from tests.stories._callers import tape
from tests.stories._kamailio import DOMAIN, PASSWORD, kamailio, needs_kamailio
from tests.stories._sip_phone import LOBBY, lobby
from tests.stories._tshark import Capture, captured, needs_tshark
from tests.voice._fakes import until
from tests.voice._speech import needs_flite

pytestmark = [needs_kamailio, needs_baresip, needs_flite]

ASKS = "where is my order"
OFFICE = f"sip:office@{DOMAIN}"


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


def trunk(proxy: int, **more: Any) -> dict[str, Any]:
    """Ours."""
    where = {"host": DOMAIN, "proxy": f"{LOOPBACK}:{proxy}"}
    return {**where, "username": "lobby", "password": PASSWORD, **more}


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
    assert list(dict.fromkeys(row[0] for row in passed)) == ["INVITE", "ACK", "BYE"], "again, where somebody is slow"


async def test_who_does_not_know_the_password_does_not_come_through(tmp_path: Path) -> None:
    async with (
        lobby(tmp_path) as line,
        kamailio(tmp_path / "proxy", line.port) as proxy,
        baresip(tmp_path / "phone", tape(0.1).sound, account=account(proxy, "guess")) as phone,
    ):
        phone.do("dial", LOBBY)
        await phone.until("CALL_CLOSED")
        assert "call.started" not in await line.runner.so_far()


@needs_tshark
async def test_who_registered_there_is_called(tmp_path: Path) -> None:
    async with (
        kamailio(tmp_path / "proxy") as proxy,
        lobby(tmp_path, sip={"trunks": [{"peers": [LOOPBACK]}, trunk(proxy)]}) as line,
        baresip(tmp_path / "phone", tape(1.5, ASKS).sound, account=account(proxy)) as phone,
        captured(tmp_path / "call.pcap", f"udp port {line.port} or udp port {proxy}") as capture,
    ):
        await phone.registered()
        to = f"sip:ana@{DOMAIN}"
        await line.runner.send("call.dial", agent_id="desk", to=to, **{"from": LOBBY, "greeting": "Hello."})
        await phone.until("CALL_INCOMING")
        phone.do("accept")
        started = await line.runner.until("call.started")
        assert (started["to"], started["direction"]) == (to, "outbound")
        await line.runner.until("user.message")
        await line.runner.until("bot.finished")
        await line.runner.send("call.hangup", call_id=started["call_id"])
        await phone.until("CALL_CLOSED")
    await asyncio.to_thread(_follows, capture, line.port, proxy)


async def test_our_account_is_registered_renewed_and_given_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pinecall_run.voice")
    async with (
        kamailio(tmp_path / "proxy", expires=2) as proxy,
        baresip(tmp_path / "phone", tape(1.0, ASKS).sound, account=account(proxy)) as phone,
    ):
        async with lobby(tmp_path, sip={"trunks": [trunk(proxy, username="office", register=True)]}) as line:
            await line.runner.send("channel.add", agent_id="desk", type="phone", ref=OFFICE)
            await line.runner.until("channel.added", ref=OFFICE)
            await until(lambda: f"registered at {DOMAIN}" in caplog.text)
            await asyncio.sleep(3.0)  # it would be over by now
            phone.do("dial", OFFICE)
            started = await line.runner.until("call.started")
            assert (started["from"], started["to"]) == (f"sip:ana@{DOMAIN}", OFFICE)
            await line.runner.until("user.message")
            phone.do("hangup")
            assert (await line.runner.until("call.ended"))["reason"] == "hangup"
        before = len(phone.events)
        phone.do("dial", OFFICE)
        assert "404" in (await phone.until("CALL_CLOSED", after=before))["param"]
    assert caplog.text.count(f"registered at {DOMAIN}") == 1
    assert "calls do not come in" not in caplog.text
