"""Findings of shape: one for each mistake, at the key or value that is wrong, saying what to write."""

from typing import Any

import pytest
from tests.config._world import agent_yaml, checked, codes, values

from pinecall_run.config.shape import check_shape, dotted
from pinecall_run.source.document import Document


def said(text: str) -> list[tuple[str, str, str]]:
    """Code, message and help of each finding."""
    _, diagnostics = checked(text)
    return [(d.code, d.message, d.help or "") for d in diagnostics if d.code != "PCR503"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # unknown and missing keys
        (agent_yaml("voise: x"), [("PCR101", 5, 5)]),
        (agent_yaml("frobnicate: x"), [("PCR101", 5, 5)]),
        ("version: 1\nagents: {desk: {}}", [("PCR102", 2, 10)]),
        ("agents: {desk: {prompt: x}}", [("PCR102", 1, 1)]),
        ("{}", [("PCR102", 1, 1), ("PCR102", 1, 1)]),
        (agent_yaml("channels: [{type: phone}]"), [("PCR102", 5, 16)]),
        (agent_yaml("channels: [{ref: '+15551234567'}]"), [("PCR102", 5, 16)]),
        (agent_yaml("channels: [{type: chat, colour: red}]"), [("PCR101", 5, 29)]),
        (agent_yaml("voice: {voice_id: x}"), [("PCR102", 5, 5)]),
        # the unknown key and the missing key are the same mistake
        ("version: 1\nagents: {desk: {promt: x}}", [("PCR101", 2, 17)]),
        ("verson: 1\nagents: {desk: {prompt: x}}", [("PCR101", 1, 1)]),
        (agent_yaml("channels: [{typ: chat}]"), [("PCR101", 5, 17)]),
        (agent_yaml("model: {modell: x}"), [("PCR101", 5, 13)]),
        ("version: 1\nserver: {uri: 'wss://x.example'}\nagents: {desk: {prompt: x}}", [("PCR101", 2, 10)]),
        ("version: 1\nagents: {desk: {prompt: {fil: x}}}", [("PCR101", 2, 26)]),
        # and here they are two
        ("version: 1\nagents: {desk: {colour: x}}", [("PCR102", 2, 10), ("PCR101", 2, 17)]),
        ("version: 1\nagents: {desk: {prompt: {colour: x}}}", [("PCR101", 2, 26), ("PCR104", 2, 25)]),
        # types
        ("version: 1\nagents: []", [("PCR103", 2, 9)]),
        ("version: 1\nagents:\n", [("PCR103", 2, 8)]),
        ("just text", [("PCR103", 1, 1)]),
        ("[]", [("PCR103", 1, 1)]),
        (agent_yaml("language:"), [("PCR103", 5, 14)]),
        (agent_yaml("channels: chat"), [("PCR103", 5, 15)]),
        (agent_yaml("tools: [a.b]"), [("PCR103", 5, 12)]),
        (agent_yaml("greeting: [hello]"), [("PCR103", 5, 15)]),
        (agent_yaml("greeting: {en: [hello]}"), [("PCR103", 5, 20)]),
        (agent_yaml("greeting_in_chat: yes"), [("PCR103", 5, 23)]),
        (agent_yaml("interruption: maybe"), [("PCR103", 5, 19)]),
        (agent_yaml("session_limits: {max_duration_seconds: 10m}"), [("PCR103", 5, 44)]),
        (agent_yaml("session_limits: {max_duration_seconds: '10'}"), [("PCR103", 5, 44)]),
        (agent_yaml("model: {model: x, max_tokens: 1.5}"), [("PCR103", 5, 35)]),
        (agent_yaml("stt: {provider: x, keyterms: [a, ~, c]}"), [("PCR103", 5, 38)]),
        # values: alternatives are resolved to the one that was meant
        ("version: 2\nagents: {desk: {prompt: x}}", [("PCR104", 1, 10)]),
        ("version: '1'\nagents: {desk: {prompt: x}}", [("PCR104", 1, 10)]),
        ("version: 1\nagents: {}", [("PCR104", 2, 9)]),
        ("version: 1\nserver: embeded\nagents: {desk: {prompt: x}}", [("PCR104", 2, 9)]),
        ("version: 1\nserver: {url: x}\nagents: {desk: {prompt: x}}", [("PCR104", 2, 15)]),
        ("version: 1\nagents: {desk: {prompt: ''}}", [("PCR104", 2, 25)]),
        ("version: 1\nagents: {desk: {prompt: {}}}", [("PCR104", 2, 25)]),
        ("version: 1\nagents: {desk: {prompt: {file: a, text: b}}}", [("PCR104", 2, 25)]),
        ("version: 1\nagents: {desk: {prompt: {vars: {}}}}", [("PCR104", 2, 25)]),
        (agent_yaml("interruption: {min_words: -1}"), [("PCR104", 5, 31)]),
        (agent_yaml("interruption: {confidence: 1.5}"), [("PCR104", 5, 32)]),
        (agent_yaml("channels: [{type: fax}]"), [("PCR104", 5, 23)]),
        (agent_yaml("language: english-"), [("PCR104", 5, 15)]),
        (agent_yaml("allowed_origins: ['https://x.example/']"), [("PCR104", 5, 23)]),
        (agent_yaml("model: {model: x, temperature: 1e999}"), [("PCR103", 5, 36)]),
        # names
        ("version: 1\nagents: {my desk: {prompt: x}}", [("PCR104", 2, 10)]),
        (agent_yaml("tools: {'look up': a.b}"), [("PCR104", 5, 13)]),
        # each mistake of many
        (agent_yaml("voise: x\nlanguage: 1-\ngreeting: []"), [("PCR101", 5, 5), ("PCR104", 6, 15), ("PCR103", 7, 15)]),
    ],
)
def test_a_mistake_is_one_finding_where_it_is(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert sorted(codes(text)) == sorted(expected)


@pytest.mark.parametrize(
    "rest",
    [
        "interruption: false",
        "interruption: {min_words: 0}",
        "greeting: {en: no, es: 1}",
        "language: no",
        "voice: {provider: rime, anything: [goes, {here: 1}]}",
        "channels: [{type: chat}, {type: phone, ref: +13186330963, language: no}]",
        "session_limits: {max_duration_seconds: 0, idle_timeout_seconds: 1e3}",
        "model: {model: x, max_tokens: 3.0}",
    ],
)
def test_what_is_right_has_no_finding(rest: str) -> None:
    assert codes(agent_yaml(rest)) == []


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        (agent_yaml("voise: x"), "`agents.desk` has no key `voise`", "did you mean `voice`?"),
        ("{}", "the file needs the key `version`", "add `version: 1`"),
        ("{}", "the file needs the key `agents`", "add `agents`: who answers, by name"),
        (agent_yaml("channels: [{type: sip}]"), "`agents.desk.channels[0]` needs the key `ref`", "add `ref`: phone"),
        (agent_yaml("greeting_in_chat: No"), "must be true or false, not the text `No`", "write false"),
        (agent_yaml("greeting_in_chat: maybe"), "must be true or false, not the text `maybe`", ""),
        (agent_yaml("channels: chat"), "must be a list, not the text `chat`", 'for example: ["webrtc", "chat"'),
        (agent_yaml("language:"), "`agents.desk.language` must be text, not nothing", "for example: `en`"),
        (agent_yaml("tools: []"), "must be a mapping, not a list", 'for example: {"lookup_order": '),
        ("version: '1'", "`version` must be the number 1, not the text `1`", ""),
        ("version: 2", "`version` must be 1, not the number 2", ""),
        ("version: true", "`version` must be 1, not `true`", ""),
        ("server: embeded", "`embeded` is not allowed here", "did you mean `embedded`?"),
        ("server: hosted", "`hosted` is not allowed here", "write embedded"),
        (agent_yaml("channels: [{type: fax}]"), "`fax` is not allowed here", "write one of: chat, phone, sip, webrtc"),
        (agent_yaml("interruption: {min_words: -1}"), "must be at least 0, not -1", ""),
        ("agents: {}", "`agents` must not be empty", ""),
        ("agents: {a: {prompt: {}}}", "`agents.a.prompt` must have either `file` or `text`, and not both", ""),
        ("agents: {a b: {}}", "`a b` is not an agent name of 1 to 64 letters", ""),
        (agent_yaml(f"language: {'x' * 1000}"), f"`{'x' * 77}…` is not a language tag", ""),
        (f"{'x' * 1000}: 1", f"the file has no key `{'x' * 77}…`", "the keys here are agents, environments, journal"),
    ],
)
def test_what_a_finding_says(text: str, message: str, help: str) -> None:
    found = [(m, h) for _, m, h in said(text) if message in m]
    assert len(found) == 1, said(text)
    assert found[0][1].startswith(help)
    assert bool(found[0][1]) is bool(help)


def test_a_mistake_in_what_is_reused_is_shown_where_it_is_written() -> None:
    text = (
        "x-base: &base\n  language: 7-\nversion: 1\nagents:\n  a: {prompt: x, <<: *base}\n  b: {prompt: y, <<: *base}\n"
    )
    assert codes(text) == [("PCR104", 2, 13)] * 2


def test_of_many_agents_each_wrong_one_is_told() -> None:
    rows = ["{prompt: x}", "{prompt: x, voise: y}", "{prompt: x}", "{language: 7-, prompt: x}", "{prompt: x}"]
    agents = "".join(f"  a{number}: {row}\n" for number, row in enumerate(rows))
    found = codes(f"version: 1\nagents:\n{agents}  7-$: {{prompt: x}}\n")
    assert sorted(found) == [("PCR101", 4, 19), ("PCR104", 6, 18), ("PCR104", 8, 3)]


def test_a_keyword_without_a_sentence_of_ours_says_what_the_validator_says() -> None:
    schema: Any = {"properties": {"a": {"maxProperties": 1}}}
    document, _ = Document.parse("{a: {c: 1, d: 2}}", "a.yaml")
    (found,) = check_shape(values("{a: {c: 1, d: 2}}", {}), schema, document)
    assert (found.code, found.message) == ("PCR104", "`a`: {'c': 1, 'd': 2} has too many properties")


def test_limits_have_sentences_of_ours() -> None:
    schema: Any = {
        "properties": {
            "a": {"type": "array", "maxItems": 1},
            "b": {"exclusiveMaximum": 2},
            "c": {"exclusiveMinimum": 0},
            "d": {"maxLength": 2},
            "e": {"minLength": 3},
            "f": {"minLength": 3},
        }
    }
    text = "{a: [1, 1], b: 3, c: 0, d: long, e: ab, f: ''}"
    document, _ = Document.parse(text, "a.yaml")
    assert [(d.code, d.message) for d in check_shape(values(text, {}), schema, document)] == [
        ("PCR104", "`a` has 2 entries; at most 1 are taken"),
        ("PCR104", "`b` must be less than 2, not 3"),
        ("PCR104", "`c` must be more than 0, not 0"),
        ("PCR104", "`d` has 4 characters; at most 2 are taken"),
        ("PCR104", "`e` has 2 characters; at least 3 are needed"),
        ("PCR104", "`f` has 0 characters; at least 3 are needed"),
    ]


def test_what_two_parts_of_a_schema_ask_of_one_value_is_one_finding_of_the_latter() -> None:
    schema: Any = {
        "properties": {"a": {"maximum": 2}, "b": {"type": "string"}},
        "allOf": [{"properties": {"a": {"maximum": 1}, "b": {"type": "string"}}}],
    }
    document, _ = Document.parse("{a: 3, b: [1]}", "a.yaml")
    assert [d.message for d in check_shape(values("{a: 3, b: [1]}", {}), schema, document)] == [
        "`a` must be at most 1, not 3",
        "`b` must be text, not a list",
    ]


def test_routes_are_shown_as_people_write_them() -> None:
    assert dotted(("agents", "desk", "channels", 2, "ref")) == "agents.desk.channels[2].ref"
