"""The table of vendors holds together."""

from __future__ import annotations

from importlib.util import find_spec

import jsonschema
import pytest

from pinecall_run.vendors.facts import COMMON, STAGES, Provider
from pinecall_run.vendors.table import PROVIDERS, known, served

ALL = [one for stage in STAGES for one in PROVIDERS[stage].values()]


@pytest.mark.parametrize("provider", ALL, ids=lambda one: f"{one.stage}-{one.name}")
def test_a_provider_is_whole(provider: Provider) -> None:
    assert PROVIDERS[provider.stage][provider.name] is provider
    assert provider.summary
    assert not provider.module or find_spec(provider.module)
    assert not provider.options.keys() & COMMON[provider.stage]
    for name, schema in provider.options.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["description"].endswith("."), name


def test_none_is_named_twice() -> None:
    from pinecall_run.vendors import table

    assert len(ALL) == sum(len(module.PROVIDERS) for module in table._MODULES)


def test_what_is_served_is_known() -> None:
    for stage in STAGES:
        assert served(stage) <= known(stage)
