"""HTTP: tokens for browsers, the list of agents, health, and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from pinecall_run.protocol.registry import Agent
from pinecall_run.providers.catalogue import parse_model
from pinecall_run.voice.admission import Access, Policy, Visitor
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.tokens import LIFETIME_SECONDS
from pinecall_run.wire.codec import object_from_json
from pinecall_run.wire.commands import ONLY_ADDED
from pinecall_run.wire.digest import digest, parts

MAX_METADATA = 2048
"""Characters of JSON that a token may seal."""

_PAGE = Path(__file__).parent / "page"
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class HttpDoor:
    """The routes of one server. ``project`` tells a program on this machine whose server this is."""

    def __init__(self, hub: Hub, policy: Policy, *, project: str, version: str) -> None:
        self._hub = hub
        self._policy = policy
        self._about = {"ok": True, "project": project, "version": version}

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [
            Route("/", _page),
            Mount("/page", _Page(directory=_PAGE)),
            Route("/healthz", self._health),
            Route("/chat/token", self._chat_token),
            Route("/api/sdk/agents", self._agents),
            Route("/api/sdk/agents/{slug:path}", self._kick, methods=["DELETE"]),
        ]

    async def _health(self, request: Request) -> Response:
        return JSONResponse(self._about)

    async def _agents(self, request: Request) -> Response:
        if self._policy.access(_visitor(request)) is not Access.DEVELOPER:
            return _refusal(401, "the server's key is needed: Authorization: Bearer KEY")
        has_config = request.query_params.get("include_config") == "1"
        agents = [
            {**self._describe(agent), **(_digests(agent) if has_config else {})}
            for agent in self._hub.registry.agents.values()
        ]
        numbers = {
            ref: agent["slug"]
            for agent in agents
            for kind, channel in agent["channels"].items()
            if kind == "phone"
            for ref in channel["refs"]
        }
        return JSONResponse({"success": True, "agents": agents, "total": len(agents), "phone_map": numbers})

    def _describe(self, agent: Agent) -> dict[str, Any]:
        channels: dict[str, dict[str, Any]] = {}
        for channel in agent.channels.values():
            entry = channels.setdefault(channel.type, {"count": 0, "refs": []})
            entry["count"] += 1
            entry["refs"].append(channel.ref if isinstance(channel.ref, str) else channel.type)
        spec = parse_model(agent.configuration.get("llm"))
        return {
            "slug": agent.agent_id,
            "org_id": "local",
            "phones": channels.get("phone", {}).get("refs", []),
            "channels": channels,
            "active": self._hub.conversations.count(agent.agent_id),
            "language": agent.configuration.get("language"),
            "model": spec.model if spec else None,
            "scripted": spec is not None and spec.provider == "scripted",
        }

    async def _kick(self, request: Request) -> Response:
        if self._policy.access(_visitor(request)) is not Access.DEVELOPER:
            return _refusal(401, "the server's key is needed: Authorization: Bearer KEY")
        slug = request.path_params["slug"]
        if not self._hub.kick(slug):
            return _refusal(404, f"Agent '{slug}' is not online")
        return JSONResponse({"success": True, "displaced": slug, "org_id": "local"})

    async def _chat_token(self, request: Request) -> Response:
        agent = self._hub.registry.agents.get(request.query_params.get("agent_id", ""))
        origins = (agent.configuration.get("allowed_origins") or ()) if agent else ()
        access = self._policy.access(_visitor(request), origins)
        if access is Access.NONE:
            return _refusal(401, "a key is needed, or an origin that the agent allows")
        if agent is None:
            return _refusal(404, f"Agent '{request.query_params.get('agent_id', '')}' is not online")
        headers = {}
        if access is Access.ORIGIN:
            headers = {"Access-Control-Allow-Origin": request.headers["origin"], "Vary": "Origin"}
        metadata, problem = _metadata(request, access)
        if problem:
            return _refusal(400, problem)
        wants_more = access is Access.DEVELOPER and request.query_params.get("scope") == "supervise"
        scope = "supervise" if wants_more else "participate"
        token = self._hub.tokens.mint("chat", agent.agent_id, self._hub.clock(), scope=scope, metadata=metadata)
        return JSONResponse({"token": token, "expires_in": int(LIFETIME_SECONDS)}, headers=headers)


def _digests(agent: Agent) -> dict[str, Any]:
    """What an agent is registered with, key by key, as digests: it may hold secrets (extension)."""
    channels = []
    for channel in agent.channels.values():
        given = {key: channel.options[key] for key in ONLY_ADDED if key in channel.options}
        keys = {key: digest(value) for key, value in parts(channel.options).items() if key not in given}
        ref = channel.ref if isinstance(channel.ref, str) else None
        channels.append(
            {"type": channel.type, "ref": ref, "keys": {**keys, **({"credentials": digest(given)} if given else {})}}
        )
    return {
        "config": {
            "keys": {key: digest(value) for key, value in parts(agent.configuration).items()},
            "channels": channels,
        }
    }


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


def _visitor(request: Request) -> Visitor:
    headers = request.headers
    return Visitor(
        peer=request.client.host if request.client else "",
        host=headers.get("host", ""),
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
        authorization=headers.get("authorization"),
    )


def _refusal(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=status)


async def _page(request: Request) -> Response:
    return Response((_PAGE / "index.html").read_bytes(), media_type="text/html", headers=_HEADERS)


class _Page(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response
