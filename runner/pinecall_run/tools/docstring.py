"""What a docstring tells the model: the text, and each parameter's description."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_QUIET: Any = {style: {"warnings": False} for style in ("google", "numpy", "sphinx")}
"""What a docstring leaves out is not griffe's to print."""


def read_docstring(written: str) -> tuple[str, dict[str, str]]:
    """The text, and the descriptions by parameter, of a cleaned docstring in Google, NumPy or Sphinx style."""
    if not written:
        return "", {}
    import griffe  # it takes longer to import than a whole check of a project where nothing is wrong

    texts: list[str] = []
    described: dict[str, str] = {}
    docstring = griffe.Docstring(written)
    for section in griffe.parse_auto(docstring, per_style_options=_QUIET):
        if section.kind is griffe.DocstringSectionKind.text:
            texts.append(section.value.strip())
        elif section.kind is griffe.DocstringSectionKind.parameters:
            described |= {item.name: " ".join(item.description.split()) for item in section.value}
    return "\n\n".join(texts), described


def undescribed(written: str, names: Iterable[str]) -> list[str]:
    """Those parameters that :func:`read_docstring` finds no description of.

    Where each is described in the plainest form of its style, which is known at a glance, no parser is needed.
    """
    left = [name for name in names if not _is_plainly_described(written, name)]
    if not left:
        return []
    described = read_docstring(written)[1]
    return [name for name in left if not described.get(name)]


_GOOGLE = re.compile(r"(?<=\n\n)(?:Args|Arguments|Parameters|Params):\n(?P<items> {4}\S.*(?:\n {4,}\S.*)*)(?=\n\n|\Z)")
_OTHER_STYLE = re.compile(r"^\s*(?:```|:\w|---)", re.MULTILINE)
"""What may make another style of a docstring, or code of a section."""


def _is_plainly_described(written: str, name: str) -> bool:
    section = None if _OTHER_STYLE.search(written) else _GOOGLE.search(written)
    return section is not None and re.search(rf"^    {name}: \S", section["items"], re.MULTILINE) is not None
