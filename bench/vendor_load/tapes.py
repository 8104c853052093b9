"""What emulated vendors say, recorded by hand: messages of the size and pace of life, played whatever is asked.

They have the form of the emulators' (``tests/emulators``), which are as strict as the vendors, and too slow to load
anybody. Each message is given a mark of its own, by which it is known again when it comes out as an event.
"""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

SENTENCE_SECONDS = 2.0
"""Of sound, and so of a sentence; a voice makes it in half the time."""

CONTEXT = "the-context"
MARK, SOUND_MARK = b"zq00000000", b"zq00000000zq"
"""Of a text, and of the first bytes of a piece of sound."""
_BASE64_MARK = b64encode(SOUND_MARK)

_WORDS = [
    *("I", "would", "like", "to", "move", "my", "appointment"),
    *("from", "Tuesday", "morning", "to", "Friday", "afternoon", "please"),
]
_ID = "2f4c0d8e-6a3b-4f7e-9c1d-5b8a7e6f0d21"


def marked(frame: bytes, number: int) -> bytes:
    """The message with the mark of that number."""
    mark = b"zq%08d" % number
    return frame.replace(MARK, mark).replace(_BASE64_MARK, b64encode(mark + b"zq"))


def number_of(mark: bytes) -> int:
    """The number of a mark, as it is on the wire in text, sound, or sound in Base64."""
    return int((mark if mark.startswith(b"zq") else a2b_base64(mark))[2:10])


@dataclass(frozen=True)
class EarTape:
    """``frames``: one is said, in turns, each ``seconds`` of sound; ``receipt`` for each piece of sound; ``seal`` makes
    a message of what is marked."""

    seconds: float
    frames: Sequence[bytes]
    receipt: bytes = b""
    seal: Callable[[bytes], bytes] = bytes
    is_text: bool = True


@dataclass(frozen=True)
class VoiceTape:
    """``steps`` of a sentence, each some messages, evenly over half its time; ``asks`` is in what asks for one."""

    asks: str
    steps: Sequence[Sequence[bytes]]


@dataclass(frozen=True)
class PostTape:
    """Pieces of the body of an answer, ``seconds`` apart."""

    kind: str
    frames: Sequence[bytes]
    seconds: float


Tape = EarTape | VoiceTape | PostTape


def _json(**message: Any) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _grown(make: Callable[[str, Sequence[str], bool], bytes]) -> list[bytes]:
    """A sentence as it grows, each time marked, the last time for good."""
    counts = range(1, len(_WORDS) + 1)
    return [make(" ".join([*_WORDS[:count], MARK.decode()]), _WORDS[:count], count == counts[-1]) for count in counts]


def _timed(words: Sequence[str], **more: Any) -> list[dict[str, Any]]:
    return [{"word": word, "start": at * 0.3, "end": at * 0.3 + 0.25, **more} for at, word in enumerate(words)]


def _nova(text: str, words: Sequence[str], is_final: bool) -> bytes:
    listed = [{**one, "punctuated_word": one["word"]} for one in _timed(words, confidence=0.9975586)]
    info = {"name": "general-nova-3", "version": "2025-04-17.21547", "arch": "nova-3"}
    return _json(
        type="Results",
        channel_index=[0, 1],
        duration=4.2,
        start=0.0,
        is_final=is_final,
        speech_final=is_final,
        channel={"alternatives": [{"transcript": text, "confidence": 0.9990234, "words": listed}]},
        metadata={"request_id": _ID, "model_info": info, "model_uuid": _ID},
        from_finalize=False,
    )


def _flux(text: str, words: Sequence[str], is_final: bool) -> bytes:
    return _json(
        type="TurnInfo",
        request_id=_ID,
        sequence_id=12,
        turn_index=3,
        event="EndOfTurn" if is_final else "StartOfTurn" if len(words) == 1 else "Update",
        audio_window_start=0.0,
        audio_window_end=4.16,
        transcript=text,
        end_of_turn_confidence=0.0123,
        words=[{"word": word, "confidence": 0.9712} for word in words],
    )


def _gladia(text: str, words: Sequence[str], is_final: bool) -> bytes:
    said = {"text": text, "start": 0.0, "end": 4.2, "confidence": 0.61, "channel": 0, "language": "en"}
    data = {"id": "00-00000011", "is_final": is_final, "utterance": {**said, "words": _timed(words, confidence=0.61)}}
    return _json(session_id=_ID, created_at="2026-11-26T03:04:05.678Z", type="transcript", data=data)


def _gladia_receipt() -> bytes:
    data = {"byte_range": [102400, 103680], "time_range": [3.2, 3.24]}
    common = {"session_id": _ID, "created_at": "2026-11-26T03:04:05.678Z", "type": "audio_chunk"}
    return _json(**common, acknowledged=True, error=None, data=data)


def _scribe(text: str, words: Sequence[str], is_final: bool) -> bytes:
    return _json(message_type="committed_transcript" if is_final else "partial_transcript", text=text)


def _ink(text: str, words: Sequence[str], is_final: bool) -> bytes:
    if is_final:
        return _json(type="flush_done", request_id=_ID)
    return _json(type="transcript", request_id=_ID, is_final=False, text=text, duration=1.0, language="en")


def _transcribe(text: str, words: Sequence[str], is_final: bool) -> bytes:
    times = ({"Content": one["word"], "StartTime": one["start"], "EndTime": one["end"]} for one in _timed(words))
    items = [{**one, "Type": "pronunciation", "VocabularyFilterMatch": False} for one in times]
    said = {"Alternatives": [{"Items": items, "Transcript": text}], "EndTime": 4.2, "StartTime": 0.0}
    return _json(Transcript={"Results": [{**said, "IsPartial": not is_final, "ResultId": _ID}]})


def _event(payload: bytes) -> bytes:
    """A message of Amazon's event stream, with its two checksums."""
    told = {":message-type": "event", ":event-type": "TranscriptEvent", ":content-type": "application/json"}
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    headers = b"".join(struct.pack(">B", len(n)) + n + struct.pack(">BH", 7, len(v)) + v for n, v in pairs)
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = b"".join((lengths, struct.pack(">I", crc32(lengths)), headers, payload))
    return message + struct.pack(">I", crc32(message))


# voices


def _sound(seconds: float) -> bytes:
    """Something that no encoding makes short, with a mark at its beginning."""
    noise = np.random.default_rng(1).normal(0, 3000, round(16_000 * seconds)).astype("<i2").tobytes()
    return SOUND_MARK + noise[len(SOUND_MARK) :]


def _elevenlabs() -> Sequence[Sequence[bytes]]:
    """Pieces of half a second, with the time of each character."""
    letters = list("to move my appoint")
    starts = [27 * at for at in range(len(letters))]
    times = {"chars": letters, "charStartTimesMs": starts, "charDurationsMs": [27] * len(letters)}
    named = {"contextId": CONTEXT, "normalizedAlignment": times, "alignment": times}
    piece = _json(audio=b64encode(_sound(0.5)).decode(), isFinal=None, **named)
    last = _json(audio=None, isFinal=True, normalizedAlignment=None, alignment=None, contextId=CONTEXT)
    return [[piece]] * round(SENTENCE_SECONDS / 0.5) + [[last]]


def _cartesia() -> Sequence[Sequence[bytes]]:
    """Pieces of a tenth of a second, after every third the time of a word."""
    common = {"context_id": CONTEXT, "done": False, "status_code": 206, "flush_id": 1}
    piece = _json(type="chunk", **common, data=b64encode(_sound(0.1)).decode(), step_time=12.5)
    word = _json(type="timestamps", **common, word_timestamps={"words": ["move"], "start": [0.9], "end": [1.2]})
    steps = [[piece, word] if at % 3 == 0 else [piece] for at in range(round(SENTENCE_SECONDS / 0.1))]
    return [*steps, [_json(type="flush_done", **common, flush_done=True)]]


# models


def _answer(make: Callable[[str], Mapping[str, Any]], *, is_named: bool = False) -> list[bytes]:
    """The words of three sentences as server-sent events."""
    found = []
    for word in _WORDS * 3:
        message = make(f"{word} {MARK.decode()} ")
        found.append((f"event: {message['type']}\n".encode() if is_named else b"") + _data(**message))
    return found


def _data(**message: Any) -> bytes:
    return b"data: " + _json(**message) + b"\n\n"


def _openai() -> list[bytes]:
    head = {"id": "chatcmpl-" + _ID, "object": "chat.completion.chunk", "created": 1790000000, "model": "gpt-4.1-mini"}
    head |= {"service_tier": "default", "system_fingerprint": "fp_3502f4eb73"}

    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    first = _data(**chunk({"role": "assistant", "content": ""}))
    return [first, *_answer(lambda text: chunk({"content": text})), _data(**chunk({}, "stop")), b"data: [DONE]\n\n"]


def _named(**message: Any) -> bytes:
    return f"event: {message['type']}\n".encode() + _data(**message)


def _anthropic() -> list[bytes]:
    usage = {"input_tokens": 412, "output_tokens": 1}
    message = {"id": "msg_" + _ID, "type": "message", "role": "assistant", "model": "claude-haiku-5-5", "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": usage}
    texts = _answer(
        lambda text: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        is_named=True,
    )
    return [
        _named(type="message_start", message=message),
        _named(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *texts,
        _named(type="content_block_stop", index=0),
        _named(type="message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=usage),
        _named(type="message_stop"),
    ]


def _google() -> list[bytes]:
    usage = {"promptTokenCount": 412, "candidatesTokenCount": 12, "totalTokenCount": 424}
    more = {"usageMetadata": usage, "modelVersion": "gemini-3.8-flash", "responseId": _ID}

    def piece(text: str, **finish: str) -> dict[str, Any]:
        return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **finish}], **more}

    return [*_answer(piece), _data(**piece("", finishReason="STOP"))]


SSE = "text/event-stream"
TAPES: Mapping[str, Tape] = {
    "/v1/listen": EarTape(0.4, _grown(_nova)),
    "/v2/listen": EarTape(0.24, _grown(_flux)),
    "/gladia": EarTape(0.4, _grown(_gladia), receipt=_gladia_receipt()),
    "/stream-transcription-websocket": EarTape(0.3, _grown(_transcribe), seal=_event, is_text=False),
    "/v1/speech-to-text/": EarTape(0.5, _grown(_scribe)),
    "/stt/websocket": EarTape(0.4, _grown(_ink)),
    "/v1/text-to-speech/": VoiceTape('"flush"', _elevenlabs()),
    "/tts/websocket": VoiceTape('"flush"', _cartesia()),
    "/v1/speech": PostTape("audio/pcm", [_sound(0.25)] * round(SENTENCE_SECONDS / 0.25), 0.125),
    "/chat/completions": PostTape(SSE, _openai(), 0.02),
    "/v1/messages": PostTape(SSE, _anthropic(), 0.02),
    ":streamGenerateContent": PostTape(SSE, _google(), 0.02),
}
"""By a part of the path."""


def tape_of(path: str) -> Tape:
    """What is played at a path."""
    return next(tape for part, tape in sorted(TAPES.items(), reverse=True) if part in path)
