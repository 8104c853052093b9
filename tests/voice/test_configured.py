"""What clients write in one form or another is understood in each."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from pinecall_run.voice.configured import are_tools, preparing_budget, prompt_in, zone


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (None, 0.0), (False, 0.0), (True, 1.5), ({}, 1.5), ({"timeout_ms": 300}, 0.3), ({"timeout_ms": 9e9}, 5.0),
        ({"timeout_ms": -1}, 0.0), ({"timeout_ms": "soon"}, 1.5), ({"enabled": False, "timeout_ms": 300}, 0.0),
        ({"enabled": True}, 1.5), ("yes", 0.0),
    ],
)  # fmt: skip
def test_how_long_a_client_may_prepare(written: Any, seconds: float) -> None:
    assert preparing_budget(written) == seconds


@pytest.mark.parametrize(
    ("tools", "are_they"),
    [
        (None, True),
        ([], True),
        ([{"type": "function", "function": {}}], True),
        ([{"name": "look"}], False),
        ([7], False),
    ],
)
def test_tools_are_told_from_a_clients_own_objects(tools: Any, are_they: bool) -> None:
    assert are_tools(tools) is are_they


def test_a_prompt_may_sit_in_the_models_mapping() -> None:
    assert [prompt_in(llm) for llm in ({"prompt": "Hi."}, {"prompt": None}, "gpt", None)] == ["Hi.", "", "", ""]


def test_what_is_no_zone_is_utc() -> None:
    assert zone("Europe/Madrid") is not UTC
    assert [zone(name) for name in ("", None, "Nowhere/City", "../etc/passwd")] == [UTC] * 4
