"""Holds a vendor's options against what is known of them, before anything is asked of the vendor.

A small part of JSON Schema is enough (2020-12; the vocabulary of validation): what the options of ``vendors/`` use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.vendors.facts import Provider, Schema


def check_options(provider: Provider, options: Mapping[str, Any]) -> None:
    """Refuse options that the provider does not take, or not with this value.

    Raises:
        ProviderError: of the kind ``request``, naming the option. What was written is repeated only where it is a
            number: texts may be names of people.
    """
    for name, value in options.items():
        schema = provider.options.get(name)
        if schema is None:
            raise ProviderError(f"{provider.name} takes no option `{name}`", _taken(provider, name), kind="request")
        if fault := next(_faults(schema, value), ""):
            raise refused(provider, name, fault)


def refused(provider: Provider, name: str, fault: str) -> ProviderError:
    """The error for an option that goes not with its value, a model or another option; ``fault`` follows its name."""
    hint = f"see {provider.page}" if provider.page else ""
    return ProviderError(f"`{name}` of {provider.name} {fault}", hint, kind="request")


def _taken(provider: Provider, name: str) -> str:
    if close := get_close_matches(name, provider.options, 1):
        return f"did you mean `{close[0]}`?"
    return f"it takes {', '.join(sorted(provider.options))}" if provider.options else "it takes none"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("text", lambda value: isinstance(value, str)),
    "number": ("a number", _is_number),
    "integer": ("a whole number", lambda value: _is_number(value) and value == value // 1),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "array": ("a list", lambda value: isinstance(value, list | tuple)),
    "object": ("a mapping", lambda value: isinstance(value, Mapping)),
    "null": ("null", lambda value: value is None),
}


def _faults(schema: Schema, value: Any) -> Iterator[str]:
    """What is wrong with a value. A keyword says nothing about values of other types than its own."""
    for keyword, wanted in schema.items():
        if (check := _KEYWORDS.get(keyword)) is not None:
            yield from check(wanted, value)


def _of_type(wanted: str | list[str], value: Any) -> Iterator[str]:
    kinds = [wanted] if isinstance(wanted, str) else wanted
    if not any(_TYPES[kind][1](value) for kind in kinds):
        yield f"must be {' or '.join(_TYPES[kind][0] for kind in kinds)}"


def _of_enum(wanted: list[Any], value: Any) -> Iterator[str]:
    if not any(one == value and isinstance(one, bool) == isinstance(value, bool) for one in wanted):
        yield f"must be one of {', '.join(map(str, wanted))}"


def _at_least(wanted: float, value: Any) -> Iterator[str]:
    if _is_number(value) and not value >= wanted:
        yield f"is {value:g}, and must be at least {wanted:g}"


def _at_most(wanted: float, value: Any) -> Iterator[str]:
    if _is_number(value) and not value <= wanted:
        yield f"is {value:g}, and must be at most {wanted:g}"


def _as_long_as(wanted: int, value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) < wanted:
        yield "must not be empty" if wanted == 1 else f"must have at least {wanted} characters"


def _as_short_as(wanted: int, value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) > wanted:
        yield f"must have at most {wanted} characters"


def _like(wanted: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) and not re.search(wanted, value):
        yield f"must match {wanted}"


def _as_many_as(wanted: int, value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple) and len(value) < wanted:
        yield f"must have at least {wanted} entries"


def _as_few_as(wanted: int, value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple) and len(value) > wanted:
        yield f"has {len(value)} entries, and must have at most {wanted}"


def _each(wanted: Schema, value: Any) -> Iterator[str]:
    for number, item in enumerate(value if isinstance(value, list | tuple) else (), 1):
        yield from (f"has an entry, number {number}, that {fault}" for fault in _faults(wanted, item))


def _one_way(wanted: list[Schema], value: Any) -> Iterator[str]:
    """It is told what is wrong with it as the first of the ways to write it whose kind it is."""
    ways = [list(_faults(way, value)) for way in wanted]
    if all(ways):
        yield next((faults[0] for way, faults in zip(wanted, ways, strict=True) if _is_kind(way, value)), ways[0][0])


def _is_kind(way: Schema, value: Any) -> bool:
    return not list(_of_type(way["type"], value)) if "type" in way else True


_KEYWORDS: Mapping[str, Callable[[Any, Any], Iterator[str]]] = {
    "type": _of_type,
    "enum": _of_enum,
    "minimum": _at_least,
    "maximum": _at_most,
    "minLength": _as_long_as,
    "maxLength": _as_short_as,
    "pattern": _like,
    "minItems": _as_many_as,
    "maxItems": _as_few_as,
    "items": _each,
    "anyOf": _one_way,
}
