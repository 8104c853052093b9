"""The table of vendors that speak OpenAI's chat completions holds together."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from pinecall_run.vendors.compatible import DIALECTS, ENDPOINT_OPTIONS, PROVIDERS


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_a_dialect_is_whole(name: str) -> None:
    dialect = DIALECTS[name]
    address = urlsplit(dialect.url)
    is_here = address.hostname == "localhost"
    assert address.scheme == ("http" if is_here else "https"), "a key goes over TLS"
    assert bool(dialect.keys) is not is_here
    assert dialect.title.lower() == name
    assert dialect.fields.keys() <= dialect.options.keys()
    assert not dialect.options.keys() & ENDPOINT_OPTIONS.keys()
    assert not dialect.always.keys() & dialect.options.keys()
    assert dialect.page.startswith("https://")


def test_every_vendor_is_served_and_can_be_sent_elsewhere() -> None:
    assert {one.name for one in PROVIDERS} == set(DIALECTS)
    for one in PROVIDERS:
        assert one.is_served
        assert one.extra == "openai"
        assert one.endpoint == f"{one.name.upper()}_BASE_URL"
        assert one.options.keys() > ENDPOINT_OPTIONS.keys()
