"""OpenAI's chat completions, and every vendor and endpoint that speaks them, by the ``openai`` library.

The library is asynchronous, streams, and lets the endpoint be set; trying again is ours (:mod:`asking`), for it would
wait longer than callers do. How vendors differ is data (``vendors/compatible.py``). Sources, read in November 2026:
https://developers.openai.com/api/docs/api-reference/chat-streaming and …/guides/prompt-caching (prompts that begin
alike are cached unasked, so tools and system go first and are not touched).
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

import openai

from pinecall_run.providers import asking, endpoints
from pinecall_run.providers.contracts import (
    FailureKind,
    LanguageModel,
    Message,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    Text,
    TokensUsed,
    ToolRequest,
)
from pinecall_run.providers.endpoints import Clients, Endpoint, endpoint_of
from pinecall_run.providers.histories import arguments_of, arranged
from pinecall_run.providers.options import refused
from pinecall_run.vendors.compatible import DIALECTS, ENDPOINT_OPTIONS, Dialect
from pinecall_run.vendors.table import PROVIDERS

_THINKS = re.compile(r"(o\d|gpt-(?P<major>[5-9])(?:\.(?P<minor>\d+))?)(?!.*(chat|pro|codex))")
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_OF_NAME: Mapping[str, FailureKind] = {
    "insufficient_quota": "credit",
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "invalid_request_error": "request",
}
"""Codes and types of errors that say more than the status, or than that a stream broke off."""

_OF_CODE: Mapping[Any, FailureKind] = {402: "credit", 408: "timeout", 429: "rate_limit"}


def _make(endpoint: Endpoint) -> openai.AsyncOpenAI:
    client = openai.AsyncOpenAI(
        api_key=endpoint.key or "none",  # local endpoints ask for no key, the library insists on one
        base_url=endpoint.url,
        timeout=openai.Timeout(endpoints.TIMEOUT_SECONDS, connect=endpoints.CONNECT_SECONDS),
        max_retries=0,
    )
    if endpoint.vendor.name != DIALECTS["openai"].title:
        # It takes these from the process's environment, whoever is asked.
        client.organization = client.project = None
    return client


_CLIENTS: Clients[openai.AsyncOpenAI] = Clients(_make, lambda client: client.close())


def open_model(spec: ModelSpec, environ: Mapping[str, str]) -> LanguageModel:
    """The adapter for one model.

    Raises:
        ProviderError: an option is wrong or not for the model, or there is no key for the vendor's own endpoint.
    """
    dialect, provider = DIALECTS[spec.provider], PROVIDERS["model"][spec.provider]
    endpoint = endpoint_of(provider, spec, environ, title=dialect.title, own_url=dialect.url)
    return OpenAIModel(spec, dialect, endpoint, _fields(spec, dialect))


async def close() -> None:
    """Close this event loop's connections. The next answer opens them anew."""
    await _CLIENTS.close()


def _fields(spec: ModelSpec, dialect: Dialect) -> dict[str, Any]:
    """What a request has beside the model, the messages and the tools."""
    options = {name: value for name, value in spec.options.items() if name not in ENDPOINT_OPTIONS}
    names = dict(dialect.fields)
    if spec.provider == "openai" and (thinks := _THINKS.match(spec.model)):
        names["max_tokens"] = "max_completion_tokens"  # the old name is refused, and the new one by older endpoints
        options.setdefault("reasoning_effort", _least_effort(thinks))
        if options["reasoning_effort"] != "none":
            for name in ("temperature", "top_p"):
                if options.get(name, 1) != 1:
                    raise refused(PROVIDERS["model"]["openai"], name, f"is not for {spec.model}, which thinks")
    named = {names.get(name, name): value for name, value in options.items()}
    usage = {"stream_options": {"include_usage": True}} if dialect.asks_for_usage else {}
    return {**dialect.always, **usage, **named}


def _least_effort(thinks: re.Match[str]) -> str:
    """``none`` exists from gpt-5.1 on; later models take tools in chat completions only with it."""
    if thinks["major"] is None:
        return "low"
    return "minimal" if (thinks["major"], thinks["minor"]) == ("5", None) else "none"


class OpenAIModel:
    """One model at one endpoint."""

    def __init__(self, spec: ModelSpec, dialect: Dialect, endpoint: Endpoint, fields: Mapping[str, Any]) -> None:
        self._model = spec.model
        self._dialect = dialect
        self._endpoint = endpoint
        self._fields = fields

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """See :class:`LanguageModel`."""
        return asking.ask(lambda: self._once(request))

    async def _once(self, request: ModelRequest) -> AsyncGenerator[ModelPiece, None]:
        answer = _Answer()
        try:
            client = await _CLIENTS.get(self._endpoint)
            completions: Any = client.chat.completions
            stream = await completions.create(
                model=self._model, messages=self._messages(request), stream=True, extra_body=self._body(request)
            )
            async with stream:
                async for chunk in stream:
                    for text in answer.add(chunk):
                        yield Text(text)
        except Exception as error:
            raise self._explained(error) from error
        for piece in self._end(answer):
            yield piece

    def _body(self, request: ModelRequest) -> Mapping[str, Any]:
        if request.tools:
            return {**self._fields, "tools": list(request.tools)}
        return {name: value for name, value in self._fields.items() if name != "parallel_tool_calls"}

    def _messages(self, request: ModelRequest) -> Sequence[Message]:
        if self._dialect.is_strict:
            return _strict(request.messages)
        refused = () if self._dialect.takes_names else ("name",)
        return [{key: value for key, value in _sound(one).items() if key not in refused} for one in request.messages]

    def _end(self, answer: _Answer) -> list[ModelPiece]:
        vendor = self._endpoint.vendor
        if not answer.finish:
            raise asking.broke_off(vendor)
        if answer.finish == "length" and answer.calls:
            raise asking.cut_in_a_call(vendor)
        is_empty = not answer.has_text and not answer.calls
        if answer.finish in ("content_filter", "error") or (answer.finish == "length" and is_empty):
            raise asking.gave_nothing(vendor, answer.finish)
        return [*answer.requests(), *([answer.used] if answer.used else [])]

    def _explained(self, error: Exception) -> ProviderError:
        vendor = self._endpoint.vendor
        match error:
            case openai.NotFoundError():
                return asking.no_such_model(vendor, self._model)
            case openai.APIStatusError():
                words, kind = _told(error)
                if kind == "credit":
                    return vendor.failed("has no credit left", "credit", words)
                if kind == "key":
                    return vendor.of_status(401, words)
                return vendor.of_status(error.status_code, words, error.response.headers)
            case openai.APIConnectionError():
                return asking.of_transport(vendor, error)
            case openai.APIError():
                words, kind = _told(error)
                return vendor.failed("broke the answer off", kind or "unavailable", words)
            case _:
                return asking.of_transport(vendor, error)


class _Answer:
    """What came of an answer so far."""

    def __init__(self) -> None:
        self.calls: dict[int, dict[str, str]] = {}
        self.finish = ""
        self.used: TokensUsed | None = None
        self.has_text = False

    def add(self, chunk: Any) -> list[str]:
        """What a chunk has to say. Tool arguments arrive in pieces, joined here by index; what a model thinks has a
        field of its own, and is not said."""
        self.used = _used(chunk) or self.used
        texts = []
        for choice in chunk.choices or ():
            self.finish = choice.finish_reason or self.finish
            delta = choice.delta
            if delta is None:
                continue
            if delta.content:
                texts.append(delta.content)
                self.has_text = True
            for piece in delta.tool_calls or ():
                _join(self.calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""}), piece)
        return texts

    def requests(self) -> list[ModelPiece]:
        """The tool calls, complete. Some endpoints give them no id."""
        calls = [self.calls[index] for index in sorted(self.calls)]
        return [
            ToolRequest(one["id"] or f"call_{uuid.uuid4().hex}"[:29], one["name"], one["arguments"]) for one in calls
        ]


def _join(call: dict[str, str], piece: Any) -> None:
    call["id"] = call["id"] or piece.id or ""
    if piece.function is not None:
        call["name"] += piece.function.name or ""
        call["arguments"] += piece.function.arguments or ""


def _used(chunk: Any) -> TokensUsed | None:
    """In a chunk of its own, in the last or in every one, and then each replaces the one before."""
    usage = chunk.usage
    if usage is None or usage.prompt_tokens is None:
        return None
    cached = getattr(usage.prompt_tokens_details, "cached_tokens", None)
    hit = getattr(usage, "prompt_cache_hit_tokens", None)  # DeepSeek's name for it
    return TokensUsed(usage.prompt_tokens, usage.completion_tokens or 0, cached or hit or 0)


def _told(error: openai.APIError) -> tuple[str, FailureKind | None]:
    """What a vendor calls an error, and what that says of its kind. Its message is not told: an endpoint of another
    make may put anything there."""
    body = error.body if isinstance(error.body, Mapping) else {}
    code, kind, param = (body.get(name) for name in ("code", "type", "param"))
    found: FailureKind | None = _OF_NAME.get(str(code)) or _OF_NAME.get(str(kind))
    message = error.body if isinstance(error.body, str) else body.get("message")
    if not isinstance(error, openai.APIStatusError):  # in the middle of an answer, where a code may be a status
        found = found or _OF_CODE.get(code)
    elif error.status_code == 400 and "api key" in str(message).lower():  # xAI's answer to a wrong key
        found = "key"
    return asking.names(code, kind, param), found


def _sound(message: Message) -> Message:
    """A message as it is, but for arguments that another model wrote and that are no JSON object: endpoints that read
    them refuse the whole history for it."""
    calls = message.get("tool_calls")
    if not calls or all(arguments_of(call) or _arguments(call) == "{}" for call in calls):
        return message
    mended = [{**one, "function": {**one["function"], "arguments": _as_object(one)}} for one in calls]
    return {**message, "tool_calls": mended}


def _arguments(call: Mapping[str, Any]) -> Any:
    return call["function"].get("arguments")


def _as_object(call: Mapping[str, Any]) -> Any:
    return _arguments(call) if arguments_of(call) else "{}"


def _strict(messages: Sequence[Message]) -> list[Message]:
    """A history as Mistral wants it: roles in turn, an agent's message between results and a user's."""
    history = arranged(messages)
    written: list[Message] = [{"role": "system", "content": history.system}] if history.system else []
    for step in history.steps:
        if step.role == "user" and written and written[-1]["role"] == "tool":
            written.append({"role": "assistant", "content": "…"})
        message: dict[str, Any] = {"role": step.role, "content": step.text}
        if step.calls:
            message["tool_calls"] = [_as_call(call.id, call.name, call.arguments) for call in step.calls]
        written.append(message)
        written += [
            {"role": "tool", "tool_call_id": _nine(call.id), "name": call.name, "content": call.result}
            for call in step.calls
        ]
    return written


def _as_call(identifier: str, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": _nine(identifier), "type": "function", "function": function}


def _nine(identifier: str) -> str:
    """The id as it is, or nine letters and digits that stand for it."""
    return identifier if _CALL_ID.fullmatch(identifier) else hashlib.sha256(identifier.encode()).hexdigest()[:9]
