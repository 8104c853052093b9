"""HTTP: tokens for browsers, of every kind by the same rules; and what the other doors need of a request."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from pinecall_run.transports.refusals import Tally
from pinecall_run.voice.admission import Access, Policy, Visitor
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.tokens import LIFETIME_SECONDS, OBSERVE, PARTICIPATE, SUPERVISE
from pinecall_run.voice.visitors import visitor_of
from pinecall_run.wire.codec import object_from_json

MAX_METADATA = 2048
"""Characters of JSON that a token may seal."""


class TokenDoor:
    """Gives tokens to whom the policy lets in."""

    def __init__(self, hub: Hub, policy: Policy, *, refused: Counter[str] | None = None) -> None:
        self._hub = hub
        self._policy = policy
        self._refused: Counter[str] = Tally("http") if refused is None else refused

    def give(self, kind: str, request: Request) -> Response:
        """The answer to ``GET /KIND/token?agent_id=…``."""
        agent = self._hub.registry.agents.get(request.query_params.get("agent_id", ""))
        origins = (agent.configuration.get("allowed_origins") or ()) if agent else ()
        access = self._policy.access(visitor(request), origins)
        if access is Access.NONE:
            if "authorization" not in request.headers:  # wrong keys are the gate's to count
                self._refused["origins"] += 1
            return refusal(401, "a key is needed, or an origin that the agent allows")
        if agent is None:
            return refusal(404, f"Agent '{request.query_params.get('agent_id', '')}' is not online")
        headers = {}
        if access is Access.ORIGIN:
            headers = {"Access-Control-Allow-Origin": request.headers["origin"], "Vary": "Origin"}
        metadata, problem = _metadata(request, access)
        if problem:
            return refusal(400, problem)
        scope, call = _scope(kind, request, access)
        now = self._hub.clock()
        token = self._hub.tokens.mint(kind, agent.agent_id, now, scope=scope, metadata=metadata, call=call)
        if kind != "chat" and scope != OBSERVE:
            self._hub.calls.expect(agent)
        return JSONResponse({"token": token, "expires_in": int(LIFETIME_SECONDS)}, headers=headers)


def _scope(kind: str, request: Request, access: Access) -> tuple[str, str]:
    """What a token is good for, and the call that it is for."""
    asked, call = request.query_params.get("scope"), request.query_params.get("call_id", "")
    known = (SUPERVISE, OBSERVE) if kind == "stream" else (SUPERVISE,)
    if access is not Access.DEVELOPER or asked is None or asked not in known:
        return PARTICIPATE, ""
    return asked, call if kind == "stream" else ""


def _metadata(request: Request, access: Access) -> tuple[dict[str, Any], str]:
    written = request.query_params.get("metadata")
    if written is None:
        return {}, ""
    if access is not Access.DEVELOPER:
        return {}, "metadata is sealed only for the key's holder"
    if len(written) > MAX_METADATA:
        return {}, f"metadata has more than {MAX_METADATA} characters"
    value = object_from_json(written)
    return ({}, "metadata is not a JSON object") if value is None else (value, "")


def visitor(request: HTTPConnection) -> Visitor:
    """The parts of a request that decide who may do what."""
    return visitor_of(request.scope)


def refusal(status: int, detail: str) -> JSONResponse:
    """An error as clients read it: ``{"detail": …}``."""
    return JSONResponse({"detail": detail}, status_code=status)
