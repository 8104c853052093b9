"""OpenAI chat completions, and every endpoint that speaks them, by the ``openai`` library.

The library is asynchronous, streams, retries and lets the endpoint be set (``OPENAI_BASE_URL``). Source:
https://platform.openai.com/docs/api-reference/chat-streaming.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import openai

from pinecall_run.providers.contracts import (
    FailureKind,
    LanguageModel,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    Text,
    ToolRequest,
)

TIMEOUT_SECONDS, CONNECT_SECONDS = 60.0, 5.0
_CLIENTS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str | None], openai.AsyncOpenAI]] = (
    WeakKeyDictionary()
)
"""One client for each key and endpoint, so that conversations share its connections. These belong to an event loop."""

_NAME = re.compile(r"[A-Za-z][\w.\[\]-]{0,59}", re.ASCII)
"""``invalid_request_error``, ``messages[0].content``."""

_OPTIONS = ("temperature", "max_tokens")


def open_model(spec: ModelSpec, environ: Mapping[str, str]) -> LanguageModel:
    """The adapter for one model.

    Raises:
        ProviderError: there is no key for OpenAI's own endpoint.
    """
    base_url, key = environ.get("OPENAI_BASE_URL"), environ.get("OPENAI_API_KEY")
    if not key and not base_url:
        hint = "set OPENAI_API_KEY where the voice server runs, or OPENAI_BASE_URL for a compatible endpoint"
        raise ProviderError(f"the model {spec.model} needs a key", hint, kind="missing")
    return OpenAIModel(spec, key or "none", base_url)  # local endpoints ask for no key, the library insists on one


async def close() -> None:
    """Close this event loop's connections. The next answer opens them anew."""
    for client in _CLIENTS.pop(asyncio.get_running_loop(), {}).values():
        await client.close()


def _client(key: str, base_url: str | None) -> openai.AsyncOpenAI:
    clients = _CLIENTS.setdefault(asyncio.get_running_loop(), {})
    if (key, base_url) not in clients:
        clients[key, base_url] = openai.AsyncOpenAI(
            api_key=key,
            base_url=base_url or None,
            timeout=openai.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
            max_retries=2,
        )
    return clients[key, base_url]


class OpenAIModel:
    """One model at one endpoint."""

    def __init__(self, spec: ModelSpec, key: str, base_url: str | None) -> None:
        self._spec = spec
        self._key = key
        self._base_url = base_url

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """See :class:`LanguageModel`. Tool arguments arrive in pieces, joined here by index."""
        options: dict[str, Any] = {key: self._spec.options[key] for key in _OPTIONS if key in self._spec.options}
        if request.tools:
            options["tools"] = list(request.tools)
        calls: dict[int, dict[str, str]] = {}
        try:
            completions: Any = _client(self._key, self._base_url).chat.completions
            stream = await completions.create(
                model=self._spec.model, messages=list(request.messages), stream=True, **options
            )
            async with stream:
                async for chunk in stream:
                    for choice in chunk.choices:
                        if choice.delta.content:
                            yield Text(choice.delta.content)
                        for piece in choice.delta.tool_calls or ():
                            _join(calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""}), piece)
        except Exception as error:
            raise _explained(error, self._spec.model) from error
        for index in sorted(calls):
            yield ToolRequest(calls[index]["id"] or f"call_{index}", calls[index]["name"], calls[index]["arguments"])


def _join(call: dict[str, str], piece: Any) -> None:
    call["id"] = call["id"] or piece.id or ""
    if piece.function is not None:
        call["name"] += piece.function.name or ""
        call["arguments"] += piece.function.arguments or ""


def _explained(error: Exception, model: str) -> ProviderError:
    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            hint = "check OPENAI_API_KEY where the voice server runs"
            return ProviderError("OpenAI refused the key", hint, kind="key")
        case openai.NotFoundError():
            hint = "check `model` and OPENAI_BASE_URL"
            return ProviderError(f"the endpoint has no model `{model}`", hint, kind="request")
        case openai.RateLimitError():
            kind: FailureKind = "credit" if error.code == "insufficient_quota" else "rate_limit"
            hint = "try again later, or raise the limit"
            return ProviderError("OpenAI's rate limit or quota is reached", hint, kind=kind)
        case openai.APITimeoutError():
            return ProviderError(f"the model did not answer within {TIMEOUT_SECONDS:g} s", kind="timeout")
        case openai.APIConnectionError():
            hint = "check the network and OPENAI_BASE_URL"
            return ProviderError("the model's endpoint cannot be reached", hint, kind="network")
        case openai.APIStatusError():
            kind = "request" if error.status_code < 500 else "unavailable"
            return ProviderError(f"the model's endpoint answered {error.status_code}{_named(error)}", kind=kind)
        case openai.APIError():
            return ProviderError(f"the model's endpoint broke off{_named(error)}", kind="network")
        case _:
            return ProviderError(f"the model failed with {type(error).__name__}")


def _named(error: openai.APIError) -> str:
    """What an endpoint calls an error. Not its message, which may quote what was said, nor anything that is a sentence:
    an endpoint of another make may put one anywhere."""
    names = [name for name in (error.code, error.type, error.param) if isinstance(name, str) and _NAME.fullmatch(name)]
    return f" ({', '.join(names)})" if names else ""
