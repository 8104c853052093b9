"""Scalars mean what the schema asks for: the traps of YAML, one by one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.config.values import Reading, Shape, core
from pinecall_run.source.document import Document

WORD: Any = {"type": "string"}
NUMBER: Any = {"type": "number"}
WHOLE: Any = {"type": "integer"}
TRUTH: Any = {"type": "boolean"}
TRUTH_OR_MAP: Any = {"anyOf": [TRUTH, {"type": "object"}]}
WORD_OR_MAP: Any = {"anyOf": [WORD, {"type": "object"}]}
ANYTHING: Any = {}
ENVIRON = {
    "WORD": "word",
    "ZIP": "0123",
    "PHONE": "+13186330963",
    "HALF": "0.5",
    "THREE": "3",
    "YES": "true",
    "NULL": "null",
    "EMPTY": "",
    "QUOTED": '"3"',
    "AGAIN": "${WORD}",
    "YAML": "{a: [1]}",
}


def value(written: str, schema: Any, environ: dict[str, str] | None = None) -> Any:
    document, found = Document.parse(f"x: {written}\n", "a.yaml")
    assert found == []
    assert document.root is not None
    top = {"properties": {"x": schema}}
    return Reading(ENVIRON if environ is None else environ).value(document.root, Shape([top], top))["x"]


@pytest.mark.parametrize(
    ("written", "schema", "expected"),
    [
        # words that YAML 1.1 takes for something else
        ("no", WORD, "no"),
        ("No", WORD, "No"),
        ("yes", WORD, "yes"),
        ("on", WORD, "on"),
        ("off", WORD, "off"),
        ("y", WORD, "y"),
        ("true", WORD, "true"),
        ("False", WORD, "False"),
        ("+13186330963", WORD, "+13186330963"),
        ("13186330963", WORD, "13186330963"),
        ("17:45", WORD, "17:45"),
        ("1:20:30", WORD, "1:20:30"),
        ("0123", WORD, "0123"),
        ("0o17", WORD, "0o17"),
        ("0x1F", WORD, "0x1F"),
        ("0b1", WORD, "0b1"),
        ("1.10", WORD, "1.10"),
        ("1e3", WORD, "1e3"),
        ("1_000", WORD, "1_000"),
        ("2026-01-02", WORD, "2026-01-02"),
        ("2026-01-02T03:04:05Z", WORD, "2026-01-02T03:04:05Z"),
        (".inf", WORD, ".inf"),
        (".nan", WORD, ".nan"),
        ("=", WORD, "="),
        ("'null'", WORD, "null"),
        ("'~'", WORD, "~"),
        ("''", WORD, ""),
        ("'3'", WORD, "3"),
        ("|\n  3\n", WORD, "3\n"),
        ("1.10", WORD_OR_MAP, "1.10"),
        ("no", WORD_OR_MAP, "no"),
        # nothing is nothing, wherever it is wanted
        ("", WORD, None),
        ("~", WORD, None),
        ("null", WORD, None),
        ("Null", WORD, None),
        ("null", NUMBER, None),
        # numbers and truth values where they are wanted
        ("3", WHOLE, 3),
        ("+3", WHOLE, 3),
        ("0123", WHOLE, 123),
        ("0x1F", WHOLE, 31),
        ("0o17", WHOLE, 15),
        ("3", NUMBER, 3),
        ("1.10", NUMBER, 1.1),
        (".5", NUMBER, 0.5),
        ("1e3", NUMBER, 1000.0),
        ("-0.5e-1", NUMBER, -0.05),
        ("true", TRUTH, True),
        ("FALSE", TRUTH, False),
        ("false", TRUTH_OR_MAP, False),
        # and left as they are where they are not: the schema complains
        ("yes", TRUTH, "yes"),
        ("'true'", TRUTH, "true"),
        ("1", TRUTH, 1),
        ("'3'", NUMBER, "3"),
        ("17:45", NUMBER, "17:45"),
        ("1e400", NUMBER, "1e400"),
        (".inf", NUMBER, ".inf"),
        (".nan", NUMBER, ".nan"),
        ("1.5", WHOLE, 1.5),
        ("true", WHOLE, True),
        # where the schema says nothing, YAML 1.2's core schema
        ("no", ANYTHING, "no"),
        ("true", ANYTHING, True),
        ("17:45", ANYTHING, "17:45"),
        ("0123", ANYTHING, 123),
        ("1.5", ANYTHING, 1.5),
        ("'1.5'", ANYTHING, "1.5"),
        ("", ANYTHING, None),
        # variables
        ("${WORD}", WORD, "word"),
        ("${ZIP}", WORD, "0123"),
        ("${PHONE}", WORD, "+13186330963"),
        ("${NULL}", WORD, "null"),
        ("${EMPTY}", WORD, ""),
        ("${YES}", WORD, "true"),
        ("${QUOTED}", WORD, '"3"'),
        ("${AGAIN}", WORD, "${WORD}"),
        ("${YAML}", WORD, "{a: [1]}"),
        ("${HALF}", NUMBER, 0.5),
        ('"${HALF}"', NUMBER, 0.5),
        ("'${THREE}'", WHOLE, 3),
        ("${THREE}00", WHOLE, 300),
        ("${YES}", TRUTH, True),
        ('"${YES}"', TRUTH_OR_MAP, True),
        ("${EMPTY}", NUMBER, None),
        ("${WORD}", NUMBER, "word"),
        ('"${ZIP}"', ANYTHING, "0123"),
        ('"${YES}"', ANYTHING, "true"),
        ("${EMPTY}", ANYTHING, ""),
        ("${HALF}", ANYTHING, 0.5),
        ("$$5", WORD, "$5"),
        ("$5", WORD, "$5"),
        ("$${WORD}", WORD, "${WORD}"),
        ("$$", NUMBER, "$"),
        ("'$$3'", NUMBER, "$3"),
    ],
)
def test_a_scalar_means_what_the_schema_asks_for(written: str, schema: Any, expected: Any) -> None:
    found = value(written, schema)
    assert found == expected
    assert type(found) is type(expected)


def test_keys_are_always_text() -> None:
    document, _ = Document.parse("no: 1\n3: 2\n~: 3\n${WORD}: 4\n", "a.yaml")
    assert document.root is not None
    assert Reading(ENVIRON).value(document.root, Shape([{}], {})) == {"no": 1, "3": 2, "~": 3, "${WORD}": 4}


def test_the_schema_is_followed_through_references_alternatives_and_lists() -> None:
    schema: Any = {
        "$ref": "#/$defs/top",
        "$defs": {
            "top": {
                "properties": {
                    "list": {"anyOf": [WORD, {"type": "array", "items": {"$ref": "#/$defs/word"}}]},
                    "known": {"properties": {"a": NUMBER}, "additionalProperties": WORD},
                    "either": {"allOf": [{"if": {}, "then": {"properties": {"a": WORD}}}]},
                    "loop": {"$ref": "#/$defs/top"},
                }
            },
            "word": WORD,
        },
    }
    text = "{list: [1, no], known: {a: 1, b: 1}, either: {a: 1}, loop: {loop: {list: [2]}}}"
    document, _ = Document.parse(text, "a.yaml")
    assert document.root is not None
    assert Reading({}).value(document.root, Shape([schema], schema)) == {
        "list": ["1", "no"],
        "known": {"a": 1, "b": "1"},
        "either": {"a": "1"},
        "loop": {"loop": {"list": ["2"]}},
    }


def test_a_value_that_is_reused_is_read_as_each_of_its_places_asks() -> None:
    document, _ = Document.parse("{word: &x 1.10, number: *x}", "a.yaml")
    schema: Any = {"properties": {"word": WORD, "number": NUMBER}}
    assert document.root is not None
    assert Reading({}).value(document.root, Shape([schema], schema)) == {"word": "1.10", "number": 1.1}


def test_x_keys_at_the_top_are_the_authors_own() -> None:
    document, _ = Document.parse("x-mine: ${GONE}\nagents: {x-mine: 1}\n", "a.yaml")
    assert document.root is not None
    reading = Reading({})
    assert reading.value(document.root, Shape([{}], {})) == {"agents": {"x-mine": 1}}
    assert reading.diagnostics == []


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("x: ${GONE}", 4),
        ("x: a ${GONE} b", 6),
        ("x: '😀 ${GONE}'", 7),
        ('x: "\\t${GONE}"', 4),  # an escape: only where the value lies is known
        ("x: |\n  a ${GONE}", 4),
    ],
)
def test_a_variable_that_is_not_set_is_shown_where_it_stands(text: str, column: int) -> None:
    document, _ = Document.parse(text, "a.yaml")
    assert document.root is not None
    reading = Reading({})
    reading.value(document.root, Shape([{}], {}))
    (found,) = reading.diagnostics
    assert (found.code, found.span.line, found.span.column, found.route) == ("PCR201", 1, column, ("x",))


@given(st.text(st.sampled_from("0123456789+-.eExobfaAnNuUlLtTrRsS~ _:"), max_size=12) | st.integers().map(str))
def test_a_plain_scalar_becomes_a_value_that_json_has(text: str) -> None:
    found = core(text)
    assert found is None or isinstance(found, bool | int | float | str)
    assert not isinstance(found, float) or abs(found) < float("inf")
    assert not isinstance(found, str) or found == text


def test_a_number_may_be_long_and_takes_no_longer_for_it() -> None:
    assert core("9" * 300) == int("9" * 300)
    assert core("9" * 100_000) == "9" * 100_000
    assert core("0x" + "f" * 100_000) == "0x" + "f" * 100_000


KEY: Any = {"type": "string", "x-secret": True}
LINES: Any = {"type": "string", "x-multiline": True}
SECRET: Any = {"type": "object", "properties": {"key": KEY, "again": KEY, "text": WORD, "lines": LINES}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("key: sk-1", [("PCR203", 6)]),
        ("key: ''", []),
        ("key: null", []),
        ("key: ${KEY}", []),
        ("key: pre-${KEY}", []),
        ("text: sk-1", []),
        ("{x-k: &k {key: sk-1}, <<: *k}", [("PCR203", 16)]),
        ("{key: &k sk-1, again: *k}", [("PCR203", 7)]),  # it is written once
        ("lines: ${LINES}", []),
        ("key: ${pk 1}", [("PCR202", 6)]),
        ("key: ${LINES}", [("PCR204", 6)]),
        ("text: ${LINES}", [("PCR204", 7)]),
        ("other: ${LINES}", []),
    ],
)
def test_secrets_and_line_breaks_are_found_and_not_told(text: str, found: list[tuple[str, int]]) -> None:
    document, _ = Document.parse(text, "a.yaml")
    assert document.root is not None
    reading = Reading({"KEY": "sk-2", "LINES": "sk-3\nsk-4"})
    reading.value(document.root, Shape([SECRET], SECRET))
    assert [(d.code, d.span.column) for d in reading.diagnostics] == found
    assert not any(word in f"{d.message} {d.help}" for d in reading.diagnostics for word in ("sk-", "pk 1"))


BY_WORD: Any = {
    "type": "object",
    "properties": {"provider": WORD},
    "allOf": [
        {
            "if": {"properties": {"provider": {"const": name}}, "required": ["provider"]},
            "then": {"properties": {"of": part}},
        }
        for name, part in (("one", WORD), ("two", NUMBER))
    ],
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{provider: one, of: 1.50}", "1.50"),
        ("{provider: two, of: 1.50}", 1.5),
        ("{provider: three, of: 1.50}", 1.5),
        ("{provider: '${WORD}', of: 010}", "010"),
        ("{of: no}", "no"),
    ],
)
def test_a_word_decides_what_the_others_are(written: str, expected: Any) -> None:
    assert value(written, BY_WORD, {"WORD": "one"})["of"] == expected


def test_without_a_word_a_shape_has_all_that_there_could_be() -> None:
    shape = Shape([BY_WORD], BY_WORD)
    assert shape.deciding == {"provider"}
    assert shape.child("of").types == {"string", "number"}
    assert shape.of({"provider": "two"}).child("of").types == {"number"}
    assert not shape.of({"provider": "three"}).child("of").is_known
