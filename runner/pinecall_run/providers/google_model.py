"""Google's Gemini by ``streamGenerateContent`` and the ``google-genai`` library, which is asynchronous, streams, and
lets the endpoint be set; trying again is ours (:mod:`asking`).

Sources, read in November 2026: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/thinking,
…/docs/thought-signatures, …/docs/function-calling, …/docs/openai (efforts as budgets) and …/docs/troubleshooting.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx2
from google import genai
from google.genai import errors, types

from pinecall_run.providers import asking, endpoints
from pinecall_run.providers.contracts import (
    LanguageModel,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    Text,
    TokensUsed,
    ToolRequest,
)
from pinecall_run.providers.endpoints import Clients, Endpoint, endpoint_of
from pinecall_run.providers.histories import Call, Step, arranged
from pinecall_run.vendors.table import PROVIDERS

TITLE, URL = "Google", "https://generativelanguage.googleapis.com"
UNSIGNED = b"skip_thought_signature_validator"
"""What stands for the signature of a call that the model did not make, or of which it is not known any more."""

MOST_SIGNATURES = 256

_PROVIDER = PROVIDERS["model"]["google"]
_MODEL = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_UNKNOWN = (None, None)
"""Of calls that another vendor's model made."""

_CUT = frozenset(("MAX_TOKENS", "STOP"))
"""Reasons of ending after which what was said stands."""


@dataclass(frozen=True, slots=True)
class _Client:
    """The library's client, and the connections below it, which it would leave open."""

    models: Any
    http: httpx2.AsyncClient

    async def close(self) -> None:
        await self.http.aclose()


def _make(endpoint: Endpoint) -> _Client:
    """The process's environment decides about nothing, nor does it matter which libraries are installed: the client
    takes another one for its connections when it finds that."""
    http = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100))
    options = types.HttpOptions(
        base_url=endpoint.url, timeout=int(endpoints.TIMEOUT_SECONDS * 1000), httpx_async_client=http
    )
    client = genai.Client(api_key=endpoint.key or "none", vertexai=False, http_options=options)
    return _Client(client.aio.models, http)


_CLIENTS: Clients[_Client] = Clients(_make, lambda client: client.close())


def open_model(spec: ModelSpec, environ: Mapping[str, str]) -> LanguageModel:
    """The adapter for one model. Its key is ``GOOGLE_API_KEY`` or ``GEMINI_API_KEY``: Google's pages have both.

    Raises:
        ProviderError: an option is wrong, or there is no key for Google's own endpoint.
    """
    other = environ.get("GEMINI_API_KEY")
    if other and not environ.get("GOOGLE_API_KEY"):
        environ = {**environ, "GOOGLE_API_KEY": other}
    endpoint = endpoint_of(_PROVIDER, spec, environ, title=TITLE, own_url=URL)
    return GoogleModel(spec.model, endpoint, _config(spec))


async def close() -> None:
    """Close this event loop's connections. The next answer opens them anew."""
    await _CLIENTS.close()


def _config(spec: ModelSpec) -> dict[str, Any]:
    names = {"max_tokens": "max_output_tokens", "temperature": "temperature", "top_p": "top_p", "seed": "seed"}
    config: dict[str, Any] = {names[name]: value for name, value in spec.options.items() if name in names}
    thinking = _thinking(spec.model, spec.options.get("reasoning_effort", "none"))
    return {**config, **({"thinking_config": thinking} if thinking else {})}


def _thinking(model: str, effort: str) -> types.ThinkingConfig | None:
    """Levels from Gemini 3 on, budgets before; what the least is depends on the model. Of names that tell no age
    nothing is known but what was asked for."""
    age, is_pro = _age(model), "-pro" in model
    if age == (0, 0):
        return None if effort == "none" else types.ThinkingConfig(thinking_level=types.ThinkingLevel(effort.upper()))
    if age < (2, 5):
        return None
    if age < (3, 0):
        return types.ThinkingConfig(thinking_budget=128 if is_pro and effort == "none" else _BUDGETS[effort])
    if effort == "none":
        effort = "low" if is_pro or age >= (3, 8) else "minimal"
    return types.ThinkingConfig(thinking_level=types.ThinkingLevel(effort.upper()))


def _age(model: str) -> tuple[int, int]:
    found = _MODEL.match(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


class GoogleModel:
    """One model at one endpoint."""

    def __init__(self, model: str, endpoint: Endpoint, config: Mapping[str, Any]) -> None:
        self._model = model
        self._endpoint = endpoint
        self._config = config
        self._is_signed = not (0, 0) < _age(model) < (3, 0)
        self._made: OrderedDict[str, tuple[bytes | None, str | None]] = OrderedDict()
        """By the id that a call of the model's has here its signature, which the first of several has and wants back,
        and the id that the model gave it, if it did."""

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """See :class:`LanguageModel`."""
        return asking.ask(lambda: self._once(request))

    async def _once(self, request: ModelRequest) -> AsyncGenerator[ModelPiece, None]:
        history = arranged(request.messages)
        answer = _Answer()
        try:
            client = await _CLIENTS.get(self._endpoint)
            stream: Any = await client.models.generate_content_stream(
                model=self._model,
                contents=self._contents(history.steps),
                config=_asked(self._config, history.system, request.tools),
            )
            async with aclosing(stream):  # else the connection is let go of when the garbage is collected
                async for response in stream:
                    for text in answer.add(response):
                        yield Text(text)
        except Exception as error:
            raise self._explained(error) from error
        for piece in self._end(answer):
            yield piece

    def _end(self, answer: _Answer) -> list[ModelPiece]:
        vendor = self._endpoint.vendor
        if not answer.reason:
            raise asking.broke_off(vendor)
        is_empty = not answer.has_text and not answer.calls
        if answer.reason not in _CUT or (is_empty and answer.reason == "MAX_TOKENS"):
            raise asking.gave_nothing(vendor, answer.reason)
        requests = [self._request(call, signature) for call, signature in answer.calls]
        return [*requests, *([answer.used] if answer.used else [])]

    def _request(self, call: types.FunctionCall, signature: bytes | None) -> ToolRequest:
        identifier = call.id or f"call_{uuid.uuid4().hex}"[:29]
        self._made[identifier] = signature, call.id
        if len(self._made) > MOST_SIGNATURES:
            self._made.popitem(last=False)
        return ToolRequest(identifier, call.name or "", json.dumps(call.args or {}, ensure_ascii=False))

    # the conversation

    def _contents(self, steps: Sequence[Step]) -> list[types.Content]:
        contents: list[types.Content] = []
        for step in steps:
            text = [types.Part(text=step.text)] if step.text else []
            calls = [self._call(call, is_first=place == 0) for place, call in enumerate(step.calls)]
            contents.append(types.Content(role="user" if step.role == "user" else "model", parts=[*text, *calls]))
            if step.calls:
                results = [self._result(call) for call in step.calls]
                contents.append(types.Content(role="user", parts=results))
        return contents

    def _call(self, call: Call, *, is_first: bool) -> types.Part:
        signature, identifier = self._made.get(call.id, _UNKNOWN)
        if signature is None and is_first and self._is_signed:
            signature = UNSIGNED
        made = types.FunctionCall(id=identifier, name=call.name, args=dict(call.arguments))
        return types.Part(function_call=made, thought_signature=signature)

    def _result(self, call: Call) -> types.Part:
        _, identifier = self._made.get(call.id, _UNKNOWN)
        response = types.FunctionResponse(id=identifier, name=call.name, response={"output": call.result})
        return types.Part(function_response=response)

    # failures

    def _explained(self, error: Exception) -> ProviderError:
        vendor = self._endpoint.vendor
        if isinstance(error, errors.UnknownApiResponseError):
            return vendor.of_garbage()
        if not isinstance(error, errors.APIError):
            return asking.of_transport(vendor, error)
        reasons, wait = _details(error)
        if error.code == 404:
            return asking.no_such_model(vendor, self._model)
        status = 401 if "API_KEY_INVALID" in reasons else error.code
        headers = {"Retry-After": wait} if wait else {}
        return vendor.of_status(status, asking.names(error.status, *reasons), headers)


class _Answer:
    """What came of an answer so far."""

    def __init__(self) -> None:
        self.calls: list[tuple[types.FunctionCall, bytes | None]] = []
        self.reason = ""
        self.has_text = False
        self.used: TokensUsed | None = None

    def add(self, response: types.GenerateContentResponse) -> list[str]:
        """What a part of the answer has to say. A prompt that was blocked has no answer at all, and says why."""
        self.used = _used(response.usage_metadata) or self.used
        feedback = response.prompt_feedback
        if feedback is not None and feedback.block_reason is not None:
            self.reason = feedback.block_reason.value
        texts = []
        for candidate in response.candidates or ():
            if candidate.finish_reason is not None:
                self.reason = candidate.finish_reason.value
            for part in (candidate.content and candidate.content.parts) or ():
                if part.function_call is not None:
                    self.calls.append((part.function_call, part.thought_signature))
                elif part.text and not part.thought:
                    texts.append(part.text)
                    self.has_text = True
        return texts


def _used(usage: types.GenerateContentResponseUsageMetadata | None) -> TokensUsed | None:
    """Totals so far. What was thought is not part of what was said, and is billed as if it were."""
    if usage is None or usage.prompt_token_count is None:
        return None
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return TokensUsed(usage.prompt_token_count, output, usage.cached_content_token_count or 0)


def _asked(config: Mapping[str, Any], system: str, tools: Sequence[Mapping[str, Any]]) -> types.GenerateContentConfig:
    declared = [_declaration(one["function"]) for one in tools]
    return types.GenerateContentConfig(
        **config,
        system_instruction=system or None,
        tools=[types.Tool(function_declarations=declared)] if declared else None,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _declaration(function: Mapping[str, Any]) -> types.FunctionDeclaration:
    """``parameters`` would be a part of OpenAPI's schemas, and refuses most of JSON Schema."""
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return types.FunctionDeclaration(
        name=function["name"], description=function.get("description"), parameters_json_schema=schema
    )


def _details(error: errors.APIError) -> tuple[list[str], str]:
    """The reasons that an error gives (``google.rpc.ErrorInfo``), and how many seconds to wait (``RetryInfo``)."""
    found = error.details.get("error", error.details) if isinstance(error.details, Mapping) else {}
    listed = found.get("details") if isinstance(found, Mapping) else None
    details = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    reasons = [str(one["reason"]) for one in details if "reason" in one]
    return reasons, next((str(one["retryDelay"]).removesuffix("s") for one in details if "retryDelay" in one), "")
