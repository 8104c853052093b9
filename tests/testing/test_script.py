"""Scripts of frames: read step by step, refused with a line, compared as far as they say."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.testing.script import ScriptError, differences, read_script


def test_steps_are_read_with_their_lines() -> None:
    steps = read_script(
        """
        # first
        < call.started {"to": "+15551234567"}

        > llm.tool_result {"results": [
            {"result": "# no comment"}]}
        . 30   # half a minute
        x
        < ping
        """
    )
    assert [(step.line, step.arrow, step.event, step.fields, step.seconds) for step in steps] == [
        (3, "<", "call.started", {"to": "+15551234567"}, 0.0),
        (5, ">", "llm.tool_result", {"results": [{"result": "# no comment"}]}, 0.0),
        (7, ".", "", {}, 30.0),
        (8, "x", "", {}, 0.0),
        (9, "<", "ping", {}, 0.0),
    ]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("= ping", "a step begins with <, >, . or x"),
        ("<", "an event's name"),
        ("< ping [1]", "as a JSON object"),
        ('> pong {"a": }', "Expecting value"),
        (". soon", "could not convert"),
        (". -1", "no time that can pass"),
        (". inf", "no time that can pass"),
        ("xylophone", "a step begins with"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(script: str, why: str) -> None:
    with pytest.raises(ScriptError, match=r"line 2 of the script, .*: ") as refused:
        read_script("x\n" + script)
    assert why in str(refused.value)


@given(st.text(st.sampled_from('<>.x {}[]":#1a\n\t ')))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ScriptError):
        read_script(text)


@pytest.mark.parametrize(
    ("expected", "came", "wrong"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": 1}, {"a": 2}, ["a is 2, not 1"]),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3, "d": 4}]}}, ["a.b[1].c is 3, not 2"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a has 2 items, not 1"]),
        ({"a": None}, {}, ["a is missing, not null"]),
        ({"a": True}, {"a": 1}, ["a is 1, not true"]),
        ({"a": "1"}, {"a": ["1"]}, ['a is ["1"], not "1"']),
    ],
)
def test_only_what_is_expected_is_compared(expected: object, came: object, wrong: list[str]) -> None:
    assert list(differences(expected, came)) == wrong
