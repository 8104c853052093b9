"""Packets as Wireshark sees them: a capture is written, and tshark reads it."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed (apt-get install tshark)"
)

RTP, RTCP = 40_000, 40_001


def write(path: Path, packets: list[tuple[float, int, bytes]]) -> None:
    """Datagrams with their seconds and ports, as raw IPv4 (link type 101)."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101))
        for at, port, payload in packets:
            udp = struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
            ip = head + bytes((192, 0, 2, 1, 192, 0, 2, 2)) + udp
            file.write(struct.pack("<IIII", int(at), round(at % 1 * 1e6), len(ip), len(ip)) + ip)


def read(path: Path, *words: str) -> str:
    """What tshark says of a capture."""
    ports = ["-d", f"udp.port=={RTP},rtp", "-d", f"udp.port=={RTCP},rtcp"]
    command = ["tshark", "-n", "-r", str(path), *ports, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
