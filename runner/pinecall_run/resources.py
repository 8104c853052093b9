"""The published schemas, found from an installed wheel and from a checkout alike."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_PLACES = (Path(__file__).parent / "schemas", Path(__file__).parents[2] / "schemas")


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema ``name`` (``pinecall`` or ``script``).

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for place in _PLACES:
        file = place / f"{name}.schema.json"
        if file.is_file():
            loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return loaded
    raise FileNotFoundError(f"{name}.schema.json is missing from this installation of pinecall-run; reinstall it")
