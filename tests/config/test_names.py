"""A schema that knows a project's names: what it takes, what it refuses, and that it is a schema."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pinecall_run.config.names import Names, narrowed, written_names
from pinecall_run.resources import schema
from pinecall_run.source.document import Document

NAMES = Names(("desk",), ("shop.a.f", "shop.a.g", "top.h"), ("prompts/a.md.j2",), ("a.script.yaml",))


def _accepts(names: Names = NAMES, **agent: Any) -> bool:
    narrow = narrowed(schema("pinecall"), names)
    Draft202012Validator.check_schema(narrow)
    return Draft202012Validator(narrow).is_valid({"version": 1, "agents": {"desk": {"prompt": "Hi.", **agent}}})


@pytest.mark.parametrize(
    "agent",
    [
        {},
        {"tools": {"t": "shop.a.f"}},
        {"tools": {"t": "shop.a:g"}},
        {"tools": {"t": "${TOOL}"}},
        {"prompt": {"file": "prompts/a.md.j2"}},
        {"prompt": {"file": "prompts/${LANGUAGE}.md.j2"}},
        {"model": "scripted:a.script.yaml"},
        {"model": "scripted:${SCRIPT}"},
        {"model": "${MODEL:-scripted:other.yaml}"},
        {"model": "gpt-4.1-mini"},
        {"model": ["gpt-4.1-mini", "scripted:a.script.yaml", {"model": "m"}]},
        {"model": {"model": "gpt-4.1-mini"}},
    ],
)
def test_it_takes_the_names_that_there_are(agent: dict[str, Any]) -> None:
    assert _accepts(**agent)


@pytest.mark.parametrize(
    "agent",
    [
        {"tools": {"t": "shop.a.F"}},
        {"tools": {"t": "shop.a:h"}},
        {"tools": {"t": "shopXa:f"}},
        {"prompt": {"file": "prompts/b.md.j2"}},
        {"model": "scripted:b.script.yaml"},
        {"model": ["gpt-4.1-mini", "scripted:b.script.yaml"]},
        {"model": ""},
        {"promt": "x"},
    ],
)
def test_it_refuses_others(agent: dict[str, Any]) -> None:
    assert not _accepts(**agent)


def test_without_names_it_refuses_no_more_than_before() -> None:
    assert _accepts(Names(), tools={"t": "any.where"}, prompt={"file": "x"}, model="scripted:x")


def test_agents_are_offered_and_others_allowed() -> None:
    narrow = narrowed(schema("pinecall"), NAMES)
    assert list(narrow["properties"]["agents"]["properties"]) == ["desk"]
    assert narrow["$id"] != schema("pinecall")["$id"]
    assert Draft202012Validator(narrow).is_valid({"version": 1, "agents": {"other": {"prompt": "x"}}})
    assert not Draft202012Validator(narrow).is_valid({"version": 1, "agents": {"desk": {"promt": "x"}}})


def test_the_published_schema_is_left_as_it_was() -> None:
    before = str(schema("pinecall"))
    narrowed(schema("pinecall"), NAMES)
    assert str(schema("pinecall")) == before


def test_descriptions_stay() -> None:
    narrow = narrowed(schema("pinecall"), NAMES)["$defs"]
    assert narrow["tool_function"]["description"]
    assert narrow["prompt_source"]["properties"]["file"]["description"]


def test_names_that_a_file_uses_are_found_whatever_is_wrong_with_it() -> None:
    text = """
x-shared: &shared {model: scripted:a.script.yaml, prompt: {file: a.j2}}
agents:
  one: {<<: *shared, tools: {t: installed.lib.f, u: "${X}"}}
  two: {prompt: [1], tools: 3, model: {function: own.model}, on: {call.started: own.hook}, context: {function: own.who}}
  three: 4
"""
    document, _ = Document.parse(text, "a.yaml")
    assert written_names(document) == Names(
        ("one", "three", "two"), ("installed.lib.f", "own.hook", "own.model", "own.who"), ("a.j2",), ("a.script.yaml",)
    )


@pytest.mark.parametrize("text", ["", "[", "agents: 1", "- a", "a"])
def test_of_a_file_that_is_no_configuration_there_are_none(text: str) -> None:
    assert written_names(Document.parse(text, "a.yaml")[0]) == Names()
