"""What a tool returned, as JSON: written once, as it goes on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import SchemaSerializer, core_schema, to_json, to_jsonable_python

from pinecall_run.wire import codec

_PLAIN = frozenset((str, int, float, bool, type(None)))
_LISTS = frozenset((list, tuple, set, frozenset))
_BYTES = (bytes, bytearray, memoryview)
_UNKNOWN = object()
_AS_IS = SchemaSerializer(core_schema.any_schema())
_BYTES_HELP = "decode them to text, or encode them, as with base64, where they are made"


class ResultError(Exception):
    """A result that JSON does not hold; the message is one sentence."""


def result_json(result: Any) -> bytes:
    """A tool's result as JSON, UTF-8. Numbers that JSON has not are ``null``.

    Raises:
        ResultError: it is no JSON, or holds bytes. That some bytes can be read as text does not say that they are one:
            a picture's would be sent as noise, and a key's as it is.
    """
    kind = type(result).__name__
    try:
        if type(result) is not dict and isinstance(result, Iterator):
            result = list(result)  # what it yields is there once, and is looked at twice
        written = _written(result)
        place = _place_of_bytes(result)
    except Exception as error:  # a serializer of the user's, or a generator, may fail in any way
        place = _place_of_bytes(result)
        if place is None:
            raise ResultError(f"the tool returned {kind}, which is not JSON: {error}") from error
    if place is not None:
        where = f"bytes at {place} of its result" if place else "bytes"
        raise ResultError(f"the tool returned {where}, which are not JSON: {_BYTES_HELP}")
    return written


def _written(result: Any) -> bytes:
    try:
        return to_json(result, by_alias=True, serialize_unknown=False, inf_nan_mode="null")
    except Exception:  # noqa: BLE001 - half of a surrogate pair, which a Python text may hold; or what fails again
        return codec.to_json(_jsonable(result))


def _jsonable(result: Any, fallback: Callable[[Any], Any] | None = None) -> Any:
    return to_jsonable_python(result, by_alias=True, serialize_unknown=False, inf_nan_mode="null", fallback=fallback)


def _place_of_bytes(result: Any) -> str | None:
    """Where bytes became text, or nothing JSON has, as ``orders[2].label``; ``None`` where none did: a model may say
    how its bytes are written."""
    found = set() if _is_plain(result) else _bytes_in(result)
    if not found:
        return None
    try:
        written = _jsonable(result, _readable)
    except Exception:  # noqa: BLE001 - they are not even UTF-8
        written = _UNKNOWN
    try:
        return _compared(_AS_IS.to_python(result, by_alias=True), written, found, "")
    except Exception:  # noqa: BLE001 - what fails for another reason says so itself
        return None


def _is_plain(result: Any) -> bool:
    """Whether a result is what most are, so that nothing in it need be looked at."""
    kind = type(result)
    if kind is dict:
        return _PLAIN.issuperset(map(type, result.values())) and _PLAIN.issuperset(map(type, result))
    return kind in _PLAIN or (kind is list and _PLAIN.issuperset(map(type, result)))


def _bytes_in(result: Any) -> set[bytes]:
    """The bytes in a result as it was returned. Most have none, so this looks at everything once and quickly."""
    found: set[bytes] = set()
    seen: set[int] = set()
    todo = [result]
    while todo:
        value = todo.pop()
        kind = type(value)
        if kind in _PLAIN or id(value) in seen:
            continue
        if kind is not dict and isinstance(value, _BYTES):
            found.add(bytes(value))
            continue
        seen.add(id(value))  # what holds itself ends, too
        if kind is dict or isinstance(value, Mapping):
            todo += [part for part in value if type(part) not in _PLAIN]
            todo += [part for part in value.values() if type(part) not in _PLAIN]
        elif kind in _LISTS or isinstance(value, Sequence | Set):
            todo += [part for part in value if type(part) not in _PLAIN]
        elif isinstance(value, BaseModel):
            todo += value.__dict__.values()
        elif is_dataclass(value):
            todo += [getattr(value, field.name, None) for field in fields(value)]
    return found


def _readable(value: Any) -> str:
    if isinstance(value, memoryview):
        return value.tobytes().decode("utf-8", "replace")
    raise TypeError(f"Unable to serialize unknown type: {type(value)}")


def _compared(value: Any, written: Any, found: set[bytes], place: str) -> str | None:
    if isinstance(value, _BYTES):
        data = bytes(value)
        is_untouched = data in found and (written is _UNKNOWN or written == data.decode("utf-8", "replace"))
        return place if is_untouched else None
    for name, part, text in _parts(value, written):
        inner = _compared(
            part, text, found, f"{place}{name}" if name.startswith("[") else f"{place}.{name}".lstrip(".")
        )
        if inner is not None:
            return inner
    return None


def _parts(value: Any, written: Any) -> Iterator[tuple[str, Any, Any]]:
    """What is in a value: where, what, and what was made of it."""
    if isinstance(value, Mapping):
        texts = written.values() if isinstance(written, Mapping) else [_UNKNOWN] * len(value)
        for (key, part), text in zip(value.items(), texts, strict=False):
            if isinstance(key, bytes):
                yield "(a key)", key, _UNKNOWN
            yield str(key), part, text
    elif isinstance(value, Sequence | Set) and not isinstance(value, str):
        items = written if isinstance(written, Sequence) else [_UNKNOWN] * len(value)
        for index, (part, text) in enumerate(zip(value, items, strict=False)):
            yield f"[{index}]", part, text
