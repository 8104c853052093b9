"""baresip, a telephone program that is not ours, driven by its control socket: it speaks from a file and keeps what it
hears."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK
from tests.voice._fakes import until

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.audio.resample import Resampler
from pinecall_run.audio.wav import read_wav

MODULES = Path("/usr/lib/baresip/modules")
PATIENCE = 15.0
LINE_RATE = 8_000

TONE = 0.05 * 24_000 / (2 * np.pi)
"""Hertz of the emulated voice, which says a word in :data:`WORD` seconds."""
WORD = 0.3

needs_baresip = pytest.mark.skipif(
    shutil.which("baresip") is None or not MODULES.is_dir(),
    reason="baresip is not installed (apt-get install baresip-core)",
)

CONFIG = """\
poll_method epoll
sip_listen {host}:{port}
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
snd_path {folder}
audio_player aubridge,ear
audio_alert aubridge,bell
audio_source aufile,{said}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control}
"""


@dataclass
class Baresip:
    """A running telephone."""

    folder: Path
    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    events: list[dict[str, Any]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def do(self, command: str, words: str = "") -> None:
        """What one would type."""
        text = json.dumps({"command": command, "params": words}).encode()
        self.writer.write(b"%d:%s," % (len(text), text))

    async def until(self, kind: str, *, after: int = 0) -> dict[str, Any]:
        """The first event of a kind, once it is there."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.events[after:]:
                    if event["type"] == kind:
                        return event
                self._news.clear()
                await self._news.wait()

    async def registered(self) -> None:
        """Come back once its registrar has it: that may be so before anybody listens to its events."""
        await until(lambda: b"binding]" in (self.folder / "log").read_bytes(), PATIENCE)

    def heard(self) -> Samples:
        """What it played to its ear until it first held, at :data:`RATE`; it is there once baresip has ended."""
        (file,) = self.folder.glob("dump-*-dec.wav")
        return read_wav(file.read_bytes())

    async def read(self) -> None:
        """Netstrings of JSON."""
        while head := await self.reader.read(1):
            size = int(head + (await self.reader.readuntil(b":"))[:-1])
            told = json.loads((await self.reader.readexactly(size + 1))[:-1])
            if told.get("event"):
                self.events.append(told)
                self._news.set()


def words(heard: Samples, rate: int = RATE) -> float:
    """How many words of the emulated voice are in a sound: stretches of 20 ms that hold its tone and little else."""
    size = rate // 50
    frames = heard[: len(heard) // size * size].reshape(-1, size).astype(float)
    tone = 2 * np.abs(frames @ np.exp(-2j * np.pi * TONE * np.arange(size) / rate)) ** 2 / size
    energy = (frames**2).sum(1)
    return float(((energy > size * 1_000**2) & (tone > 0.7 * energy)).sum() * 0.02 / WORD)


@asynccontextmanager
async def baresip(folder: Path, said: Samples, *, account: str = "") -> AsyncIterator[Baresip]:
    """A telephone that says something at the begin of each call, and silence after it."""
    folder.mkdir()
    wav = folder / "said.wav"
    wav.write_bytes(_wav(said))
    port, control = free_port(), free_port()
    (folder / "config").write_text(
        CONFIG.format(host=LOOPBACK, port=port, control=control, folder=folder, said=wav, modules=MODULES)
    )
    (folder / "accounts").write_text(f"{account or f'<sip:ana@{LOOPBACK}>;regint=0'}\n")
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec("baresip", "-f", str(folder), stdout=log, stderr=log)
    try:
        it = Baresip(folder, port, *await _connected(control, process))
        reading = asyncio.create_task(it.read())
        try:
            yield it
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            it.writer.close()
    finally:
        await _end(process)


def _wav(said: Samples) -> bytes:
    """A file of the line's rate: it plays no other. Where a file ends baresip hangs up, so this one is long."""
    down = Resampler(RATE, LINE_RATE)
    body = np.concatenate((down.feed(said), np.zeros(60 * LINE_RATE, np.int16)))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(LINE_RATE)
        file.writeframes(body.astype("<i2").tobytes())
    return out.getvalue()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _connected(
    port: int, process: asyncio.subprocess.Process
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Its control socket, once it listens."""
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.returncode is None, "it ended; its log says why"
            try:
                return await asyncio.open_connection(LOOPBACK, port)
            except OSError:
                await asyncio.sleep(0.05)
