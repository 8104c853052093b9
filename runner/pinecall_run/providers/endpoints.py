"""Where a language model is asked, and with which key: a key goes where it belongs, and nowhere else.

A key of the environment is sent to the vendor's own endpoint, or to the one that the vendor's variable in the same
environment names. A ``base_url`` that a configuration brings gets the ``api_key`` that it brings, or none
(docs/decisions/keys-and-endpoints.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pinecall_run.providers.contracts import ModelSpec, ProviderError
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.options import check_options, refused
from pinecall_run.vendors.facts import Provider

TIMEOUT_SECONDS, CONNECT_SECONDS = 30.0, 5.0
"""Between two bytes of an answer, and until there is a connection. A call loses its patience sooner."""

_C = TypeVar("_C")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``vendor`` is whom errors are about; ``is_own`` whether it is the vendor's, or stands in for it by the
    environment's will. Without a key the ``key`` is empty."""

    vendor: Vendor
    url: str
    key: str
    is_own: bool


def endpoint_of(
    provider: Provider, spec: ModelSpec, environ: Mapping[str, str], *, title: str, own_url: str
) -> Endpoint:
    """Where ``spec`` is asked. ``title`` is the vendor as it writes itself, ``own_url`` where it is.

    Raises:
        ProviderError: an option is unknown or wrong, or there is no key for the vendor's own endpoint.
    """
    options = spec.options
    check_options(provider, options)
    brought = options.get("api_key", "")
    if "base_url" in options:
        host = _host(provider, options["base_url"])
        return Endpoint(Vendor(f"the endpoint at {host}", secrets=(brought,)), options["base_url"], brought, False)
    variable = f"{provider.name.upper()}_API_KEY" if not provider.keys else provider.keys[0]
    key, url = brought or environ.get(variable, ""), environ.get(provider.endpoint, "")
    if not key and not url and provider.keys:
        hint = f"set {variable} where the voice server runs, or {provider.endpoint} for an endpoint that asks for none"
        raise ProviderError(f"the model {spec.model} needs a key", hint, kind="missing")
    vendor = Vendor(title, "" if brought else variable, provider.endpoint, (key,))
    return Endpoint(vendor, url or own_url, key, True)


def _host(provider: Provider, url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, None
    if parts is None or not host:
        raise refused(provider, "base_url", "is no address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise refused(provider, "base_url", "must be an address and no more: the key goes into api_key")
    return host if port is None else f"{host}:{port}"


class Clients(Generic[_C]):
    """The clients of a vendor's library: one for each endpoint and key, so that conversations share its connections.

    These belong to an event loop. A client is made in a thread: reading the certificates that are trusted takes a
    tenth of a second or more, which calls that are going on would hear.
    """

    def __init__(self, make: Callable[[Endpoint], _C], close: Callable[[_C], Awaitable[Any]]) -> None:
        self._make = make
        self._close = close
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Any, ...], asyncio.Future[_C]]] = (
            WeakKeyDictionary()
        )

    async def get(self, endpoint: Endpoint) -> _C:
        """The client of an endpoint. Raises what the library raises of an address that cannot be."""
        loop = asyncio.get_running_loop()
        clients, key = self._made.setdefault(loop, {}), (endpoint.url, endpoint.key, endpoint.is_own)
        if key not in clients:
            clients[key] = loop.run_in_executor(None, self._make, endpoint)
        try:
            return await asyncio.shield(clients[key])  # another conversation may wait for it, too
        except Exception:
            clients.pop(key, None)
            raise

    async def close(self) -> None:
        """Close this event loop's. The next answer makes them anew."""
        made = await asyncio.gather(*self._made.pop(asyncio.get_running_loop(), {}).values(), return_exceptions=True)
        for client in made:
            if not isinstance(client, BaseException):
                await self._close(client)
