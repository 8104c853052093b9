"""Plain values to YAML that reads back as the same values, by us and by readers of YAML 1.1."""

from __future__ import annotations

import re
from typing import Any

import yaml

_NUMBER_LIKE = re.compile(r"[-+.]?[0-9]")
"""What begins a number in one version of YAML or another."""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; a list is indented under its key; nothing is an anchor."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    is_block = "\n" in text and not any(line != line.rstrip() for line in text.splitlines())
    style = "|" if is_block else "'" if _NUMBER_LIKE.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(value: Any) -> str:
    """The value as a YAML document in block style, keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 30)
