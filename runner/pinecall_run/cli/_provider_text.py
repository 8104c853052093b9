"""What is known of a vendor, for people: its options in words, and YAML to begin with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from pinecall_run.source.writing import to_yaml
from pinecall_run.vendors import mapping
from pinecall_run.vendors.facts import Provider, Stage

TITLES: dict[Stage, str] = {"stt": "Speech to text", "voice": "Voices", "model": "Language models"}
"""What people call a stage."""


class Option(NamedTuple):
    """One key of a vendor's mapping. ``default`` is empty where there is none."""

    name: str
    takes: str
    default: str
    says: str


def options(provider: Provider) -> Iterator[Option]:
    """The keys of a vendor's mapping but for ``provider``."""
    for name, schema in mapping.keys(provider).items():
        if name != "provider":
            default = _inline(schema["default"]) if "default" in schema else ""
            yield Option(name, mapping.values(schema), default, schema["description"])


def example(provider: Provider) -> str:
    """The vendor's mapping under the key of its stage: what options are unless they are said, and in comments what
    others there are."""
    lines = [f"{provider.stage}:"]
    for name, value in mapping.example(provider).items():
        option = provider.options.get(name, {"default": value})
        lines.append(f"  {'' if 'default' in option else '# '}{name}: {_inline(value)}")
    return "\n".join(lines) + "\n"


def install(provider: Provider) -> str:
    """How to install what it needs; empty where that is nothing."""
    return f"pip install 'pinecall-run[{provider.extra}]'" if provider.extra else ""


def _inline(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, str) and "\n" not in value:
        return to_yaml({"x": value}).removeprefix("x: ").strip()
    return json.dumps(value, ensure_ascii=False)
