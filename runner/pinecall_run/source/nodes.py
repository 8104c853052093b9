"""A YAML document as nodes that know where they lie in the text."""

from __future__ import annotations

from dataclasses import dataclass, field

from pinecall_run.source.diagnostic import Span


@dataclass(slots=True, eq=False)
class Scalar:
    """A leaf. ``text`` is what the author wrote, unescaped; what it *means* is up to the schema.

    ``style`` is YAML's indicator: ``""`` plain, ``'``, ``"``, ``|`` or ``>``.
    """

    text: str
    style: str
    span: Span


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys and values in the order written. A merge key ``<<`` is kept as an ordinary entry."""

    span: Span
    entries: list[tuple[Scalar, Node]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Sequence:
    """Items in the order written."""

    span: Span
    items: list[Node] = field(default_factory=list)


Node = Scalar | Mapping | Sequence

MERGE_KEY = "<<"


def is_merge(key: Scalar) -> bool:
    """Whether a key is YAML's merge key: ``<<``, unquoted."""
    return key.text == MERGE_KEY and key.style == ""


def has_merges(mapping: Mapping) -> bool:
    """Whether a mapping takes entries from elsewhere."""
    return any([is_merge(key) for key, _ in mapping.entries if key.text == MERGE_KEY])  # noqa: C419 - half the time


def merged_entries(mapping: Mapping) -> list[tuple[Scalar, Node]]:
    """The entries with merge keys resolved: what is written here wins, then earlier merges over later ones.

    The keys keep the span of the place where they are written. Without merge keys it is the mapping's own list.
    """
    if not has_merges(mapping):
        return mapping.entries
    entries = [(key, value) for key, value in mapping.entries if not is_merge(key)]
    _merge(mapping, entries, {key.text for key, _ in entries}, {id(mapping)})
    return entries


def _merge(mapping: Mapping, entries: list[tuple[Scalar, Node]], taken: set[str], merged: set[int]) -> None:
    for key, value in mapping.entries:
        if not is_merge(key):
            continue
        for source in value.items if isinstance(value, Sequence) else [value]:
            # A source met again adds nothing, and merges of merges would otherwise grow without end.
            if not isinstance(source, Mapping) or id(source) in merged:
                continue
            merged.add(id(source))
            for inherited in source.entries:
                if not is_merge(inherited[0]) and inherited[0].text not in taken:
                    taken.add(inherited[0].text)
                    entries.append(inherited)
            _merge(source, entries, taken, merged)
