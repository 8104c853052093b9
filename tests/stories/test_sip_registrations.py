"""A registrar that is not ours asks for a password, grants two seconds, sees the renewal and the end; sends a call."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK, SCENARIOS, needs_sipp, sipp
from tests.stories._sip_phone import listening, lobby, player
from tests.voice._fakes import until

pytestmark = needs_sipp

NUMBER = "+15551234567"


def account(port: int, **more: Any) -> dict[str, Any]:
    return {
        "username": "ana",
        "password": "secret",
        "host": "carrier.example",
        "proxy": f"{LOOPBACK}:{port}",
        "register": True,
        "numbers": [NUMBER],
        **more,
    }


async def test_an_account_is_registered_renewed_and_given_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pinecall_run.voice")
    port = free_port()
    registrar = asyncio.create_task(sipp(tmp_path, "-sf", str(SCENARIOS / "registrar.xml"), "-m", "1", "-p", str(port)))
    await listening(port)
    async with lobby(tmp_path, sip={"trunks": [account(port)]}):
        await until(lambda: "registered at carrier.example" in caplog.text)
        await asyncio.sleep(1.8)
        assert not registrar.done()
    await registrar
    assert caplog.text.count("registered at") == 1


async def test_what_a_registrar_refuses_is_said_of_the_channels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    registrar = asyncio.create_task(sipp(tmp_path, "-sf", str(SCENARIOS / "registrar.xml"), "-m", "1", "-p", str(port)))
    await listening(port)
    async with lobby(tmp_path, sip={"trunks": [account(port, password="guess")]}) as line:
        await until(lambda: "403 Forbidden" in caplog.text)
        await line.runner.send("channel.add", agent_id="desk", type="phone", ref=NUMBER)
        added = await line.runner.until("channel.added", ref=NUMBER)
        assert "calls do not come in from carrier.example" in " ".join(added["notes"])
    await registrar


async def test_a_number_is_called_by_its_trunk_and_by_no_other(tmp_path: Path) -> None:
    carrier = {"peers": [LOOPBACK], "numbers": [NUMBER]}
    async with lobby(tmp_path, sip={"trunks": [carrier]}) as line, player() as phone:
        await line.runner.send("channel.add", agent_id="desk", type="phone", ref="+1 (555) 123-4567", greeting="Acme.")
        added = await line.runner.until("channel.added", ref="+1 (555) 123-4567")
        assert added.get("served", True), added
        calling = line.call(phone, "-s", NUMBER.removeprefix("+"), domain=LOOPBACK)
        started = await line.runner.until("call.started")
        assert (started["to"], started["from"], started["transport"]) == (NUMBER, "+15550001111", "phone")
        assert (await line.runner.until("bot.speaking"))["text"] == "Acme."
        await line.runner.until("call.ended")
        await calling
