"""Amazon Transcribe's streams over WebSocket: the ears of ``aws_server``."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from tests.emulators._aws_part import Part
from tests.emulators._event_stream import BadMessageError, Message, pack, unpack
from tests.emulators._sigv4 import Asked, RefusedError, check, check_time, read_presigned, sign_chunk
from tests.emulators._sound import Ear
from tests.emulators._transcribe_request import check_parameters
from tests.emulators._transcript import Transcripts
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

PATH = "/stream-transcription-websocket"
LONGEST_URL = 300
AUDIO = {":content-type": "application/octet-stream", ":event-type": "AudioEvent", ":message-type": "event"}
SIGNED = {":date", ":chunk-signature"}
TRANSCRIPT = {":content-type": "application/json", ":event-type": "TranscriptEvent", ":message-type": "event"}
TOO_BIG = "Your stream is too big. Reduce the frame size and try your request again."
NOT_BINARY = "Unexpected WebSocket frame received."
IDLE = "Your request timed out because no new audio was received for 15 seconds."
TOO_MANY = "You have reached the limit of concurrent streams. Wait until others have ended and try your request again."
REPLACED = "A new stream started with the same session ID. The current stream has been terminated."


@dataclass
class Stream:
    """One open stream: what it asked for, and how far its signatures have come."""

    connection: ServerConnection
    parameters: Mapping[str, str]
    session: str
    ear: Ear
    transcripts: Transcripts
    signature: bytes
    is_signed: bool | None = None
    """Whether its messages are signed; the first one decides."""


@dataclass
class TranscribeServer(Part):
    """What a test sees of it.

    Attributes:
        sentences: what each stream hears, from the first on, again and again.
        idle_seconds: how long a stream lives without an AudioEvent.
        max_streams: how many streams the account may have at once.
    """

    sentences: Sequence[str] = ()
    idle_seconds: float = 15.0
    max_streams: int = 25
    _streams: dict[str, Stream] = field(default_factory=dict)
    _server: Server | None = None

    async def open(self) -> None:
        """Listen on loopback."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._answer_upgrade,
            process_response=_add_ids,
            compression=None,
            ping_interval=None,
            open_timeout=None,
            close_timeout=0.1,
        )
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Drop all connections and stop listening."""
        assert self._server is not None
        self.kill()
        self._server.close()
        await self._server.wait_closed()

    # the upgrade

    async def _answer_upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        """What comes in place of the upgrade; signatures and parameters are judged after it, as AWS does."""
        self.connections += 1
        if self.is_dead:
            connection.transport.abort()
            return None
        if self.happening("hang", after=float("inf")):
            self._transports.add(connection.transport)
            await connection.wait_closed()
            self._transports.discard(connection.transport)
            return None
        if trouble := self.happening("refuse", after=float("inf")):
            return _http_error(trouble.status, trouble.reason, trouble.headers)
        if Asked("GET", request.path, {}).path != PATH:
            self.problems.append(f"no such path: {request.path.partition('?')[0]}")
            return _http_error(404, "UnknownOperationException", {})
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        self._transports.add(connection.transport)
        try:
            await self._serve_stream(connection)
        except RefusedError as error:
            self.note(error)
            await _throw(connection, error.code, error.message)
        except ConnectionClosed:
            pass
        finally:
            self._transports.discard(connection.transport)

    async def _serve_stream(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        request = connection.request
        asked = Asked("GET", request.path, {name.lower(): value for name, value in request.headers.raw_items()})
        signature = read_presigned(asked, LONGEST_URL)
        try:
            check(asked, signature, "transcribe", self.keys)
        except RefusedError as error:
            # The guide knows one name for a wrong key and for a wrong secret, and BadRequestException for the rest.
            code = "BadRequestException" if error.is_fault else "UnrecognizedClientException"
            raise RefusedError(code, error.message, is_fault=error.is_fault) from error
        if "origin" not in asked.headers:
            self.problems.append("the request has no Origin header")
        parameters = {name: value for name, value in asked.query if not name.startswith("X-Amz-")}
        self.problems += check_parameters(parameters)
        stream = await self._new_stream(connection, parameters, bytes.fromhex(signature.digest))
        try:
            await self._hear(stream)
        finally:
            if self._streams.get(stream.session) is stream:
                del self._streams[stream.session]

    async def _new_stream(self, connection: ServerConnection, parameters: dict[str, str], seed: bytes) -> Stream:
        assert connection.response is not None
        session = connection.response.headers["x-amzn-SessionId"]
        if session not in self._streams and len(self._streams) >= self.max_streams:
            raise RefusedError("LimitExceededException", TOO_MANY, is_fault=False)
        self.requests.append(parameters)
        ear = Ear(self.sentences, int(parameters["sample-rate"]))
        stream = Stream(connection, parameters, session, ear, Transcripts(parameters), seed)
        before, self._streams[session] = self._streams.get(session), stream
        if before is not None:
            await _throw(before.connection, "ConflictException", REPLACED)
        return stream

    # the stream

    async def _hear(self, stream: Stream) -> None:
        is_stalled = False
        while chunk := self._chunk(stream, await self._next_message(stream)):
            heard = stream.ear.feed(chunk)
            is_stalled = is_stalled or self.happening("stall", after=stream.ear.seconds) is not None
            if is_stalled:
                continue
            await _send(stream, stream.transcripts.of(heard))
            await self._trouble(stream)
        if is_stalled:
            await stream.connection.wait_closed()
            return
        await _send(stream, stream.transcripts.of(stream.ear.finish()))
        await stream.connection.close()
        await self._refuse_more(stream)

    async def _next_message(self, stream: Stream) -> str | bytes:
        try:
            async with asyncio.timeout(self.idle_seconds):
                return await stream.connection.recv()
        except TimeoutError:
            raise RefusedError("BadRequestException", IDLE) from None

    async def _refuse_more(self, stream: Stream) -> None:
        try:
            while True:
                await stream.connection.recv()
                self.problems.append("a message after the end of the stream")
        except ConnectionClosed:
            pass

    def _chunk(self, stream: Stream, data: str | bytes) -> bytes:
        """The sound of a message; none is the end of the stream."""
        if isinstance(data, str):
            raise RefusedError("BadRequestException", NOT_BINARY)
        try:
            message = unpack(data)
            if stream.is_signed is None:
                stream.is_signed = message.headers.keys() == SIGNED
            if stream.is_signed:
                message = self._unwrap(stream, message)
        except BadMessageError as error:
            raise RefusedError("BadRequestException", f"The message could not be decoded: {error}") from error
        if message.headers != AUDIO:
            raise RefusedError("BadRequestException", f"The message is no AudioEvent: {dict(message.headers)}")
        if len(message.payload) > 2 * int(stream.parameters["sample-rate"]):
            raise RefusedError("BadRequestException", TOO_BIG)
        if len(message.payload) % 2:
            self.problems.append(f"half a sample: a chunk of {len(message.payload)} bytes")
        return message.payload

    def _unwrap(self, stream: Stream, outer: Message) -> Message:
        """The message within a signed one; a signed one with nothing in it is the end, as is an empty AudioEvent."""
        at, signature = outer.headers.get(":date"), outer.headers.get(":chunk-signature")
        if outer.headers.keys() != SIGNED or not isinstance(at, datetime) or not isinstance(signature, bytes):
            raise BadMessageError("a signed message has :date and :chunk-signature, and no more")
        try:
            check_time(at)
        except RefusedError as error:
            raise RefusedError("BadRequestException", error.message) from error
        date = outer.raw_headers[: len(b"\5:date") + 1 + 8]
        if signature != sign_chunk(outer.payload, date, at, stream.signature, self.keys):
            raise RefusedError("BadRequestException", "The signature of a message does not match.")
        stream.signature = signature
        return unpack(outer.payload) if outer.payload else Message(AUDIO, b"")

    async def _trouble(self, stream: Stream) -> None:
        trouble = self.happening("close", "drop", "garbage", "error", after=stream.ear.seconds)
        if trouble is None:
            return
        if trouble.kind == "error":
            raise RefusedError(str(trouble.code), trouble.reason, is_fault=False)
        if trouble.kind == "garbage":
            await stream.connection.send(pack(TRANSCRIPT, b"{")[:-1] + b"\0")
        elif trouble.kind == "close":
            await stream.connection.close(int(trouble.code), trouble.reason)
        else:
            stream.connection.transport.abort()


async def _send(stream: Stream, transcripts: Sequence[dict[str, Any]]) -> None:
    for transcript in transcripts:
        await stream.connection.send(pack(TRANSCRIPT, json.dumps(transcript).encode()))


async def _throw(connection: ServerConnection, code: str, message: str) -> None:
    """An exception is the last message of a stream; a close frame follows."""
    headers = {":exception-type": code, ":content-type": "application/json", ":message-type": "exception"}
    try:
        await connection.send(pack(headers, json.dumps({"Message": message}).encode()))
        await connection.close()
    except ConnectionClosed:
        pass


async def _add_ids(connection: ServerConnection, request: Request, response: Response) -> None:
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        given = dict(Asked("GET", request.path, {}).query).get("session-id")
        response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
        response.headers["x-amzn-SessionId"] = given or str(uuid.uuid4())


def _http_error(status: int, message: str, headers: Mapping[str, str]) -> Response:
    body = json.dumps({"message": message}).encode()
    all_headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), **headers})
    return Response(status, HTTPStatus(status).phrase, all_headers, body)
