"""Names the code of the user's that keeps the event loop from turning: while it does, no call goes on."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType

from pinecall_run.tools.place import is_users

STALL_SECONDS = 0.5
"""People notice a pause of this length in a conversation."""

Tell = Callable[[str, int, float], None]
"""Told of a file, a line in it, and for how many seconds nothing else went on."""


class StallWatch:
    """A context in a running loop. ``tell`` is called in that loop, once for each stall, when the loop turns again.

    A thread looks at what the loop's thread is doing when the loop has not turned for ``seconds``.
    """

    def __init__(self, tell: Tell, *, seconds: float = STALL_SECONDS) -> None:
        self._tell = tell
        self._seconds = seconds
        self._ended = threading.Event()
        self._beaten_at = 0.0
        self._found: tuple[str, int] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> StallWatch:
        self._loop = asyncio.get_running_loop()
        self._beaten_at = time.monotonic()
        self._timer = self._loop.call_later(self._seconds / 4, self._beat)
        watching = threading.Thread(target=self._watch, args=(threading.get_ident(),), name="stalls", daemon=True)
        watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        now = time.monotonic()
        found, self._found = self._found, None
        if found is not None:
            self._tell(*found, now - self._beaten_at)
        self._beaten_at = now
        self._timer = self._loop.call_later(self._seconds / 4, self._beat)

    def _watch(self, thread: int) -> None:
        while not self._ended.wait(self._seconds / 4):
            if self._found is None and time.monotonic() - self._beaten_at > self._seconds:
                self._found = _users_line(sys._current_frames().get(thread))


def _users_line(frame: FrameType | None) -> tuple[str, int] | None:
    """The innermost line of the user's code that the loop has called; what called the loop blocks nothing."""
    while frame is not None and frame.f_code.co_filename != asyncio.events.__file__:
        if is_users(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None
