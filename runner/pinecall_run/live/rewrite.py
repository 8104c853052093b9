"""Project files replaced by better ones: what would change, as a difference, and the change itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after. ``shown`` is its name for people."""

    path: Path
    shown: str
    before: bytes
    after: bytes

    def diff(self) -> str:
        """The change as a unified difference, which ``patch`` understands."""
        before, after = (data.decode("utf-8").splitlines(keepends=True) for data in (self.before, self.after))
        return "".join(_ended(unified_diff(before, after, self.shown, self.shown)))

    def write(self) -> None:
        """Put the new content in the file's place at once: readers see the old or the new, never a half.

        Mode and links stay. Raises ``OSError`` when the folder cannot be written.
        """
        if self.before == self.after:
            return
        target = self.path.resolve()
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with open(handle, "wb") as file:
                file.write(self.after)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(target, name)
            os.replace(name, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


def _ended(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def encoded(text: str, before: bytes) -> bytes:
    """``text`` as a file that began like ``before``: with or without a byte order mark."""
    return (BYTE_ORDER_MARK if before.startswith(BYTE_ORDER_MARK) else b"") + text.encode("utf-8")
