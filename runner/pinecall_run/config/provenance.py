"""Where a value of a project comes from: the place that won, and what it overrode."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pinecall_run.config.environments import Layer
from pinecall_run.source.diagnostic import Route
from pinecall_run.source.document import Document
from pinecall_run.source.nodes import Mapping, Node, Scalar, is_merge, merged_entries
from pinecall_run.source.nodes import Sequence as List


@dataclass(frozen=True, slots=True)
class Origin:
    """One leaf of a project: its route, the node that won, and what would stand there without it, nearest first."""

    route: Route
    node: Node
    overridden: tuple[Node, ...] = ()


def origins(document: Document, stack: Sequence[Layer], route: Route) -> list[Origin]:
    """The origin of each leaf at or under ``route`` of a stacked document, in its order; none if nothing is there.

    A leaf is a scalar, a list, or an empty mapping: lists are never put together.
    """
    node = document.node(route)
    return [] if node is None else [_origin(leaf, found, stack) for leaf, found in _leaves(node, route)]


def candidates(stack: Sequence[Layer], route: Route) -> list[Node]:
    """All that is written for a route, the highest layer first; in a layer, what is merged in comes last."""
    return [node for layer in reversed(stack) for node in _written(layer.root, route, set())]


def _origin(route: Route, node: Node, stack: Sequence[Layer]) -> Origin:
    seen = {id(node)}
    overridden = []
    for candidate in candidates(stack, route):
        if id(candidate) not in seen:
            seen.add(id(candidate))
            overridden.append(candidate)
    return Origin(route, node, tuple(overridden))


def _leaves(node: Node, route: Route) -> Iterator[tuple[Route, Node]]:
    entries = merged_entries(node) if isinstance(node, Mapping) else []
    if not entries:
        yield route, node
    for key, value in entries:
        yield from _leaves(value, (*route, key.text))


def _written(node: Node, route: Route, merged: set[int]) -> Iterator[Node]:
    if not route:
        yield node
        return
    step = route[0]
    if isinstance(node, List):
        if isinstance(step, int) and 0 <= step < len(node.items):
            yield from _written(node.items[step], route[1:], set())
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            if key.text == step and not is_merge(key):
                yield from _written(value, route[1:], set())
        for key, value in node.entries:
            if is_merge(key):
                yield from _merged_in(value, route, merged)


def _merged_in(value: Node, route: Route, merged: set[int]) -> Iterator[Node]:
    for source in value.items if isinstance(value, List) else [value]:
        if not isinstance(source, Scalar) and id(source) not in merged:
            merged.add(id(source))
            yield from _written(source, route, merged)


_STEP = r"[^.\[\]\s]+(?:\[[0-9]{1,9}\])*"


def parse_route(text: str) -> Route | None:
    """``agents.support.channels[2].ref`` as a route; ``None`` when it is none. Keys with dots, brackets or spaces in
    them cannot be written so."""
    if re.fullmatch(rf"{_STEP}(?:\.{_STEP})*", text) is None:
        return None
    found = re.finditer(r"\[([0-9]+)\]|([^.\[\]]+)", text)
    return tuple(int(match[1]) if match[1] else match[2] for match in found)
