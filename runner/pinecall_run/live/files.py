"""Project files read whole, and never without end: whatever a name may lead to."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from pinecall_run.source.reader import MAX_BYTES


def read_file(path: Path) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: it cannot be read, is larger than :data:`MAX_BYTES`, or is a pipe, socket or device: reading one might
            wait or go on for ever.
    """
    data = read_start(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {MAX_BYTES:,} bytes")
    return data


def read_start(path: Path, count: int) -> bytes:
    """The first bytes of a regular file, however large it is.

    Raises:
        OSError: as :func:`read_file` says.
    """
    if stat.S_ISSOCK(path.stat().st_mode):  # opening one fails for a reason that would not help
        raise OSError(errno.EINVAL, "it is not a regular file")
    # Opening a pipe waits for its other end without O_NONBLOCK, which means nothing to a regular file.
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(handle, "rb") as file:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read(count)
