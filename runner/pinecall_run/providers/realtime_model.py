"""OpenAI's Realtime API, speech to speech over a WebSocket: one call is one session.

The vendor's library is not taken: its connection is ``websockets`` with the same JSON, unchecked, and a client of HTTP
beside it. The model signals turns and is asked for each answer; what it knows is brought to the call's history first
(``realtime_items.py``). Source: https://developers.openai.com/api/docs/guides/realtime-websocket, read in November
2026.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from pinecall_run.providers import realtime_wire as wire
from pinecall_run.providers.contracts import ModelSpec, ProviderError
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.options import check_options, refused
from pinecall_run.providers.realtime_stream import RealtimeStream, encoded
from pinecall_run.providers.vendor_socket import Address, VendorSocket
from pinecall_run.vendors.naming import REALTIME
from pinecall_run.vendors.table import PROVIDERS

OPEN_SECONDS = 5.0
_URL, _KEY = "wss://api.openai.com/v1", "OPENAI_API_KEY"
_FACTS = PROVIDERS["model"][REALTIME]


def open_duplex(spec: ModelSpec, environ: Mapping[str, str]) -> RealtimeModel:
    """A model for any number of calls.

    Raises:
        ProviderError: there is no key, or an option is none.
    """
    check_options(_FACTS, spec.options)
    if "keywords" in spec.options and spec.options.get("transcription", wire.TRANSCRIPTION) != wire.TRANSCRIPTION:
        raise refused(_FACTS, "keywords", f"is for the transcription {wire.TRANSCRIPTION}")
    if "eagerness" in spec.options and {"silence_ms", "threshold"} & spec.options.keys():
        raise refused(_FACTS, "eagerness", "goes not with silence_ms or threshold: they are another way to find turns")
    key = environ.get(_KEY, "")
    if not key:
        hint = f"set {_KEY} where the voice server runs"
        raise ProviderError(f"the model {spec.model} needs a key", hint, kind="missing")
    url = (environ.get(_FACTS.endpoint) or _URL).rstrip("/")
    address = Address(f"{url}/realtime?model={quote(spec.model)}", {"Authorization": f"Bearer {key}"})
    return RealtimeModel(spec, Vendor("OpenAI", _KEY, _FACTS.endpoint, (key,)), address)


@dataclass(frozen=True, slots=True)
class RealtimeModel:
    """A :class:`DuplexModel`."""

    spec: ModelSpec
    vendor: Vendor
    address: Address

    async def open(self, language: str) -> RealtimeStream:
        """See :class:`DuplexModel`. That the socket is open says nothing: a wrong key is told on it."""
        socket = await VendorSocket.connected(self.vendor, self.address)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._until(socket, "session.created")
                await socket.send(encoded(wire.session(self.spec, language)))
                await self._until(socket, "session.updated")
        except BaseException as error:
            await socket.close()
            if isinstance(error, TimeoutError):
                raise self.vendor.failed("did not begin the session", "timeout") from None
            raise
        return RealtimeStream(self.spec, self.vendor, socket)

    async def _until(self, socket: VendorSocket, kind: str) -> None:
        while (event := wire.read(await socket.receive(), self.vendor))["type"] != kind:
            if event["type"] == "error":
                raise wire.failure(event.get("error"), self.vendor)
