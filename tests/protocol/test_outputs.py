"""Outputs are values: drivers match on them, tests compare them, nobody changes them."""

from dataclasses import FrozenInstanceError

import pytest

from pinecall_run.protocol.outputs import Down, Ignored, Received, Transmit
from pinecall_run.wire.codec import Unknown
from pinecall_run.wire.commands import Ping


def test_outputs_are_compared_by_what_they_say() -> None:
    assert Received(Ping()) == Received(Ping())
    assert Ignored(Unknown("a")) != Ignored(Unknown("b"))
    assert Down("x", 1.0) != Down("x", 2.0)
    output = Transmit(b"{}")
    with pytest.raises(FrozenInstanceError):
        output.data = b""  # type: ignore[misc]
