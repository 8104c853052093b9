"""HTTP: how a browser's call begins (protocol: WebRTC signalling). Needs the extra ``voice`` only once it is used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pinecall_run.transports.contract import BusyError, CallReception, NotAdmittedError
from pinecall_run.voice.admission import is_loopback
from pinecall_run.voice.call_reception import MISSING
from pinecall_run.voice.failure import described
from pinecall_run.voice.proxies import origin_of
from pinecall_run.voice.token_door import TokenDoor, refusal
from pinecall_run.wire.codec import object_from_json

if TYPE_CHECKING:  # needs an extra, which typed conversations do without
    from pinecall_run.transports.webrtc import Calls

_LOG = logging.getLogger("pinecall_run.voice")

_ANYWHERE = {"Access-Control-Allow-Origin": "*"}
"""A widget lives on its own site. Its token is what it has; cookies and keys are not looked at here."""

_PREFLIGHT = {
    **_ANYWHERE,
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "600",
}


class WebRtcDoor:
    """The routes under ``/webrtc``. ``host`` is the address that the server listens on."""

    def __init__(
        self, reception: CallReception, tokens: TokenDoor, *, host: str, ice_servers: Sequence[Mapping[str, Any]]
    ) -> None:
        self._reception = reception
        self._tokens = tokens
        self._host = host
        self._ice_servers = list(ice_servers)
        self._loading: asyncio.Task[Calls | None] | None = None

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [
            Route("/webrtc/token", self._token, methods=["GET"]),
            Route("/webrtc/ice-servers", self._servers, methods=["GET", "OPTIONS"]),
            Route("/webrtc/offer", self._offer, methods=["POST", "OPTIONS"]),
        ]

    async def close(self) -> None:
        """End every call."""
        if self._loading is not None and (calls := await self._loading) is not None:
            await calls.close()

    async def _calls(self) -> Calls | None:
        """``None`` without the extra. Its packages take half a second to import, which is nobody else's."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        return await asyncio.shield(self._loading)

    async def _load(self) -> Calls | None:
        make = await asyncio.to_thread(_import)
        return make(self._reception, host=self._host, ice_servers=self._ice_servers) if make else None

    async def _token(self, request: Request) -> Response:
        if await self._calls() is None:
            return refusal(501, MISSING)
        return self._tokens.give("webrtc", request)

    async def _servers(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_PREFLIGHT)
        if await self._calls() is None:
            return _open(refusal(501, MISSING))
        # The object that RTCPeerConnection takes; a bare array would be the other form that clients know.
        return _open(JSONResponse({"iceServers": self._ice_servers}, headers={"Cache-Control": "no-store"}))

    async def _offer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_PREFLIGHT)
        calls = await self._calls()
        return _open(refusal(501, MISSING) if calls is None else await _begin(calls, request))


def _import() -> Callable[..., Calls] | None:
    try:
        from pinecall_run.transports.webrtc import Calls
    except ImportError:
        return None
    return Calls


async def _begin(calls: Calls, request: Request) -> JSONResponse:
    from pinecall_run.transports import webrtc
    from pinecall_run.transports.sdp import BadOfferError

    asked = object_from_json(await request.body())
    if asked is None:
        return refusal(400, "the body is not a JSON object")
    problem = next((sentence for key, kind, sentence in _FIELDS if not isinstance(asked.get(key, kind()), kind)), "")
    if problem or asked.get("type", "offer") != "offer":
        return refusal(400, problem or "type is not offer")
    origin = origin_of(request.scope)
    wanted = webrtc.Request(
        sdp=asked.get("sdp", ""),
        token=asked.get("token", ""),
        config=asked.get("config", {}),
        metadata=asked.get("metadata", {}),
        is_here=not origin.is_forwarded and is_loopback(origin.host),
    )
    try:
        answer = await calls.answer(wanted)
    except BadOfferError as error:
        return refusal(400, str(error))
    except (BusyError, webrtc.BusyError) as error:
        return refusal(503, str(error))
    except NotAdmittedError as error:
        return refusal(403, str(error))
    except Exception as error:  # noqa: BLE001 - the server below would print its text
        _LOG.error("a browser's call could not begin: %s", described(error))
        return refusal(500, "the call could not begin")
    said = {"sdp": answer.sdp, "type": "answer", "pc_id": answer.pc_id, "session_id": answer.session_id}
    return JSONResponse(said)


_FIELDS: Sequence[tuple[str, type, str]] = [
    ("sdp", str, "sdp is not a text"),
    ("token", str, "token is not a text"),
    ("config", dict, "config is not an object"),
    ("metadata", dict, "metadata is not an object"),
]


def _open(response: JSONResponse) -> JSONResponse:
    response.headers.update(_ANYWHERE)
    return response
