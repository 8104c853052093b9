"""A server on loopback that speaks OpenAI's chat completions, streamed, with the answers of a test's script.

    async with openai_server([calls(("lookup_order", {"id": "42"})), says("It ships on Tuesday.")]) as server:
        environ = server.environ   # OPENAI_BASE_URL and OPENAI_API_KEY
        ...
        server.requests        # the JSON bodies that were answered, in order
        server.connections     # how many sockets were opened so far; server.open_connections: now
        server.trouble = Trouble("refuse", status=503)    # every kind is known: see _model_server.py

``answers`` is a list, one for each request, or a function from a request's body to its answer. An answer is made by

* ``says(text)``: the text, in pieces;
* ``calls((name, arguments), ...)``: tool calls, all at once, their arguments in pieces that arrive mixed;
* ``fails(status, message)``: an HTTP error in OpenAI's form;
* ``replace(answer, …)`` of the fields of :class:`Answer`: a slow first byte, a cut after some pieces, and so on.

It is strict: what OpenAI's API refuses is answered as the API does, and written down in ``server.problems``, which
must be empty at the end of the ``async with`` block. A wrong key or an unknown model is no problem, only an answer.
``flavour`` makes it one of the vendors that speak this too (``_openai_flavours.py``): their paths, what they refuse,
their errors, where they tell the usage. Prompts that begin alike are cached as OpenAI does it: from 1,024 tokens on.
Sources: https://platform.openai.com/docs/api-reference/chat/create, …/chat-streaming, and
https://platform.openai.com/docs/guides/prompt-caching.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.emulators._model_script import (
    Answer,
    Answers,
    PromptCache,
    Usage,
    arguments,
    calls,
    fails,
    output_tokens,
    says,
    words,
)
from tests.emulators._model_server import Head, ModelServer, running
from tests.emulators._openai_flavours import FLAVOURS, Flavour
from tests.emulators._openai_rules import wrong

__all__ = ["Answer", "OpenAIServer", "Usage", "calls", "fails", "openai_server", "says"]


@dataclass
class OpenAIServer(ModelServer):
    """What a test sees of the server."""

    flavour: Flavour = FLAVOURS["openai"]
    prefix: str = "/v1"
    names: tuple[str, str] = ("OPENAI_BASE_URL", "OPENAI_API_KEY")
    _cache: PromptCache = field(default_factory=lambda: PromptCache(least=1024, step=128))

    @property
    def environ(self) -> Mapping[str, str]:
        return dict(zip(self.names, (self.base_url, self.key), strict=True))

    def refusal(self, head: Head) -> Answer | None:
        if head.path != f"{self.prefix}/chat/completions":
            return self.problem(404, f"Invalid URL ({head.method} {head.path})")
        if head.method != "POST":
            return self.problem(405, f"Not allowed to {head.method} on {head.path}")
        if not head.headers.get("content-type", "").startswith("application/json"):
            return self.problem(400, f"unsupported content type {head.headers.get('content-type')}")
        if head.headers.get("authorization") != f"Bearer {self.key}" and self.key:
            return fails(self.flavour.wrong_key, "Incorrect API key provided", "invalid_api_key")
        return None

    def wrong(self, request: Any, head: Head) -> Iterator[str]:
        return wrong(request, self.flavour)

    def problem(self, status: int, message: str) -> Answer:
        status = self.flavour.status if message.startswith("Extra inputs") else status
        return super().problem(status, message)

    def unknown(self, model: str) -> Answer:
        return fails(404, f"The model `{model}` does not exist", "model_not_found")

    def error(self, answer: Answer) -> Mapping[str, Any]:
        return self.flavour.error(answer)

    def broken(self, message: str, code: str | None) -> bytes:
        return _event({"error": {"message": message, "type": "server_error", "code": code}})

    def events(self, answer: Answer, request: Mapping[str, Any]) -> Iterator[bytes]:
        """Chunks; the one with the usage has no choices, and comes only if it is asked for."""
        asked = (request.get("stream_options") or {}).get("include_usage") is True
        usage = _usage(answer.usage or self._cost(answer, request))
        head: dict[str, Any] = {"object": "chat.completion.chunk", "created": 1790000000, "model": request["model"]}
        if asked or self.flavour.usage == "every":
            head["usage"] = usage if self.flavour.usage == "every" else None
        head["id"] = f"chatcmpl-{len(self.requests)}"
        deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in words(answer.text))]
        for delta in [*deltas, *_call_pieces(answer.calls, self._call_id)]:
            yield self.flavour.comment + _event({**head, "choices": [_choice(delta)]})
        if answer.stream_error:
            yield self.broken(answer.stream_error, answer.code)
            return
        finish = answer.finish or ("tool_calls" if answer.calls else "stop")
        told = {"usage": usage} if self.flavour.usage == "last" else {}
        yield _event({**head, "choices": [{**_choice({}), "finish_reason": finish}], **told})
        if asked and self.flavour.usage == "asked":
            yield _event({**head, "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    def _call_id(self, index: int, name: str) -> str:
        identifier = f"call_{index}_{name}"
        return identifier if self.flavour.call_id.fullmatch(identifier) else f"{index}{secrets.token_hex(4)}"

    def _cost(self, answer: Answer, request: Mapping[str, Any]) -> Usage:
        prompt = json.dumps([request["model"], request.get("tools"), request["messages"]])
        return replace(self._cache.read(prompt), output=output_tokens(answer))


@contextlib.asynccontextmanager
async def openai_server(
    answers: Answers = (),
    *,
    key: str = "sk-emulated",
    models: Sequence[str] = (),
    flavour: str = "openai",
    prefix: str | None = None,
) -> AsyncIterator[OpenAIServer]:
    """The server, while the block runs. ``models`` are the ones it has; all, if none is named. ``prefix`` is the path
    before ``/chat/completions``, that of the vendor if there is none. Without a ``key`` it asks for none.

    Raises:
        AssertionError: at the end, a request broke the rules of the API.
    """
    kind = FLAVOURS[flavour]
    path = kind.prefix if prefix is None else prefix
    names = (f"{flavour.upper()}_BASE_URL", f"{flavour.upper()}_API_KEY")
    emulated = OpenAIServer(answers, key, frozenset(models), flavour=kind, prefix=path, names=names)
    async with running(emulated, path):
        yield emulated


def _event(data: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _choice(delta: Mapping[str, Any]) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": None}


def _usage(usage: Usage) -> Mapping[str, Any]:
    prompt, completion = usage.input + usage.cached + usage.written, usage.output + usage.thought
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "completion_tokens_details": {"reasoning_tokens": usage.thought},
    }


def _call_pieces(wanted: Sequence[tuple[str, Any]], call_id: Any) -> Iterator[dict[str, Any]]:
    """Each call begins with its id and name; then a few characters of each call's arguments in turn."""
    left = [arguments(given) for _, given in wanted]
    for index, (name, _) in enumerate(wanted):
        function = {"name": name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": call_id(index, name), "type": "function", "function": function}]}
    while any(left):
        for index, text in enumerate(left):
            if text:
                yield {"tool_calls": [{"index": index, "function": {"arguments": text[:5]}}]}
                left[index] = text[5:]
