"""The file that describes a bug of ours: where it happened and on what, with nothing of the user's in it."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|SESSION|DSN|_URL$", re.IGNORECASE)
"""Names of variables whose values are masked; an address may hold a password."""
_SHORTEST = 4
"""Characters that make a value a secret; masking shorter ones would only garble the report."""
_HERE = Path(__file__).parents[1]


def write_report(error: BaseException, verb: str) -> str | None:
    """Write the report into the temporary directory, readable by its owner alone; its path, or ``None`` when there
    is no room for it."""
    try:
        handle, path = tempfile.mkstemp(prefix="pinecall-run-report-", suffix=".txt")
        with open(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(masked(describe(error, verb), os.environ))
    except OSError:
        return None
    return path


def describe(error: BaseException, verb: str) -> str:
    """What was running, and the frames of the error and its causes.

    Messages of errors and lines of code are left out: they may quote what the user wrote or callers said.
    """
    lines = [
        f"pinecall-run {_version()}",
        f"Python {platform.python_version()} ({platform.python_implementation()})",
        f"platform {platform.platform()}",
        f"verb {verb}",
        "",
    ]
    for link in _chain(error):
        lines.append(f"{type(link).__module__}.{type(link).__qualname__}")
        lines += [
            f"  {_shown(frame.filename)}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(link.__traceback__)
        ]
    return "\n".join([*lines, ""])


def masked(text: str, environ: Mapping[str, str]) -> str:
    """``text`` without the values of variables that look secret, longest first: one may hold another."""
    values = {value for name, value in environ.items() if _SECRET.search(name) and len(value) >= _SHORTEST}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from or during, each once."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return links


def _shown(file: str) -> str:
    """A file of ours by its place in the package, of libraries by theirs, any other by its name alone."""
    path = Path(file)
    if path.is_relative_to(_HERE):
        return f"pinecall_run/{path.relative_to(_HERE).as_posix()}"
    for place in sys.path:
        if place and "site-packages" in place and path.is_relative_to(place):
            return path.relative_to(place).as_posix()
    return path.name


def _version() -> str:
    from importlib_metadata import PackageNotFoundError, version

    try:
        return version("pinecall-run")
    except PackageNotFoundError:
        return "of a checkout"
