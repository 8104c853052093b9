"""An agent calls baresip, a telephone program that is not ours: it answers, declines, lets it ring, and is rung off."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sip._sipp import LOOPBACK
from tests.stories._baresip import Baresip, baresip, needs_baresip, words
from tests.stories._callers import tape
from tests.stories._sip_phone import LOBBY, Lobby, lobby
from tests.voice._speech import needs_flite

from pinecall_run.voice import sip_dials

pytestmark = [needs_baresip, needs_flite]

GREETING, WORDS = "Hello, it is Acme.", 4 + 7
"""What the agent says first, and how many words it says in all."""


async def ring(line: Lobby, phone: Baresip) -> str:
    """Call it, until it rings; the call's id."""
    to = f"sip:ana@{LOOPBACK}:{phone.port}"
    given = {"agent_id": "desk", "to": to, "from": LOBBY, "greeting": GREETING}
    await line.runner.send("call.dial", **given)
    dialing = await line.runner.until("call.dialing")
    assert (dialing["to"], dialing["from"]) == (to, LOBBY)
    incoming = await phone.until("CALL_INCOMING")
    assert incoming["peeruri"] == LOBBY
    return str(dialing["call_id"])


async def test_it_answers_talks_and_hangs_up(tmp_path: Path) -> None:
    said = tape(2.5, "where is my order").sound
    async with lobby(tmp_path) as line, baresip(tmp_path / "phone", said) as phone:
        call_id = await ring(line, phone)
        assert "call.started" not in await line.runner.so_far()
        phone.do("accept")
        started = await line.runner.until("call.started")
        assert (started["call_id"], started["direction"]) == (call_id, "outbound")
        assert (await line.runner.until("bot.speaking"))["text"] == GREETING
        assert (await line.runner.until("user.message"))["text"] == "Where is my order?"
        await line.runner.until("bot.finished")
        await line.runner.send("call.dtmf", call_id=call_id, digits="7")
        await line.runner.until("call.dtmf_sent")
        assert (await phone.until("CALL_DTMF_START"))["param"] == "7"
        phone.do("hangup")
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"
    assert 0.85 * WORDS < words(phone.heard()) <= WORDS


async def test_it_is_busy(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, baresip(tmp_path / "phone", tape(0.1).sound) as phone:
        call_id = await ring(line, phone)
        phone.do("hangup")
        ended = await line.runner.until("call.ended")
        assert (ended["call_id"], ended["reason"]) == (call_id, "busy")


async def test_nobody_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_dials, "RING_SECONDS", 1.0)
    async with lobby(tmp_path) as line, baresip(tmp_path / "phone", tape(0.1).sound) as phone:
        call_id = await ring(line, phone)
        ended = await line.runner.until("call.ended")
        assert (ended["call_id"], ended["reason"]) == (call_id, "no-answer")
        await phone.until("CALL_CLOSED")


async def test_the_agent_thinks_better_of_it(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, baresip(tmp_path / "phone", tape(0.1).sound) as phone:
        call_id = await ring(line, phone)
        await line.runner.send("call.hangup", call_id=call_id)
        ended = await line.runner.until("call.ended")
        assert (ended["call_id"], ended["reason"]) == (call_id, "canceled")
        await phone.until("CALL_CLOSED")
