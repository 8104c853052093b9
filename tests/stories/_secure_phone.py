"""baresip, a telephone that is not ours, with its codecs and its encryption: it speaks from a file and keeps what it
hears. It has spandsp's G.722, libopus by itself, and SRTP of its own."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.audio.wav import read_wav

MODULES = Path("/usr/lib/baresip/modules")

needs_baresip = pytest.mark.skipif(
    shutil.which("baresip") is None or not (MODULES / "srtp.so").is_file(),
    reason="baresip is not installed (apt-get install baresip-core)",
)
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

PATIENCE = 25

CONFIG = """\
poll_method epoll
sip_listen {host}:{port}
module_path {modules}
module g711.so
module g722.so
module opus.so
module srtp.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
snd_path {folder}
audio_source aufile,{folder}/said.wav
audio_player aubridge,ear
audio_alert aubridge,bell
ausrc_srate 16000
ausrc_channels 1
auplay_srate 16000
auplay_channels 1
"""


@dataclass
class Told:
    """What came of a call: what was heard, and what baresip wrote about it."""

    log: str
    heard: Samples | None


async def call(folder: Path, said: Samples, target: str, *, account: str, seconds: int) -> Told:
    """Call an address, say something, hang up after so many seconds."""
    return await _run(folder, said, account, "-e", f"/dial {target}", "-t", str(seconds), port=free_port())


async def wait(folder: Path, said: Samples, port: int, *, account: str, seconds: int) -> Told:
    """Answer who calls ``ana`` at a port within so many seconds, and say something; then hang up."""
    return await _run(folder, said, f"answermode=auto;{account}", "-t", str(seconds), port=port)


async def _run(folder: Path, said: Samples, account: str, *words: str, port: int) -> Told:
    folder.mkdir()
    _write(folder / "said.wav", said)
    (folder / "config").write_text(CONFIG.format(host=LOOPBACK, port=port, folder=folder, modules=MODULES))
    (folder / "accounts").write_text(f"<sip:ana@{LOOPBACK}>;regint=0;{account}\n")
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec("baresip", "-f", str(folder), *words, stdout=log, stderr=log)
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    dumps = list(folder.glob("dump-*-dec.wav"))
    return Told((folder / "log").read_text(errors="replace"), read_wav(dumps[0].read_bytes()) if dumps else None)


def certified(folder: Path) -> dict[str, str]:
    """A certificate and its key, as settings name them."""
    files = {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
    words = ["-keyout", files["key"], "-out", files["certificate"], "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *words], check=True, capture_output=True
    )
    return files


def _write(path: Path, said: Samples) -> None:
    """With a minute of silence after it: where a file ends baresip hangs up."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate((said, np.zeros(60 * RATE, np.int16))).astype("<i2").tobytes())
