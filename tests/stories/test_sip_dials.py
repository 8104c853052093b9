"""Calls that an agent places over SIP: sipp is called, rings, asks, declines, answers; its sound is not ours either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK, SCENARIOS, needs_sipp, sipp
from tests.stories._phone_sound import spoken
from tests.stories._sip_phone import LOBBY, Lobby, Player, listening, lobby, player
from tests.voice._fakes import until
from tests.voice._speech import needs_flite

from pinecall_run.voice import sip_dials

pytestmark = [needs_sipp, needs_flite]

NUMBER, PERSON = "+15551234567", "+15550001111"


class Called:
    """A sipp that is called at a port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder

    @property
    def trunk(self) -> dict[str, Any]:
        return {
            "host": "carrier.example",
            "proxy": f"{LOOPBACK}:{self.port}",
            "username": "acme",
            "password": "hush",
            "numbers": ["+1555123*"],
        }

    @asynccontextmanager
    async def waits(self, scenario: str, *more: str, **values: Any) -> AsyncIterator[asyncio.Task[None]]:
        """It waits for one call; ``values`` are what the scenario leaves open."""
        text = (SCENARIOS / scenario).read_text()
        for key, value in values.items():
            text = text.replace(f"[{key}]", str(value))
        (self._folder / scenario).write_text(text)
        words = ["-sf", str(self._folder / scenario), "-m", "1", "-p", str(self.port), *more]
        running = asyncio.create_task(sipp(self._folder, *words))
        await listening(self.port)
        try:
            yield running
        finally:
            running.cancel()


@asynccontextmanager
async def carrier(folder: Path, **more: Any) -> AsyncIterator[tuple[Lobby, Called]]:
    """A server with a trunk that leads to sipp."""
    called = Called(folder)
    trunks = [{"peers": [LOOPBACK]}, called.trunk]
    async with lobby(folder, sip={"trunks": trunks}, **more) as line:
        yield line, called


async def dial(line: Lobby, to: str = PERSON, from_: str = NUMBER, **more: Any) -> None:
    await line.runner.send("call.dial", agent_id="desk", to=to, **{"from": from_, **more})


async def ready(phone: Player) -> None:
    """What is called sends first here, as a telephone does."""
    await until(lambda: phone.to is not None)


async def test_somebody_is_called_with_a_password_talks_and_is_hung_up_on(tmp_path: Path) -> None:
    async with (
        carrier(tmp_path) as (line, called),
        player() as phone,
        called.waits("called.xml", sound_port=phone.port) as running,
    ):
        await dial(line, greeting="Hello, it is Acme.", metadata={"order": 7})
        dialing = await line.runner.until("call.dialing")
        assert (dialing["to"], dialing["from"]) == (PERSON, NUMBER)
        started = await line.runner.until("call.started")
        assert started["call_id"] == dialing["call_id"]
        assert (started["to"], started["from"], started["direction"]) == (PERSON, NUMBER, "outbound")
        assert started["metadata"] == {"order": 7}
        assert (await line.runner.until("bot.speaking"))["text"] == "Hello, it is Acme."
        await line.runner.until("bot.finished")
        assert len(phone.loud) > 20
        await ready(phone)
        phone.say(spoken("where is my order"))
        assert (await line.runner.until("user.message"))["text"] == "Where is my order?"
        await line.runner.until("bot.finished")
        await line.runner.send("call.hangup", call_id=started["call_id"])
        assert (await line.runner.until("call.ended"))["reason"] == "client_hangup"
        await running


async def test_the_other_side_may_greet_first(tmp_path: Path) -> None:
    async with (
        carrier(tmp_path) as (line, called),
        player() as phone,
        called.waits("called.xml", sound_port=phone.port) as running,
    ):
        await dial(line, greeting="Hello, it is Acme.", detect_turn_end=True)
        call_id = (await line.runner.until("call.started"))["call_id"]
        await ready(phone)
        assert "bot.speaking" not in await line.runner.so_far()
        phone.say(spoken("where is my order"))
        await line.runner.until("user.message")
        assert (await line.runner.until("bot.speaking"))["text"] == "Hello, it is Acme."
        await line.runner.send("call.hangup", call_id=call_id)
        await line.runner.until("call.ended")
        await running


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "busy"), (600, "busy"), (603, "busy"), (480, "no-answer"), (408, "no-answer")]
)
async def test_who_does_not_take_the_call(status: int, reason: str, tmp_path: Path) -> None:
    async with carrier(tmp_path) as (line, called):
        async with called.waits("declining.xml", status=status) as running:
            await dial(line)
            call_id = (await line.runner.until("call.dialing"))["call_id"]
            ended = await line.runner.until("call.ended")
            await running
        assert (ended["call_id"], ended["reason"]) == (call_id, reason)


@pytest.mark.parametrize(("status", "says"), [(404, "404 Not Found"), (503, "has no room"), (500, "500 Server")])
async def test_what_fails_says_with_which_status(status: int, says: str, tmp_path: Path) -> None:
    async with carrier(tmp_path) as (line, called):
        async with called.waits("declining.xml", status=status) as running:
            await dial(line)
            error = await line.runner.until("call.error")
            await running
        assert error["code"] == f"SIP_{status}"
        assert says in error["error"]


async def test_nobody_answers_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_dials, "RING_SECONDS", 1.5)
    async with carrier(tmp_path) as (line, called), called.waits("ringing.xml") as running:
        await dial(line)
        assert (await line.runner.until("call.ended"))["reason"] == "no-answer"
        await running


async def test_a_call_is_taken_back_while_it_rings(tmp_path: Path) -> None:
    async with carrier(tmp_path) as (line, called), called.waits("ringing.xml") as running:
        await dial(line)
        call_id = (await line.runner.until("call.dialing"))["call_id"]
        await asyncio.sleep(0.8)
        await line.runner.send("call.hangup", call_id=call_id)
        assert (await line.runner.until("call.ended"))["reason"] == "canceled"
        await running


async def test_nobody_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_dials, "RING_SECONDS", 1.0)
    async with carrier(tmp_path) as (line, _):
        await dial(line)
        error = await line.runner.until("call.error")
        assert (error["code"], error["error"]) == ("UNREACHABLE", f"the call failed: nothing came back from {LOOPBACK}")
        await dial(line, to=f"sip:bob@{LOOPBACK}:{free_port()};transport=tcp", from_=LOBBY)
        error = await line.runner.until("call.error")
        assert error["code"] == "SIP_503"


async def test_an_address_of_sip_is_called_where_it_says(tmp_path: Path) -> None:
    async with carrier(tmp_path) as (line, called), called.waits("declining.xml", status=486) as running:
        await dial(line, to=f"sip:bob@{LOOPBACK}:{called.port}", from_=LOBBY)
        assert (await line.runner.until("call.ended"))["reason"] == "busy"
        await running


async def test_somebody_is_told_of_it_and_sent_on(tmp_path: Path) -> None:
    async with (
        carrier(tmp_path, greeting="") as (line, called),
        player() as phone,
        called.waits("sent_on.xml", sound_port=phone.port) as running,
    ):
        await dial(line)
        call_id = (await line.runner.until("call.started"))["call_id"]
        sent = {"to": "+1 555 000-2222", "message": "One moment.", "announce": True}
        await line.runner.send("call.forward", call_id=call_id, **sent)
        assert (await line.runner.until("bot.speaking"))["text"] == "One moment."
        await line.runner.until("bot.finished")
        assert (await line.runner.until("call.forwarded"))["to"] == "+1 555 000-2222"
        assert (await line.runner.until("call.ended"))["reason"] == "forwarded"
        assert len(phone.loud) > 10
        await running


async def test_a_trunk_may_be_reached_over_tcp(tmp_path: Path) -> None:
    called = Called(tmp_path)
    async with (
        lobby(tmp_path, sip={"trunks": [{**called.trunk, "transport": "tcp"}]}) as line,
        called.waits("declining.xml", "-t", "t1", status=486) as running,
    ):
        await dial(line)
        assert (await line.runner.until("call.ended"))["reason"] == "busy"
        await running
