"""The sections of docs/diagnostics.md, one for each code."""

from __future__ import annotations

import re

from pinecall_run.resources import page

_HEADING = re.compile(r"## (PCR\d{3})\b")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


def explanations() -> dict[str, str]:
    """Code to its section, heading included; empty strings are never among them."""
    return sections(page("diagnostics"))


def sections(text: str) -> dict[str, str]:
    """The second-level sections of a Markdown text that begin with a code. A heading inside a code block is code."""
    found: dict[str, list[str]] = {}
    code, fence = None, ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark is not None and not fence:
            fence = mark[1]
        elif mark is not None and mark[1].startswith(fence) and line.strip() == mark[1]:
            fence = ""
        elif not fence and re.match(r"##? ", line):
            heading = _HEADING.match(line)
            code = heading[1] if heading else None
        if code is not None:
            found.setdefault(code, []).append(line)
    return {code: "\n".join(lines).strip() for code, lines in found.items()}


def first_paragraph(section: str) -> str:
    """The paragraph under a section's heading, on one line."""
    body = section.partition("\n")[2].strip()
    return " ".join(body.partition("\n\n")[0].split())
