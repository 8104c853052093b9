"""Rules about an agent by itself: its limits, its zone, its prompt, its name."""

import pytest
from tests.config._world import agent_yaml, checked, codes

from pinecall_run.config.check import check
from pinecall_run.resources import schema
from pinecall_run.source.document import Document


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("session_limits: {idle_warning_seconds: 60}", [("PCR504", 5, 44)]),
        ("session_limits: {idle_timeout_seconds: 15}", [("PCR504", 5, 44)]),
        ("session_limits: {idle_timeout_seconds: 9, idle_warning_seconds: 9}", [("PCR504", 5, 69)]),
        ("session_limits: {idle_warning_seconds: 59.9}", []),
        ("session_limits: {idle_timeout_seconds: 10, idle_warning_seconds: 0}", []),
        ("session_limits: {idle_timeout_seconds: 0, idle_warning_seconds: 90}", [("PCR514", 5, 69)]),
        ("session_limits: {idle_timeout_seconds: 0, idle_warning_seconds: 0}", []),
        ("session_limits: {idle_timeout_seconds: 0}", []),
        ("timezone: Europe/Madird", [("PCR505", 5, 15)]),
        ("timezone: europe/madrid", [("PCR505", 5, 15)]),
        ("timezone: Europe/Madrid", []),
    ],
)
def test_limits_and_zones(rest: str, expected: list[tuple[str, int, int]]) -> None:
    assert codes(agent_yaml(rest)) == expected


def test_where_the_machine_knows_no_zones_none_is_wrong() -> None:
    document, _ = Document.parse(agent_yaml("timezone: Mars/Olympus"), "pinecall.yaml")
    config, _ = check(document, schema("pinecall"), {}, timezones=list)
    assert config is not None
    assert config.agents["desk"].timezone == "Mars/Olympus"


def test_zones_are_asked_for_only_where_one_is_named() -> None:
    def zones() -> list[str]:
        raise AssertionError("nobody asked")

    document, _ = Document.parse(agent_yaml("channels: [chat]"), "pinecall.yaml")
    assert check(document, schema("pinecall"), {}, timezones=zones)[1] == []


@pytest.mark.parametrize(
    ("prompt", "mended"),
    [
        ("prompts/desk.md.j2", "{file: prompts/desk.md.j2}"),
        ("'prompts/desk.md.j2'", "{file: 'prompts/desk.md.j2'}"),
        ("desk.txt", ""),  # there is no such file
        ("./prompts/desk", ""),
        ("${PROMPT}", ""),
    ],
)
def test_a_prompt_that_looks_like_a_file(prompt: str, mended: str) -> None:
    text = f"version: 1\nagents:\n  desk:\n    prompt: {prompt}\n    channels: [chat]\n"
    document, _ = Document.parse(text, "pinecall.yaml")
    there = "prompts/desk.md.j2"
    _, (finding,) = check(document, schema("pinecall"), {"PROMPT": there}, is_file=lambda name: name == there)
    assert (finding.code, finding.severity) == ("PCR515", "warning")
    assert (finding.fix.edits[0].text if finding.fix else "") == mended


@pytest.mark.parametrize(
    "prompt",
    [
        "Be kind.",
        "Hello",
        "Be brief and/or kind.",
        "'{{ x }}/{{ y }}'",
        "https://acme.example/x",
        "'a\n\n  b/c.md'",
        "{text: prompts/desk.md.j2}",
        "{file: prompts/desk.md.j2}",
        "Hi/" * 100,
    ],
)
def test_a_prompt_that_is_none(prompt: str) -> None:
    assert codes(f"version: 1\nagents:\n  desk:\n    prompt: {prompt}\n") == []


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("front-desk", "front_desk", True),
        ("desk", "Desk", True),
        ("a--b", "A_b", True),
        ("frontdesk", "front-desk", False),
        ("desk1", "desk2", False),
    ],
)
def test_names_that_clients_take_for_one(one: str, other: str, alike: bool) -> None:
    _, diagnostics = checked(f"version: 1\nagents: {{{one}: {{prompt: x}}, {other}: {{prompt: x}}}}")
    found = [d for d in diagnostics if d.code == "PCR516"]
    assert len(found) == alike
    assert all(one in d.message and other in d.message and d.severity == "warning" for d in found)
