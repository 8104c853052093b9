"""What emulated language models share: HTTP with server-sent events, the script, the troubles.

A vendor is a subclass of :class:`ModelServer` that says what it refuses, how it streams and what its errors look like.

Every kind of :class:`Trouble` is known. ``refuse`` and ``hang`` befall a request before it is looked at; ``close``,
``drop``, ``stall``, ``garbage`` and ``error`` befall an answer after ``after`` events of its stream, also one that was
already under way. An answer that is over before is spared.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

from tests.emulators._model_script import Answer, Answers, fails
from tests.emulators.trouble import Trouble

HEAD_SECONDS = 30.0
AT_ONCE = frozenset({"refuse", "hang"})


@dataclass(frozen=True)
class Head:
    """The head of a request; the names of ``headers`` are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass
class ModelServer(ABC):
    """What a test sees of an emulated model."""

    answers: Answers
    key: str
    models: frozenset[str]
    base_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    connections: int = 0
    cut_short: int = 0
    """How many answers were not read to their end."""
    _open: dict[asyncio.Task[Any], asyncio.StreamWriter] = field(default_factory=dict)
    _trouble: Trouble | None = None
    _happened: int = 0
    _is_killed: bool = False

    garbage: ClassVar[bytes] = b'data: {"this is no\n\n'

    # what a test does

    @property
    def open_connections(self) -> int:
        """How many sockets are open."""
        return len(self._open)

    @property
    def trouble(self) -> Trouble | None:
        """What goes wrong from now on."""
        return self._trouble

    @trouble.setter
    def trouble(self, trouble: Trouble | None) -> None:
        self._trouble, self._happened = trouble, 0

    def kill(self) -> None:
        """Reset what is open, and from now on whatever connects."""
        self._is_killed = True
        for writer in self._open.values():
            _reset(writer)

    def revive(self) -> None:
        """Be there again."""
        self._is_killed = False

    # what a vendor says

    @property
    @abstractmethod
    def environ(self) -> Mapping[str, str]:
        """The environment in which the vendor's own library finds this server."""

    @abstractmethod
    def refusal(self, head: Head) -> Answer | None:
        """The refusal of a request by its head, if it is refused."""

    @abstractmethod
    def wrong(self, request: Any, head: Head) -> Iterator[str]:
        """What the vendor would refuse in a body, in its order of looking."""

    @abstractmethod
    def unknown(self, model: str) -> Answer:
        """The answer to a request for a model that there is not."""

    @abstractmethod
    def error(self, answer: Answer) -> Mapping[str, Any]:
        """The body of an HTTP error."""

    @abstractmethod
    def events(self, answer: Answer, request: Mapping[str, Any]) -> Iterator[bytes]:
        """The server-sent events of an answer."""

    @abstractmethod
    def broken(self, message: str, code: str | None) -> bytes:
        """The server-sent event that is an error in the middle of an answer."""

    def headers(self) -> Mapping[str, str]:
        """What the head of every answer has besides the usual."""
        return {}

    def named(self, request: dict[str, Any], head: Head) -> dict[str, Any]:
        """The request with its ``model``, wherever the vendor has that."""
        return request

    def problem(self, status: int, message: str) -> Answer:
        """An error that a test did not ask for."""
        self.problems.append(message)
        return fails(status, message)

    # HTTP

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        if self._is_killed:
            return _reset(writer)
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.connections += 1
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled by `close` alone; streams of Python 3.11 would make noise about it
        finally:
            del self._open[task]
            writer.close()

    async def close(self) -> None:
        """Drop all connections."""
        handlers = list(self._open)
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = _parsed(await reader.readuntil(b"\r\n\r\n"))
        body = await reader.readexactly(int(head.headers.get("content-length", "0")))
        is_last = head.headers.get("connection", "").lower() == "close"
        trouble = self._due()
        if trouble is not None and trouble.kind == "hang":
            await reader.read()
            return False
        if trouble is not None:
            answer = Answer(status=trouble.status, message=trouble.reason, code=_code(trouble), headers=trouble.headers)
        else:
            answer = self.refusal(head) or self._answer(head, body)
        request = self.requests[-1] if self.requests else {}  # before anything is awaited: others may ask meanwhile
        await asyncio.sleep(answer.first_after)
        if answer.status != 200:
            _write_error(writer, replace(answer, headers={**self.headers(), **answer.headers}), self.error(answer))
            await writer.drain()
            return not is_last
        events = self.events(answer, request)
        return await self._stream(reader, writer, (answer, events)) and not is_last

    def _answer(self, head: Head, body: bytes) -> Answer:
        try:
            request = json.loads(body)
        except ValueError:
            return self.problem(400, "We could not parse the JSON body of your request")
        try:
            wrong = next(self.wrong(request, head), None)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            wrong = f"something in the body is of a wrong type: {error}"
        if wrong is not None:
            return self.problem(400, wrong)
        request = self.named(request, head)
        if self.models and request["model"] not in self.models:
            return self.unknown(request["model"])
        self.requests.append(request)
        if callable(self.answers):
            return self.answers(request)
        if len(self.requests) > len(self.answers):
            return self.problem(500, f"the script has {len(self.answers)} answers, this is one request more")
        return self.answers[len(self.requests) - 1]

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: tuple[Answer, Iterator[bytes]]
    ) -> bool:
        answer, events = told
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n")
        writer.write(f"Transfer-Encoding: chunked\r\n{_lines(self.headers())}\r\n".encode())
        try:
            for number, event in enumerate(events):
                if number == answer.cut_after:
                    await writer.drain()
                    writer.transport.abort()
                    return False
                if number == answer.ends_after:
                    break
                trouble = self._due(number)
                if trouble is not None:
                    return await self._break(reader, writer, trouble)
                _write_chunk(writer, event)
                await writer.drain()
                await asyncio.sleep(answer.each_after)
        except ConnectionError:
            self.cut_short += 1
            raise
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    # troubles

    def _due(self, number: int | None = None) -> Trouble | None:
        """The trouble that happens now: before event ``number`` of an answer, or at a request."""
        trouble = self._trouble
        if trouble is None or (trouble.kind in AT_ONCE) != (number is None) or (number or 0) < trouble.after:
            return None
        if trouble.times and self._happened >= trouble.times:
            return None
        self._happened += 1
        return trouble

    async def _break(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, trouble: Trouble) -> bool:
        """What the trouble does to an answer. Whether the connection is still of use."""
        await writer.drain()
        match trouble.kind:
            case "drop":
                _reset(writer)
            case "stall":
                await reader.read()
            case "garbage":
                _write_chunk(writer, self.garbage + b"0\r\n\r\n")
            case "error":
                _write_chunk(writer, self.broken(trouble.reason, _code(trouble)))
                writer.write(b"0\r\n\r\n")
                await writer.drain()
                return True
        return False


Server = TypeVar("Server", bound=ModelServer)


@contextlib.asynccontextmanager
async def running(emulated: Server, prefix: str = "") -> AsyncIterator[Server]:
    """The server, while the block runs, on a free port of loopback.

    Raises:
        AssertionError: at the end, a request broke the rules of the API.
    """
    server = await asyncio.start_server(emulated.serve, "127.0.0.1", 0, limit=1 << 20)
    emulated.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{prefix}"
    try:
        yield emulated
    finally:
        server.close()
        await emulated.close()
        await server.wait_closed()
    assert not emulated.problems, emulated.problems


def _parsed(head: bytes) -> Head:
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    path, _, query = target.partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return Head(method, path, query, headers)


def _code(trouble: Trouble) -> str | None:
    """The vendor's own name of an error, if the test gives one: numbers are the close codes of WebSockets."""
    return trouble.code if isinstance(trouble.code, str) else None


def _write_error(writer: asyncio.StreamWriter, answer: Answer, error: Mapping[str, Any]) -> None:
    body = json.dumps(error).encode()
    known = {status.value: status.phrase for status in HTTPStatus}
    head = f"HTTP/1.1 {answer.status} {known.get(answer.status, 'Error')}\r\n"
    says_when = any(name.lower() == "retry-after" for name in answer.headers)
    again = "" if says_when else "retry-after-ms: 1\r\n"  # libraries that try again do so at once
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}{kind}{again}{_lines(answer.headers)}\r\n".encode() + body)


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset, which its peer sees at once, whatever was on its way."""
    peer: socket.socket | None = writer.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
