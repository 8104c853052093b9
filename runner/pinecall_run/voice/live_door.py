"""Where supervisors come in: which calls there are, the page that plays one, and its socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from pinecall_run.transports.contract import NotAdmittedError
from pinecall_run.transports.live_socket import Earpiece, serve_live
from pinecall_run.voice.admission import Access, Policy
from pinecall_run.voice.http_door import HEADERS
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.token_door import refusal, visitor
from pinecall_run.voice.tokens import OBSERVE, SUPERVISE, BadTokenError

if TYPE_CHECKING:  # needs an extra, which typed conversations do without
    from pinecall_run.voice.spoken_call import SpokenCall

_PLAYER = Path(__file__).parent / "page" / "player.html"

KEY_NEEDED = "the server's key is needed: Authorization: Bearer KEY, or ?token=KEY"


class _RefusedError(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class LiveDoor:
    """The routes of one server, for whoever has its key, for this machine, and for tokens that one of them got.
    ``guarded`` serves a socket, and logs what breaks it."""

    def __init__(self, hub: Hub, policy: Policy, guarded: Callable[[Awaitable[None]], Awaitable[None]]) -> None:
        self._hub = hub
        self._policy = policy
        self._guarded = guarded

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [
            Route("/live", self._list),
            Route("/live/{call}/player", self._player),
            WebSocketRoute("/live/{call}/ws", self._supervise),
        ]

    async def _list(self, request: Request) -> Response:
        if not self._is_developer(request):
            return refusal(401, KEY_NEEDED)
        calls = [about() for session in self._hub.conversations if (about := getattr(session, "about", None))]
        return JSONResponse({"calls": calls}, headers={"Cache-Control": "no-store"})

    async def _player(self, request: Request) -> Response:
        """A token of one session passes: it is used by the page's socket, and shows nothing here."""
        token = request.query_params.get("token", "")
        if not (self._is_developer(request) or token.startswith("stm_")):
            return refusal(401, KEY_NEEDED)
        return Response(_PLAYER.read_bytes(), media_type="text/html", headers=HEADERS)

    async def _supervise(self, socket: WebSocket) -> None:
        await self._guarded(self._serve(socket))

    async def _serve(self, socket: WebSocket) -> None:
        earpiece = Earpiece(shows_events=socket.query_params.get("events") == "1")
        try:
            session, may_act = self._admit(socket)
            session.live.join(earpiece)
        except _RefusedError as error:
            await socket.send_denial_response(refusal(error.status, str(error)))
        except NotAdmittedError as error:
            await socket.send_denial_response(refusal(503, str(error)))
        else:
            await serve_live(socket, session.live, earpiece, session_id=session.id, may_act=may_act)

    def _admit(self, socket: WebSocket) -> tuple[SpokenCall, bool]:
        """The call, and whether it may be taken over."""
        call_id = socket.path_params["call"]
        scope, agent_id = self._scope(socket, call_id)
        session = self._hub.conversations.get(call_id)
        if session is None or not hasattr(session, "live") or agent_id not in ("", session.agent_id):
            raise _RefusedError(404, f"no call {call_id} is going on")
        spoken: SpokenCall = session  # type: ignore[assignment]
        if not spoken.live.is_allowed:
            agent = spoken.agent_id
            raise _RefusedError(403, f"calls of {agent} are not listened to: give it live: true in pinecall.yaml")
        return spoken, scope == SUPERVISE

    def _scope(self, socket: WebSocket, call_id: str) -> tuple[str, str]:
        """What a visitor may, and of which agent's calls; empty for those of all."""
        if self._is_developer(socket):
            return SUPERVISE, ""
        try:
            claims = self._hub.tokens.redeem("stream", socket.query_params.get("token", ""), self._hub.clock())
        except BadTokenError as error:
            raise _RefusedError(401, KEY_NEEDED) from error
        if claims.scope not in (SUPERVISE, OBSERVE) or claims.call not in ("", call_id):
            raise _RefusedError(401, KEY_NEEDED)
        return claims.scope, claims.agent

    def _is_developer(self, request: HTTPConnection) -> bool:
        if self._policy.accepts_key(request.query_params.get("token", "")):
            return True
        return self._policy.access(visitor(request)) is Access.DEVELOPER
