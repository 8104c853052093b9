"""Amazon Polly's SynthesizeSpeech and DescribeVoices over HTTP: the voices of ``aws_server``."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from tests.emulators._aws_part import Part
from tests.emulators._polly_request import VOICES, billed, check_speech, plain
from tests.emulators._sigv4 import Asked, RefusedError, check, read_authorization
from tests.emulators._sound import WORD_SECONDS, spoken
from tests.emulators.trouble import Kind

STATUS = {
    "AccessDeniedException": 403,
    "ConflictException": 409,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InternalFailure": 500,
    "InvalidSignatureException": 403,
    "LexiconNotFoundException": 404,
    "MissingAuthenticationTokenException": 403,
    "ResourceNotFoundException": 404,
    "ServiceFailureException": 500,
    "ServiceQuotaExceededException": 402,
    "ServiceUnavailableException": 503,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}
"""What is not here is 400, ThrottlingException too."""
OF_ALL_SERVICES = frozenset((
    "AccessDeniedException", "ExpiredTokenException", "IncompleteSignatureException", "InternalFailure",
    "InvalidSignatureException", "MissingAuthenticationTokenException", "SerializationException",
    "ServiceUnavailableException", "ThrottlingException", "UnknownOperationException", "UnrecognizedClientException",
    "ValidationException",
))  # fmt: skip
CORAL = "http://internal.amazon.com/coral/com.amazon.coral.service/"
POLLY = "http://polly.amazonaws.com/doc/v1"
TOKEN = re.compile(r"<[^>]*>|[^\s<]+")
MARK = re.compile(r"""<mark\s+name=["']([^"']*)["']""")
FILTERS = frozenset(("Engine", "LanguageCode", "IncludeAdditionalLanguageCodes", "NextToken"))


@dataclass
class PollyServer(Part):
    """What a test sees of it.

    Attributes:
        pace: seconds before each piece of sound; a piece is a word of 0.3 s.
        page: how many voices DescribeVoices tells at once.
    """

    pace: float = 0.0
    page: int = 100
    _handlers: set[asyncio.Task[Any]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Drop all connections and stop listening."""
        assert self._server is not None
        self._server.close()
        self.kill()
        await asyncio.gather(*self._handlers)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self._transports.add(writer.transport)
        self.connections += 1
        try:
            while not self.is_dead and await self._serve_one(reader, writer):
                pass
            if self.is_dead:
                writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._handlers.discard(task)
            self._transports.discard(writer.transport)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection lives on."""
        asked = await _read(reader)
        if self.happening("hang", after=float("inf")):
            await reader.read()
            return False
        try:
            if trouble := self.happening("error", after=float("inf")):
                raise RefusedError(str(trouble.code), trouble.reason, is_fault=False)
            if trouble := self.happening("refuse", after=float("inf")):
                _write(writer, trouble.status, trouble.headers, json.dumps({"message": trouble.reason}).encode())
                return True
            broken = await self._answer(asked, writer)
            return broken is None or await _break(reader, writer, broken)
        except RefusedError as error:
            self.note(error)
            kind = f"{error.code}:{CORAL if error.code in OF_ALL_SERVICES else POLLY}"
            body = json.dumps({"message": error.message}).encode()
            _write(writer, STATUS.get(error.code, 400), {"x-amzn-ErrorType": kind}, body)
            return True

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> Kind | None:
        """The kind of trouble that broke the answer off, if one did."""
        check(asked, read_authorization(asked), "polly", self.keys)
        if (asked.method, asked.path) == ("GET", "/v1/voices"):
            _write(writer, 200, {}, json.dumps(self._voices(dict(asked.query))).encode())
            return None
        if (asked.method, asked.path) != ("POST", "/v1/speech"):
            raise RefusedError("UnknownOperationException", f"no operation for {asked.method} {asked.path}")
        if not asked.headers.get("content-type", "").startswith("application/json"):
            self.problems.append(f"the content type is {asked.headers.get('content-type')}")
        try:
            body = json.loads(asked.body)
        except ValueError as error:
            raise RefusedError("SerializationException", "The body is no JSON") from error
        self.problems += check_speech(body)
        self.requests.append(body)
        if body["OutputFormat"] == "json":
            return await self._stream(writer, "application/x-json-stream", body, _marks(body))
        return await self._stream(writer, "audio/pcm", body, _sound(body))

    async def _stream(
        self, writer: asyncio.StreamWriter, content_type: str, body: Mapping[str, Any], pieces: Sequence[bytes]
    ) -> Kind | None:
        headers = {"Content-Type": content_type, "x-amzn-RequestCharacters": str(billed(body))}
        _write_head(writer, 200, {**headers, "Transfer-Encoding": "chunked"})
        for number, piece in enumerate([*pieces, b""]):
            if trouble := self.happening("close", "drop", "stall", "garbage", after=number):
                return trouble.kind
            await asyncio.sleep(self.pace if piece else 0)
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
        return None

    def _voices(self, given: Mapping[str, str]) -> dict[str, Any]:
        self.problems += [f"no such parameter: {name}" for name in given.keys() - FILTERS]
        engine, language = given.get("Engine"), given.get("LanguageCode")
        with_more = given.get("IncludeAdditionalLanguageCodes") == "true"
        found = [
            voice.as_json()
            for voice in VOICES.values()
            if engine in (None, *voice.engines)
            and language in (None, voice.language, *(voice.more_languages if with_more else ()))
        ]
        token = given.get("NextToken", "0")
        if not token.isdecimal() or int(token) >= max(len(found), 1):
            raise RefusedError("InvalidNextTokenException", "The NextToken is invalid.")
        end = int(token) + self.page
        return {"Voices": found[int(token) : end]} | ({"NextToken": str(end)} if end < len(found) else {})


def _sound(body: Mapping[str, Any]) -> list[bytes]:
    """A piece for each word."""
    rate = int(body.get("SampleRate", "16000"))
    sound = spoken(plain(body), rate)[0].astype("<i2").tobytes()
    size = 2 * round(rate * WORD_SECONDS)
    return [sound[at : at + size] for at in range(0, len(sound), size)]


def _marks(body: Mapping[str, Any]) -> list[bytes]:
    """A line of JSON for each mark that was asked for, in the order of time."""
    text, wanted = body["Text"], body["SpeechMarkTypes"]
    marks = [mark for mark in (*_sentence(text), *_words(text)) if mark["type"] in wanted]
    return [json.dumps(mark, separators=(",", ":")).encode() + b"\n" for mark in marks]


def _sentence(text: str) -> Iterator[dict[str, Any]]:
    """One for the whole text: sentences are not told apart."""
    yield {"time": 0, "type": "sentence", "start": 0, "end": len(text.encode()), "value": text}


def _words(text: str) -> Iterator[dict[str, Any]]:
    """Words without the marks around them, where they are in bytes of the text; the marks of SSML on their way."""
    count = 0
    for found in TOKEN.finditer(text):
        time = round(1000 * WORD_SECONDS * count)
        if found[0].startswith("<"):
            if name := MARK.match(found[0]):
                span = {"start": len(text[: found.start()].encode()), "end": len(text[: found.end()].encode())}
                yield {"time": time, "type": "ssml", **span, "value": name[1]}
            continue
        count += 1
        value = found[0].strip(".,;:?!¿¡\"'()")
        if value:
            start = len(text[: found.start() + found[0].index(value)].encode())
            yield {"time": time, "type": "word", "start": start, "end": start + len(value.encode()), "value": value}
            yield {"time": time, "type": "viseme", "value": "p"}


# HTTP


async def _break(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: Kind) -> Literal[False]:
    if kind == "garbage":
        writer.write(b"no chunk at all\r\n")
    await writer.drain()
    if kind == "drop":
        writer.transport.abort()
    if kind == "stall":
        await reader.read()
    return False


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return Asked(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def _write_head(writer: asyncio.StreamWriter, status: int, headers: Mapping[str, str]) -> None:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"x-amzn-RequestId: {uuid.uuid4()}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())


def _write(writer: asyncio.StreamWriter, status: int, headers: Mapping[str, str], body: bytes) -> None:
    _write_head(writer, status, {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers})
    writer.write(body)
