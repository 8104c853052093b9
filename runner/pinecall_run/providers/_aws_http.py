"""Signed requests to a service of Amazon's whose answers are streamed, and what their failures come to.

boto3's clients block: a sentence would hold a thread for as long as it is spoken, and one that is cut short could not
be stopped before the next piece. So botocore signs, and httpx2 asks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import httpx2
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]

from pinecall_run.providers.aws_account import Account
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.providers.failures import words_of

CONNECT_SECONDS, SILENT_SECONDS = 5.0, 5.0
IDLE_SECONDS = 60.0
"""How long a connection is kept that nobody needs at the moment."""

_CLIENTS: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx2.AsyncClient] = WeakKeyDictionary()
"""One for each event loop, so that conversations share its connections."""


async def close() -> None:
    """Close this event loop's connections. The next request opens them anew."""
    if (client := _CLIENTS.pop(asyncio.get_running_loop(), None)) is not None:
        await client.aclose()


def _client() -> httpx2.AsyncClient:
    loop = asyncio.get_running_loop()
    if loop not in _CLIENTS:
        _CLIENTS[loop] = httpx2.AsyncClient(
            timeout=httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=IDLE_SECONDS),
        )
    return _CLIENTS[loop]


class SignedHttp:
    """One service. ``address`` is as for :meth:`Account.address`."""

    def __init__(self, account: Account, service: str, address: str) -> None:
        self.account = account
        self._service = service
        self._address = address

    @asynccontextmanager
    async def answer(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[httpx2.Response]:
        """What is answered, if it is no refusal; leaving the block ends it, whether it was read or not.

        Raises:
            ProviderError: it is one, or nothing came, or not to its end.
        """
        try:
            answer = await self._sent(method, path, b"" if body is None else json.dumps(body).encode())
            try:
                if answer.status_code != httpx2.codes.OK:
                    raise self._refused(answer, await answer.aread())
                yield answer
            finally:
                await answer.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._broken(error) from error

    async def _sent(self, method: str, path: str, content: bytes) -> httpx2.Response:
        identity = await self.account.identity()
        url = self.account.address(self._address, identity.region) + path
        for is_last in (False, True):
            signed = AWSRequest(method, url, data=content, headers={"Content-Type": "application/json"})
            SigV4Auth(identity.keys, self._service, identity.region).add_auth(signed)
            request = _client().build_request(method, url, content=content, headers=dict(signed.headers))
            try:
                return await _client().send(request, stream=True)
            except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
                # It may be that the connection was kept for longer than the other side liked; a new one tells.
                if is_last:
                    raise
        raise AssertionError

    def _refused(self, answer: httpx2.Response, body: bytes) -> ProviderError:
        name = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
        if not name:
            return self.account.vendor.of_status(answer.status_code, body, answer.headers)
        words = words_of(body)
        return self.account.refused(name, "" if "at 'text'" in words else words)  # it quotes what was to be spoken

    def _broken(self, error: Exception) -> ProviderError:
        vendor = self.account.vendor
        match error:
            case httpx2.TimeoutException():
                return vendor.failed("did not answer in time", "timeout")
            case httpx2.ConnectError() | httpx2.ProxyError():
                return vendor.of_connecting(_cause(error))
            case httpx2.RemoteProtocolError() if "connect" not in str(error):  # of one that ended they say so
                return vendor.of_garbage("what is no HTTP")
            case httpx2.TransportError():
                return vendor.failed("broke the connection off", "network")
            case _:
                return vendor.failed(f"failed with {type(error).__name__}", "failed")


def _cause(error: BaseException | None) -> Exception:
    """What the system says of a connection, under what the libraries make of it."""
    found: Exception = ConnectionError()
    while error is not None:
        found = error if isinstance(error, OSError) else found
        error = error.__cause__ or error.__context__
    return found
