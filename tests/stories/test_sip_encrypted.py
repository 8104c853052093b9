"""Telephones that speak G.722 and Opus, in the open and encrypted: baresip's own codecs and its own SRTP, and sipp."""

from __future__ import annotations

import asyncio
import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK, SCENARIOS, driver, needs_sipp
from tests.stories._callers import tape
from tests.stories._secure_phone import Told, call, certified, needs_baresip, needs_openssl, wait
from tests.stories._sip_phone import Lobby, lobby, player
from tests.transports._peers import share, tone
from tests.voice._fakes import until
from tests.voice._speech import needs_flite

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE
from pinecall_run.sip.media import Encryption, LocalAudio
from pinecall_run.sip.outbound import Dial
from pinecall_run.sip.outputs import Answered
from pinecall_run.sip.uri import NameAddr, read_uri
from pinecall_run.transports.rtp_session import RtpSession

pytestmark = needs_flite

TONE = 0.05 * 24_000 / (2 * np.pi)
"""Hertz of the emulated voice, a word of which is 0.3 s."""
WORDS = 9
"""Of greeting and reply."""
ENABLED = "SRTP is Enabled"


def calling(line: Lobby, *, port: int, transport: str, account: str, seconds: int = 8) -> asyncio.Task[Told]:
    target = f"sip:lobby@{LOOPBACK}:{port};transport={transport}"
    said = tape(2.0, "where is my order").sound.astype(np.int16)
    return asyncio.create_task(call(line.folder / "phone", said, target, account=account, seconds=seconds))


def tls(folder: Path) -> dict[str, Any]:
    return {**certified(folder), "port": free_port()}


@needs_baresip
@needs_openssl
@pytest.mark.parametrize(
    ("codec", "encryption", "transport"),
    [
        ("opus/48000/2", "srtp-mand", "tls"),
        ("G722/16000/1", "srtp", "tls"),
        ("G722/16000/1", "", "udp"),
        ("PCMA/8000/1", "srtp-mand", "udp"),
    ],
)
async def test_baresip_asks_and_hears(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: str, encryption: str, transport: str
) -> None:
    caplog.set_level(logging.DEBUG)
    over_tls = tls(tmp_path)
    async with lobby(tmp_path, sip={"tls": over_tls}) as line:
        account = f"audio_codecs={codec}" + (f";mediaenc={encryption}" if encryption else "")
        port = over_tls["port"] if transport == "tls" else line.port
        phone = calling(line, port=port, transport=transport, account=account)
        await line.runner.until("call.started", transport="phone")
        assert (await line.runner.until("user.message"))["text"] == "Where is my order?"
        told = await phone
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"
        assert "inline:" not in caplog.text + json.dumps(line.runner.frames), "keys show nowhere"
    assert (ENABLED in told.log) is bool(encryption)
    assert f"encoder: {codec.partition('/')[0]}" in told.log
    assert told.heard is not None
    frames = told.heard[: len(told.heard) // 160 * 160].reshape(-1, 160)
    loud = np.flatnonzero(np.abs(frames).max(1) > 2_000)
    assert len(loud) * 0.01 > 0.8 * WORDS * 0.3
    assert share(told.heard[loud[0] * 160 :][: RATE // 2], TONE, width=60) > 0.9


@needs_baresip
@needs_openssl
@pytest.mark.parametrize(("srtp", "encryption"), [("required", ""), ("off", ";mediaenc=srtp-mand")])
async def test_who_does_not_agree_about_encryption_is_refused(tmp_path: Path, srtp: str, encryption: str) -> None:
    over_tls = tls(tmp_path)
    async with lobby(tmp_path, sip={"tls": over_tls, "srtp": srtp}) as line:
        account = f"audio_codecs=PCMU/8000/1{encryption}"
        told = await calling(line, port=over_tls["port"], transport="tls", account=account, seconds=3)
    assert "488" in told.log
    assert told.heard is None


@needs_sipp
@pytest.mark.parametrize(("offer", "payload_type", "step"), [("9 101", 9, 160), ("96 101", 96, 960)])
async def test_another_codec_in_the_middle_of_a_call(tmp_path: Path, offer: str, payload_type: int, step: int) -> None:
    first, again, rest = (SCENARIOS / "holding.xml").read_text().partition("CSeq: 2 INVITE")
    changed = rest.replace("RTP/AVP [codec] 101", f"RTP/AVP {offer}\na=rtpmap:96 opus/48000/2")
    (tmp_path / "changing.xml").write_text(first + again + changed.replace("a=inactive", "a=sendrecv"))
    async with lobby(tmp_path) as line, player() as phone:
        phoning = line.call(phone, scenario=str(tmp_path / "changing.xml"), stays=1_500)
        await until(lambda: len([each for each in phone.got if each.payload_type == payload_type]) > 40)
        await phoning
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"
    kinds = [packet.payload_type for packet in phone.got]
    assert kinds == sorted(kinds), "one after the other"
    later = [packet for packet in phone.got if packet.payload_type == payload_type]
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(later)} == {1}
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(later)} == {step}


@needs_baresip
@pytest.mark.parametrize(
    ("codec", "encryption", "ours"),
    [
        ("opus/48000/2", "srtp", Encryption.OFFERED),
        ("G722/16000/1", "", Encryption.OFFERED),
        ("PCMU/8000/1", "srtp-mand", Encryption.REQUIRED),
    ],
)
async def test_baresip_takes_what_we_offer(tmp_path: Path, codec: str, encryption: str, ours: Encryption) -> None:
    port, clock = free_port(), asyncio.get_running_loop().time
    account = f"audio_codecs={codec}" + (f";mediaenc={encryption}" if encryption else "")
    phone = asyncio.create_task(wait(tmp_path / "phone", tone(440, 8), port, account=account, seconds=8))
    sound = RtpSession(LOOPBACK, None, clock, on_key=lambda _: None)
    async with driver(lambda *_: None) as agent:
        audio = LocalAudio(LOOPBACK, sound.port, encryption=ours)
        me, ana = NameAddr(read_uri(f"sip:desk@{LOOPBACK}:{agent.port}")), read_uri(f"sip:ana@{LOOPBACK}:{port}")
        agent.agent.dial(Dial(ana, me, audio), agent.now)
        agent.flush()
        await until(lambda: any(isinstance(output, Answered) for output in agent.outputs))
        media = next(output.media for output in agent.outputs if isinstance(output, Answered))
        sound.agree(media, LOOPBACK)
        heard = []
        for chunk in tone(300, 3).reshape(-1, CHUNK_SAMPLES):
            sound.say(chunk)
            heard += sound.hear(clock())
            await asyncio.sleep(0.02)
        told = await phone
    sound.close()
    assert media.codec.name == codec.partition("/")[0].upper()
    assert (media.is_encrypted, ENABLED in told.log) == (bool(encryption), bool(encryption))
    assert share(np.concatenate(heard)[RATE : 2 * RATE], 440) > 0.9
    assert told.heard is not None
    assert share(told.heard[RATE // 2 : 2 * RATE], 300) > 0.8
