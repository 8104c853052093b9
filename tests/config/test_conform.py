"""The first pass answers what jsonschema answers, for every value, and refuses schemas that it does not know."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.config._world import values
from tests.golden._cases import OK

from pinecall_run.config.conform import UnsupportedSchemaError, compile_schema
from pinecall_run.resources import schema

ROOT = Path(__file__).parents[2]
VARIABLES = {"TWO_LINES": "first\nsecond"}
REAL = [
    *(
        (schema("pinecall"), values(f.read_text(), schema("pinecall"), VARIABLES))
        for f in [ROOT / "pinecall.yaml", *OK]
    ),
    *((schema("script"), values(f.read_text(), schema("script"))) for f in (ROOT / "examples").rglob("*.script.yaml")),
]

WORDS = st.sampled_from(["", "a", "b", "ab", "x-a", "é"])
LEAVES = st.none() | st.booleans() | st.sampled_from([0, 1, 2, -1, 0.0, 1.0, 1.5, 1e300, 10**40]) | WORDS
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))
TYPES = st.sampled_from(["object", "array", "string", "boolean", "null", "integer", "number"])
SIZES = st.integers(0, 3)
PATTERNS = st.sampled_from(["^a", "b$", "^x-", "."])


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas of every keyword that the first pass knows, around other schemas."""
    several = st.lists(inner, min_size=1, max_size=3)
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
        "const": JSON,
        "enum": st.lists(JSON, max_size=3) | st.lists(WORDS, max_size=3),
        "properties": st.dictionaries(WORDS, inner, max_size=3),
        "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
        "propertyNames": inner,
        "required": st.lists(WORDS, max_size=2, unique=True),
        "pattern": PATTERNS,
        "$ref": st.sampled_from(["#/$defs/one", "#/$defs/a~1b"]),
        "format": st.just("ipv4"),
        "x-secret": st.just(True),
        **dict.fromkeys(("anyOf", "oneOf", "allOf"), several),
        **dict.fromkeys(("additionalProperties", "items", "not", "if", "then", "else"), inner),
        **{f"{side}{what}": SIZES for side in ("min", "max") for what in ("Items", "Length", "Properties")},
        **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), SIZES),
    }
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=4, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))


SCHEMAS = st.recursive(st.booleans() | st.builds(lambda name: {"type": name}, TYPES), schemas, max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_random_schemas_are_answered_as_by_jsonschema(data: st.DataObject) -> None:
    definitions = {"one": data.draw(st.builds(lambda name: {"type": name}, TYPES)), "a/b": {"minimum": 1}}
    of = {"$defs": definitions, **data.draw(schemas(SCHEMAS))}
    check, oracle = compile_schema(of), Draft202012Validator(of)
    for value in data.draw(st.lists(JSON, min_size=1, max_size=5)):
        assert check(value) == oracle.is_valid(value), (of, value)


CONDITIONS = st.sampled_from(
    [
        *({"properties": {"a": {"const": word}}, "required": ["a"]} for word in ("", "a", "b")),
        {"properties": {"b": {"const": "a"}}, "required": ["b"]},
        {"not": {"required": ["a"]}},
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.fixed_dictionaries({"if": CONDITIONS, "then": SCHEMAS}), min_size=1, max_size=4), st.data())
def test_cases_by_a_word_are_answered_as_by_jsonschema(cases: list[Any], data: st.DataObject) -> None:
    of = {"allOf": cases, "$defs": {"one": True, "a/b": {"minimum": 1}}}
    check, oracle = compile_schema(of), Draft202012Validator(of)
    for value in data.draw(st.lists(JSON, min_size=1, max_size=5)):
        assert check(value) == oracle.is_valid(value), (of, value)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(REAL), st.data())
def test_damaged_projects_are_answered_as_by_jsonschema(real: tuple[dict[str, Any], Any], data: st.DataObject) -> None:
    of, value = real[0], copy.deepcopy(real[1])
    for _ in range(data.draw(st.integers(1, 2))):
        damage(value, data)
    assert compile_schema(of)(value) == Draft202012Validator(of).is_valid(value), value


def damage(value: Any, data: st.DataObject) -> None:
    """Replace, remove, rename or add something anywhere."""
    place, key = data.draw(st.sampled_from(list(places(value)) or [({}, "")]))
    match data.draw(st.sampled_from(["replace", "remove", "rename", "add"])):
        case "remove":
            place.pop(key, None) if isinstance(place, dict) else place.pop(key)
        case "rename" if isinstance(place, dict):
            place[data.draw(WORDS)] = place.pop(key, None)
        case "add" if isinstance(place, dict):
            place[data.draw(WORDS | st.sampled_from(["file", "text", "ref", "type", "language"]))] = data.draw(JSON)
        case _:
            place[key] = data.draw(JSON)


def places(value: Any) -> Any:
    """Every container with a key or index of it, inner ones included."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(part, (dict, list)):
            yield from places(part)


@pytest.mark.parametrize(("of", "value"), REAL)
def test_real_files_conform(of: dict[str, Any], value: Any) -> None:
    assert compile_schema(of)(value)


@pytest.mark.parametrize(
    ("of", "value", "expected"),
    [
        ({"const": 1}, True, False),
        ({"enum": [0, "a"]}, False, False),
        ({"const": [1, {"a": 0}]}, [1.0, {"a": False}], False),
        ({"const": [1, {"a": 0}]}, [1.0, {"a": 0.0}], True),
        ({"type": "integer"}, 1.0, True),
        ({"type": "integer"}, 1.5, False),
        ({"type": "integer"}, True, False),
        ({"type": "number"}, False, False),
        ({"minimum": 1}, False, True),  # it bounds numbers, and this is none
        ({"minLength": 1}, "é", True),
        ({"properties": {"x-a": False}, "patternProperties": {"^x-": True}}, {"x-a": 1}, False),
        ({"then": False}, 1, True),  # without an if it says nothing
        ({"properties": {"next": {"$ref": "#"}}, "type": "object"}, {"next": {"next": 1}}, False),
    ],
)
def test_what_is_easily_taken_for_something_else(of: dict[str, Any], value: Any, expected: bool) -> None:
    assert compile_schema(of)(value) is expected
    assert Draft202012Validator(of).is_valid(value) is expected


@pytest.mark.parametrize(
    "of",
    [
        {"unevaluatedProperties": False},
        {"properties": {"a": {"minimun": 1}}},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/$defs/missing"},
    ],
)
def test_what_it_does_not_know_it_refuses(of: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedSchemaError):
        compile_schema(of)
