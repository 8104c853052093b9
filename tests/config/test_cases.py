"""Only what says "where a key has this word", and nothing beside, is a case."""

from typing import Any

import pytest

from pinecall_run.config.cases import Case, case_of

WORD: Any = {"properties": {"a": {"const": "x"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("schema", "case"),
    [
        ({"if": WORD, "then": False}, Case("a", "x", False)),
        ({"if": {"not": {"required": ["a"]}}, "then": True}, Case("a", None, True)),
    ],
)
def test_cases(schema: Any, case: Case) -> None:
    assert case_of(schema) == case


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"if": WORD},
        {"if": WORD, "then": {}, "else": {}},
        {"if": True, "then": {}},
        {"if": {**WORD, "minProperties": 2}, "then": {}},
        {"if": {"properties": {"a": {"const": "x"}}}, "then": {}},
        {"if": {**WORD, "required": ["b"]}, "then": {}},
        {"if": {**WORD, "required": ["a", "b"]}, "then": {}},
        {"if": {"properties": {"a": {"const": 1}}, "required": ["a"]}, "then": {}},
        {"if": {"properties": {"a": {"const": "x", "minLength": 1}}, "required": ["a"]}, "then": {}},
        {"if": {"properties": {"a": {"const": "x"}, "b": True}, "required": ["a"]}, "then": {}},
        {"if": {"not": {"required": ["a", "b"]}}, "then": {}},
        {"if": {"not": {"required": ["a"], "minProperties": 1}}, "then": {}},
    ],
)
def test_nothing_else_is_one(schema: Any) -> None:
    assert case_of(schema) is None
