"""A server on loopback that speaks Anthropic's Messages API, streamed, with the answers of a test's script.

    async with anthropic_server([calls(("lookup_order", {"id": "42"})), says("It ships on Tuesday.")]) as server:
        environ = server.environ   # ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY
        ...
        server.requests        # the JSON bodies that were answered, in order
        server.trouble = Trouble("refuse", status=529, reason="Overloaded", headers={"retry-after": "2"})

The script is that of ``openai_server`` (``says``, ``calls``, ``fails``, ``replace``). Here ``Answer.thought`` comes in
a thinking block before the text (empty but for its signature, unless the request wants it ``summarized``), ``finish``
is a ``stop_reason`` (``max_tokens``, ``refusal``), ``code`` of an HTTP error its ``details.error_code`` and that of an
error in the stream its type. Every kind of ``Trouble`` is known (``_model_server.py``).

It is strict (``_anthropic_rules.py``, ``_anthropic_messages.py``): a request that the API refuses is answered so, and
written down in ``server.problems``, which must be empty at the end.
Both API versions are served: 2023-06-01, and 2026-10-21, which has no ``temperature`` and which the library asks for
since its version 2, with the key as a bearer instead of in ``x-api-key``. ``cache_control`` does what it does: what was
marked is written and read again, from as many tokens on as the model wants, and told in the usage.

Sources, read in November 2026: https://platform.claude.com/docs/en/api/messages, …/api/versioning,
…/api/migration-2026-10-21, …/api/errors, …/build-with-claude/streaming, …/build-with-claude/prompt-caching,
…/build-with-claude/preserved-thinking, …/agents-and-tools/tool-use/handle-tool-calls,
…/models/sonnet-5-5/whats-new-sonnet-5-5 and …/models/opus-5-5/whats-new-opus-5-5; what refusals say, from
https://github.com/anthropics/claude-code/issues/8210, …/6774 and …/59812,
https://github.com/tghamm/Anthropic.SDK/issues/184 and
https://portkey.ai/error-library/tool-definition-error-10488; the shapes of events, from the library ``anthropic`` 2.14.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.emulators._anthropic_messages import blocks, signature
from tests.emulators._anthropic_rules import MODEL, VERSIONS, generation, wrong
from tests.emulators._model_script import (
    Answer,
    Answers,
    Usage,
    arguments,
    calls,
    fails,
    output_tokens,
    says,
    tokens,
    words,
)
from tests.emulators._model_server import Head, ModelServer, running

__all__ = ["Answer", "AnthropicServer", "Usage", "anthropic_server", "calls", "fails", "says"]

ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
CACHES_FROM = {(5, 5): 512, (5, 1): 512, (4, 8): 1024, (4, 7): 2048, (4, 6): 4096, (4, 5): 4096}
"""How many tokens a prompt must have to be cached, by generation; Sonnets before 5.5 are content with 1,024."""
LOOKBACK = 20
"""So many blocks before a breakpoint are looked at for what is cached."""


@dataclass
class AnthropicServer(ModelServer):
    """What a test sees of the server."""

    _cached: set[str] = field(default_factory=set)
    garbage = b'event: content_block_delta\ndata: {"this is no\n\n'

    @property
    def environ(self) -> Mapping[str, str]:
        return {"ANTHROPIC_BASE_URL": self.base_url, "ANTHROPIC_API_KEY": self.key}

    def headers(self) -> Mapping[str, str]:
        return {"request-id": self._request_id}

    def refusal(self, head: Head) -> Answer | None:
        if head.path != "/v1/messages":
            return self.problem(404, "Not found")
        if head.method != "POST":
            return self.problem(405, "Method Not Allowed")
        keys = [head.headers.get("x-api-key"), head.headers.get("authorization", "").removeprefix("Bearer ")]
        if not any(keys):
            return fails(401, "x-api-key header is required")
        if self.key not in keys:
            return fails(401, "invalid x-api-key")
        if "anthropic-version" not in head.headers:
            return self.problem(400, "anthropic-version: header is required")
        if head.headers["anthropic-version"] not in VERSIONS:
            return self.problem(400, f'anthropic-version: "{head.headers["anthropic-version"]}" is not a valid version')
        if not head.headers.get("content-type", "").startswith("application/json"):
            return self.problem(400, f"unsupported content type {head.headers.get('content-type')}")
        return None

    def wrong(self, request: Any, head: Head) -> Iterator[str]:
        return wrong(request, head.headers["anthropic-version"])

    def unknown(self, model: str) -> Answer:
        return fails(404, f"model: {model}")

    def error(self, answer: Answer) -> Mapping[str, Any]:
        kind = ERRORS.get(answer.status, "api_error" if answer.status >= 500 else "invalid_request_error")
        details = {} if answer.code is None else {"details": {"error_code": answer.code}}
        error = {"type": kind, "message": answer.message, **details}
        return {"type": "error", "error": error, "request_id": self._request_id}

    def broken(self, message: str, code: str | None) -> bytes:
        error = {"type": code or "overloaded_error", "message": message}
        return _event("error", error=error, request_id=self._request_id)

    def events(self, answer: Answer, request: Mapping[str, Any]) -> Iterator[bytes]:
        """The message begins, each of its blocks comes, what it cost is told for good, and it ends."""
        usage = answer.usage or self._cost(answer, request)
        message = {
            "id": f"msg_{len(self.requests):024d}",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**_usage(usage, request), "output_tokens": 1, "service_tier": "standard"},
        }
        yield _event("message_start", message=message)
        for index, (block, deltas) in enumerate(_blocks(answer, request, len(self.requests))):
            yield _event("content_block_start", index=index, content_block=block)
            if index == 0:
                yield _event("ping")
            for delta in deltas:
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        if answer.stream_error:
            yield self.broken(answer.stream_error, answer.code)
            return
        reason = answer.finish or ("tool_use" if answer.calls else "end_turn")
        total = {**_usage(usage, request), "output_tokens": usage.output + usage.thought}
        total["output_tokens_details"] = {"thinking_tokens": usage.thought}
        yield _event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=total)
        yield _event("message_stop")

    @property
    def _request_id(self) -> str:
        return f"req_{len(self.requests):024d}"

    def _cost(self, answer: Answer, request: Mapping[str, Any]) -> Usage:
        """What of the prompt was cached up to a breakpoint, what is now, and what is neither."""
        least = _caches_from(request["model"])
        running, digest = 0, hashlib.sha256(request["model"].encode())
        prefixes: list[tuple[str, int]] = []
        marked: list[int] = []
        for number, (piece, mark) in enumerate(blocks(request)):
            text = json.dumps(piece, sort_keys=True)
            digest.update(text.encode())
            running += tokens(text)
            prefixes.append((digest.hexdigest(), running))
            if mark is not None and running >= least:
                marked.append(number)
        near = [prefixes[place] for mark in marked for place in range(max(0, mark - LOOKBACK), mark + 1)]
        known = max((size for name, size in near if name in self._cached), default=0)
        kept = max((prefixes[mark][1] for mark in marked), default=0)
        self._cached.update(prefixes[mark][0] for mark in marked)
        thought = tokens(answer.thought)
        return Usage(running - kept, output_tokens(answer), cached=known, written=kept - known, thought=thought)


@contextlib.asynccontextmanager
async def anthropic_server(
    answers: Answers = (), *, key: str = "sk-ant-emulated", models: Sequence[str] = ()
) -> AsyncIterator[AnthropicServer]:
    """The server, while the block runs. ``models`` are the ones it has; all, if none is named.

    Raises:
        AssertionError: at the end, a request broke the rules of the API.
    """
    async with running(AnthropicServer(answers, key, frozenset(models))) as emulated:
        yield emulated


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def _blocks(
    answer: Answer, request: Mapping[str, Any], number: int
) -> Iterator[tuple[Mapping[str, Any], Iterator[Mapping[str, Any]]]]:
    """Each block as it begins, and what is added to it."""
    if answer.thought:
        is_shown = (request.get("thinking") or {}).get("display") == "summarized"
        yield {"type": "thinking", "thinking": "", "signature": ""}, _thought(answer, request, is_shown=is_shown)
    if answer.text:
        yield {"type": "text", "text": ""}, ({"type": "text_delta", "text": word} for word in words(answer.text))
    for index, (name, given) in enumerate(answer.calls):
        block = {"type": "tool_use", "id": f"toolu_{number:02d}{index:02d}{name}"[:64], "name": name, "input": {}}
        yield block, _input(arguments(given))


def _thought(answer: Answer, request: Mapping[str, Any], *, is_shown: bool) -> Iterator[Mapping[str, Any]]:
    for word in words(answer.thought) if is_shown else ():
        yield {"type": "thinking_delta", "thinking": word}
    yield {"type": "signature_delta", "signature": signature(request)}


def _input(text: str) -> Iterator[Mapping[str, Any]]:
    yield {"type": "input_json_delta", "partial_json": ""}
    for start in range(0, len(text), 5):
        yield {"type": "input_json_delta", "partial_json": text[start : start + 5]}


def _usage(usage: Usage, request: Mapping[str, Any]) -> dict[str, Any]:
    lives = {(mark or {}).get("ttl", "5m") for _, mark in blocks(request) if mark is not None}
    hour = usage.written if lives == {"1h"} else 0
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.written - hour, "ephemeral_1h_input_tokens": hour},
    }


def _caches_from(model: str) -> int:
    age, found = generation(model), MODEL.match(model)
    if found is not None and found["family"] == "sonnet" and age < (5, 5):
        return 1024
    return CACHES_FROM.get(age, 512 if age >= (5, 0) else 4096)
