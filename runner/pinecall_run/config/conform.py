"""Whether a value has the shape of a JSON Schema, and no more than that: the first pass, which most files end with.

The schema is compiled once to functions, about thirty times as fast as a general validator and without its import.
What the answer is in every case is said by ``jsonschema``, which :mod:`pinecall_run.config.shape` asks for the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pinecall_run.config.cases import case_of

Conforms = Callable[[Any], bool]
"""Whether a value, made of what JSON has, conforms."""

_ANNOTATIONS = frozenset(
    ("$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples", "format", "deprecated")
)
"""Keywords that say nothing about validity. ``format`` is an annotation unless a validator is told otherwise
(https://json-schema.org/draft/2020-12/json-schema-validation#section-7.2.1)."""

_TOGETHER = {"patternProperties": "properties", "additionalProperties": "properties", "then": "if", "else": "if"}
"""Keywords that are checked with another, which may be missing."""


class UnsupportedSchemaError(Exception):
    """A schema uses a keyword or a reference that this module does not know."""


def compile_schema(schema: Mapping[str, Any], part: Any = None) -> Conforms:
    """The check that a JSON Schema (draft 2020-12) stands for, or a ``part`` of it.

    Keywords that begin with ``x-`` are annotations. References lead into the schema itself.

    Raises:
        UnsupportedSchemaError: it uses what only the reference implementation knows.
    """
    return _Compiler(schema).compiled(schema if part is None else part)


class _Compiler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._targets: dict[str, Conforms] = {}

    def compiled(self, schema: Any) -> Conforms:
        if isinstance(schema, bool):
            return _anything if schema else _nothing
        keywords = dict.fromkeys(_TOGETHER.get(keyword, keyword) for keyword in schema)
        return _all_of([self._keyword(keyword, schema) for keyword in keywords])

    def _keyword(self, keyword: str, schema: Mapping[str, Any]) -> Conforms:
        if keyword in _ANNOTATIONS or keyword.startswith("x-"):
            return _anything
        make = _KEYWORDS.get(keyword)
        if make is None:
            raise UnsupportedSchemaError(f"the keyword {keyword} is not supported")
        return make(schema.get(keyword), schema, self)

    def reference(self, pointer: str) -> Conforms:
        """What a reference leads to. It may lead to what is being compiled, so it is followed when it is used."""
        if pointer not in self._targets:
            self._targets[pointer] = lambda value: self._targets[pointer](value)
            self._targets[pointer] = self.compiled(self._resolved(pointer))
        return self._targets[pointer]

    def _resolved(self, pointer: str) -> Any:
        target: Any = self._root
        try:
            if pointer != "#" and not pointer.startswith("#/"):
                raise KeyError(pointer)
            for step in pointer.removeprefix("#").split("/")[1:]:
                target = target[step.replace("~1", "/").replace("~0", "~")]
        except (KeyError, TypeError):
            raise UnsupportedSchemaError(f"the reference {pointer} leads nowhere in the schema") from None
        return target


def _anything(value: Any) -> bool:
    return True


def _nothing(value: Any) -> bool:
    return False


def _all_of(checks: Iterable[Conforms]) -> Conforms:
    match [check for check in checks if check is not _anything]:
        case []:
            return _anything
        case [only]:
            return only
        case [first, second]:
            return lambda value: first(value) and second(value)
        case several:
            return _every(several)


def _every(checks: list[Conforms]) -> Conforms:
    def every(value: Any) -> bool:
        for check in checks:  # noqa: SIM110 - half as fast again as all() with a generator
            if not check(value):
                return False
        return True

    return every


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return is_whole and not isinstance(value, bool)


_TYPES: Mapping[str, Conforms] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": _is_integer,
    "number": _is_number,
}


def _type(wanted: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    if isinstance(wanted, str):
        return _TYPES[wanted]
    return _any([_TYPES[name] for name in wanted])


def _any(checks: list[Conforms]) -> Conforms:
    def some(value: Any) -> bool:
        for check in checks:  # noqa: SIM110
            if check(value):
                return True
        return False

    return some


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON: 1 is 1.0, and neither is true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _const(wanted: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    return lambda value: _same(wanted, value)


def _enum(allowed: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    if all(isinstance(each, str) for each in allowed):
        words = frozenset(allowed)
        return lambda value: isinstance(value, str) and value in words
    return lambda value: any(_same(each, value) for each in allowed)


def _properties(written: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    """``properties``, ``patternProperties`` and ``additionalProperties`` in one walk."""
    named = {key: compiler.compiled(part) for key, part in (written or {}).items()}
    patterns = [
        (re.compile(pattern).search, compiler.compiled(part))
        for pattern, part in schema.get("patternProperties", {}).items()
    ]
    other = compiler.compiled(schema.get("additionalProperties", True))

    def by_pattern(key: str, value: Any, check: Conforms | None) -> bool:
        matching = [check for search, check in patterns if search(key)]
        if check is not None:
            matching.append(check)
        return all(check(value) for check in matching) if matching else other(value)

    def properties(value: Any) -> bool:
        if isinstance(value, dict):
            for key, part in value.items():
                check = named.get(key)
                if not (by_pattern(key, part, check) if patterns else (check or other)(part)):
                    return False
        return True

    return properties


def _property_names(wanted: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    check = compiler.compiled(wanted)
    return lambda value: not isinstance(value, dict) or all(map(check, value))


def _items(wanted: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    check = compiler.compiled(wanted)
    return lambda value: not isinstance(value, list) or all(map(check, value))


def _required(keys: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    needed = frozenset(keys)
    return lambda value: not isinstance(value, dict) or needed <= value.keys()


def _pattern(written: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    search = re.compile(written).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _bound(applies: Conforms, measure: Callable[[Any], Any], holds: Callable[[Any, Any], bool]) -> Any:
    def make(limit: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
        return lambda value: not applies(value) or holds(measure(value), limit)

    return make


def _alternatives(written: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    return _any([compiler.compiled(part) for part in written])


def _one_of(written: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    checks = [compiler.compiled(part) for part in written]
    return lambda value: sum(check(value) for check in checks) == 1


def _together(written: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    cases: dict[str, dict[str | None, Any]] = {}
    others: list[Conforms] = []
    for part in written:
        found = case_of(part)
        if found is None or found.word in cases.get(found.key, ()):
            others.append(compiler.compiled(part))
        else:
            cases.setdefault(found.key, {})[found.word] = found.then
    return _all_of([*(_by_word(key, thens, compiler) for key, thens in cases.items()), *others])


def _by_word(key: str, thens: Mapping[str | None, Any], compiler: _Compiler) -> Conforms:
    """The check of cases of one key: one look into a table, and only what is used of it is ever compiled."""
    checks: dict[str | None, Conforms] = {}
    words = [word for word in thens if word is not None]

    def of(word: str | None, value: Any) -> bool:
        check = checks.get(word)
        if check is None:
            check = checks[word] = compiler.compiled(thens[word])
        return check(value)

    def by_word(value: Any) -> bool:
        if not isinstance(value, dict):
            return all(of(word, value) for word in words)  # to what has no keys every condition about them applies
        word = value.get(key)
        is_asked = isinstance(word, str) or (word is None and key not in value)
        return not is_asked or word not in thens or of(word, value)

    return by_word


def _not(written: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    check = compiler.compiled(written)
    return lambda value: not check(value)


def _if(written: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    if "if" not in schema:
        return _anything
    condition, then, otherwise = (compiler.compiled(schema.get(name, True)) for name in ("if", "then", "else"))
    return lambda value: then(value) if condition(value) else otherwise(value)


def _reference(pointer: Any, schema: Mapping[str, Any], compiler: _Compiler) -> Conforms:
    return compiler.reference(pointer)


def _at_least(size: Any, limit: Any) -> bool:
    return bool(size >= limit)


def _at_most(size: Any, limit: Any) -> bool:
    return bool(size <= limit)


def _itself(value: Any) -> Any:
    return value


_KEYWORDS: Mapping[str, Callable[[Any, Mapping[str, Any], _Compiler], Conforms]] = {
    "$ref": _reference,
    "type": _type,
    "const": _const,
    "enum": _enum,
    "properties": _properties,
    "propertyNames": _property_names,
    "required": _required,
    "minProperties": _bound(_TYPES["object"], len, _at_least),
    "maxProperties": _bound(_TYPES["object"], len, _at_most),
    "items": _items,
    "minItems": _bound(_TYPES["array"], len, _at_least),
    "maxItems": _bound(_TYPES["array"], len, _at_most),
    "pattern": _pattern,
    "minLength": _bound(_TYPES["string"], len, _at_least),
    "maxLength": _bound(_TYPES["string"], len, _at_most),
    "minimum": _bound(_is_number, _itself, _at_least),
    "maximum": _bound(_is_number, _itself, _at_most),
    "exclusiveMinimum": _bound(_is_number, _itself, lambda size, limit: bool(size > limit)),
    "exclusiveMaximum": _bound(_is_number, _itself, lambda size, limit: bool(size < limit)),
    "anyOf": _alternatives,
    "oneOf": _one_of,
    "allOf": _together,
    "not": _not,
    "if": _if,
}
"""What makes the check of a keyword from its value, the schema around it and the compiler."""
