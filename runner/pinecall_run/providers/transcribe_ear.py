"""Amazon Transcribe: speech to text over a WebSocket.

boto3 has no streaming of Transcribe, and the library amazon-transcribe speaks HTTP/2 by a runtime of its own and takes
no endpoint without TLS. So botocore signs the address and reads the headers of messages, and the rest is the documented
wire. Sources: https://docs.aws.amazon.com/transcribe/latest/dg/websocket.html, event-stream.html and
…/APIReference/API_streaming_StartStreamTranscription.html, read in November 2026.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import fmean
from typing import Any
from zlib import crc32

import msgspec
from botocore.auth import SigV4QueryAuth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.eventstream import EventStreamHeaderParser, ParserError  # type: ignore[import-untyped]

from pinecall_run.audio.chunk import RATE
from pinecall_run.providers._transcribe_parameters import PROVIDER, transcribe_parameters
from pinecall_run.providers.aws_account import Account
from pinecall_run.providers.contracts import Heard, SpeechSpec, Transcript
from pinecall_run.providers.ear_socket import SocketEar
from pinecall_run.providers.failures import words_of
from pinecall_run.providers.options import check_options
from pinecall_run.providers.vendor_socket import Address, Frame
from pinecall_run.vendors.aws import TRANSCRIBE_ENDPOINT

PATH = "/stream-transcription-websocket"
SIGNED_SECONDS = 300
ORIGIN = "https://localhost"
"""There must be one, whichever (websocket.html)."""
PIECE_SECONDS = 0.1
ALIVE_SECONDS, PAUSE_SECONDS = 0.1, 0.6
"""Silence that is sent: what keeps a stream open, and what makes a pause of where the person paused. There are no
messages for either, and it is pauses by which Transcribe parts what is said."""


_PRELUDE = struct.Struct(">III")


def _packed(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()


_HEADERS = b"".join((
    _packed(":message-type", "event"),
    _packed(":event-type", "AudioEvent"),
    _packed(":content-type", "application/octet-stream"),
))  # fmt: skip


def audio_event(pcm: bytes) -> bytes:
    """Sound as a message of the event stream; without any it is the end of the stream (event-stream.html)."""
    lengths = struct.pack(">II", 16 + len(_HEADERS) + len(pcm), len(_HEADERS))
    message = b"".join((lengths, struct.pack(">I", crc32(lengths)), _HEADERS, pcm))
    return message + struct.pack(">I", crc32(message))


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SocketEar:
    """An ear for any number of conversations; the name is that of a custom language model.

    Raises:
        ProviderError: an option or the language is none that it takes. That there are no keys is told by ``open``,
            because looking for them may take a while.
    """
    check_options(PROVIDER, spec.options)
    parameters = transcribe_parameters(spec)
    region = spec.options.get("region", "")
    account = Account("Amazon Transcribe", environ, endpoint=TRANSCRIBE_ENDPOINT, region=region)

    async def address() -> Address:
        identity = await account.identity()
        endpoint = account.address("wss://transcribestreaming.{}:8443", identity.region)
        request = AWSRequest("GET", re.sub("^http", "ws", endpoint) + PATH, params=parameters)
        SigV4QueryAuth(identity.keys, "transcribe", identity.region, expires=SIGNED_SECONDS).add_auth(request)
        return Address(str(request.url), {"Origin": ORIGIN})

    def wire() -> TranscribeWire:
        return TranscribeWire(account, parameters.get("language-code", ""), has_partials="redact" not in spec.options)

    return SocketEar(account.vendor, address, wire, piece_seconds=PIECE_SECONDS, model=spec.name)


class TranscribeWire:
    """The messages of one stream (:class:`EarWire`)."""

    def __init__(self, account: Account, language: str, *, has_partials: bool = True) -> None:
        self._account = account
        self._language = language
        self._has_partials = has_partials

    def audio(self, pcm: bytes) -> Frame:
        """See :class:`EarWire`."""
        return audio_event(pcm)

    def finish(self) -> Sequence[Frame]:
        """See :class:`EarWire`. The silence comes sooner than the person's own."""
        return [_silence(PAUSE_SECONDS)]

    def keep_alive(self) -> Sequence[Frame]:
        """See :class:`EarWire`. After 15 s without sound a stream is ended."""
        return [_silence(ALIVE_SECONDS)]

    def goodbye(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return [audio_event(b"")]

    def received(self, frame: Frame) -> Sequence[Heard]:
        """See :class:`EarWire`. Refusals are messages, too: of wrong keys there is no word before."""
        try:
            headers, payload = _read(frame)
            match headers.get(":message-type"):
                case "exception":
                    name, words = headers[":exception-type"], words_of(payload)
                case "error":
                    name, words = headers[":error-code"], str(headers.get(":error-message", ""))
                case _:
                    return self._transcripts(payload) if headers[":event-type"] == "TranscriptEvent" else []
        except (ParserError, struct.error, LookupError, TypeError, ValueError, AttributeError):
            raise self._account.vendor.of_garbage() from None
        raise self._account.refused("RequestTimeoutException" if "no new audio" in words else str(name), words)

    def _transcripts(self, payload: bytes) -> Sequence[Heard]:
        results = msgspec.json.decode(payload)["Transcript"]["Results"]
        return [self._transcript(one) for one in results if self._has_partials or not one["IsPartial"]]

    def _transcript(self, result: Mapping[str, Any]) -> Transcript:
        best = result["Alternatives"][0]
        confidences = [float(item["Confidence"]) for item in best.get("Items", ()) if item.get("Confidence")]
        confidence = fmean(confidences) if confidences else 1.0
        language = str(result.get("LanguageCode") or self._language)
        return Transcript(str(best["Transcript"]), not result["IsPartial"], confidence, language)


def _silence(seconds: float) -> bytes:
    return audio_event(bytes(2 * round(RATE * seconds)))


def _read(frame: Frame) -> tuple[Mapping[str, Any], bytes]:
    """Headers and payload of the one message that a frame is."""
    if isinstance(frame, str):
        raise TypeError
    total, length, checksum = _PRELUDE.unpack_from(frame)
    (whole,) = struct.unpack(">I", frame[-4:])
    if (total, checksum, whole) != (len(frame), crc32(frame[:8]), crc32(frame[:-4])) or length > total - 16:
        raise ValueError
    return _headers(frame[12 : 12 + length]), frame[12 + length : -4]


@lru_cache(32)
def _headers(packed: bytes) -> Mapping[str, Any]:
    """Nearly all messages have the same."""
    found: Mapping[str, Any] = EventStreamHeaderParser().parse(packed)
    return found
