"""Words that mean text to us and something else to other tools that read YAML: what a formatter puts into quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.config.values import Reading, Shape, core
from pinecall_run.source import nodes
from pinecall_run.source.diagnostic import Route

_MISREAD = re.compile(
    r"""y|n|yes|no|on|off                                      # booleans (https://yaml.org/type/bool.html)
    |[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?0x[0-9a-f_]+           # integers (https://yaml.org/type/int.html)
    |[-+]?[0-9][0-9_]*(:[0-5]?[0-9])*(\.[0-9_]*)?(e[-+]?[0-9]+)?
    |[-+]?\.[0-9_]+(e[-+]?[0-9]+)?                             # floats (https://yaml.org/type/float.html)
    |[-+]?\.inf|\.nan
    |[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([t \t].*)?                 # dates (https://yaml.org/type/timestamp.html)
    |=                                                         # the default value of a mapping
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_misread(text: str) -> bool:
    """Whether some tool that reads YAML 1.1 or 1.2 takes the plain word for anything but itself."""
    return not isinstance(core(text), str) or _MISREAD.fullmatch(text) is not None


def to_quote(root: nodes.Node, schema: Mapping[str, Any]) -> frozenset[tuple[int, int]]:
    """Line and column of each plain scalar that is text wherever this document uses it and needs quotes to stay so."""
    reading = _Reading(None)
    reading.value(root, Shape([schema], schema))
    keys = {id(key): key for mapping in _mappings(root) for key, _ in mapping.entries if _may_be_quoted(key)}
    found = [*keys.values(), *(node for node, is_text in reading.uses.values() if is_text)]
    return frozenset((node.span.line, node.span.column) for node in found)


def _may_be_quoted(node: nodes.Scalar) -> bool:
    # An empty scalar is nothing in the text that could be quoted; one of several lines is no number to anybody.
    is_word = node.style == "" and node.text != "" and node.span.line == node.span.end_line
    return is_word and not nodes.is_merge(node) and is_misread(node.text)


@dataclass(slots=True)
class _Reading(Reading):
    """Reads as the project does, and notes of each word that needs quotes whether it is always text."""

    uses: dict[int, tuple[nodes.Scalar, bool]] = field(default_factory=dict)

    def _scalar(self, node: nodes.Scalar, shape: Shape, parent: Route, *step: str | int) -> Any:
        value = super(_Reading, self)._scalar(node, shape, parent, *step)
        if _may_be_quoted(node):
            is_text = isinstance(value, str) and (not shape.types or "string" in shape.types)
            self.uses[id(node)] = node, is_text and self.uses.get(id(node), (node, True))[1]
        return value


def _mappings(root: nodes.Node) -> Iterator[nodes.Mapping]:
    """Every mapping of a document, each once."""
    todo, seen = [root], set()
    while todo:
        node = todo.pop()
        if isinstance(node, nodes.Scalar) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, nodes.Mapping):
            yield node
            todo += [value for _, value in node.entries]
        else:
            todo += node.items
