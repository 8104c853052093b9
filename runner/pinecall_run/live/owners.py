"""Which processes on one journal are alive: each locks a byte of a file beside it, which the system frees when it dies.

A process number would say less: it is used again, and it means nothing to the neighbouring container.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

_OFFSET_BITS = 62


class Owners:
    """The processes on a journal, seen from this one. ``mark`` is its own, which no other has.

    Raises:
        OSError: the file cannot be opened or locked.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.mark = secrets.randbits(_OFFSET_BITS)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self.mark)
        except OSError:
            os.close(self._file)
            raise

    def lives(self, mark: int) -> bool:
        """Whether the process of a mark is alive."""
        if mark == self.mark:
            return True  # a process never stands in its own way
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, mark)
        except OSError:
            return True
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, mark)
        return False

    def close(self) -> None:
        """This process runs nothing any more."""
        os.close(self._file)
