"""What is known of Deepgram holds together."""

from __future__ import annotations

import re

import pytest

from pinecall_run.vendors.deepgram import FLUX, NOVA, NOVA_HINTS, PROVIDERS
from pinecall_run.vendors.facts import Provider


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
def test_a_default_is_one_that_could_be_written(provider: Provider) -> None:
    for name, schema in provider.options.items():
        default = schema.get("default")
        if isinstance(default, int | float) and not isinstance(default, bool):
            assert schema["minimum"] <= default <= schema["maximum"], name


def test_languages_are_written_as_deepgram_does() -> None:
    for known in (*NOVA.values(), *FLUX.values(), NOVA_HINTS):
        for code in known - {"multi", "es-419"}:
            assert re.fullmatch(r"[a-z]{2}(-[A-Z]{2}|-Han[st])?", code), code


def test_each_region_has_its_language() -> None:
    for model, known in NOVA.items():
        assert {code.partition("-")[0] for code in known} <= known, model


def test_each_model_is_offered() -> None:
    assert [tuple(provider.names) for provider in PROVIDERS] == [tuple(NOVA), tuple(FLUX)]
    assert "nova-3" in NOVA
    assert "multi" not in NOVA["nova-2-phonecall"]
