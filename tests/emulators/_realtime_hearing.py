"""What the emulated Realtime API makes of the sound that it is sent: turns, items of the conversation, transcripts."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.emulators._realtime_conversation import Item
from tests.emulators._realtime_rules import Refusal
from tests.emulators._realtime_sound import RATES, Noticed, TurnEar, decoded

if TYPE_CHECKING:
    from tests.emulators._realtime_session import Session

LARGEST = 15 * 1024 * 1024
"""Bytes of sound in one event."""
SHORTEST_MS = 100
"""Of sound that is committed."""


class Hearing:
    """The input audio buffer of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ear = TurnEar(session.server.sentences)
        self._turn_item = ""
        self._buffered_from_ms = 0

    @property
    def seconds(self) -> float:
        """How much sound was sent."""
        return self._ear.heard_ms / 1000

    def agent_speaks(self, audio_ms: int) -> None:
        """An answer of that length was sent, and is played from now on."""
        self._ear.wait_from(self._ear.heard_ms + audio_ms)

    # what clients send

    async def append(self, event: Mapping[str, Any]) -> None:
        hears = self._session.config["audio"]["input"]
        kind = hears["format"]["type"]
        samples = decoded(sound_in(event["audio"], "audio", kind), kind)
        for noticed in self._ear.feed(samples, RATES[kind], hears["turn_detection"]):
            await _NOTICED[noticed.kind](self, noticed)

    async def commit(self, event: Mapping[str, Any]) -> None:
        buffered = self._ear.heard_ms - self._buffered_from_ms
        if buffered < SHORTEST_MS:
            size = f"Expected at least {SHORTEST_MS}ms of audio, but buffer only has {buffered:.2f}ms of audio."
            message = f"Error committing input audio buffer: buffer too small. {size}"
            raise Refusal("input_audio_buffer_commit_empty", message)
        item_id = self._turn_item if self._ear.is_speaking else self._session.server.new_id("item")
        await self._add(item_id, buffered, self._ear.next_sentence())

    async def clear(self, event: Mapping[str, Any]) -> None:
        self._ear.forget()
        self._buffered_from_ms = self._ear.heard_ms
        await self._session.send("input_audio_buffer.cleared")

    # what is noticed

    def _turns(self) -> Mapping[str, Any]:
        turns: Mapping[str, Any] = self._session.config["audio"]["input"]["turn_detection"]
        return turns

    async def _on_started(self, noticed: Noticed) -> None:
        self._turn_item = self._session.server.new_id("item")
        start, item_id = noticed.start_ms, self._turn_item
        await self._session.send("input_audio_buffer.speech_started", audio_start_ms=start, item_id=item_id)
        if self._turns()["interrupt_response"]:
            await self._session.stop("turn_detected")

    async def _on_stopped(self, noticed: Noticed) -> None:
        end, item_id = noticed.end_ms, self._turn_item
        await self._session.send("input_audio_buffer.speech_stopped", audio_end_ms=end, item_id=item_id)
        await self._add(item_id, end - noticed.start_ms, noticed.text)
        if self._turns()["create_response"]:
            await self._session.respond_unasked()

    async def _on_idle(self, noticed: Noticed) -> None:
        item_id, start, end = self._session.server.new_id("item"), noticed.start_ms, noticed.end_ms
        name = "input_audio_buffer.timeout_triggered"
        await self._session.send(name, audio_start_ms=start, audio_end_ms=end, item_id=item_id)
        await self._add(item_id, end - start, "")
        await self._session.respond_unasked()

    # what becomes of it

    async def _add(self, item_id: str, audio_ms: int, text: str) -> None:
        session = self._session
        self._buffered_from_ms = self._ear.heard_ms
        head = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
        item = Item({**head, "content": [{"type": "input_audio", "transcript": None}]}, audio_ms)
        session.conversation.insert(item)
        previous = session.conversation.previous(item)
        await session.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
        await session.show(item)
        ear = session.config["audio"]["input"]["transcription"]
        if ear is None:
            return
        transcribing = self._transcribe(item, text, ear.get("model", "gpt-4o-transcribe"))
        if session.server.transcribed_after:
            session.spawn(transcribing)
        else:
            await transcribing

    async def _transcribe(self, item: Item, text: str, model: str) -> None:
        session = self._session
        await asyncio.sleep(session.server.transcribed_after)
        name, place = "conversation.item.input_audio_transcription", {"item_id": item.id, "content_index": 0}
        if session.server.transcription_error:
            message = session.server.transcription_error
            error = {"type": "transcription_error", "code": "audio_unintelligible", "message": message, "param": None}
            await session.send(f"{name}.failed", **place, error=error)
            return
        for number, word in enumerate([text] if model == "whisper-1" else text.split()):
            await session.send(f"{name}.delta", **place, delta=f" {word}" if number else word, logprobs=None)
        item.fields["content"][0]["transcript"] = text
        bill = _bill(item.audio_ms, text, model)
        await session.send(f"{name}.completed", **place, transcript=text, usage=bill, logprobs=None)


def sound_in(text: str, path: str, kind: str) -> bytes:
    """The bytes of a base64 text.

    Raises:
        Refusal: it is none, or no sound of that kind, or too much.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        data = b""
    if not data or (kind == "audio/pcm" and len(data) % 2):
        message = f"Invalid '{path}'. Expected base64-encoded audio bytes ({kind}) but got an invalid value."
        raise Refusal("invalid_value", message, path)
    if len(data) > LARGEST:
        raise Refusal("string_above_max_length", f"Invalid '{path}': more than 15 MiB of audio in one event.", path)
    return data


def _bill(audio_ms: int, text: str, model: str) -> dict[str, Any]:
    if "4o" not in model:
        return {"type": "duration", "seconds": audio_ms / 1000}
    read, made = audio_ms // 100, len(text) // 4 + 1
    details = {"text_tokens": 0, "audio_tokens": read}
    counts = {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}
    return {"type": "tokens", **counts, "input_token_details": details}


_NOTICED: Mapping[str, Callable[[Hearing, Noticed], Awaitable[None]]] = {
    "started": Hearing._on_started,
    "stopped": Hearing._on_stopped,
    "idle": Hearing._on_idle,
}
