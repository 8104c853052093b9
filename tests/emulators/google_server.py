"""A server on loopback that speaks Gemini's ``streamGenerateContent``, with the answers of a test's script.

    async with google_server([calls(("lookup_order", {"id": "42"})), says("It ships on Tuesday.")]) as server:
        environ = server.environ   # GOOGLE_GEMINI_BASE_URL and GOOGLE_API_KEY
        ...
        server.requests        # the JSON bodies that were answered, in order, with the ``model`` of the path
        server.trouble = Trouble("refuse", status=429, reason="Quota", headers={"Retry-After": "2"})

The script is that of ``openai_server`` (``says``, ``calls``, ``fails``, ``replace``). Here ``Answer.thought`` costs
``thoughtsTokenCount`` and is only told if the request has ``includeThoughts``, ``finish`` is a ``finishReason``
(``MAX_TOKENS``, ``SAFETY``, ``MALFORMED_FUNCTION_CALL``, …), ``code`` the ``status`` of an error; ``blocked(reason)``
is an answer to a prompt that was blocked. Every kind of ``Trouble`` is known (``_model_server.py``); a refusal with a
``Retry-After`` has it as a ``RetryInfo`` too, where Google tells it.

It is strict (``_google_rules.py``): a request that the API refuses is answered so, and is in ``server.problems``. From
Gemini 3 on, calls come with a thought signature and want it back. Prompts that begin alike are cached implicitly.

Sources, read in November 2026: https://ai.google.dev/api/generate-content, https://ai.google.dev/api/caching#Schema,
https://ai.google.dev/gemini-api/docs/function-calling, …/docs/thought-signatures, …/docs/thinking,
…/docs/troubleshooting, …/docs/caching; what refusals say, from
https://github.com/google-gemini/gemini-cli/issues/3814 and …/26486,
https://github.com/zed-industries/zed/issues/44875 and …/53919, https://docs.apiyi.com/en/faq/gemini-thought-signature-missing;
errors inside a stream, from https://github.com/diegosouzapw/OmniRoute/issues/4177.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

from tests.emulators._google_rules import camels, generation, wrong
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
    tokens,
    words,
)
from tests.emulators._model_server import Head, ModelServer, running

__all__ = ["Answer", "GoogleServer", "Usage", "blocked", "calls", "fails", "google_server", "says"]

PATH = re.compile(r"/v1(?:beta|alpha)?/models/(?P<model>[^/:]+):streamGenerateContent")
STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
WRONG_KEY = "API key not valid. Please pass a valid API key."
NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API."
)
BLOCKED = "blocked "


def blocked(reason: str = "SAFETY") -> Answer:
    """The prompt is not answered at all; ``reason`` is a ``blockReason``."""
    return Answer(finish=BLOCKED + reason)


@dataclass
class GoogleServer(ModelServer):
    """What a test sees of the server."""

    _signatures: set[str] = field(default_factory=set)
    _cache: PromptCache = field(default_factory=lambda: PromptCache(least=1024, step=1))

    @property
    def environ(self) -> Mapping[str, str]:
        return {"GOOGLE_GEMINI_BASE_URL": self.base_url, "GOOGLE_API_KEY": self.key}

    def refusal(self, head: Head) -> Answer | None:
        query = parse_qs(head.query)
        if not PATH.fullmatch(head.path) or head.method != "POST":
            return self.problem(404, f"{head.method} {head.path} was not found on this server")
        if query.get("alt") != ["sse"]:
            return self.problem(400, "this server only streams: `alt` must be `sse`")
        key = head.headers.get("x-goog-api-key") or query.get("key", [""])[0]
        if not key:
            return fails(403, NO_KEY)
        if key != self.key:
            return fails(400, WRONG_KEY)
        if not head.headers.get("content-type", "").startswith("application/json"):
            return self.problem(400, f"unsupported content type {head.headers.get('content-type')}")
        return None

    def wrong(self, request: Any, head: Head) -> Iterator[str]:
        return wrong(request, _model(head), self._signatures)

    def named(self, request: dict[str, Any], head: Head) -> dict[str, Any]:
        return {**request, "model": _model(head)}

    def unknown(self, model: str) -> Answer:
        where = "is not found for API version v1beta, or is not supported for generateContent"
        return fails(404, f"models/{model} {where}. Call ListModels to see the list of available models.")

    def error(self, answer: Answer) -> Mapping[str, Any]:
        kind = answer.code or STATUS.get(answer.status, "UNKNOWN")
        error = {"code": answer.status, "message": answer.message, "status": kind}
        details = list(_details(answer))
        return {"error": {**error, "details": details} if details else error}

    def broken(self, message: str, code: str | None) -> bytes:
        kind = code or "UNAVAILABLE"
        status = next((number for number, name in STATUS.items() if name == kind), 503)
        return _event({"error": {"code": status, "message": message, "status": kind}})

    def events(self, answer: Answer, request: Mapping[str, Any]) -> Iterator[bytes]:
        """Each event is a whole response with some parts; the last has a reason. Calls come whole, in one part each."""
        usage = answer.usage or self._cost(answer, request)
        head = {"modelVersion": request["model"], "responseId": f"response-{len(self.requests)}"}
        if answer.finish.startswith(BLOCKED):
            feedback = {"blockReason": answer.finish.removeprefix(BLOCKED)}
            yield _event({"promptFeedback": feedback, "usageMetadata": _usage(usage, 0), **head})
            return
        parts = list(self._parts(answer, request))
        for number, part in enumerate(parts, 1):
            said = usage.output * number // len(parts)
            yield _event({"candidates": [_candidate([part])], "usageMetadata": _usage(usage, said), **head})
        if answer.stream_error:
            yield self.broken(answer.stream_error, answer.code)
            return
        last = {"finishReason": answer.finish or "STOP"}
        if not all(_is_object(arguments(given)) for _, given in answer.calls):
            last = {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "Malformed function call"}
        end = [self._signed({"text": ""}, request)] if last["finishReason"] == "STOP" and not answer.calls else []
        candidate = {**(_candidate(end) if end else {"index": 0}), **last}
        yield _event({"candidates": [candidate], "usageMetadata": _usage(usage, usage.output), **head})

    def _parts(self, answer: Answer, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        config = camels(camels(request.get("generationConfig", {})).get("thinkingConfig", {}))
        if answer.thought and config.get("includeThoughts"):
            yield {"text": answer.thought, "thought": True}
        for word in words(answer.text):
            yield {"text": word}
        for number, (name, given) in enumerate(answer.calls):
            if not _is_object(arguments(given)):
                return
            call: dict[str, Any] = {"name": name, "args": json.loads(arguments(given) or "{}")}
            if generation(request["model"]) >= (3, 0):
                call["id"] = f"{name}-{len(self.requests)}-{number}"
            part = {"functionCall": call}
            yield part if number else self._signed(part, request)

    def _signed(self, part: dict[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
        if generation(request["model"]) < (3, 0):
            return part
        seal = base64.b64encode(hashlib.sha256(f"{len(self.requests)} {part}".encode()).digest()).decode()
        self._signatures.add(seal)
        return {**part, "thoughtSignature": seal}

    def _cost(self, answer: Answer, request: Mapping[str, Any]) -> Usage:
        prompt = [request["model"], request.get("tools"), request.get("systemInstruction"), request["contents"]]
        usage = self._cache.read(json.dumps(prompt))
        return replace(usage, output=output_tokens(answer), thought=tokens(answer.thought))


@contextlib.asynccontextmanager
async def google_server(
    answers: Answers = (), *, key: str = "AIza-emulated", models: Sequence[str] = ()
) -> AsyncIterator[GoogleServer]:
    """The server, while the block runs. ``models`` are the ones it has; all, if none is named.

    Raises:
        AssertionError: at the end, a request broke the rules of the API.
    """
    async with running(GoogleServer(answers, key, frozenset(models))) as emulated:
        yield emulated


def _model(head: Head) -> str:
    found = PATH.fullmatch(head.path)
    return found["model"] if found else ""


def _event(data: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\r\n\r\n".encode()


def _candidate(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"content": {"parts": parts, "role": "model"}, "index": 0}


def _is_object(text: str) -> bool:
    try:
        return not text or isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _details(answer: Answer) -> Iterator[Mapping[str, Any]]:
    if answer.message == WRONG_KEY:
        where = {"service": "generativelanguage.googleapis.com"}
        reason = {"reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": where}
        yield {"@type": "type.googleapis.com/google.rpc.ErrorInfo", **reason}
    for name, value in answer.headers.items():
        if name.lower() == "retry-after":
            yield {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{value}s"}


def _usage(usage: Usage, said: int) -> Mapping[str, Any]:
    """Running totals; what was cached is part of the prompt, thoughts are not part of the candidates."""
    prompt = usage.input + usage.cached + usage.written
    total = {"promptTokenCount": prompt, "totalTokenCount": prompt + said + usage.thought}
    told = {"candidatesTokenCount": said, "cachedContentTokenCount": usage.cached, "thoughtsTokenCount": usage.thought}
    details = [{"modality": "TEXT", "tokenCount": prompt}]
    return {**total, **{name: count for name, count in told.items() if count}, "promptTokensDetails": details}
