"""A tool's result is JSON as its types mean it, and bytes are never taken for text."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, field_serializer

from pinecall_run.tools.result import ResultError, result_json


class Label(BaseModel):
    data: bytes = Field(b"raw", serialization_alias="label")


class Configured(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64")
    data: bytes = b"raw"


class Encoded(BaseModel):
    data: Base64Bytes


class Hexed(BaseModel):
    data: bytes = b"raw"

    @field_serializer("data", when_used="json")
    def write(self, data: bytes) -> str:
        return data.hex()


@dataclass
class Parcel:
    content: Any


@dataclass(slots=True)
class Slotted:
    content: Any


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (b"text", ""),
        (b"\xff", ""),
        (bytearray(b"text"), ""),
        (memoryview(b"text"), ""),
        ({"orders": [1, {"label": b"text"}]}, "orders[1].label"),
        ({"orders": ({"label": memoryview(b"\xff")},)}, "orders[0].label"),
        (Parcel([Parcel(b"\xff")]), "content[0].content"),
        (Slotted({"a": b"text"}), "content.a"),
        ([Label()], "[0].label"),
        ({"mixed": [Configured(), Label()]}, "mixed[1].label"),
        ({b"key": 1}, "(a key)"),
        ((each for each in [b"text"]), "[0]"),
        ({"one": object(), "other": b"text"}, "other"),
    ],
)
def test_bytes_are_refused_with_their_place(value: Any, place: str) -> None:
    with pytest.raises(ResultError) as refused:
        result_json(value)
    where = f"bytes at {place} of its result" if place else "bytes"
    assert str(refused.value).startswith(f"the tool returned {where}, which are not JSON: decode them")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Configured(), {"data": "cmF3"}),
        (Encoded(data=base64.b64encode(b"raw")), {"data": "cmF3"}),
        (Hexed(), {"data": "726177"}),
        ([Hexed(), {"name": "raw"}], [{"data": "726177"}, {"name": "raw"}]),
        ("\ud800", "\ufffd"),
        ({"deep": ["\ud800", "é"]}, {"deep": ["\ufffd", "é"]}),
    ],
)
def test_what_says_how_it_is_written_is(value: Any, expected: Any) -> None:
    assert json.loads(result_json(value)) == expected


def test_what_holds_itself_is_refused() -> None:
    itself: list[Any] = []
    itself.append(itself)
    with pytest.raises(ResultError, match="the tool returned list, which is not JSON"):
        result_json(itself)
