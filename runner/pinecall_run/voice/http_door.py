"""HTTP: the list of agents, health, tokens for chat, and the page."""

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
from pinecall_run.voice.admission import Access, Policy
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.token_door import TokenDoor, refusal, visitor
from pinecall_run.wire.commands import ONLY_ADDED
from pinecall_run.wire.digest import digest, parts

_PAGE = Path(__file__).parent / "page"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
_ANYWHERE = {"Access-Control-Allow-Origin": "*"}  # what a page that embeds the widget loads; no secret is in it


class HttpDoor:
    """The routes of one server. ``project`` tells a program on this machine whose server this is."""

    def __init__(self, hub: Hub, policy: Policy, tokens: TokenDoor, *, project: str, version: str) -> None:
        self._hub = hub
        self._policy = policy
        self._tokens = tokens
        self._about = {"ok": True, "project": project, "version": version}

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [
            Route("/", _page),
            Route("/widget.js", _widget),
            Mount("/page", _Page(directory=_PAGE)),
            Route("/healthz", self._health),
            Route("/chat/token", self._chat_token),
            Route("/stream/token", self._stream_token),
            Route("/api/sdk/agents", self._agents),
            Route("/api/sdk/agents/{slug:path}", self._kick, methods=["DELETE"]),
        ]

    async def _health(self, request: Request) -> Response:
        return JSONResponse(self._about)

    async def _agents(self, request: Request) -> Response:
        if self._policy.access(visitor(request)) is not Access.DEVELOPER:
            return refusal(401, "the server's key is needed: Authorization: Bearer KEY")
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
        if self._policy.access(visitor(request)) is not Access.DEVELOPER:
            return refusal(401, "the server's key is needed: Authorization: Bearer KEY")
        slug = request.path_params["slug"]
        if not self._hub.kick(slug):
            return refusal(404, f"Agent '{slug}' is not online")
        return JSONResponse({"success": True, "displaced": slug, "org_id": "local"})

    async def _chat_token(self, request: Request) -> Response:
        return self._tokens.give("chat", request)

    async def _stream_token(self, request: Request) -> Response:
        return self._tokens.give("stream", request)


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


async def _page(request: Request) -> Response:
    return Response((_PAGE / "index.html").read_bytes(), media_type="text/html", headers=HEADERS)


async def _widget(request: Request) -> Response:
    code = (_PAGE / "widget.js").read_bytes()
    return Response(code, media_type="text/javascript", headers={**HEADERS, **_ANYWHERE})


class _Page(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update({**HEADERS, **_ANYWHERE})
        return response
