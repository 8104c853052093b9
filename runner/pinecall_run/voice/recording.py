"""Both sides of a call as a stereo WAV file, written beside the call and never in its way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pinecall_run.audio.chunk import SILENCE, Samples
from pinecall_run.audio.wav import StereoRecording

_LOG = logging.getLogger("pinecall_run.voice")

BATCH = 50
"""Chunks that are written at a time, a second of the call: what a crash may cost."""

WAITING = 500
"""Chunks that may wait for a slow disk, ten seconds."""

CLOSE_SECONDS = 5.0
TOO_SLOW = "the disk is too slow"

_Pair = tuple[Samples | None, Samples | None]


class Recording:
    """One call, the caller left and the agent right, in ``directory/<UTC time>-<call id>.wav``, which only the server's
    user may read. Where it cannot be written, one line of the log says why, and the call goes on without it."""

    def __init__(self, directory: str, call_id: str, now: float) -> None:
        """``now`` is in epoch seconds. The file is there with the first second of the call."""
        began = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        safe_id = re.sub(r"[^\w.-]", "_", call_id, flags=re.ASCII)[:100]
        self._file = _File(Path(directory) / f"{began}-{safe_id}.wav")
        self._waiting: list[_Pair] = []
        self._writing: asyncio.Future[None] | None = None
        self._is_closed = False

    def add(self, caller: Samples | None, agent: Samples | None) -> None:
        """The next 20 ms, which must not change after; ``None`` is silence. Never blocks."""
        if self._is_closed or self._file.has_failed:
            return
        self._waiting.append((caller, agent))
        if len(self._waiting) > WAITING:
            self._file.fail(TOO_SLOW)
            self._waiting.clear()
        elif len(self._waiting) >= BATCH and (self._writing is None or self._writing.done()):
            self._writing = self._in_thread(self._file.write)

    async def close(self) -> None:
        """Finish the file. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._writing is not None:
                    await asyncio.shield(self._writing)
                await asyncio.shield(self._in_thread(self._file.finish))
        except TimeoutError:  # its thread ends when the disk does
            self._file.fail(TOO_SLOW)

    def _in_thread(self, work: Callable[[Sequence[_Pair]], None]) -> asyncio.Future[None]:
        batch, self._waiting = self._waiting, []
        return asyncio.get_running_loop().run_in_executor(None, work, batch)


class _File:
    """The side of the thread: one batch at a time. Nothing is there before there is something to write."""

    def __init__(self, path: Path) -> None:
        self.has_failed = False
        self._path = path
        self._file: BinaryIO | None = None
        self._stereo: StereoRecording | None = None

    def write(self, batch: Sequence[_Pair]) -> None:
        """Append chunks, so that they are on the disk."""
        if self.has_failed or not batch:
            return
        try:
            stereo, file = self._opened()
            for caller, agent in batch:
                stereo.add(SILENCE if caller is None else caller, agent)
            file.flush()
        except OSError as error:
            self.fail(error.strerror or type(error).__name__)

    def finish(self, batch: Sequence[_Pair]) -> None:
        """Append the last chunks and close."""
        self.write(batch)
        try:
            if self._stereo is not None and not self.has_failed:
                self._stereo.close()
        except OSError as error:
            self.fail(error.strerror or type(error).__name__)
        if self._file is not None:
            with contextlib.suppress(OSError):  # what is left in it did not fit before
                self._file.close()

    def fail(self, why: str) -> None:
        """Say once that the call is not recorded any more."""
        if not self.has_failed:
            self.has_failed = True
            _LOG.error("the recording of a call in %s was given up: %s", self._path.parent, why)

    def _opened(self) -> tuple[StereoRecording, BinaryIO]:
        if self._file is None or self._stereo is None:
            self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            self._stereo = StereoRecording(self._file)
        return self._stereo, self._file
