"""Whether a value has the shape of a JSON Schema, as findings at the offending key or value."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from pinecall_run.config.conform import Conforms, compile_schema
from pinecall_run.config.values import core
from pinecall_run.source.diagnostic import Diagnostic, Edit, Fix, Route
from pinecall_run.source.document import Document
from pinecall_run.source.fix import reword
from pinecall_run.source.suggest import closest, listed, surely

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}
MAX_GUESSES = 100
"""Unknown keys of one mapping for which a known one is looked for. More are no slips, and looking takes its time."""

_OF_VALUES = frozenset(("PCR103", "PCR104"))
"""Findings that say what is wrong with one value."""

_BOOLEAN_WORDS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
"""What YAML 1.1 read as a truth value and YAML 1.2 does not."""


@dataclass(slots=True)
class _Context:
    """What the findings of one document are made from. ``unknown`` holds unknown keys by the route of their mapping."""

    document: Document
    schema: Mapping[str, Any]
    unknown: dict[Route, list[str]] = field(default_factory=dict)

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """A subschema, a reference in it followed."""
        while isinstance(schema, Mapping) and "$ref" in schema:
            target: Any = self.schema
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            schema = target
        return schema if isinstance(schema, Mapping) else {}

    def at_key(self, route: Route, code: str, message: str, help: str | None = None) -> Diagnostic:
        return Diagnostic(code, message, self.document.key_span(route), help=help, route=route)

    def at_value(self, route: Route, code: str, message: str, help: str | None = None) -> Diagnostic:
        return Diagnostic(code, message, self.document.value_span(route), help=help, route=route)

    def renamed(self, route: Route, key: str, meant: str) -> Fix | None:
        """The fix for a key that was meant to be another."""
        span = self.document.key_span(route)
        return reword(span, self.document.written(span), key, meant, f"renamed {key} to {meant}")

    def changed(self, route: Route, value: str, meant: str) -> Fix | None:
        """The fix for a word that was meant to be another."""
        span = self.document.value_span(route)
        return reword(span, self.document.written(span), value, meant, f"changed {value} to {meant}")

    def bare(self, route: Route, value: str, meant: str) -> Fix | None:
        """The fix for a text that stands where something else is wanted, written ``meant``."""
        span = self.document.value_span(route)
        written = self.document.written(span)
        quoting = "took the quotes off" if value == meant else f"changed {value} to"
        is_as_read = written in (value, f"'{value}'", f'"{value}"')
        return Fix((Edit(span, meant),), f"{quoting} {meant}") if is_as_read and written != meant else None


def check_shape(value: Any, schema: Mapping[str, Any], document: Document) -> list[Diagnostic]:
    """The findings of ``value`` (read from ``document``) against ``schema``."""
    if compile_schema(schema)(value):
        return []
    return _findings(_errors(value, schema), _Context(document, schema))


def _errors(value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """What jsonschema has to say, which is not asked about those of many agents, or other entries, that conform."""
    from jsonschema import Draft202012Validator  # its import alone is two fifths of a cold check
    from jsonschema.validators import extend

    keyword = "additionalProperties"
    reference = Draft202012Validator.VALIDATORS[keyword]
    checks: dict[int, Conforms] = {}

    def of_doubtful(validator: Any, wanted: Any, instance: Any, around: Any) -> Any:
        if isinstance(wanted, dict) and isinstance(instance, dict):
            check = checks.get(id(wanted)) or checks.setdefault(id(wanted), compile_schema(schema, wanted))
            instance = {key: part for key, part in instance.items() if not check(part)}
        return reference(validator, wanted, instance, around)

    validator: Validator = extend(Draft202012Validator, {keyword: of_doubtful})(schema)  # type: ignore[no-untyped-call]
    yield from validator.iter_errors(value)


def _findings(errors: Iterable[ValidationError], context: _Context) -> list[Diagnostic]:
    flat = [leaf for error in errors for leaf in _leaves(error)]
    for error in flat:
        if error.validator == "additionalProperties":
            context.unknown[_route(error)] = _unknown_keys(error)
    return _once([finding for error in flat for finding in _explain(error, context)])


def _once(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """One finding for each wrong value: of what is asked of it whoever the vendor is, and by the vendor, the latter."""
    last = {
        (each.code, each.route) if each.code in _OF_VALUES else index: each for index, each in enumerate(found)
    }  # fmt: skip
    return list(last.values())


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The error itself, or for alternatives the errors of the one that the author meant."""
    if error.validator not in ("anyOf", "oneOf") or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    meant = [errors for errors in branches.values() if not any(_is_wrong_type(e, error) for e in errors)]
    if len(meant) == 1:
        for inner in meant[0]:
            yield from _leaves(inner)
    else:
        yield error


def _is_wrong_type(inner: ValidationError, outer: ValidationError) -> bool:
    return inner.validator == "type" and inner.absolute_path == outer.absolute_path


def _schema(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, Mapping) else {}


def _wanted(error: ValidationError) -> Any:
    """The value of the keyword that failed."""
    return error.validator_value


def _instance(error: ValidationError) -> Any:
    return error.instance


def _route(error: ValidationError) -> Route:
    return tuple(error.absolute_path)


def _unknown_keys(error: ValidationError) -> list[str]:
    known = _schema(error).get("properties", {})
    allowed_prefixes = [pattern.removeprefix("^") for pattern in _schema(error).get("patternProperties", {})]
    return [key for key in _instance(error) if key not in known and not key.startswith(tuple(allowed_prefixes))]


def _explain(error: ValidationError, context: _Context) -> Iterator[Diagnostic]:
    route = _route(error)
    if "propertyNames" in error.absolute_schema_path:
        key = str(_instance(error))
        expected = _schema(error).get("x-says", "an allowed name")
        yield context.at_key((*route, key), "PCR104", f"{_written(key)} is not {expected}")
        return
    handler = _HANDLERS.get(str(error.validator))
    if handler is not None:
        yield from handler(error, context)
        return
    expected = _schema(error).get("x-says")
    message = f"{_subject(error)} is not {expected}" if expected else f"{_subject(error)}: {error.message}"
    yield context.at_value(route, "PCR104", message)


def _additional(error: ValidationError, context: _Context) -> Iterator[Diagnostic]:
    route = _route(error)
    known, elsewhere = _schema(error).get("properties", {}), _schema(error).get("x-elsewhere", {})
    unknown = _unknown_keys(error)
    sure = {key: surely(key, known) if index < MAX_GUESSES else None for index, key in enumerate(unknown)}
    count, guessed, others = Counter(sure.values()), set(unknown[:MAX_GUESSES]), f"the keys here are {listed(known)}"
    for key, likely in sure.items():
        meant = closest(key, known) if key in guessed else None
        help = f"did you mean `{meant}`?" if meant else others
        if key in context.resolved(elsewhere).get("properties", {}):
            help, likely = f"`{key}` {elsewhere['x-says']}", None
        finding = context.at_key((*route, key), "PCR101", f"{_place(route)} has no key {_written(key)}", help)
        is_free = likely is not None and likely not in _instance(error) and count[likely] == 1
        yield replace(finding, fix=context.renamed((*route, key), key, str(likely))) if is_free else finding


def _required(error: ValidationError, context: _Context) -> Iterator[Diagnostic]:
    route = _route(error)
    for key in _wanted(error):
        if f"'{key}'" not in error.message:
            continue  # jsonschema reports each missing key on its own
        if _is_misspelt(key, context.unknown.get(route, [])):
            continue  # the unknown key that was meant is already a finding
        described = context.resolved(_schema(error).get("properties", {}).get(key))
        yield context.at_key(route, "PCR102", f"{_place(route)} needs the key `{key}`", _advice(key, described))


def _is_misspelt(key: str, unknown: Iterable[str]) -> bool:
    return any(closest(other, [key]) for other in islice(unknown, MAX_GUESSES))


def _advice(key: str, described: Mapping[str, Any]) -> str | None:
    """How to write a key that is missing."""
    if "const" in described:
        return f"add `{key}: {described['const']}`"
    says = str(described.get("description", "")).partition(". ")[0].rstrip(".")
    return f"add `{key}`: {says[:1].lower()}{says[1:]}" if says else None


def _type(error: ValidationError, context: _Context) -> Iterator[Diagnostic]:
    expected = _wanted(error)
    yield _wrong_type(error, context, [expected] if isinstance(expected, str) else list(expected))


def _alternatives(error: ValidationError, context: _Context) -> Iterator[Diagnostic]:
    says, route = _schema(error).get("x-says"), _route(error)
    if says:
        asked = [key for inner in error.context or () if inner.validator == "required" for key in _wanted(inner)]
        if not any(_is_misspelt(key, context.unknown.get(route, [])) for key in asked):
            yield context.at_value(route, "PCR104", f"{_place(route)} must have {says}")
        return
    wrong = [inner for inner in error.context or () if _is_wrong_type(inner, error)]
    yield _wrong_type(error, context, [str(_wanted(inner)) for inner in wrong])


def _wrong_type(error: ValidationError, context: _Context, names: list[str]) -> Diagnostic:
    expected = " or ".join(dict.fromkeys(_NAMES.get(name, name) for name in names)) or "something else"
    route, instance = _route(error), _instance(error)
    examples = _schema(error).get("examples", [])
    help = f"for example: {_written(examples[0])}" if examples else None
    if "boolean" in names and str(instance).lower() in _BOOLEAN_WORDS:
        help = f"write {_BOOLEAN_WORDS[str(instance).lower()]}"
    finding = context.at_value(route, "PCR103", f"{_place(route)} must be {expected}, not {_found(instance)}", help)
    meant = _meant(instance, names)
    return replace(finding, fix=context.bare(route, instance, meant)) if meant is not None else finding


def _meant(instance: Any, names: Iterable[str]) -> str | None:
    """How a text is written as the truth value or number that it was surely meant to be."""
    if not isinstance(instance, str):
        return None
    if "boolean" in names and instance.lower() in _BOOLEAN_WORDS:
        return _BOOLEAN_WORDS[instance.lower()]
    read = core(instance)
    kinds = {bool: {"boolean"}, int: {"integer", "number"}, float: {"number"}}.get(type(read), set())
    return instance if kinds.intersection(names) else None


def _const(error: ValidationError, context: _Context) -> Iterator[Diagnostic]:
    place, wanted, instance = _place(_route(error)), _wanted(error), _instance(error)
    kind = "the number " if isinstance(instance, str) and not isinstance(wanted, str) else ""
    message = f"{place} must be {kind}{_written(wanted)}, not {_found(instance)}"
    finding = context.at_value(_route(error), "PCR104", message)
    is_quoted = kind and instance == _written(wanted)
    yield replace(finding, fix=context.bare(_route(error), instance, instance)) if is_quoted else finding


def _enum(error: ValidationError, context: _Context) -> Iterator[Diagnostic]:
    allowed = [str(value) for value in _wanted(error)]
    meant = closest(str(_instance(error)), allowed)
    choices = f"write one of: {listed(allowed)}" if len(allowed) > 1 else f"write {allowed[0]}"
    help = f"did you mean `{meant}`?" if meant else choices
    finding = context.at_value(_route(error), "PCR104", f"{_subject(error)} is not allowed here", help)
    sure = surely(str(_instance(error)), allowed)
    yield replace(finding, fix=context.changed(_route(error), str(_instance(error)), sure)) if sure else finding


def _bounds(error: ValidationError, context: _Context) -> Iterator[Diagnostic]:
    place, wanted, instance = _place(_route(error)), _wanted(error), _instance(error)
    if error.validator in _LIMITS:
        message = f"{place} must be {_LIMITS[str(error.validator)]} {wanted}, not {_written(instance)}"
    elif error.validator in _SIZES:
        message = f"{place} has {len(instance)} {_SIZES[str(error.validator)]}; at most {wanted} are taken"
    elif error.validator in _LEAST and wanted > 1:
        message = f"{place} has {len(instance)} {_LEAST[str(error.validator)]}; at least {wanted} are needed"
    else:
        message = f"{place} must not be empty"
    yield context.at_value(_route(error), "PCR104", message)


_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}
_SIZES = {"maxItems": "entries", "maxLength": "characters"}
_LEAST = {"minItems": "entries", "minLength": "characters"}

_HANDLERS = {
    "additionalProperties": _additional,
    "required": _required,
    "type": _type,
    "anyOf": _alternatives,
    "oneOf": _alternatives,
    "enum": _enum,
    "const": _const,
    **dict.fromkeys((*_LIMITS, *_SIZES), _bounds),
    "minLength": _bounds,
    "minProperties": _bounds,
    "minItems": _bounds,
}


def _place(route: Route) -> str:
    return f"`{dotted(route)}`" if route else "the file"


def dotted(route: Route) -> str:
    """``agents.support.channels[2]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in route)
    return text.removeprefix(".")


def _subject(error: ValidationError) -> str:
    return _written(_instance(error)) if not isinstance(_instance(error), (dict, list)) else _place(_route(error))


def _found(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return f"`{_written(value)}`"
        case int() | float():
            return f"the number {_written(value)}"
        case str():
            return f"the text {_written(value)}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _written(value: Any) -> str:
    if isinstance(value, str):
        return f"`{_cut(value)}`"
    return _cut(json.dumps(value, ensure_ascii=False))  # which is YAML, too


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}…"
