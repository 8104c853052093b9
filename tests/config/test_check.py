"""From text to a Config: what is a finding, what follows from another finding, and that nothing raises."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests._work import work
from tests.config._world import agent_yaml, checked, codes
from tests.rules._scan import ROOT

from pinecall_run.config.check import check_parts
from pinecall_run.config.model import Tool
from pinecall_run.resources import schema
from pinecall_run.source.document import Document

EXAMPLE = (ROOT / "pinecall.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nagents: ${GONE}",
        "version: 1\nagents: {a: '${GONE}'}",
        "version: ${GONE}\nagents: {a: {prompt: x}}",
        "version: 1\nserver: ${GONE}\nagents: {a: {prompt: x}}",
        "version: 1\nserver: {url: '${GONE}'}\nagents: {a: {prompt: x}}",
        "version: 1\nagents: {a: {prompt: '${GONE}'}}",
        "version: 1\nagents: {a: {prompt: {file: x, vars: '${GONE}'}}}",
        agent_yaml("channels: ${GONE}"),
        agent_yaml("channels: ['${GONE}']"),
        agent_yaml("channels: [{type: phone, ref: '${GONE}'}]"),
        agent_yaml("channels: [{type: '${GONE}', ref: '+15551234567'}]"),
        agent_yaml("tools: ${GONE}"),
        agent_yaml("session_limits: ${GONE}"),
        agent_yaml("session_limits: {idle_timeout_seconds: '${GONE}'}"),
        agent_yaml("session_limits: {idle_timeout_seconds: 20, idle_warning_seconds: '${GONE}'}"),
        agent_yaml("timezone: ${GONE}"),
        agent_yaml("language: ${GONE}"),
        agent_yaml("interruption: ${GONE}"),
    ],
)
def test_a_variable_that_is_not_set_is_one_finding_whatever_the_place_wants(text: str) -> None:
    assert [code for code, _, _ in codes(text)] == ["PCR201"]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("timezone: ${GONE}\nchannels: [fax]", [("PCR201", 5, 15), ("PCR502", 6, 16)]),
        ("voise: x\nchannels: [fax, chat, chat]", [("PCR101", 5, 5), ("PCR502", 6, 16), ("PCR501", 6, 27)]),
        ("channels: [[], fax, '${GONE}', {type: phone}]",
         [("PCR201", 5, 26), ("PCR103", 5, 16), ("PCR102", 5, 36), ("PCR502", 5, 20)]),
        ("language: 7-\ntimezone: Mars", [("PCR104", 5, 15), ("PCR505", 6, 15)]),
        # what is left of a part is not judged
        ("session_limits: {idle_warning_seconds: 90, idle_timeout_seconds: 2m}", [("PCR103", 5, 70)]),
        ("session_limits: {idle_warning_seconds: 90, idle_timeout_seconds: '${GONE}'}", [("PCR201", 5, 71)]),
    ],
)  # fmt: skip
def test_findings_elsewhere_are_still_told(rest: str, expected: list[tuple[str, int, int]]) -> None:
    assert sorted(codes(agent_yaml(rest))) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "agents"),
    [
        ("version: 1\nagents: {a: {prompt: x}, b: {language: en}, c: 3, 'd e': {prompt: x}}", {"a": "x", "b": ""}),
        ("version: 3\nserver: {}\nagents: {a: {prompt: '${GONE}'}}", {"a": ""}),
        ("agents: {a: {prompt: {file: f, text: t}}}", {"a": ""}),
        ("agents: {a: {prompt: {text: t, vars: {x: 1}, colour: red}}}", {"a": ""}),
        ("version: 1\nagents: {}", None),
        ("version: 1\nagents: ${GONE}", None),
        ("[]", None),
        ("", None),
    ],
)
def test_a_config_of_what_is_right_is_there_for_further_checks(text: str, agents: dict[str, str] | None) -> None:
    document, _ = Document.parse(text, "pinecall.yaml")
    config, _ = check_parts(document, schema("pinecall"), {})
    assert (config and {name: agent.prompt.text for name, agent in config.agents.items()}) == agents


def test_the_parts_that_are_left_out_are_small() -> None:
    text = agent_yaml("tools: {a: m.f, b: [], 'c d': m.f, e: '${GONE}'}\nchannels: [chat, 3x, [], '${GONE}']\nvoise: x")
    document, _ = Document.parse(text, "pinecall.yaml")
    config, _ = check_parts(document, schema("pinecall"), {})
    assert config is not None
    found = config.agents["desk"]
    assert found.tools == {"a": Tool("m.f")}
    assert [str(channel.ref) for channel in found.channels] == ["chat"]


@pytest.mark.parametrize("needed", [False, True])
def test_a_secret_that_is_not_set_matters_where_it_is_needed(needed: bool) -> None:
    text = agent_yaml('channels: [{type: whatsapp, ref: 106540352242922, access_token: "${GONE}", app_secret: ""}]')
    config, diagnostics = checked(text, needs_secrets=needed)
    assert [d.code for d in diagnostics] == (["PCR201"] if needed else [])
    assert (config is None) is needed


def test_a_malformed_variable_in_a_secret_is_a_finding_everywhere() -> None:
    assert codes('version: 1\nserver: {url: "wss://x", api_key: "${ }"}\nagents: {a: {prompt: x}}') == [
        ("PCR202", 2, 36)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["PCR003"]),
        ("# nothing\n", ["PCR003"]),
        ("---\n", ["PCR103"]),
        ("~", ["PCR103"]),
        ("<<: 1\nversion: 1", ["PCR005", "PCR102"]),
        ("<<: {version: 1}\nagents: {a: {prompt: x}}", []),
        ("version: 1\nversion: 1\nagents: {a: {prompt: x}}", ["PCR004"]),
        ("x-a: &a {prompt: x}\nversion: 1\nagents: {a: *a, b: {<<: *a}}", []),
    ],
)
def test_odd_documents(text: str, expected: list[str]) -> None:
    assert [code for code, _, _ in codes(text)] == expected


def test_the_example_project_has_no_findings() -> None:
    config, diagnostics = checked(EXAMPLE)
    assert diagnostics == []
    assert config is not None


def test_every_example_in_the_schema_passes() -> None:
    found = schema("pinecall")
    for name, field in found["$defs"]["agent"]["properties"].items():
        described = found["$defs"][name] if "$ref" in field else field
        for example in described.get("examples", ()):
            text = agent_yaml(f"{name}: {json.dumps(example)}") if name != "prompt" else ""
            text = text or f"version: 1\nagents: {{a: {{prompt: {json.dumps(example)}}}}}"
            assert codes(text) == [], (name, example)


@pytest.mark.parametrize(
    "text",
    [
        lambda size: agent_yaml(f"channels: [{', '.join(['chat'] * size)}]"),
        lambda size: agent_yaml(f"channels: [{', '.join(['[]'] * size)}]"),
        lambda size: "version: 1\n" + "".join(f"key{number:09}: 1\n" for number in range(size)),
        lambda size: (
            "version: 1\nagents:\n" + "".join(f"  a{n:09}: {{prompt: x, channels: [chat]}}\n" for n in range(size))
        ),
        lambda size: agent_yaml(f"language: {'9' * size * 1000}"),
        lambda size: agent_yaml(f"session_limits: {{max_duration_seconds: {'9' * size * 1000}}}"),
        lambda size: agent_yaml(f"timezone: {'Europe/' * size * 100}"),
        lambda size: agent_yaml(f"greeting: '{'${X}' * size}'"),
    ],
    ids=["claims", "types", "keys", "agents", "text", "number", "zone", "variables"],
)
def test_twice_the_text_is_about_twice_the_work(text: Callable[[int], str]) -> None:
    checked(text(10))  # what is made once
    small, large = (work(lambda size=size: checked(text(size), {"X": "x"})) for size in (200, 400))  # type: ignore[misc]
    assert large < 2.5 * small + 1000


def test_the_work_of_an_alias_bomb_is_small() -> None:
    levels = (f"x-{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else 'x'] * 9)}]\n" for n in range(20))
    bomb = "".join(levels) + agent_yaml("channels: *b19")
    assert [code for code, _, _ in codes(bomb)] == ["PCR005"]
    assert work(lambda: checked(bomb)) < 20_000


PIECES = st.sampled_from(
    ["\n", "  ", "    ", "\t", ": ", "- ", "[", "]", "{", "}", "&a ", "*a", "<<: ", "|", ">", "'", '"', "#", "~",
     "!!int ", "${", "}", "${X}", "${GONE}", "no", "0x", "9" * 40, "-1", "1e999", "😀", "\x00", "\u2028", "agents",
     "prompt", "channels", "version", "x-", "type", "file"]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The example project with a few pieces taken out, put in, or put elsewhere."""
    text = EXAMPLE
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + 40, len(text))))
        text = text[:start] + draw(PIECES | st.just("")) + text[end:]
    return text


@settings(max_examples=150, deadline=2000)
@given(mutated() | st.lists(PIECES, max_size=30).map("".join))
def test_nothing_makes_it_raise_and_every_finding_lies_in_the_text(text: str) -> None:
    config, diagnostics = checked(text, {"X": "${X}"})
    assert config is not None or diagnostics
    lines = text.splitlines() or [""]
    for finding in diagnostics:
        for span in (finding.span, *(label.span for label in finding.labels)):
            assert 1 <= span.line <= len(lines) + 1
            assert 1 <= span.column <= max(map(len, lines)) + 2
