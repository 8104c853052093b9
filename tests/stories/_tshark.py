"""tshark, Wireshark without windows, looks on: what goes over the loopback is what it should be to others, too."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PATIENCE = 30.0


def _why_not() -> str:
    """Why nothing can be captured here; empty where it can."""
    if shutil.which("tshark") is None:
        return "tshark is not installed (apt-get install tshark)"
    if os.geteuid() != 0:
        return "only root captures what goes over the loopback"
    tried = subprocess.run(["dumpcap", "-i", "lo", "-L"], capture_output=True, timeout=PATIENCE)
    return "" if tried.returncode == 0 else "what goes over the loopback may not be captured here"


WHY_NOT = _why_not()
needs_tshark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@dataclass(frozen=True)
class Stream:
    """A row of the table; deltas in milliseconds."""

    source: int
    target: tuple[str, int]
    packets: int
    lost: int
    mean_delta: float
    max_delta: float
    problems: str

    @classmethod
    def read(cls, row: Sequence[str]) -> Stream:
        """From its words: times, addresses, SSRC, payloads, counts, three deltas, three jitters, problems."""
        lost = next(at for at, word in enumerate(row) if word.startswith("("))  # payloads are several words
        deltas = [float(word) for word in row[lost + 1 : lost + 4]]
        target = row[4], int(row[5])
        counts = int(row[lost - 2]), int(row[lost - 1])
        return cls(int(row[3]), target, *counts, deltas[1], deltas[2], " ".join(row[lost + 7 :]))


@dataclass
class Capture:
    """What was captured, once that is over."""

    file: Path

    def rows(self, wanted: str, *fields: str) -> list[list[str]]:
        """Fields of the packets that a filter lets through."""
        told = self._run("-Y", wanted, "-T", "fields", *(word for name in fields for word in ("-e", name)))
        return [line.split("\t") for line in told.splitlines()]

    def faults(self) -> list[list[str]]:
        """What an expert would warn of, and what is malformed."""
        return self.rows("_ws.malformed || _ws.expert.severity >= 0x600000", "frame.protocols", "_ws.expert.message")

    def streams(self) -> list[Stream]:
        """Wireshark's table of streams of sound. Descriptions say where they are: SIP must be in the capture."""
        rows = (line.split() for line in self._run("-q", "-z", "rtp,streams").splitlines())
        return [Stream.read(row) for row in rows if row and re.fullmatch(r"[0-9.]+", row[0])]

    def _run(self, *words: str) -> str:
        command = ["tshark", "-n", "-r", str(self.file), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


@asynccontextmanager
async def captured(file: Path, wanted: str) -> AsyncIterator[Capture]:
    """What goes over the loopback meanwhile, as far as a filter of pcap lets it through."""
    process = await asyncio.create_subprocess_exec(
        *("tshark", "-i", "lo", "-q", "-f", wanted, "-w", str(file)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await _begun(process)
        yield Capture(file)
        await asyncio.sleep(0.5)  # what it has not read yet
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE)


async def _begun(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        while line := await process.stderr.readline():
            if b"Capture started" in line:
                return
    raise AssertionError("tshark ended before it captured anything")
