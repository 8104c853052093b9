"""What a log may hold of an exception: its kind and its place. Its text may quote a caller or a key."""

from __future__ import annotations

import os
import traceback


def described(error: BaseException) -> str:
    """``KeyError at hub.py:96``, the innermost line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
