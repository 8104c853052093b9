"""One answer of a realtime model, from its script to the events that a client is sent."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.emulators._realtime_conversation import AGENT_MS_PER_TOKEN, Conversation, Item, Tokens, tokens_of, usage
from tests.emulators._realtime_sound import RATES, pronounced
from tests.emulators.openai_server import Answer

Send = Callable[..., Awaitable[None]]
"""Sends an event: its type, then its fields by name."""


@dataclass(frozen=True)
class Plan:
    """What holds for one response: the session's configuration and what ``response.create`` changed of it.

    Attributes:
        limit: of output tokens; ``None`` for none.
        is_apart: it is no part of the session's conversation.
    """

    id: str
    conversation_id: str
    instructions: str
    tools: Sequence[Mapping[str, Any]]
    modality: str
    voice: Any
    sound: Mapping[str, Any]
    speed: float
    limit: int | None
    metadata: Any
    is_apart: bool


@dataclass
class Response:
    """Runs until the script is said, somebody stops it, or it fails as it is scripted."""

    plan: Plan
    answer: Answer
    conversation: Conversation
    read: Tokens
    send: Send
    new_id: Callable[[str], str]
    cut: Callable[[], None]
    """Breaks the connection."""
    made: Tokens = field(default_factory=Tokens)
    audio_ms: int = 0
    output: list[Item] = field(default_factory=list)
    _ending: dict[str, Any] | None = None
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _pieces: int = 0

    def stop(self, reason: str) -> None:
        """Somebody interrupts (``turn_detected``) or cancels it (``client_cancelled``)."""
        self._end("cancelled", reason=reason)

    async def run(self) -> None:
        """Every event from ``response.created`` to ``response.done``."""
        await self.send("response.created", response=self._shown("in_progress"))
        await self.send("rate_limits.updated", rate_limits=self._limits())
        if self.answer.status != 200:
            self._fail(self.answer.message, self.answer.code, is_ours=self.answer.status < 500)
        await self._pause(self.answer.first_after)
        if self.answer.text and self._ending is None:
            await self._say()
        for name, arguments in self.answer.calls:
            if self._ending is None:
                await self._call(name, arguments if isinstance(arguments, str) else json.dumps(arguments))
        cached = Tokens() if self.plan.is_apart else self.conversation.cached
        bill = usage(self.read, cached, self.made)
        status = self._ending["type"] if self._ending else "completed"
        if not self.plan.is_apart:
            self.conversation.cached = self.read
        await self.send("response.done", response={**self._shown(status), "usage": bill})

    # what ends it

    def _end(self, kind: str, **details: Any) -> None:
        if self._ending is None:
            self._ending = {"type": kind, **details}
            self._stopped.set()

    def _fail(self, message: str, code: str | None, *, is_ours: bool) -> None:
        kind = "invalid_request_error" if is_ours else "server_error"
        kind = "insufficient_quota" if code == "insufficient_quota" else kind
        self._end("failed", error={"type": kind, "code": code, "message": message})

    async def _pause(self, seconds: float) -> None:
        if not seconds:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    async def _goes_on(self) -> bool:
        """Whether another piece is to be made."""
        if self._pieces:
            await self._pause(self.answer.each_after)
        if self._pieces == self.answer.cut_after:
            self.cut()
        if self.plan.limit is not None and self.made.text + self.made.audio >= self.plan.limit:
            self._end("incomplete", reason="max_output_tokens")
        self._pieces += 1
        return self._ending is None

    # what it says

    async def _say(self) -> None:
        is_spoken = self.plan.modality == "audio"
        part = {"type": "output_audio", "transcript": ""} if is_spoken else {"type": "output_text", "text": ""}
        item = await self._open({"type": "message", "role": "assistant", "content": []})
        place = {**self._place(item), "content_index": 0}
        empty = {"type": "audio", "transcript": ""} if is_spoken else {"type": "text", "text": ""}
        await self.send("response.content_part.added", **place, part=empty)
        item.fields["content"].append(part)
        text = await (self._speak(item, part, place) if is_spoken else self._write(part, place))
        if is_spoken:
            await self.send("response.output_audio.done", **place)
            await self.send("response.output_audio_transcript.done", **place, transcript=text)
        else:
            await self.send("response.output_text.done", **place, text=text)
        done = {"type": "audio", "transcript": text} if is_spoken else {"type": "text", "text": text}
        await self.send("response.content_part.done", **place, part=done)
        if self.answer.stream_error:
            self._fail(self.answer.stream_error, None, is_ours=False)
        await self._finish(item)

    async def _speak(self, item: Item, part: dict[str, Any], place: Mapping[str, Any]) -> str:
        """Words run ahead of their sound, two for one, as a model's do."""
        words, text, kind = _words(self.answer.text), "", self.plan.sound["type"]
        width = 2 if kind == "audio/pcm" else 1
        for index, sound in enumerate(pronounced(self.answer.text, kind, self.plan.speed)):
            if not await self._goes_on():
                break
            for word in words[2 * index : 2 * index + 2]:
                text += word
                self.made += Tokens(tokens_of(word))
                if "transcript" in part:  # else it was truncated meanwhile
                    part["transcript"] = text
                await self.send("response.output_audio_transcript.delta", **place, delta=word)
            self.audio_ms += 1000 * len(sound) // (width * RATES[kind])
            item.audio_ms = self.audio_ms
            self.made = Tokens(self.made.text, self.audio_ms // AGENT_MS_PER_TOKEN)
            await self.send("response.output_audio.delta", **place, delta=base64.b64encode(sound).decode())
        return text

    async def _write(self, part: dict[str, Any], place: Mapping[str, Any]) -> str:
        for word in _words(self.answer.text):
            if not await self._goes_on():
                break
            part["text"] += word
            self.made += Tokens(tokens_of(word))
            await self.send("response.output_text.delta", **place, delta=word)
        return str(part["text"])

    async def _call(self, name: str, arguments: str) -> None:
        call_id = self.new_id("call")
        item = await self._open({"type": "function_call", "name": name, "call_id": call_id, "arguments": ""})
        place = {**self._place(item), "call_id": call_id}
        for index in range(0, len(arguments), 5):
            if not await self._goes_on():
                break
            piece = arguments[index : index + 5]
            item.fields["arguments"] += piece
            self.made += Tokens(tokens_of(piece))
            await self.send("response.function_call_arguments.delta", **place, delta=piece)
        got = item.fields["arguments"]
        await self.send("response.function_call_arguments.done", **place, name=name, arguments=got)
        await self._finish(item)

    # its items

    def _place(self, item: Item) -> dict[str, Any]:
        return {"response_id": self.plan.id, "item_id": item.id, "output_index": self.output.index(item)}

    async def _open(self, fields: Mapping[str, Any]) -> Item:
        head = {"id": self.new_id("item"), "object": "realtime.item", "status": "in_progress"}
        item = Item({**head, **fields})
        self.output.append(item)
        index = len(self.output) - 1
        await self.send("response.output_item.added", response_id=self.plan.id, output_index=index, item=item.shown())
        if not self.plan.is_apart:
            self.conversation.insert(item)
            previous = self.conversation.previous(item)
            await self.send("conversation.item.added", previous_item_id=previous, item=item.shown())
        return item

    async def _finish(self, item: Item) -> None:
        item.fields["status"] = "completed" if self._ending is None else "incomplete"
        if not self.plan.is_apart and item in self.conversation.items:
            previous = self.conversation.previous(item)
            await self.send("conversation.item.done", previous_item_id=previous, item=item.shown())
        index = self.output.index(item)
        await self.send("response.output_item.done", response_id=self.plan.id, output_index=index, item=item.shown())

    def _shown(self, status: str) -> dict[str, Any]:
        return {
            "object": "realtime.response",
            "id": self.plan.id,
            "status": status,
            "status_details": self._ending,
            "output": [item.shown() for item in self.output],
            "conversation_id": None if self.plan.is_apart else self.plan.conversation_id,
            "output_modalities": [self.plan.modality],
            "max_output_tokens": "inf" if self.plan.limit is None else self.plan.limit,
            "audio": {"output": {"format": dict(self.plan.sound), "voice": self.plan.voice}},
            "usage": None,
            "metadata": self.plan.metadata,
        }

    def _limits(self) -> list[dict[str, Any]]:
        left = 40_000 - self.read.text - self.read.audio
        return [{"name": "tokens", "limit": 40_000, "remaining": max(0, left), "reset_seconds": 0.5}]


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+", text)
