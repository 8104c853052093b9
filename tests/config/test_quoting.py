"""What a formatter quotes: text that other tools would read as something else, and nothing more."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.config._world import values

from pinecall_run.config.quoting import is_misread, to_quote
from pinecall_run.resources import schema
from pinecall_run.source.document import Document
from pinecall_run.source.formatting import format_text

HEAD = "version: 1\nagents:\n  desk:\n    prompt: Hello.\n"


def formatted(text: str) -> str:
    document, _ = Document.parse(text, "a.yaml")
    assert document.root is not None
    return format_text(text, to_quote(document.root, schema("pinecall")))


@pytest.mark.parametrize(
    "word",
    ["no", "No", "yes", "on", "OFF", "y", "N", "+15551234567", "15551234567", "17:45", "1:20:30", "0123", "0o17",
     "0x1F", "0b1", "1.10", "1e3", "1_000", "2026-01-02", "2026-01-02T03:04:05Z", ".inf", "-.INF", ".nan", "~", "null",
     "true", "=", "-1", ".5", "1.", "12e03", "190:20:30.15"],
)  # fmt: skip
def test_a_misread_word_is_quoted_where_text_is_meant(word: str) -> None:
    assert is_misread(word)
    text = f"{HEAD}    greeting: {word}\n"
    is_nothing = word in ("~", "null")  # which is no text
    expected = text if is_nothing else text.replace(f": {word}\n", f': "{word}"\n')
    assert formatted(text) == expected


@pytest.mark.parametrize("word", ["en", "hello", "+1 (555) 123-4567", "sip:a@b.c", "nope", "1.2.3", "17:4x", "e3", "-"])
def test_other_words_stay_bare(word: str) -> None:
    assert not is_misread(word)


@given(st.text(st.sampled_from("0123456789.+-_:eExonyfab~="), min_size=1, max_size=8))
def test_whatever_pyyaml_takes_for_something_else_is_known(word: str) -> None:
    try:
        loaded = yaml.safe_load(word)
    except (yaml.YAMLError, ValueError):
        return
    if not isinstance(loaded, str | dict | list):
        assert is_misread(word)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("channels: [+15551234567]", 'channels: ["+15551234567"]'),
        ("greeting: {no: Hei}", 'greeting: {"no": Hei}'),
        ("session_limits: {idle_timeout_seconds: 30}", None),
        ("greeting_in_chat: true", None),
        ("greeting_in_chat: no", None),  # a mistake, which quotes would hide
        ("stt: {provider: x, beam: 010, gate: off}", 'stt: {provider: x, beam: 010, gate: "off"}'),
        ("language: 'no'", 'language: "no"'),
        ("greeting: ${X:-no}", None),
    ],
)
def test_the_schema_says_what_is_text(before: str, after: str | None) -> None:
    assert formatted(f"{HEAD}    {before}\n") == f"{HEAD}    {after or before}\n"


def test_a_word_that_is_used_as_text_and_as_a_number_is_left_alone() -> None:
    for rest in (
        "    greeting: &n 30\n    session_limits: {idle_timeout_seconds: *n}\n",
        "    session_limits: {idle_timeout_seconds: &n 30}\n    greeting: *n\n",
    ):
        assert formatted(HEAD + rest) == HEAD + rest


def test_a_word_merged_from_the_authors_own_key_is_quoted_where_it_is_written() -> None:
    text = "version: 1\nx-base: &b\n  language: no\n  other: no\nagents:\n  desk:\n    <<: *b\n    prompt: x\n"
    assert formatted(text) == text.replace("language: no", 'language: "no"').replace("other: no", 'other: "no"')


WRITTEN = st.sampled_from(
    ["no", "+155", "0123", "1e3", "~", "x", "'no'", "30", "true", "17:45", "2026-01-02", '"${A}"']
)


@given(st.lists(st.tuples(st.sampled_from(["greeting", "language", "voice", "timezone", "interruption"]), WRITTEN)))
def test_values_are_what_they_were(entries: list[tuple[str, str]]) -> None:
    text = HEAD + "".join(f"    {key}: {word}\n" for key, word in dict(entries).items())
    assert values(formatted(text), schema("pinecall")) == values(text, schema("pinecall"))
