"""Keeps what imported code prints away from what we print."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress


@contextmanager
def prints_to_stderr() -> Iterator[None]:
    """Whatever is printed inside goes to stderr: by Python, by C code and by child processes.

    What the code has left for the end of the program (``atexit``) goes there, too.
    """
    if not _is_ours():
        with redirect_stdout(sys.stderr):
            yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with redirect_stdout(sys.stderr):
            os.dup2(2, 1)
            yield
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()  # what was written to it by another name
        os.dup2(kept, 1)
        os.close(kept)
        atexit.register(_to_stderr)  # runs before all that were registered inside


def _is_ours() -> bool:
    """Whether our own output goes to file descriptor 1, and there is a stderr in its place."""
    try:
        os.fstat(2)
        return sys.__stdout__ is not None and sys.stdout is sys.__stdout__ and sys.__stdout__.fileno() == 1
    except (OSError, ValueError, AttributeError):
        return False


def _to_stderr() -> None:
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        os.dup2(2, 1)
        sys.stdout = sys.stderr
