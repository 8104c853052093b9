"""Anthropic's Claude by the Messages API and the ``anthropic`` library, which is asynchronous, streams, and lets the
endpoint be set; trying again is ours (:mod:`asking`).

Sources, read in November 2026: https://platform.claude.com/docs/en/api/messages, …/build-with-claude/streaming,
…/build-with-claude/prompt-caching, …/build-with-claude/preserved-thinking, …/api/errors and
…/api/migration-2026-10-21 (the version that has no ``temperature``).
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import anthropic

from pinecall_run.providers import asking, endpoints
from pinecall_run.providers.contracts import (
    FailureKind,
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
from pinecall_run.providers.histories import Step, arranged
from pinecall_run.providers.options import refused
from pinecall_run.vendors.table import PROVIDERS

TITLE, URL = "Anthropic", "https://api.anthropic.com"
MAX_TOKENS = 4096
OLD_VERSION = {"anthropic-version": "2023-06-01"}
"""Which still has ``temperature``, for models that know it."""

_PROVIDER = PROVIDERS["model"]["anthropic"]
_MODEL = re.compile(r"claude-(?P<family>[a-z]+)-(?P<major>\d)(?:-(?P<minor>\d)(?!\d))?")
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CACHED = {"cache_control": {"type": "ephemeral"}}
_KINDS: Mapping[str, FailureKind] = {
    "authentication_error": "key",
    "permission_error": "key",
    "billing_error": "credit",
    "rate_limit_error": "rate_limit",
    "overloaded_error": "unavailable",
    "api_error": "unavailable",
    "timeout_error": "timeout",
}
"""By the type of an error, which is also told where there is no status: in the middle of an answer."""
_FIELDS = frozenset(("max_tokens", "messages", "model", "output_config", "service_tier", "system", "thinking", "tools"))


def _make(endpoint: Endpoint) -> anthropic.AsyncAnthropic:
    client = anthropic.AsyncAnthropic(
        api_key=endpoint.key or "none",  # without one the library would look for others on this machine
        base_url=endpoint.url,
        timeout=anthropic.Timeout(endpoints.TIMEOUT_SECONDS, connect=endpoints.CONNECT_SECONDS),
        max_retries=0,
    )
    if not endpoint.is_own:
        client._custom_headers = {}  # those of ANTHROPIC_CUSTOM_HEADERS, which may hold a key
    return client


_CLIENTS: Clients[anthropic.AsyncAnthropic] = Clients(_make, lambda client: client.close())


def open_model(spec: ModelSpec, environ: Mapping[str, str]) -> LanguageModel:
    """The adapter for one model.

    Raises:
        ProviderError: an option is wrong or not for the model, or there is no key for Anthropic's own endpoint.
    """
    endpoint = endpoint_of(_PROVIDER, spec, environ, title=TITLE, own_url=URL)
    return AnthropicModel(
        spec.model, endpoint, _fields(spec), is_parallel=spec.options.get("parallel_tool_calls", True)
    )


async def close() -> None:
    """Close this event loop's connections. The next answer opens them anew."""
    await _CLIENTS.close()


def _fields(spec: ModelSpec) -> dict[str, Any]:
    """What a request has beside the model, the messages and the tools."""
    options = spec.options
    fields: dict[str, Any] = {"max_tokens": options.get("max_tokens", MAX_TOKENS), **_thinking(spec)}
    if "service_tier" in options:
        fields["service_tier"] = options["service_tier"]
    if "temperature" in options:
        if not (0, 0) < _age(spec.model) <= (4, 6):
            raise refused(_PROVIDER, "temperature", f"is not for {spec.model}: models up to 4.6 take it")
        fields["extra_body"], fields["extra_headers"] = {"temperature": options["temperature"]}, OLD_VERSION
    return fields


def _thinking(spec: ModelSpec) -> dict[str, Any]:
    """As little as the model can, unless an effort is asked for. From the fifth series on models think by default, and
    some cannot do otherwise."""
    found, age = _MODEL.match(spec.model), _age(spec.model)
    effort = spec.options.get("reasoning_effort", "none")
    if effort != "none":
        if (0, 0) < age < (4, 6):
            raise refused(_PROVIDER, "reasoning_effort", f"is not for {spec.model}: models from 4.6 on take it")
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
    if found is None or age < (5, 0):
        return {}
    if found["family"] in ("fable", "mythos") or (found["family"] == "opus" and age >= (5, 5)):
        return {"output_config": {"effort": "low"}}
    is_between = found["family"] == "sonnet" and age >= (5, 5)
    return {"thinking": {"type": "between_tools" if is_between else "disabled"}}


def _age(model: str) -> tuple[int, int]:
    found = _MODEL.match(model)
    return (int(found["major"]), int(found["minor"] or 0)) if found else (0, 0)


class AnthropicModel:
    """One model at one endpoint."""

    def __init__(self, model: str, endpoint: Endpoint, fields: Mapping[str, Any], *, is_parallel: bool) -> None:
        self._model = model
        self._endpoint = endpoint
        self._fields = fields
        self._is_parallel = is_parallel

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """See :class:`LanguageModel`."""
        return asking.ask(lambda: self._once(request))

    async def _once(self, request: ModelRequest) -> AsyncGenerator[ModelPiece, None]:
        answer = _Answer()
        try:
            client: Any = await _CLIENTS.get(self._endpoint)
            stream = await client.messages.create(
                model=self._model, stream=True, **self._fields, **_conversation(request, is_parallel=self._is_parallel)
            )
            async with stream:
                async for event in stream:
                    if text := answer.add(event):
                        yield Text(text)
        except Exception as error:
            raise self._explained(error) from error
        for piece in self._end(answer):
            yield piece

    def _end(self, answer: _Answer) -> list[ModelPiece]:
        vendor = self._endpoint.vendor
        if not answer.is_over:  # which the library does not mind
            raise asking.broke_off(vendor)
        if answer.reason == "max_tokens" and answer.calls:
            raise asking.cut_in_a_call(vendor)
        is_empty = not answer.has_text and not answer.calls
        if answer.reason == "refusal" or (is_empty and answer.reason != "end_turn"):
            raise asking.gave_nothing(vendor, answer.reason)
        return [*answer.requests(), answer.used()]

    def _explained(self, error: Exception) -> ProviderError:
        vendor = self._endpoint.vendor
        if not isinstance(error, anthropic.APIStatusError):
            return asking.of_transport(vendor, error)
        words, kind = _told(error)
        if error.status_code == 200:  # an error in the middle of an answer has the status of its beginning
            return vendor.failed("broke the answer off", kind or "unavailable", words)
        if error.status_code == 404:
            return asking.no_such_model(vendor, self._model)
        if kind == "credit":
            return vendor.failed("has no credit left", "credit", words)
        return vendor.of_status(error.status_code, words, error.response.headers)


class _Answer:
    """What came of an answer so far."""

    def __init__(self) -> None:
        self.calls: dict[int, dict[str, str]] = {}
        self.reason = ""
        self.is_over = self.has_text = False
        self._usage: dict[str, int] = {}

    def add(self, event: Any) -> str:
        """What an event has to say. Thoughts are not said; nor are they kept, since a history in which somebody was
        cut short is not the one that they are bound to, and is refused with them."""
        match event.type:
            case "message_start":
                self._count(event.message.usage)
            case "content_block_start" if event.content_block.type == "tool_use":
                block = event.content_block
                self.calls[event.index] = {"id": block.id, "name": block.name, "arguments": ""}
            case "content_block_delta" if event.delta.type == "input_json_delta":
                self.calls[event.index]["arguments"] += event.delta.partial_json
            case "content_block_delta" if event.delta.type == "text_delta":
                self.has_text = self.has_text or bool(event.delta.text)
                return str(event.delta.text)
            case "message_delta":
                self.reason = event.delta.stop_reason or self.reason
                self._count(event.usage)
            case "message_stop":
                self.is_over = True
        return ""

    def _count(self, usage: Any) -> None:
        """Counts are of the whole answer so far; those that do not change may be told at its beginning alone."""
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"):
            count = getattr(usage, name, None)
            if count is not None:
                self._usage[name] = count

    def used(self) -> TokensUsed:
        """What it took: here what went into the cache or came out of it is not part of the input."""
        cached = self._usage.get("cache_read_input_tokens", 0)
        written = self._usage.get("cache_creation_input_tokens", 0)
        total = self._usage.get("input_tokens", 0) + written + cached
        return TokensUsed(total, self._usage.get("output_tokens", 0), cached)

    def requests(self) -> list[ModelPiece]:
        """The tool calls, complete."""
        calls = [self.calls[index] for index in sorted(self.calls)]
        return [ToolRequest(one["id"], one["name"], one["arguments"] or "{}") for one in calls]


def _told(error: anthropic.APIStatusError) -> tuple[str, FailureKind | None]:
    """What Anthropic calls an error, and what kind it is. Its message may quote what was said, but for the field that
    it begins with; and it says of credit what nothing else says."""
    body = error.body if isinstance(error.body, Mapping) else {}
    found = body.get("error")
    told: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    details, message = told.get("details"), str(told.get("message") or "")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    place = message.partition(":")[0]
    field = place if place.partition(".")[0] in _FIELDS else None
    kind = _KINDS.get(str(told.get("type")))
    if code == "enforced_spend_limit_reached" or "credit balance is too low" in message:
        kind = "credit"
    return asking.names(told.get("type"), code, field), kind


def _conversation(request: ModelRequest, *, is_parallel: bool) -> dict[str, Any]:
    """Prompt, messages and tools. What changes least comes first, each part with a mark up to which it is cached: the
    tools, the system prompt, and what was said until now."""
    history = arranged(request.messages)
    written: dict[str, Any] = {"messages": list(_messages(history.steps)), **_CACHED}
    if history.system:
        written["system"] = [{"type": "text", "text": history.system, **_CACHED}]
    called = {call.name for step in history.steps for call in step.calls}
    if request.tools:
        tools = [_tool(one["function"]) for one in request.tools]
        written["tools"] = [*tools[:-1], {**tools[-1], **_CACHED}]
        if not is_parallel:
            written["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    elif called:  # calls in a history without tools are refused
        written["tools"] = [_tool({"name": name}) for name in sorted(called)]
        written["tool_choice"] = {"type": "none"}
    return written


def _tool(function: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}, **(function.get("parameters") or {})}
    described = {"description": function["description"]} if function.get("description") else {}
    return {"name": function["name"], **described, "input_schema": schema}


def _messages(steps: Sequence[Step]) -> Iterator[dict[str, Any]]:
    """Results are a user's, and stand before what that user said."""
    seen: set[str] = set()
    content: list[dict[str, Any]] = []
    for step in steps:
        text = [{"type": "text", "text": step.text}] if step.text else []
        if step.role == "user":
            content += text
            continue
        if content:
            yield {"role": "user", "content": content}
        ids = [_id(call.id, seen) for call in step.calls]
        uses = [
            {"type": "tool_use", "id": identifier, "name": call.name, "input": dict(call.arguments)}
            for identifier, call in zip(ids, step.calls, strict=True)
        ]
        yield {"role": "assistant", "content": [*text, *uses]}
        content = [
            {"type": "tool_result", "tool_use_id": identifier, "content": call.result}
            for identifier, call in zip(ids, step.calls, strict=True)
        ]
    if content:
        yield {"role": "user", "content": content}


def _id(identifier: str, seen: set[str]) -> str:
    """The id of a call, or another one where it is not of the form, or was there before: other vendors' may be so."""
    if not _CALL_ID.fullmatch(identifier) or identifier in seen:
        identifier = f"call_{len(seen)}"
    while identifier in seen:
        identifier += "_"
    seen.add(identifier)
    return identifier
