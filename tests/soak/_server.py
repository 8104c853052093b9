"""The voice server of a soak, a process of its own: the real one, with emulated vendors, that tells how it is."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.emulators.speech import emulated
from tests.voice._stage import KEY

from pinecall_run.voice.app import Settings
from pinecall_run.voice.serving import listen, serve, spare_the_collector

EVERY_SECONDS = 2.0


class _Errors(logging.Handler):
    """What was logged as an error, and how often."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        self.lines[line] = self.lines.get(line, 0) + 1


def state() -> dict[str, Any]:
    """What must stay flat in this process."""
    gc.collect()
    return {
        "memory_mb": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "objects": len(gc.get_objects()),
    }


def _tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


async def _watch(errors: Mapping[str, int]) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        _tell(**state(), errors=errors, cpu_seconds=round(time.process_time(), 2))


async def main() -> None:
    """Serve until the other end of stdin is closed."""
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logging.error(context["message"]))
    listening = listen("127.0.0.1", [0])
    stop, ready = asyncio.Event(), asyncio.Event()
    spare_the_collector()
    serving = asyncio.create_task(serve(Settings(KEY, open_on_loopback=True), listening, stop, ready.set))
    serving.add_done_callback(lambda _: ready.set())  # one that could not begin says why, below
    await ready.wait()
    if serving.done():
        await serving
    _tell(address=listening.url.removeprefix("http://"))
    watching = asyncio.create_task(_watch(errors.lines))
    await asyncio.to_thread(sys.stdin.read)
    watching.cancel()
    stop.set()
    await serving


if __name__ == "__main__":
    with emulated():
        asyncio.run(main())
