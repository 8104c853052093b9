"""The real program, ``pinecall-run serve``, on a core of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from calls import SERVER
from peers.load import pin

KEY = "bench"
PATIENCE = 60.0
HERTZ = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


@asynccontextmanager
async def served(**environ: str) -> AsyncIterator[tuple[int, str]]:
    """Its process, and where it listens."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "pinecall_run", "serve", "--port", "0", "--key", KEY, "--log-format", "json"),
        stdout=PIPE,
        env={**os.environ, **environ},
        preexec_fn=lambda: pin(SERVER),
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while b"http://" not in (line := await process.stdout.readline()):
                assert line, "the server ended before it listened"
        yield process.pid, line.decode().partition("http://")[2].split()[0].strip('",/')
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
