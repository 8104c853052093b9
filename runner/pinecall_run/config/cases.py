"""Conditions in a JSON Schema of the form "where a key has this word": how it tells one vendor's options from those of
another."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """What ``then`` asks of a mapping in which ``key`` has the value ``word``, or is missing where that is ``None``."""

    key: str
    word: str | None
    then: Any


def case_of(schema: Any) -> Case | None:
    """The case that a schema is; ``None`` for every other schema, whatever it asks beside."""
    if not isinstance(schema, dict) or schema.keys() != {"if", "then"}:
        return None
    match schema["if"]:
        case {"not": {"required": [str(key)], **also}, **more} if not (also or more):
            return Case(key, None, schema["then"])
        case {"properties": {**asked}, "required": [str(key)], **more} if asked.keys() == {key} and not more:
            match asked[key]:
                case {"const": str(word), **also} if not also:
                    return Case(key, word, schema["then"])
    return None
