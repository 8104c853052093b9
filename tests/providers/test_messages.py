"""What is a message, whoever the vendor is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers._acme import VENDOR

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.providers.messages import read, read_as

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class _Piece(msgspec.Struct):
    sound: bytes = b""


@given(st.dictionaries(st.text(), _JSON))
def test_it_is_what_it_was(message: dict[str, Any]) -> None:
    assert read(VENDOR, json.dumps(message)) == message
    assert read(VENDOR, json.dumps(message).encode()) == message


@pytest.mark.parametrize("frame", ["", "no", "[]", "1", "null", b"\xff", b"\x00", "{", '{"a": 1} b', "[" * 100_000])
def test_what_is_none_is_garbage(frame: str | bytes) -> None:
    with pytest.raises(ProviderError, match="Acme sent") as raised:
        read(VENDOR, frame)
    assert raised.value.kind == "garbage"


def test_a_type_is_read_and_the_rest_is_read_over() -> None:
    decoder = msgspec.json.Decoder(_Piece)
    assert read_as(decoder, VENDOR, '{"more": [1, {"a": 2}], "sound": "AAE="}') == _Piece(b"\0\1")
    for frame in ('{"sound": "?"}', '{"sound": 1}', "[]", ""):
        with pytest.raises(ProviderError) as raised:
            read_as(decoder, VENDOR, frame)
        assert raised.value.kind == "garbage"
