"""Of every vendor: what its mapping may hold, in a schema, in words, and in an example that fits."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from pinecall_run.vendors.facts import STAGES, Provider, number, one_of, text, texts, whole, yes_or_no
from pinecall_run.vendors.mapping import definition, example, has_options, keys, sample, schema, values
from pinecall_run.vendors.table import PROVIDERS

ALL = [one for stage in STAGES for one in PROVIDERS[stage].values()]
ACME = Provider("acme", "stt", "Acme", options={"pace": number("Pace.", 0.5, 2)}, names=("big", "small"))


@pytest.mark.parametrize("provider", ALL, ids=definition)
def test_an_example_fits(provider: Provider) -> None:
    written = example(provider)
    jsonschema.validate(written, schema(provider))
    assert written.keys() >= {"provider", *(name for name, option in provider.options.items() if "default" in option)}


@pytest.mark.parametrize("provider", ALL, ids=definition)
def test_every_option_is_told_in_words(provider: Provider) -> None:
    assert all(values(option) for option in provider.options.values())


def test_a_mapping_has_names_where_the_stage_has_them() -> None:
    assert list(keys(ACME)) == ["provider", "model", "language", "pace"]
    assert keys(ACME)["model"]["examples"] == ["big", "small"]
    assert list(keys(Provider("acme", "stt", "Acme"))) == ["provider", "language"]
    assert list(keys(Provider("acme", "voice", "Acme"))) == ["provider", "voice_id", "language"]
    assert list(keys(Provider("acme", "model", "Acme"))) == ["provider", "model"]
    assert (has_options(ACME), has_options(Provider("acme", "model", "Acme"))) == (True, False)


def test_a_mapping_has_no_other_keys() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"provider": "acme", "peice": 1}, schema(ACME))


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (number("Pace.", 0.5, 2), 0.5, "a number from 0.5 to 2"),
        (whole("Wait.", high=20), 20, "a whole number to 20"),
        (whole("Wait.", default=4), 4, "a whole number"),
        (one_of("Engine.", "neural", "standard"), "neural", "neural or standard"),
        (text("A name."), "…", "text"),
        (texts("Names.", most=100), ["…"], "a list, at most 100"),
        (texts("Names.", minItems=2), ["…", "…"], "a list"),
        (texts("Names.", examples=[["Acme"]]), ["Acme"], "a list"),
        ({"type": "array", "items": {"enum": ["pci", "ssn"]}}, ["pci"], "a list of pci or ssn"),
        ({"type": ["string", "array"]}, "…", "text or a list"),
        (text("Loudness.", pattern="dB$"), None, "text"),
        (text("Loudness.", pattern="dB$", examples=["+6dB"]), "+6dB", "text"),
        ({"type": "array", "items": {"type": "string", "pattern": "^[a-z]{2}$"}}, None, "a list"),
        ({"anyOf": [{"type": "boolean"}, {"type": "number"}]}, True, "true or false or a number"),
        (yes_or_no("Whether.", default=False), False, "true or false"),
    ],
)
def test_options_have_a_value_and_words(option: dict[str, Any], value: Any, words: str) -> None:
    assert (sample(option), values(option)) == (value, words)


def test_what_a_pattern_asks_for_is_said_in_words() -> None:
    options = {
        "volume": text("How loud it speaks.", pattern="dB$"),
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^a"}, "description": "What it is."},
        "rate": text("How fast.", pattern="%$", **{"x-says": "percent"}),
    }
    found = keys(Provider("acme", "voice", "Acme", options=options))
    assert found["volume"]["x-says"] == "what acme takes: how loud it speaks"
    assert found["tags"]["items"]["x-says"] == "what acme takes: what it is"
    assert found["rate"]["x-says"] == "percent"
    assert example(Provider("acme", "voice", "Acme", options=options)) == {"provider": "acme", "voice_id": "NAME"}
