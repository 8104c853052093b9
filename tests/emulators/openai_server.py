"""A server on loopback that speaks OpenAI's chat completions, streamed, with the answers of a test's script.

    async with openai_server([calls(("lookup_order", {"id": "42"})), says("It ships on Tuesday.")]) as server:
        environ = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": server.key}
        ...
        server.requests        # the JSON bodies that were answered, in order
        server.connections     # how many sockets were opened so far; server.open_connections: now

``answers`` is a list, one for each request, or a function from a request's body to its answer. An answer is made by

* ``says(text)``: the text, in pieces;
* ``calls((name, arguments), ...)``: tool calls, all at once, their arguments in pieces that arrive mixed;
* ``fails(status, message)``: an HTTP error in OpenAI's form;
* ``replace(answer, …)`` of the fields of :class:`Answer`: a slow first byte, a cut after some pieces, and so on.

It is strict: what OpenAI's API refuses is answered as the API does, and written down in ``server.problems``, which
must be empty at the end of the ``async with`` block. A wrong key or an unknown model is no problem, only an answer.
Source: https://platform.openai.com/docs/api-reference/chat/create and …/chat-streaming.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PATH = "/v1/chat/completions"
FIELDS = frozenset((
    "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "temperature",
    "max_tokens", "max_completion_tokens", "top_p", "stop", "seed", "user",
))  # fmt: skip
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
STATUS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed"}


@dataclass(frozen=True)
class Answer:
    """What a request gets.

    Attributes:
        status: anything but 200 is an error, with ``message`` and ``code``.
        first_after, each_after: seconds before the first byte, and before each further piece.
        cut_after: the connection breaks after so many pieces.
        stream_error: an error in the middle of the stream, in place of its end.
    """

    text: str = ""
    calls: Sequence[tuple[str, Any]] = ()
    status: int = 200
    message: str = ""
    code: str | None = None
    first_after: float = 0.0
    each_after: float = 0.0
    cut_after: int | None = None
    stream_error: str = ""


def says(text: str) -> Answer:
    """An answer in words."""
    return Answer(text=text)


def calls(*wanted: tuple[str, Any]) -> Answer:
    """Tool calls; arguments that are no text are written as JSON."""
    return Answer(calls=wanted)


def fails(status: int, message: str = "no", code: str | None = None) -> Answer:
    """An HTTP error."""
    return Answer(status=status, message=message, code=code)


Answers = Sequence[Answer] | Callable[[dict[str, Any]], Answer]


@dataclass
class OpenAIServer:
    """What a test sees of the server."""

    answers: Answers
    key: str
    models: frozenset[str]
    base_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    connections: int = 0
    cut_short: int = 0
    """How many answers were not read to their end."""
    _handlers: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def open_connections(self) -> int:
        """How many sockets are open."""
        return len(self._handlers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.connections += 1
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._handlers.discard(task)
            writer.close()

    async def close(self) -> None:
        """Drop all connections."""
        handlers = list(self._handlers)
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        answer = self._judge(method, path, headers) or self._answer(body)
        await asyncio.sleep(answer.first_after)
        if answer.status != 200:
            _write_error(writer, answer)
            await writer.drain()
            return True
        return await self._stream(writer, answer)

    async def _stream(self, writer: asyncio.StreamWriter, answer: Answer) -> bool:
        model = self.requests[-1]["model"]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for number, data in enumerate(_pieces(answer, model, f"chatcmpl-{len(self.requests)}")):
                if number == answer.cut_after:
                    await writer.drain()
                    writer.transport.abort()
                    return False
                _write_chunk(writer, f"data: {data}\n\n".encode())
                await writer.drain()
                await asyncio.sleep(answer.each_after)
        except ConnectionError:
            self.cut_short += 1
            raise
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _judge(self, method: str, path: str, headers: Mapping[str, str]) -> Answer | None:
        """The refusal of a request by its head, if it is refused."""
        if path != PATH:
            return self._problem(404, f"Invalid URL ({method} {path})")
        if method != "POST":
            return self._problem(405, f"Not allowed to {method} on {path}")
        if not headers.get("content-type", "").startswith("application/json"):
            return self._problem(400, f"unsupported content type {headers.get('content-type')}")
        if headers.get("authorization") != f"Bearer {self.key}":
            return fails(401, "Incorrect API key provided", "invalid_api_key")
        return None

    def _answer(self, body: bytes) -> Answer:
        try:
            request = json.loads(body)
        except ValueError:
            return self._problem(400, "We could not parse the JSON body of your request")
        wrong = next(_wrong(request), None)
        if wrong is not None:
            return self._problem(400, wrong)
        if self.models and request["model"] not in self.models:
            return fails(404, f"The model `{request['model']}` does not exist", "model_not_found")
        self.requests.append(request)
        if callable(self.answers):
            return self.answers(request)
        if len(self.requests) > len(self.answers):
            return self._problem(500, f"the script has {len(self.answers)} answers, this is one request more")
        return self.answers[len(self.requests) - 1]

    def _problem(self, status: int, message: str) -> Answer:
        self.problems.append(message)
        return fails(status, message)


@contextlib.asynccontextmanager
async def openai_server(
    answers: Answers = (), *, key: str = "sk-emulated", models: Sequence[str] = ()
) -> AsyncIterator[OpenAIServer]:
    """The server, while the block runs. ``models`` are the ones it has; all, if none is named.

    Raises:
        AssertionError: at the end, a request broke the rules of the API.
    """
    emulated = OpenAIServer(answers, key, frozenset(models))
    server = await asyncio.start_server(emulated.serve, "127.0.0.1", 0)
    emulated.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield emulated
    finally:
        server.close()
        await emulated.close()
        await server.wait_closed()
    assert not emulated.problems, emulated.problems


def _write_error(writer: asyncio.StreamWriter, answer: Answer) -> None:
    kind = "server_error" if answer.status >= 500 else "invalid_request_error"
    error = {"message": answer.message, "type": kind, "param": None, "code": answer.code}
    body = json.dumps({"error": error}).encode()
    reason = STATUS.get(answer.status, "Error")
    head = f"HTTP/1.1 {answer.status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}retry-after-ms: 1\r\n\r\n".encode() + body)


def _write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


# the stream


def _pieces(answer: Answer, model: str, completion_id: str) -> Iterator[str]:
    head = {"id": completion_id, "object": "chat.completion.chunk", "created": 1790000000, "model": model}
    finish = "tool_calls" if answer.calls else "stop"
    deltas = [{"role": "assistant", "content": ""}, *_words(answer.text), *_call_pieces(answer.calls)]
    for delta in deltas:
        yield json.dumps({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    if answer.stream_error:
        yield json.dumps({"error": {"message": answer.stream_error, "type": "server_error"}})
        return
    yield json.dumps({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    yield json.dumps({**head, "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
    yield "[DONE]"


def _words(text: str) -> Iterator[dict[str, Any]]:
    for word in re.findall(r"\s*\S+|\s+$", text):
        yield {"content": word}


def _call_pieces(wanted: Sequence[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each call begins with its id and name; then a few characters of each call's arguments in turn."""
    left = [given if isinstance(given, str) else json.dumps(given) for _, given in wanted]
    for index, (name, _) in enumerate(wanted):
        function = {"name": name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": f"call_{index}_{name}", "type": "function", "function": function}]}
    while any(left):
        for index, text in enumerate(left):
            if text:
                yield {"tool_calls": [{"index": index, "function": {"arguments": text[:5]}}]}
                left[index] = text[5:]


# the rules


def _wrong(request: Any) -> Iterator[str]:
    """What the API would refuse in a request, in its order of looking."""
    if not isinstance(request, dict):
        yield "the body is not an object"
        return
    for name in request.keys() - FIELDS:
        yield f"Unrecognized request argument supplied: {name}"
    if not isinstance(request.get("model"), str) or not request["model"]:
        yield "you must provide a model parameter"
    if request.get("stream") is not True:
        yield "this server only streams: `stream` must be true"
    if "temperature" in request and not 0 <= request["temperature"] <= 2:
        yield "temperature must be between 0 and 2"
    yield from _wrong_tools(request)
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "[] is too short - 'messages'"
        return
    yield from _wrong_messages(messages)


def _wrong_tools(request: Mapping[str, Any]) -> Iterator[str]:
    if "tools" not in request:
        return
    if not isinstance(request["tools"], list) or not request["tools"]:
        yield "[] is too short - 'tools'"
        return
    for number, tool in enumerate(request["tools"]):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or tool.get("type") != "function":
            yield f"Invalid value: 'tools[{number}]'"
        elif not isinstance(function.get("name"), str) or not TOOL_NAME.fullmatch(function["name"]):
            yield f"Invalid 'tools[{number}].function.name'"
        elif not isinstance(function.get("parameters", {}), dict):
            yield f"Invalid type for 'tools[{number}].function.parameters'"


def _wrong_messages(messages: Sequence[Any]) -> Iterator[str]:
    open_calls: list[str] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                yield f"'{where}': a message with role 'tool' must answer a preceding message with 'tool_calls'"
            else:
                open_calls.remove(message["tool_call_id"])
        elif open_calls:
            yield f"'{where}': an assistant message with 'tool_calls' must be followed by answers to {open_calls}"
            open_calls = []
        if role not in ("system", "developer", "user", "assistant", "tool"):
            yield f"Invalid value: '{where}.role'"
        elif role == "assistant" and message.get("tool_calls") is not None:
            yield from _wrong_calls(where, message["tool_calls"])
            open_calls = [call["id"] for call in message["tool_calls"] if isinstance(call, dict) and "id" in call]
        elif not isinstance(content, str | list):
            yield f"Invalid value for 'content' of '{where}': expected a string, got {content}"
    if open_calls:
        yield f"'messages': no answers to {open_calls}"


def _wrong_calls(where: str, wanted: Any) -> Iterator[str]:
    if not isinstance(wanted, list) or not wanted:
        yield f"[] is too short - '{where}.tool_calls'"
        return
    for call in wanted:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or call.get("type") != "function" or not isinstance(call.get("id"), str):
            yield f"Invalid value: '{where}.tool_calls'"
        elif not isinstance(function.get("name"), str) or not isinstance(function.get("arguments"), str):
            yield f"Invalid type for '{where}.tool_calls.function'"
