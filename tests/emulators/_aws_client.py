"""AWS's own libraries, pointed at an emulator: botocore presigns and reads frames, amazon-transcribe speaks in them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import numpy as np
from amazon_transcribe.auth import StaticCredentialResolver
from amazon_transcribe.deserialize import TranscribeStreamingEventParser
from amazon_transcribe.eventstream import EventSigner, EventStreamMessageSerializer
from amazon_transcribe.exceptions import ServiceException
from amazon_transcribe.model import AudioStream, TranscriptResultStream
from amazon_transcribe.serialize import AudioEventSerializer
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from websockets.asyncio.client import ClientConnection, connect

PATH = "/stream-transcription-websocket"
PARAMETERS = {"language-code": "en-US", "media-encoding": "pcm", "sample-rate": "16000"}
AUDIO = {":message-type": "event", ":event-type": "AudioEvent", ":content-type": "application/octet-stream"}
RATE = 16_000
FIFTIETH = 2 * RATE // 50
SERIALIZER = EventStreamMessageSerializer()


def credentials(environ: Mapping[str, str]) -> Credentials:
    return Credentials(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], environ.get("AWS_SESSION_TOKEN"))


def presigned(
    environ: Mapping[str, str],
    parameters: Mapping[str, str] = PARAMETERS,
    *,
    service: str = "transcribe",
    lasts: int = 300,
    path: str = PATH,
) -> str:
    """The URL of a stream, as botocore signs it."""
    request = AWSRequest("GET", environ["AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING"] + path, params=dict(parameters))
    SigV4QueryAuth(credentials(environ), service, environ["AWS_REGION"], lasts).add_auth(request)
    return str(request.url)


def dial(url: str, origin: str | None = "https://localhost") -> connect:
    return connect(url, origin=origin, proxy=None, compression=None, ping_interval=None)  # type: ignore[arg-type]


def audio_event(chunk: bytes, headers: Mapping[str, str] = AUDIO) -> bytes:
    """As amazon-transcribe packs it, unsigned."""
    return SERIALIZER.serialize(dict(headers), chunk)


def sound(seconds: float) -> bytes:
    """A tone, loud."""
    times = np.arange(round(RATE * seconds)) / RATE
    return (8_000 * np.sin(2 * np.pi * 300 * times)).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(RATE * seconds))


def chunks(pcm: bytes, size: int = 5 * FIFTIETH) -> Sequence[bytes]:
    """A tenth of a second each."""
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


async def say(connection: ClientConnection, pcm: bytes, *, is_last: bool = False) -> None:
    """Send sound, and the end if it is the last."""
    for chunk in [*chunks(pcm), *([b""] if is_last else [])]:
        await connection.send(audio_event(chunk))


def read_frame(data: Any) -> tuple[Mapping[str, Any], bytes]:
    """A message as botocore reads it: headers and payload."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    (event,) = list(buffer)
    return event.headers, event.payload


class Socket:
    """What amazon-transcribe writes its messages to and reads them from, in place of awscrt's HTTP/2."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def end_stream(self) -> None:
        """Nothing: the last message is written already."""

    async def flush(self) -> None:
        for data in self.written:
            await self._connection.send(data)
        self.written.clear()

    async def chunks(self) -> AsyncIterator[bytes]:
        async for data in self._connection:
            assert isinstance(data, bytes)
            yield data


def vendor_streams(
    connection: ClientConnection, environ: Mapping[str, str], signature: str
) -> tuple[Socket, AudioStream, TranscriptResultStream]:
    """amazon-transcribe's two streams over a WebSocket whose URL had the signature."""
    socket = Socket(connection)
    keys = credentials(environ)
    ears = AudioStream(
        input_stream=socket,
        event_serializer=AudioEventSerializer(),
        eventstream_serializer=SERIALIZER,
        event_signer=EventSigner("transcribe", environ["AWS_REGION"]),
        initial_signature=bytes.fromhex(signature),
        credential_resolver=StaticCredentialResolver(keys.access_key, keys.secret_key, keys.token),
    )
    return socket, ears, TranscriptResultStream(socket, TranscribeStreamingEventParser())


async def raised(connection: ClientConnection) -> ServiceException:
    """The exception that amazon-transcribe raises for what comes; transcripts before it are passed over."""
    try:
        async for _ in TranscriptResultStream(Socket(connection), TranscribeStreamingEventParser()):
            pass
    except ServiceException as error:
        return error
    raise AssertionError("the stream ended without an exception")


async def transcripts(connection: ClientConnection) -> list[dict[str, Any]]:
    """All that come until the end."""
    found = []
    async for data in connection:
        headers, payload = read_frame(data)
        assert (headers[":message-type"], headers[":event-type"]) == ("event", "TranscriptEvent")
        found.append(json.loads(payload))
    return found
