"""The published schemas and the pages that verbs print, found from an installed wheel and from a checkout alike."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_PLACES = (Path(__file__).parent, Path(__file__).parents[2])
"""Of a wheel, and of a checkout."""


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema ``name`` (``pinecall`` or ``script``).

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    loaded: dict[str, Any] = json.loads(_text(f"schemas/{name}.schema.json"))
    return loaded


def page(name: str) -> str:
    """The text of ``docs/NAME.md``, of those pages that the wheel holds (``diagnostics``).

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    return _text(f"docs/{name}.md")


def _text(name: str) -> str:
    for place in _PLACES:
        file = place / name
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise FileNotFoundError(f"{name} is missing from this installation of pinecall-run; reinstall it")
