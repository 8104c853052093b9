"""baresip, a telephone program that is not ours, calls: is heard and hears, holds, presses keys, is sent on."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK
from tests.stories._baresip import LINE_RATE, baresip, needs_baresip, words
from tests.stories._callers import tape
from tests.stories._sip_phone import lobby
from tests.stories._tshark import Capture, captured, needs_tshark
from tests.voice._speech import needs_flite

from pinecall_run.audio.g711 import mu_law_decode

pytestmark = [needs_baresip, needs_flite]

GREETING, REPLY = 2, 7
"""Words of the agent."""

ASKS = "where is my order"
KEY_SECONDS = 0.6
"""baresip presses the next one too soon otherwise."""


async def test_it_asks_is_answered_presses_keys_and_hangs_up(tmp_path: Path) -> None:
    said = tape(2.0, ASKS).sound
    ear = {"provider": "local", "grammar": [ASKS, "please cancel it", "what time do you open"]}
    async with lobby(tmp_path, stt=ear) as line, baresip(tmp_path / "phone", said) as phone:
        phone.do("dial", f"sip:lobby@{LOOPBACK}:{line.port}")
        started = await line.runner.until("call.started", transport="phone")
        assert started["from"] == f"sip:ana@{LOOPBACK}"
        await phone.until("CALL_ESTABLISHED")
        assert (await line.runner.until("user.message"))["text"] == ASKS
        await line.runner.until("bot.finished")
        for key in "4#":
            phone.do("sndcode", key)
            assert (await line.runner.until("call.dtmf_received"))["digit"] == key
            await asyncio.sleep(KEY_SECONDS)
        phone.do("hangup")
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"
    assert 0.85 * (GREETING + REPLY) < words(phone.heard()) <= GREETING + REPLY, "it heard each word of the agent"


@pytest.mark.parametrize("over", ["udp", "tcp"])
async def test_the_agent_hangs_up(tmp_path: Path, over: str) -> None:
    async with lobby(tmp_path) as line, baresip(tmp_path / "phone", tape(0.1).sound) as phone:
        phone.do("dial", f"sip:lobby@{LOOPBACK}:{line.port};transport={over}")
        call_id = (await line.runner.until("call.started"))["call_id"]
        await line.runner.until("bot.finished")
        await line.runner.send("call.hangup", call_id=call_id)
        await phone.until("CALL_CLOSED")
        assert (await line.runner.until("call.ended"))["reason"] == "client_hangup"


async def test_the_agent_forwards_it(tmp_path: Path) -> None:
    sales = "sip:sales@acme.example"
    async with lobby(tmp_path) as line, baresip(tmp_path / "phone", tape(0.1).sound) as phone:
        await line.runner.send("channel.add", agent_id="desk", type="phone", ref=sales)
        await line.runner.until("channel.added", ref=sales)
        phone.do("dial", f"sip:lobby@{LOOPBACK}:{line.port}")
        call_id = (await line.runner.until("call.started"))["call_id"]
        await line.runner.until("bot.finished")
        await line.runner.send("call.forward", call_id=call_id, to=f"sip:sales@{LOOPBACK}:{line.port}")
        await phone.until("TRANSFER")
        assert (await line.runner.until("call.started"))["to"] == sales, "it called whom it was sent to"
        assert (await line.runner.until("call.ended", call_id=call_id))["reason"] == "forwarded"
        phone.do("hangup")
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"


@needs_tshark
async def test_it_holds_and_goes_on_and_tshark_finds_no_fault(tmp_path: Path) -> None:
    first = min(free_port(), 60_000) & ~1
    said = tape(4.0, ASKS, 5.0, ASKS).sound  # once more, where a slow machine holds meanwhile
    async with lobby(tmp_path, sip={"rtp_ports": [first, first + 99]}) as line:
        wanted = f"udp port {line.port} or udp portrange {first}-{first + 99}"
        async with captured(tmp_path / "call.pcap", wanted) as capture, baresip(tmp_path / "phone", said) as phone:
            phone.do("dial", f"sip:lobby@{LOOPBACK}:{line.port}")
            await line.runner.until("bot.finished")
            phone.do("sndcode", "1")
            await line.runner.until("call.dtmf_received", digit="1")
            await asyncio.sleep(KEY_SECONDS)
            phone.do("hold")
            await asyncio.sleep(1.0)
            phone.do("resume")
            await line.runner.until("user.message")
            await line.runner.until("bot.finished")
            phone.do("hangup")
            assert (await line.runner.until("call.ended"))["reason"] == "hangup"
    await asyncio.to_thread(_is_clean, capture, line.port)


def _is_clean(capture: Capture, port: int) -> None:
    """What tshark says of a call that held, and what it would play of our side."""
    assert capture.faults() == []
    (sound,) = {int(row[0]) for row in capture.rows(f"sdp && udp.srcport=={port}", "sdp.media.port")}
    ours = next(stream for stream in capture.streams() if stream.source == sound and stream.packets > 1)
    assert (ours.lost, ours.problems) == (0, "")
    sent = capture.rows(f"rtp && udp.srcport=={sound}", "frame.time_relative", "rtp.payload")
    *pauses, hold = sorted(float(b[0]) - float(a[0]) for a, b in pairwise(sent))
    assert 0.9 < hold < 2.5, "nothing was sent to who held"
    assert 0.019 < pauses[len(pauses) // 2] < 0.021
    assert pauses[-1] < 0.3
    heard = mu_law_decode(b"".join(bytes.fromhex(row[1].replace(":", "")) for row in sent))
    assert 0.85 * (GREETING + REPLY) < words(heard, LINE_RATE) <= GREETING + REPLY
    told = capture.rows("rtcp.ssrc.cum_nr", "udp.srcport", "rtcp.ssrc.cum_nr")
    assert {row[1] for row in told} == {"0"}, "both reported, and nobody missed anything"
    assert len({row[0] for row in told}) == 2
