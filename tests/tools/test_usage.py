"""What a server says of a call's usage is believed as far as it has the form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.providers.contracts import TokensUsed
from pinecall_run.tools.usage import MAX_VENDORS, Usage, Used, usage_in
from pinecall_run.voice.usage import Usage as Counted

HEARD = {"stage": "stt", "provider": "acme", "model": "big", "seconds": 30.0, "cost_usd": 0.3}


def test_what_our_server_tells_is_read() -> None:
    counted = Counted()
    counted.heard(("acme", "big"), 30.0)
    counted.spoken(("local", ""), 12)
    counted.thought(("nobody", "m"), TokensUsed(100, 20, 60))
    told = usage_in(counted.told({"acme": {"minute": 0.6}}))
    assert told == Usage(
        (
            Used("stt", "acme", "big", {"seconds": 30.0}, 0.3),
            Used("tts", "local", "", {"characters": 12}, 0.0),
            Used("llm", "nobody", "m", {"input": 100, "cached": 60, "output": 20}, None),
        ),
        0.3,
        is_cost_complete=False,
    )


@pytest.mark.parametrize("metrics", [None, [], "x", {}, {"usage": None}, {"usage": {"stt": 1}}])
def test_who_tells_nothing_is_told_nothing_of(metrics: Any) -> None:
    assert usage_in(metrics) is None


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ({**HEARD, "seconds": -1, "cost_usd": True}, Used("stt", "acme", "big")),
        ({**HEARD, "seconds": float("nan"), "cost_usd": "x"}, Used("stt", "acme", "big")),
        ({**HEARD, "model": 5, "more": [1]}, Used("stt", "acme", "", {"seconds": 30.0}, 0.3)),
        ({**HEARD, "seconds": float("inf"), "cost_usd": 10**400}, Used("stt", "acme", "big")),
        ({**HEARD, "stage": "vision"}, None),
        ({**HEARD, "stage": ["stt"]}, None),
        ({**HEARD, "provider": None}, None),
        ("acme", None),
    ],
)
def test_what_has_no_form_is_left_out(line: Any, used: Used | None) -> None:
    told = usage_in({"usage": [line], "cost_usd": 0.3})
    assert told is not None
    assert told.vendors == (() if used is None else (used,))


def test_no_more_vendors_are_believed_than_a_call_can_have() -> None:
    told = usage_in({"usage": [HEARD] * (MAX_VENDORS + 1)})
    assert told is not None
    assert len(told.vendors) == MAX_VENDORS


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*HEARD, "usage", "is_cost_complete"]), inner),
)


@given(JSON)
def test_whatever_comes_is_taken(metrics: Any) -> None:
    told = usage_in(metrics)
    assert told is None or told.cost_usd >= 0
