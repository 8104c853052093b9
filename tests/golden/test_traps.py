"""The traps of YAML in a pinecall.yaml: what an author writes, and what it becomes or where the finding is."""

from typing import Any

import pytest
from tests.config._world import checked

HEAD = "version: 1\nagents:\n  desk:\n    prompt: Hello.\n    channels: [chat]\n"
"""The agent's further keys stand from line 6."""

KEPT: list[tuple[str, str, Any]] = [
    # what is written for the agent, the field, what it becomes
    ("language: no", "language", "no"),  # Norwegian, not False
    ("language: NO", "language", "NO"),
    ("language: on", "language", "on"),
    ("greeting: y", "greeting", "y"),
    ("greeting: yes", "greeting", "yes"),
    ("greeting: off", "greeting", "off"),
    ("greeting: true", "greeting", "true"),
    ("greeting: 17:45", "greeting", "17:45"),  # not 1065
    ("greeting: 1:30:00", "greeting", "1:30:00"),
    ("greeting: 0123", "greeting", "0123"),  # not 83
    ("greeting: 0o17", "greeting", "0o17"),
    ("greeting: 0x1F", "greeting", "0x1F"),
    ("greeting: 0b101", "greeting", "0b101"),
    ("greeting: 1_000", "greeting", "1_000"),
    ("greeting: 1.10", "greeting", "1.10"),  # not 1.1
    ("greeting: 1e3", "greeting", "1e3"),
    ("greeting: .5", "greeting", ".5"),
    ("greeting: 5.", "greeting", "5."),
    ("greeting: .inf", "greeting", ".inf"),
    ("greeting: .nan", "greeting", ".nan"),
    ("greeting: 2026-11-22", "greeting", "2026-11-22"),
    ("greeting: 2026-11-22 10:00:00", "greeting", "2026-11-22 10:00:00"),
    ("greeting: =", "greeting", "="),
    ("greeting: <<", "greeting", "<<"),
    ("greeting: 'null'", "greeting", "null"),
    ("greeting: +13186330963", "greeting", "+13186330963"),
    (f"greeting: {'9' * 5000}", "greeting", "9" * 5000),
    ("greeting: !!str no", "greeting", "no"),
    ("greeting: !!str 3", "greeting", "3"),
    ("greeting: hello   ", "greeting", "hello"),
    ("greeting: 'hello   '", "greeting", "hello   "),
    ("greeting: a#b", "greeting", "a#b"),
    ("greeting: a #b", "greeting", "a"),
    ("greeting: http://a.example:80/", "greeting", "http://a.example:80/"),
    ("greeting: a\tb", "greeting", "a\tb"),
    ("greeting: hello\t", "greeting", "hello"),
    ("greeting: |\n      a\n      b\n\n", "greeting", "a\nb\n"),
    ("greeting: |-\n      a\n\n", "greeting", "a"),
    ("greeting: |+\n      a\n", "greeting", "a\n\n"),
    ("greeting: >\n      a\n      b\n", "greeting", "a b\n"),
    ("greeting: >-\n      a\n\n      b\n", "greeting", "a\nb"),
    ("greeting: |2\n       a", "greeting", " a\n"),
    ("greeting: | # note\n      a #b\n", "greeting", "a #b\n"),
    ("greeting: a\n      b", "greeting", "a b"),
    ("greeting: ''", "greeting", ""),
    ("greeting: 'it''s'", "greeting", "it's"),
    ('greeting: "\\u00e9\\t"', "greeting", "é\t"),
    ("greeting: 😀日本", "greeting", "😀日本"),
    ("greeting: $5 or $$5", "greeting", "$5 or $5"),
    ('greeting: {en: "${X}"}', "greeting", {"en": "value: 3"}),
    ("greeting: {no: Hei, 1: One, on: On, null: Nothing}", "greeting",
     {"no": "Hei", "1": "One", "on": "On", "null": "Nothing"}),
    ("tools: {on: a.b, '1': a.c}", "tools", {"on": "a.b", "1": "a.c"}),
    ("stt: {provider: soniox, keyterms: [no, 17:45, 1.10, 0123]}", "stt",
     {"provider": "soniox", "keyterms": ["no", "17:45", "1.10", "0123"]}),
    ("voice: {provider: rime, caller: +13186330963}", "voice", {"provider": "rime", "caller": "+13186330963"}),
    ("voice: {provider: rime, gain: +6, speed: 1.10, on: no, at: 17:45}", "voice",
     {"provider": "rime", "gain": 6, "speed": 1.1, "on": "no", "at": "17:45"}),
    ("voice: {provider: rime, caller: '${PHONE}'}", "voice",
     {"provider": "rime", "caller": "+13186330963"}),
    ("session_limits: {max_duration_seconds: 1e3}", "session_limits", {"max_duration_seconds": 1000.0}),
    ("session_limits: {max_duration_seconds: 0o17}", "session_limits", {"max_duration_seconds": 15}),
    ("session_limits: {max_duration_seconds: 010}", "session_limits", {"max_duration_seconds": 10}),
    ("interruption: FALSE", "interruption", False),
    ("timezone: UTC   # the office", "timezone", "UTC"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "name", "expected"), KEPT, ids=lambda part: str(part)[:40])
def test_what_is_written_is_what_it_becomes(written: str, name: str, expected: Any) -> None:
    config, found = checked(f"{HEAD}    {written}\n", {"X": "value: 3", "PHONE": "+13186330963"})
    assert [finding.message for finding in found] == []
    assert config is not None
    became = getattr(config.agents["desk"], name)
    if name == "tools":
        became = {tool: options.function for tool, options in became.items()}
    assert became == expected
    assert type(became) is type(expected)


LIMIT = "session_limits: {max_duration_seconds: "
REFUSED: list[tuple[str, str, int, int, str]] = [
    # what is written for the agent, the code, line and column, and words of what people are told
    ("language: null", "PCR103", 6, 15, "must be text, not nothing"),
    ("language: Null", "PCR103", 6, 15, "must be text, not nothing"),
    ("language: ~", "PCR103", 6, 15, "must be text, not nothing"),
    ("language:", "PCR103", 6, 14, "must be text, not nothing"),
    ("language: y", "PCR104", 6, 15, "`y` is not a language tag"),
    ("language: 1", "PCR104", 6, 15, "`1` is not a language tag"),
    ("timezone: no", "PCR505", 6, 15, "`no` is not a time zone"),
    ("greeting: #hello", "PCR103", 6, 14, "not nothing"),
    ("greeting: {en:Hello}", "PCR103", 6, 24, "greeting.en:Hello` must be text, not nothing"),
    ("greeting:Hello", "PCR003", 6, 19, "put a space after the colon"),
    ("greeting: Note: call us", "PCR003", 6, 19, "quote a value that contains a colon"),
    ("greeting: @home", "PCR003", 6, 15, "quote a value that begins with @"),
    ("greeting: %d", "PCR003", 6, 15, "quote a value that begins with @"),
    ("greeting: `hi`", "PCR003", 6, 15, "quote a value that begins with @"),
    ("greeting: - hi", "PCR003", 6, 15, "begin a list on a line of its own"),
    ("greeting: |- hi\n      there", "PCR003", 6, 18, "begin a block of text on the line below"),
    ("greeting: 'it's'", "PCR003", 6, 19, "write '' for an apostrophe"),
    ('greeting: "a "b" c"', "PCR003", 6, 19, 'write \\" for a quote'),
    ('greeting: "C:\\dir"', "PCR003", 6, 18, "write \\\\ for a backslash"),
    ("greeting: {en: ${X}}", "PCR003", 6, 21, 'a variable must be quoted: "${NAME}"'),
    ("greeting: *hello", "PCR005", 6, 15, "define &hello first"),
    ("greeting: !!binary aGk=", "PCR005", 6, 15, "!!binary is not supported"),
    ("greeting: a\n    greeting: b", "PCR004", 7, 5, "given twice"),
    ("greeting: {en: a, 'en': b}", "PCR004", 6, 23, "given twice"),
    ("prompt: again", "PCR004", 6, 5, "given twice"),
    ("greeting: a\x00b", "PCR003", 6, 16, "U+0000"),
    ("greeting: a\x85b", "PCR003", 7, 2, "could not find expected ':'"),  # NEL ends a line
    ("greeting: a\u2028    x: b", "PCR101", 7, 5, "no key `x`"),  # and so does LS
    ("gree\u200bting: a", "PCR101", 6, 5, "did you mean `greeting`?"),
    ("\tgreeting: a", "PCR003", 6, 5, "indent with spaces"),
    ("greeting: a:\tb", "PCR003", 6, 16, ""),
    ("stt: {provider: soniox, keyterms: [- a]}", "PCR003", 6, 40, "in [ ] items have no dash"),
    ("1: x", "PCR101", 6, 5, "no key `1`"),
    ("no: x", "PCR101", 6, 5, "no key `no`"),
    ("<<: x", "PCR005", 6, 5, "`<<` merges mappings"),
    ("greeting_in_chat: yes", "PCR103", 6, 23, "write true"),
    ("greeting_in_chat: n", "PCR103", 6, 23, "write false"),
    ("greeting_in_chat: 'true'", "PCR103", 6, 23, "not the text `true`"),
    ("interruption: off", "PCR103", 6, 19, "write false"),
    (f"{LIMIT}'60'}}", "PCR103", 6, 44, "must be a number, not the text `60`"),
    (f"{LIMIT}1_000}}", "PCR103", 6, 44, "not the text `1_000`"),
    (f"{LIMIT}17:45}}", "PCR103", 6, 44, "not the text `17:45`"),
    (f"{LIMIT}.inf}}", "PCR103", 6, 44, "not the text `.inf`"),
    (f"{LIMIT}10 }} # s\n    greeting: a: b", "PCR003", 7, 16, "quote a value that contains a colon"),
    ("tools: {'a b': a.b}", "PCR104", 6, 13, "`a b` is not a tool name"),
]


@pytest.mark.parametrize(("written", "code", "line", "column", "words"), REFUSED, ids=lambda part: str(part)[:40])
def test_what_cannot_be_meant_is_a_finding_at_its_place(
    written: str, code: str, line: int, column: int, words: str
) -> None:
    _, found = checked(f"{HEAD}    {written}\n", {"X": "value"})
    assert [(finding.code, finding.span.line, finding.span.column) for finding in found] == [(code, line, column)]
    assert words in f"{found[0].message}; {found[0].help}"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("1", None),
        ("1.0", None),  # one number to JSON Schema, as to YAML
        ("'1'", "the number 1, not the text `1`"),
        ("'1.0'", "the number 1, not the text `1.0`"),
        ("true", "must be 1, not `true`"),
        ("1.1", "must be 1, not the number 1.1"),
        ("v1", "the number 1, not the text `v1`"),
    ],
)
def test_the_version_is_the_number_one(written: str, words: str | None) -> None:
    _, found = checked(HEAD.replace("version: 1", f"version: {written}"))
    assert [finding.code for finding in found] == ["PCR104"] * (words is not None)
    assert words is None or words in found[0].message


@pytest.mark.parametrize("name", ["no", "1", "null", "17", "0x1F", "y"])
def test_an_agents_name_is_text(name: str) -> None:
    config, found = checked(HEAD.replace("desk", name))
    assert found == []
    assert config is not None
    assert list(config.agents) == [name]


@pytest.mark.parametrize("name", ["~", "des\u200bk", "d\u0435sk", "\u202edesk", "1.0", "a b"])
def test_a_name_that_looks_like_another_is_none(name: str) -> None:
    _, found = checked(HEAD.replace("desk", name))
    assert [(finding.code, finding.span.line, finding.span.column) for finding in found] == [("PCR104", 3, 3)]


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_every_line_break_is_one(line_break: str) -> None:
    config, found = checked(f"\ufeff{HEAD}    greeting: |\n      a\n      b\n    voise: x\n".replace("\n", line_break))
    assert [(finding.code, finding.span.line, finding.span.column) for finding in found] == [("PCR101", 9, 5)]
    config, found = checked(f"{HEAD}    greeting: |\n      a\n      b\n".replace("\n", line_break))
    assert config is not None
    assert config.agents["desk"].greeting == "a\nb\n"


def test_the_same_word_means_what_each_of_its_places_asks() -> None:
    config, found = checked(f"x-n: &n 010\n{HEAD}    greeting: *n\n    voice: {{provider: rime, gain: *n}}\n")
    assert found == []
    assert config is not None
    assert (config.agents["desk"].greeting, config.agents["desk"].voice) == ("010", {"provider": "rime", "gain": 10})
