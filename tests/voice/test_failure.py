"""A log learns the kind and the place of an exception, and nothing of its text."""

from __future__ import annotations

import re

import pytest

from pinecall_run.voice.failure import described


def test_kind_and_place_but_not_the_text() -> None:
    with pytest.raises(ValueError, match="4111") as caught:
        raise ValueError("my card is 4111")
    assert re.fullmatch(r"ValueError at test_failure\.py:\d+", described(caught.value))
    assert described(KeyError("secret")) == "KeyError"
