"""Nodes to plain values, each scalar read as the schema asks: text stays text where the schema says text.

Elsewhere scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), so ``no`` is
a word, ``0123`` is not octal and ``17:45`` is not a number; but ``+13186330963`` keeps its plus.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.config.cases import case_of
from pinecall_run.config.variables import substitute
from pinecall_run.source import nodes
from pinecall_run.source.diagnostic import Diagnostic, Route, Severity, Span

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = frozenset(("null", "Null", "NULL", "~", ""))
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_DIALLED = re.compile(r"\+[0-9]{7,}")
_BASED = re.compile(r"0o([0-7]{1,300})|0x([0-9a-fA-F]{1,300})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def core(text: str) -> bool | int | float | str | None:
    """A plain scalar by YAML 1.2's core schema. Infinities and NaN stay text: JSON has none."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    based = _BASED.fullmatch(text)
    if based:
        return int(based[1], 8) if based[1] else int(based[2], 16)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else text
    return text


def is_null(node: nodes.Node) -> bool:
    """Whether a node says that there is nothing: ``null``, ``~`` or an empty place, unquoted."""
    return isinstance(node, nodes.Scalar) and node.style == "" and node.text in _NULLS


class Shape:
    """What a JSON Schema allows at one place of a document, all its alternatives taken together.

    ``given`` are words that a mapping there has, by their keys: what is said of other words counts for nothing.
    """

    def __init__(self, schemas: list[Any], root: Mapping[str, Any], given: Mapping[str, str] | None = None) -> None:
        self._root = root
        self._asked_for = schemas
        self.deciding: set[str] = set()
        """Keys whose words decide what else a mapping may hold."""
        self._schemas = [part for schema in schemas for part in self._parts(schema, set(), given)]
        self._of_words: dict[frozenset[tuple[str, str]], Shape] = {}
        self._named = frozenset(key for schema in self._schemas for key in schema.get("properties", ()))
        self._children: dict[str | None, Shape] = {}
        self._item: Shape | None = None
        self.types = frozenset(name for schema in self._schemas for name in _types(schema))
        self.is_secret = any(schema.get("x-secret") for schema in self._schemas)
        self.is_multiline = any(schema.get("x-multiline") for schema in self._schemas)

    @property
    def is_known(self) -> bool:
        """Whether the schema says anything of this place."""
        return bool(self._schemas)

    @property
    def keys(self) -> frozenset[str]:
        """The keys that are named here."""
        return frozenset(key for schema in self._schemas for key in schema.get("properties", {}))

    @property
    def is_open(self) -> bool:
        """Whether other keys may stand here, too."""
        return any(schema.get("additionalProperties", "properties" in schema) for schema in self._schemas)

    @property
    def default(self) -> Any:
        """What counts when nothing is written; ``None`` when the schema does not say."""
        return next((schema["default"] for schema in self._schemas if "default" in schema), None)

    def of(self, words: Mapping[str, str]) -> Shape:
        """The shape of a mapping that has these words at keys that are :attr:`deciding`."""
        mark = frozenset(words.items())
        if mark not in self._of_words:
            self._of_words[mark] = Shape(self._asked_for, self._root, words)
        return self._of_words[mark]

    def child(self, key: str) -> Shape:
        """The shape of the value under ``key``."""
        place = key if key in self._named else None
        known = self._children.get(place)
        if known is None:
            found = [
                schema["properties"][key] if key in schema.get("properties", {}) else schema.get("additionalProperties")
                for schema in self._schemas
            ]
            known = Shape(found, self._root)
            self._children[place] = known
        return known

    def item(self) -> Shape:
        """The shape of a list's items."""
        if self._item is None:
            self._item = Shape([schema.get("items") for schema in self._schemas], self._root)
        return self._item

    def _parts(self, schema: Any, seen: set[int], given: Mapping[str, str] | None) -> Iterator[Mapping[str, Any]]:
        if not isinstance(schema, Mapping) or id(schema) in seen:
            return
        seen.add(id(schema))
        case = case_of(schema)
        if case is not None:
            self.deciding.add(case.key)
            if given is not None and given.get(case.key) != case.word:
                return
        yield schema
        reference = schema.get("$ref")
        inner = [_target(self._root, reference)] if isinstance(reference, str) else []
        for keyword in ("anyOf", "oneOf", "allOf"):
            inner += schema.get(keyword, ())
        for part in (*inner, schema.get("then"), schema.get("else")):
            yield from self._parts(part, seen, given)


def _target(root: Mapping[str, Any], reference: str) -> Any:
    target: Any = root
    for step in reference.removeprefix("#/").split("/"):
        target = target[step]
    return target


def _types(schema: Mapping[str, Any]) -> list[str]:
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared]
    if isinstance(declared, list):
        return declared
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return [_TYPES[type(value)] for value in allowed if type(value) in _TYPES]


@dataclass(slots=True)
class Reading:
    """One pass over a document."""

    environ: Mapping[str, str] | None
    """``None`` leaves ``$`` alone."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    unset_secrets: list[Diagnostic] = field(default_factory=list)
    """Variables that are not set in fields that hold secrets: a finding only where the secret is needed."""
    _plain_secrets: set[Span] = field(default_factory=set)

    def value(self, node: nodes.Node, shape: Shape, route: Route = ()) -> Any:
        """The plain value of ``node``."""
        if isinstance(node, nodes.Scalar):
            return self._scalar(node, shape, route)
        if isinstance(node, nodes.Sequence):
            item_shape = shape.item()
            return [self._part(item, item_shape, route, index) for index, item in enumerate(node.items)]
        entries = nodes.merged_entries(node)
        if shape.deciding:
            shape = shape.of(self._words(entries, shape.deciding))
        return {
            key.text: self._part(value, shape.child(key.text), route, key.text)
            for key, value in entries
            if route or not key.text.startswith("x-")
        }

    def _words(self, entries: Iterable[tuple[nodes.Scalar, nodes.Node]], keys: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in entries:
            if key.text in keys:
                text = value.text if isinstance(value, nodes.Scalar) else ""
                found[key.text] = text if self.environ is None else substitute(text, self.environ).text
        return found

    def _part(self, node: nodes.Node, shape: Shape, route: Route, step: str | int) -> Any:
        if isinstance(node, nodes.Scalar):
            return self._scalar(node, shape, route, step)
        return self.value(node, shape, (*route, step))

    def _scalar(self, node: nodes.Scalar, shape: Shape, parent: Route, *step: str | int) -> Any:
        if self.environ is None or "$" not in node.text:
            value = _typed(node.text, False, node.style == "", shape.types)
            if shape.is_secret and isinstance(value, str) and value:
                self._warn_of_secret(node, (*parent, *step))
            return value
        replaced = substitute(node.text, self.environ)
        route = (*parent, *step)  # most scalars are never asked for it
        must_be_one_line = bool(shape.types) and not shape.is_multiline
        for problem in (*replaced.problems, *(replaced.line_breaks if must_be_one_line else ())):
            missing_secret = shape.is_secret and problem.code == "PCR201"
            into = self.unset_secrets if missing_secret else self.diagnostics
            span = _piece(node, problem.written)
            message = problem.message.replace(f"`{problem.written}`", "this") if shape.is_secret else problem.message
            into.append(Diagnostic(problem.code, message, span, help=problem.help, route=route))
        value = _typed(replaced.text, replaced.has_variables, node.style == "", shape.types)
        if shape.is_secret and isinstance(value, str) and value and not replaced.has_variables:
            self._warn_of_secret(node, route)
        return value

    def _warn_of_secret(self, node: nodes.Scalar, route: Route) -> None:
        if node.span in self._plain_secrets:
            return  # the same one again, by an alias or a merge
        self._plain_secrets.add(node.span)
        key = str(route[-1])
        message = f"`{key}` is a secret, and written here in plain text"
        variable = f"${{{key.upper()}}}"
        help = f"write {variable}, and replace this secret: whoever sees the file can use it"
        self.diagnostics.append(Diagnostic("PCR203", message, node.span, Severity.WARNING, help, route))


def _typed(text: str, has_variables: bool, is_plain: bool, types: frozenset[str]) -> Any:
    """What a text stands for where a schema allows ``types``; none stands for a place of which it says nothing.

    A variable may be quoted, which flow style asks for, and still give a number where one is wanted.
    """
    may_be_text = not types or "string" in types
    if not is_plain and (may_be_text or not has_variables):
        return text
    if not types and _DIALLED.fullmatch(text):
        return text  # a phone number among options or variables, which would lose its plus
    value = core(text)
    if value is None and has_variables and may_be_text:
        return text  # a variable that is set to nothing
    if isinstance(value, (bool, int, float)) and types and not _allowed(value, types):
        return text if may_be_text else value
    return value


def _allowed(value: bool | int | float, types: frozenset[str]) -> bool:
    name = _TYPES[type(value)]
    return name in types or (name == "integer" and "number" in types)


def _piece(node: nodes.Scalar, written: str) -> Span:
    """The span of a piece of a one-line scalar; the whole scalar where its lines are not the file's."""
    span = node.span
    quotes = 2 if node.style in ("'", '"') else 0
    start = node.text.find(written)
    if start < 0 or span.line != span.end_line or span.end_column - span.column != len(node.text) + quotes:
        return span
    return Span.at(span.file, span.line, span.column + quotes // 2 + start, len(written))
