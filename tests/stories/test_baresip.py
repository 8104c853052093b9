"""baresip, a telephone program that is not ours, calls: is heard and hears, holds, presses keys; tshark looks on."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import numpy as np
from tests.sip._sipp import LOOPBACK, free_port
from tests.stories._baresip import LINE_RATE, baresip, needs_baresip
from tests.stories._callers import tape
from tests.stories._sip_phone import lobby
from tests.stories._tshark import Capture, captured, needs_tshark
from tests.voice._speech import needs_flite

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.audio.g711 import mu_law_decode

pytestmark = [needs_baresip, needs_flite]

TONE = 0.05 * 24_000 / (2 * np.pi)
"""Hertz of the emulated voice, which says a word in :data:`WORD` seconds."""
WORD = 0.3
GREETING, REPLY = 2, 7
"""Words of the agent."""

ASKS = "where is my order"
KEY_SECONDS = 0.6
"""baresip presses the next one too soon otherwise."""


def words(heard: Samples, rate: int = RATE) -> float:
    """How many words of the emulated voice are in a sound: stretches of 20 ms that hold its tone and little else."""
    size = rate // 50
    frames = heard[: len(heard) // size * size].reshape(-1, size).astype(float)
    tone = 2 * np.abs(frames @ np.exp(-2j * np.pi * TONE * np.arange(size) / rate)) ** 2 / size
    energy = (frames**2).sum(1)
    return float(((energy > size * 1_000**2) & (tone > 0.7 * energy)).sum() * 0.02 / WORD)


async def test_it_asks_is_answered_presses_keys_and_hangs_up(tmp_path: Path) -> None:
    said = tape(2.0, ASKS).sound
    async with lobby(tmp_path) as line, baresip(tmp_path / "phone", said) as phone:
        phone.do("dial", f"sip:lobby@{LOOPBACK}:{line.port}")
        started = await line.runner.until("call.started", transport="phone")
        assert started["from"] == f"sip:ana@{LOOPBACK}"
        await phone.until("CALL_ESTABLISHED")
        assert (await line.runner.until("user.message"))["text"] == "Where is my order?"
        await line.runner.until("bot.finished")
        for key in "4#":
            phone.do("sndcode", key)
            assert (await line.runner.until("call.dtmf_received"))["digit"] == key
            await asyncio.sleep(KEY_SECONDS)
        phone.do("hangup")
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"
    assert 0.85 * (GREETING + REPLY) < words(phone.heard()) <= GREETING + REPLY, "it heard each word of the agent"


async def test_the_agent_hangs_up(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, baresip(tmp_path / "phone", tape(0.1).sound) as phone:
        phone.do("dial", f"sip:lobby@{LOOPBACK}:{line.port}")
        call_id = (await line.runner.until("call.started"))["call_id"]
        await line.runner.until("bot.finished")
        await line.runner.send("call.hangup", call_id=call_id)
        await phone.until("CALL_CLOSED")
        assert (await line.runner.until("call.ended"))["reason"] == "client_hangup"


@needs_tshark
async def test_it_holds_and_goes_on_and_tshark_finds_no_fault(tmp_path: Path) -> None:
    first = free_port() & ~1
    said = tape(1.0, ASKS, 5.5, ASKS, 5.5, ASKS).sound  # once more, where a slow machine holds during the second
    async with lobby(tmp_path, sip={"rtp_ports": [first, first + 99]}) as line:
        wanted = f"udp port {line.port} or udp portrange {first}-{first + 99}"
        async with captured(tmp_path / "call.pcap", wanted) as capture, baresip(tmp_path / "phone", said) as phone:
            phone.do("dial", f"sip:lobby@{LOOPBACK}:{line.port}")
            await line.runner.until("user.message")
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
    assert 0.85 * (GREETING + 2 * REPLY) < words(heard, LINE_RATE) <= GREETING + 2 * REPLY
    told = capture.rows("rtcp.ssrc.cum_nr", "udp.srcport", "rtcp.ssrc.cum_nr")
    assert {row[1] for row in told} == {"0"}, "both reported, and nobody missed anything"
    assert len({row[0] for row in told}) == 2
