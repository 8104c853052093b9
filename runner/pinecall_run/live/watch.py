"""Notices when a project's files change: by the system's events, and by a slow look for what those miss."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from pathlib import Path

from watchfiles import awatch

from pinecall_run.live.files import read_file
from pinecall_run.live.project import content_hash

POLL_MILLISECONDS = 2000
"""File systems and symlink swaps that raise no event are noticed after this."""

DEBOUNCE_MILLISECONDS = 40

GONE_SECONDS = 0.1
"""A file that is not there may be back after this."""

Fingerprint = Mapping[Path, bytes]
"""The content hash of each file; a file that is not there has an empty one."""


def fingerprint(files: Collection[Path]) -> Fingerprint:
    """The fingerprint of files as they are now."""
    return {file: _hash(file) for file in files}


async def watch(
    loaded: Callable[[], Fingerprint], stop: asyncio.Event, *, poll_milliseconds: int = POLL_MILLISECONDS
) -> AsyncIterator[list[Path]]:
    """The files whose content is not what was loaded, once for each new content.

    ``loaded`` is asked each time: what it lists may change with every load.
    """
    seen: Fingerprint = {}
    while not stop.is_set():
        folders = _folders(loaded())
        async with contextlib.aclosing(_occasions(folders, stop, poll_milliseconds)) as occasions:
            async for _ in occasions:
                now = await asyncio.to_thread(fingerprint, loaded())
                known = loaded()
                if any(not now[file] and known.get(file) for file in now):  # some editors write a file anew
                    await asyncio.sleep(GONE_SECONDS)
                    now = await asyncio.to_thread(fingerprint, loaded())
                different = sorted(file for file in now if now[file] not in (known.get(file), seen.get(file)))
                seen = now
                if different:
                    yield different
                if _folders(loaded()) != folders:
                    break


async def _occasions(folders: Collection[Path], stop: asyncio.Event, poll_milliseconds: int) -> AsyncGenerator[None]:
    """Whenever it is worth a look at the files; ends when watching has to begin anew."""
    yield  # something may have changed while nobody watched
    try:
        async for _ in awatch(
            *folders,
            stop_event=stop,
            recursive=False,
            debounce=DEBOUNCE_MILLISECONDS,
            step=10,
            rust_timeout=poll_milliseconds,
            yield_on_timeout=True,
            watch_filter=None,
        ):
            yield
    except OSError:  # a folder vanished just now, or the system watches no more of them: look by the clock alone
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(poll_milliseconds / 1000):
                await stop.wait()


def _folders(files: Collection[Path]) -> list[Path]:
    """The nearest folder that exists of each file."""
    found = set()
    for file in files:
        folder = file.parent
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        found.add(folder)
    return sorted(found)


def _hash(file: Path) -> bytes:
    try:
        return content_hash(read_file(file))
    except OSError:
        return b""
