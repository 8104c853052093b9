"""A key goes to the vendor it is of, and to nobody that a configuration names."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pinecall_run.providers.contracts import ModelSpec, ProviderError
from pinecall_run.providers.endpoints import Clients, Endpoint, endpoint_of
from pinecall_run.providers.failures import Vendor
from pinecall_run.vendors.compatible import ENDPOINT_OPTIONS
from pinecall_run.vendors.facts import Provider

ACME = Provider(
    "acme", "model", "Acme", "acme", keys=("ACME_API_KEY",), endpoint="ACME_BASE_URL", options=ENDPOINT_OPTIONS
)
LOCAL = Provider("local", "model", "Local", "acme", endpoint="LOCAL_BASE_URL", options=ENDPOINT_OPTIONS)
OWN, PROXY, OTHER = "https://api.acme.example/v1", "http://127.0.0.1:1/v1", "http://other.example:8000/v1"
KEY = {"ACME_API_KEY": "sk-env", "LOCAL_API_KEY": "sk-env"}


def where(options: dict[str, Any], environ: dict[str, str], provider: Provider = ACME) -> Endpoint:
    return endpoint_of(provider, ModelSpec("acme", "m", options), environ, title="Acme", own_url=OWN)


@pytest.mark.parametrize(
    ("options", "environ", "url", "key"),
    [({}, KEY, OWN, "sk-env"),
     ({}, {**KEY, "ACME_BASE_URL": PROXY}, PROXY, "sk-env"),
     ({}, {"ACME_BASE_URL": PROXY}, PROXY, ""),
     ({"api_key": "sk-own"}, KEY, OWN, "sk-own"),
     ({"api_key": "sk-own"}, {}, OWN, "sk-own"),
     ({"base_url": OTHER}, {**KEY, "ACME_BASE_URL": PROXY}, OTHER, ""),
     ({"base_url": OTHER, "api_key": "sk-own"}, KEY, OTHER, "sk-own"),
     ({"base_url": OWN}, KEY, OWN, "")],
)  # fmt: skip
def test_where_it_is_asked_and_with_which_key(
    options: dict[str, Any], environ: dict[str, str], url: str, key: str
) -> None:
    endpoint = where(options, environ)
    assert (endpoint.url, endpoint.key) == (url, key)
    assert endpoint.is_own is ("base_url" not in options)


def test_a_vendor_without_keys_may_have_one() -> None:
    assert where({}, {}, LOCAL).key == ""
    assert where({}, KEY, LOCAL).key == "sk-env"


def test_without_a_key_the_vendor_is_not_asked() -> None:
    with pytest.raises(ProviderError, match="the model m needs a key") as raised:
        where({}, {})
    assert raised.value.kind == "missing"
    assert raised.value.hint.startswith("set ACME_API_KEY where the voice server runs, or ACME_BASE_URL")


def test_errors_name_whom_they_are_about_and_no_variable_that_was_not_read() -> None:
    assert where({}, KEY).vendor == Vendor("Acme", "ACME_API_KEY", "ACME_BASE_URL", ("sk-env",))
    assert where({"api_key": "sk-own"}, KEY).vendor.of_status(401).hint == ""
    other = where({"base_url": OTHER, "api_key": "sk-own"}, KEY).vendor
    error = other.of_status(401, "no key sk-own")
    assert (str(error), error.hint) == ("the endpoint at other.example:8000 refused the key: no key …", "")


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "http://", "http://[::1", "http://x:99999", "https://key@x/v1", "https://x/v1?key=sk",
     "https://x/#a", 3],
)  # fmt: skip
def test_an_address_is_an_address_and_no_more(url: Any) -> None:
    with pytest.raises(ProviderError, match="`base_url` of acme") as raised:
        where({"base_url": url}, KEY)
    assert raised.value.kind == "request"
    assert "sk" not in str(raised.value)


async def test_clients_are_shared_made_once_and_closed() -> None:
    made: list[Endpoint] = []
    closed: list[str] = []

    def make(endpoint: Endpoint) -> str:
        if endpoint.url == PROXY:
            raise ValueError("no such address")
        made.append(endpoint)
        return endpoint.url

    async def let_go(client: str) -> None:
        closed.append(client)

    clients = Clients(make, let_go)
    endpoint = where({}, KEY)
    assert await asyncio.gather(*(clients.get(endpoint) for _ in range(5))) == [OWN] * 5
    assert await clients.get(where({"api_key": "sk-own"}, KEY)) == OWN
    assert len(made) == 2
    for _ in range(2):
        with pytest.raises(ValueError, match="no such address"):
            await clients.get(where({}, {"ACME_BASE_URL": PROXY}))
    await clients.close()
    await clients.close()
    assert closed == [OWN, OWN]
    await clients.get(endpoint)
    assert len(made) == 3
