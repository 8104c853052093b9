"""200 telephones at once, by sipp, which plays each of them a capture: all are answered, and hear themselves."""

from __future__ import annotations

import asyncio
import os
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK, SCENARIOS, needs_sipp, sipp
from tests.stories._pcap import SILENCE, pcap
from tests.stories._phone_sound import spoken
from tests.stories._sip_phone import LOBBY, settings
from tests.stories._tshark import captured, needs_tshark
from tests.voice._speech import needs_flite
from tests.voice._stage import Stage

from pinecall_run.audio.chunk import Samples
from pinecall_run.voice.phone_desk import PhoneDesk
from pinecall_run.voice.sip_door import SipDoor

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="sipp plays captures for root only")
pytestmark = [needs_sipp, needs_flite, needs_root, needs_tshark]

CALLS, RATE, STAYS = 200, 60, 8_000
"""The last one comes after 3.3 s, when the first is still there."""

FEWEST = 5
"""Packets of each one's voice, of 50, that come there and back: a machine that is busy leaves out what is late."""


class Echo:
    """In place of a conversation, which takes more of a machine than its line: says what it hears. It is its own
    telephone side, which is told nothing that matters here."""

    def __init__(self, call_id: str) -> None:
        self.id = call_id
        self.phone: Any = self
        self.reason = ""
        self.heard = 0
        self._waiting: deque[Samples | None] = deque()

    def hear(self, chunk: Samples) -> None:
        """See :class:`AudioSession`."""
        is_loud = bool(abs(chunk).max() > 1_000)
        self.heard += is_loud
        self._waiting.append(chunk if is_loud else None)

    def take(self) -> Samples | None:
        """See :class:`AudioSession`."""
        return self._waiting.popleft() if self._waiting else None

    def act(self, action: Mapping[str, Any]) -> None:
        """See :class:`AudioSession`."""

    def end(self, reason: str) -> None:
        """See :class:`AudioSession`."""
        self.reason = reason


async def test_two_hundred_at_once_hear_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    echoes: list[Echo] = []
    most = 0

    def begin(_desk: PhoneDesk, _agent: Any, call_id: str, _outlet: Any, _caller: Any) -> Echo:
        nonlocal most
        echoes.append(Echo(call_id))
        most = max(most, sum(not echo.reason for echo in echoes))
        return echoes[-1]

    monkeypatch.setattr(PhoneDesk, "begin", begin)
    stage, port, first = Stage(), free_port(), min(free_port(), 60_000) & ~1
    door = SipDoor(stage.hub.phone, stage.hub.registry, settings(port, rtp_ports=[first, first + 1_999]))
    stage.hub.phone.carriers.append(door)
    stage.connect("desk", stt="local", voice="local").send("channel.add", agent_id="desk", type="phone", ref=LOBBY)
    await door.open()
    (tmp_path / "speech.pcap").write_bytes(pcap(SILENCE * 8_000 + spoken("where is my order") + SILENCE * 48_000))
    loud = "udp dst portrange 6000-6999 and udp[4:2] = 180 and udp[60:4] != 0xffffffff"
    async with captured(tmp_path / "calls.pcap", f"udp src portrange {first}-{first + 1_999} and {loud}") as capture:
        many = ["-m", str(CALLS), "-l", str(CALLS), "-r", str(RATE), "-d", str(STAYS), "-key", "domain", "acme.example"]
        words = ["-sf", str(SCENARIOS / "capture.xml"), "-s", "lobby", "-mi", LOOPBACK, *many]
        await sipp(tmp_path, *words, f"{LOOPBACK}:{port}", seconds=40)
    await door.close()
    assert [echo.reason for echo in echoes] == ["hangup"] * CALLS
    assert most == CALLS, "all at once"
    assert min(echo.heard for echo in echoes) >= FEWEST
    ways = Counter(tuple(row) for row in await asyncio.to_thread(capture.rows, "udp", "udp.srcport", "udp.dstport"))
    assert len(ways) == CALLS
    assert min(ways.values()) >= FEWEST
