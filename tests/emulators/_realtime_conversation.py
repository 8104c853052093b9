"""The conversation that a session of OpenAI's Realtime API holds, as its model would read it, and what that costs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.emulators._realtime_rules import Refusal

USER_MS_PER_TOKEN = 100
AGENT_MS_PER_TOKEN = 50


@dataclass
class Item:
    """One entry: ``fields`` as they are on the wire, and how much sound the model has of it."""

    fields: dict[str, Any]
    audio_ms: int = 0

    @property
    def id(self) -> str:
        return str(self.fields["id"])

    @property
    def is_spoken_by_agent(self) -> bool:
        return self.fields.get("role") == "assistant" and any(
            part["type"] == "output_audio" for part in self.fields["content"]
        )

    def shown(self) -> dict[str, Any]:
        """For clients, as it is now."""
        copy: dict[str, Any] = json.loads(json.dumps(self.fields))
        return copy

    def seen(self) -> dict[str, Any]:
        """For a test: what the model sees."""
        return {**self.shown(), "audio_ms": self.audio_ms} if self.audio_ms else self.shown()

    def tokens(self) -> Tokens:
        if self.audio_ms:
            each = AGENT_MS_PER_TOKEN if self.is_spoken_by_agent else USER_MS_PER_TOKEN
            return Tokens(0, math.ceil(self.audio_ms / each))
        parts = [part.get("text") or "" for part in self.fields.get("content", ())]
        parts += [str(self.fields.get(name, "")) for name in ("name", "arguments", "output")]
        return Tokens(tokens_of("".join(parts)), 0)


@dataclass(frozen=True)
class Tokens:
    """How many of each kind."""

    text: int = 0
    audio: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio)


def tokens_of(text: str) -> int:
    """About one for four letters."""
    return math.ceil(len(text) / 4)


def usage(read: Tokens, cached: Tokens, made: Tokens) -> dict[str, Any]:
    """The bill of a response."""
    return {
        "total_tokens": read.text + read.audio + made.text + made.audio,
        "input_tokens": read.text + read.audio,
        "output_tokens": made.text + made.audio,
        "input_token_details": {
            "text_tokens": read.text,
            "audio_tokens": read.audio,
            "image_tokens": 0,
            "cached_tokens": cached.text + cached.audio,
            "cached_tokens_details": {
                "text_tokens": cached.text,
                "audio_tokens": cached.audio,
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": made.text, "audio_tokens": made.audio},
    }


@dataclass
class Conversation:
    """Items in their order. ``cached`` is what the model has read before and nothing has changed since."""

    items: list[Item] = field(default_factory=list)
    cached: Tokens = field(default_factory=Tokens)

    @property
    def has_agent_audio(self) -> bool:
        return any(item.is_spoken_by_agent for item in self.items)

    def read(self, instructions: str, tools: Sequence[Mapping[str, Any]], items: Sequence[Item]) -> Tokens:
        """What a response makes the model read."""
        start = Tokens(tokens_of(instructions) + (tokens_of(json.dumps(tools)) if tools else 0))
        return sum((item.tokens() for item in items), start)

    def previous(self, item: Item) -> str | None:
        index = self.items.index(item)
        return self.items[index - 1].id if index else None

    def find(self, item_id: str, verb: str, code: str) -> Item:
        for item in self.items:
            if item.id == item_id:
                return item
        raise Refusal(code, f"Error {verb} item: the item with id '{item_id}' does not exist.", "item_id")

    def insert(self, item: Item, after: str | None = None) -> None:
        """At the end, at the beginning (``root``), or after another."""
        if any(known.id == item.id for known in self.items):
            message = f"Error adding item: an item with id '{item.id}' already exists."
            raise Refusal("item_create_duplicate_id", message, "item.id")
        self._refuse_unasked(item)
        if after is None:
            self.items.append(item)
            return
        index = 0
        if after != "root":
            found = self.find(after, "adding", "item_create_invalid_previous_item_id")
            index = self.items.index(found) + 1
        if index < len(self.items):
            self.cached = Tokens()
        self.items.insert(index, item)

    def remove(self, item_id: str) -> None:
        self.items.remove(self.find(item_id, "deleting", "item_delete_invalid_item_id"))
        self.cached = Tokens()

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Keep what was heard of something said: shorter sound, and no words of it."""
        item = self.find(item_id, "truncating", "item_truncate_invalid_item_id")
        if not item.is_spoken_by_agent or not item.audio_ms:
            raise Refusal("unsupported_content_type", "Only model output audio messages can be truncated")
        if audio_end_ms > item.audio_ms:
            message = f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms"
            raise Refusal("invalid_value", message, "audio_end_ms")
        item.audio_ms = audio_end_ms
        for part in item.fields["content"]:
            part.pop("transcript", None)
        self.cached = Tokens()

    def _refuse_unasked(self, item: Item) -> None:
        if item.fields["type"] != "function_call_output":
            return
        call_id = item.fields["call_id"]
        asked = {known.fields.get("call_id") for known in self.items if known.fields["type"] == "function_call"}
        if call_id not in asked:
            message = f"Tool call ID '{call_id}' not found in conversation."
            raise Refusal("invalid_tool_call_id", message, "item.call_id")
