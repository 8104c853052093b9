"""Options are held against a vendor's own description of them."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.providers.options import _KEYWORDS, check_options, refused
from pinecall_run.vendors.facts import STAGES, Provider, Schema, number, one_of, text, texts, whole, yes_or_no
from pinecall_run.vendors.table import PROVIDERS

OPTIONS: dict[str, Schema] = {
    "pace": number("Pace.", 0.5, 2),
    "wait_ms": whole("Wait.", 10),
    "engine": one_of("Engine.", "neural", "standard"),
    "style": text("Style.", maxLength=5, pattern="^[a-z]+$"),
    "words": texts("Words.", 2, minItems=1),
    "is_loud": yes_or_no("Loud."),
    "grammar": {
        "anyOf": [{"type": "string", "pattern": "^c"}, {"type": "array", "minItems": 2}],
        "description": "Grammar.",
    },
    "hint": {"type": ["string", "array"], "minLength": 2, "items": {"enum": ["en", "es"]}, "description": "Hint."},
}
ACME = Provider("acme", "stt", "Acme", "acme.stt", options=OPTIONS, page="https://acme.example/options")

WRONG: list[tuple[str, Any, str]] = [
    ("pace", 0.4, "`pace` of acme is 0.4, and must be at least 0.5"),
    ("pace", 2.5, "`pace` of acme is 2.5, and must be at most 2"),
    ("pace", "fast", "`pace` of acme must be a number"),
    ("pace", True, "`pace` of acme must be a number"),
    ("pace", float("nan"), "`pace` of acme is nan, and must be at least 0.5"),
    ("wait_ms", 10.5, "`wait_ms` of acme must be a whole number"),
    ("engine", "slow", "`engine` of acme must be one of neural, standard"),
    ("style", "", "`style` of acme must match ^[a-z]+$"),
    ("style", "cheerful", "`style` of acme must have at most 5 characters"),
    ("words", "one", "`words` of acme must be a list"),
    ("words", [], "`words` of acme must have at least 1 entries"),
    ("words", ["a", "b", "c"], "`words` of acme has 3 entries, and must have at most 2"),
    ("words", ["a", ""], "`words` of acme has an entry, number 2, that must not be empty"),
    ("is_loud", 1, "`is_loud` of acme must be true or false"),
    ("is_loud", None, "`is_loud` of acme must be true or false"),
    ("hint", 3, "`hint` of acme must be text or a list"),
    ("hint", ["fr"], "`hint` of acme has an entry, number 1, that must be one of en, es"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG, ids=lambda value: repr(value)[:30])
def test_what_is_wrong_with_an_option_is_said_without_what_people_wrote(name: str, value: Any, message: str) -> None:
    with pytest.raises(ProviderError) as raised:
        check_options(ACME, {"wait_ms": 20, name: value})
    if (name, value) == ("style", ""):
        message = "`style` of acme must not be empty"  # the first of its faults
    assert (str(raised.value), raised.value.kind) == (message, "request")
    assert raised.value.hint == "see https://acme.example/options"


def test_what_is_right_passes() -> None:
    check_options(ACME, {})
    check_options(ACME, {"pace": 1, "wait_ms": 10.0, "engine": "neural", "style": "calm", "words": ("a",)})
    check_options(ACME, {"is_loud": False, "hint": "en"})
    check_options(ACME, {"hint": ["en", "es"]})


@pytest.mark.parametrize(
    ("provider", "hint"),
    [(ACME, "did you mean `wait_ms`?"), (Provider("none", "stt", "None", "n"), "it takes none")],
    ids=["acme", "none"],
)
def test_an_option_that_is_not_known_is_refused(provider: Provider, hint: str) -> None:
    with pytest.raises(ProviderError, match="takes no option `waitms`") as raised:
        check_options(provider, {"waitms": 20})
    assert (raised.value.hint, raised.value.kind) == (hint, "request")
    with pytest.raises(ProviderError) as raised:
        check_options(ACME, {"zzz": 20})
    assert raised.value.hint == "it takes engine, grammar, hint, is_loud, pace, style, wait_ms, words"


def test_of_several_ways_to_write_it_the_fault_is_that_of_the_nearest() -> None:
    with pytest.raises(ProviderError, match="`grammar` of acme must have at least 2 entries"):
        check_options(ACME, {"grammar": ["a"]})
    with pytest.raises(ProviderError, match="`grammar` of acme must be text"):
        check_options(ACME, {"grammar": 5})
    check_options(ACME, {"grammar": "calm"})


def test_an_adapter_refuses_in_the_same_words() -> None:
    error = refused(ACME, "pace", "is not for this voice")
    assert (str(error), error.kind) == ("`pace` of acme is not for this voice", "request")
    assert refused(Provider("none", "stt", "None"), "pace", "is not for this voice").hint == ""


def test_all_that_options_say_is_checked() -> None:
    described = {"description", "default", "examples", "x-says", "x-multiline"}
    schemas = [option for stage in STAGES for one in PROVIDERS[stage].values() for option in one.options.values()]
    assert schemas
    ways = [way for schema in schemas for way in schema.get("anyOf", ())]
    for schema in [*schemas, *ways, *(schema["items"] for schema in (*schemas, *ways) if "items" in schema)]:
        assert schema.keys() <= _KEYWORDS.keys() | described


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-50, 50) | st.floats(-5, 5) | st.sampled_from(["en", "calm", "neural", ""]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from(sorted(OPTIONS)), _JSON)
def test_it_says_what_a_whole_json_schema_would(name: str, value: Any) -> None:
    is_right = jsonschema.Draft202012Validator(OPTIONS[name]).is_valid(value)
    try:
        check_options(ACME, {name: value})
        assert is_right
    except ProviderError:
        assert not is_right
