"""The conversation that OpenAI's Realtime API keeps, and what makes it the one that the call keeps; no I/O.

The API holds items, in an order, and the model reads those; the call holds messages. Before each answer the difference
is sent: what is new is created, what is no more is deleted, and of what the agent said is kept what was heard. The same
way an item comes into being, a whole conversation does: after a reconnect nothing is known, so all of it is new.

Source: https://developers.openai.com/api/docs/guides/realtime-conversations, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pinecall_run.providers.contracts import Message, SpokenItem

Event = dict[str, Any]
"""A client's event, without its id."""

_MESSAGE, _CALL, _OUTPUT = "message", "call", "output"
_TEXT_TYPES = {"assistant": "output_text", "user": "input_text", "system": "input_text"}


class _Piece(NamedTuple):
    """What one item is to be: its key, by which it is known again, and what it is made of, if it says something."""

    key: tuple[str, Any]
    fields: Mapping[str, Any] | None
    message: Message


@dataclass(eq=False, slots=True)
class _Item:
    """``key`` is that of a tool's call or answer. Messages are known by their own identity, which is theirs for as long
    as they are held here."""

    id: str
    key: tuple[str, Any] | None = None
    message: Message | None = None
    spoken: SpokenItem | None = None
    is_agents: bool = False
    milliseconds: float = 0.0
    is_truncated: bool = False

    def found_by(self) -> tuple[str, Any] | None:
        message = self.message if self.spoken is None else self.spoken.message
        return self.key if message is None else (_MESSAGE, id(message))

    @property
    def was_never_said(self) -> bool:
        """Whether the model made it and nobody wanted it: not even a message was begun for it."""
        return self.is_agents and self.spoken is not None and self.spoken.message is None


class Items:
    """The items of one session, in their order."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._made = 0

    # what the server tells

    def added(self, item: Mapping[str, Any], previous: str | None) -> None:
        """``conversation.item.added``: an item stands behind another, or in front. Our own are known."""
        if self._find(item["id"]) is not None:
            return
        kind = item.get("type")
        new = _Item(item["id"], is_agents=item.get("role") == "assistant")
        if kind == "message":
            new.spoken = SpokenItem(new.id)
        elif kind == "function_call":
            new.key = (_CALL, item.get("call_id"))
        index = next((place for place, one in enumerate(self._items, 1) if one.id == previous), None)
        self._items.insert(len(self._items) if previous is not None and index is None else index or 0, new)

    def committed(self, spoken: SpokenItem) -> None:
        """What the caller said stands at the end."""
        self._items.append(_Item(spoken.id, spoken=spoken))

    def spoken(self, item_id: str) -> SpokenItem:
        """A message of the model's, as it and the call share it."""
        item = self._find(item_id)
        return item.spoken if item is not None and item.spoken is not None else SpokenItem(item_id)

    def sounded(self, item_id: str, milliseconds: float) -> None:
        """So much more sound of what the agent says has arrived."""
        item = self._find(item_id)
        if item is not None:
            item.milliseconds += milliseconds

    # what the server is told

    def brought_to(self, messages: Sequence[Message]) -> list[Event]:
        """What makes the conversation these messages. It is taken to be done."""
        wanted = [piece for message in messages for piece in _pieces(message)]
        keys = {piece.key for piece in wanted}
        return [*self._deleted(keys), *self._created(wanted), *self._truncated()]

    def _deleted(self, keys: set[tuple[str, Any]]) -> Iterator[Event]:
        for item in list(self._items):
            key = item.found_by()
            if item.was_never_said or (key is not None and key not in keys):
                self._items.remove(item)
                yield {"type": "conversation.item.delete", "item_id": item.id}

    def _created(self, wanted: Sequence[_Piece]) -> Iterator[Event]:
        known = {item.found_by(): item for item in self._items}
        place = 0
        for piece in wanted:
            item = known.get(piece.key)
            if item is not None:
                place = max(place, self._items.index(item) + 1)
            elif piece.fields is not None:
                yield self._create(piece, place)
                place += 1

    def _create(self, piece: _Piece, place: int) -> Event:
        self._made += 1
        new = _Item(f"pinecall_{self._made}", key=piece.key if piece.key[0] != _MESSAGE else None)
        new.message = piece.message if new.key is None else None
        event = {"type": "conversation.item.create", "item": {"id": new.id, **piece.fields}} if piece.fields else {}
        if place < len(self._items):  # at the end it would cost nothing to say so, but it is not known what else comes
            event["previous_item_id"] = self._items[place - 1].id if place else "root"
        self._items.insert(place, new)
        return event

    def _truncated(self) -> Iterator[Event]:
        for item in self._items:
            heard = item.spoken.heard_seconds if item.spoken is not None else None
            if heard is None or item.is_truncated or not item.is_agents:
                continue
            item.is_truncated = True
            if heard * 1000 < item.milliseconds:  # a needless one has side effects
                event = {"type": "conversation.item.truncate", "item_id": item.id, "content_index": 0}
                yield {**event, "audio_end_ms": int(heard * 1000)}

    def _find(self, item_id: str) -> _Item | None:
        return next((item for item in self._items if item.id == item_id), None)


def _pieces(message: Message) -> Iterator[_Piece]:
    """The items that a message of chat completions is."""
    role = message.get("role")
    text = _text(message.get("content"))
    if role == "tool":
        call_id = str(message.get("tool_call_id"))
        yield _Piece((_OUTPUT, call_id), {"type": "function_call_output", "call_id": call_id, "output": text}, message)
        return
    calls = message.get("tool_calls") or ()
    if text or not calls:
        yield _Piece((_MESSAGE, id(message)), _said(str(role), text) if text else None, message)
    for call in calls:
        asked = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        yield _Piece((_CALL, call["id"]), {"type": "function_call", "call_id": call["id"], **asked}, message)


def _said(role: str, text: str) -> dict[str, Any]:
    role = role if role in _TEXT_TYPES else "system"  # `developer`
    return {"type": "message", "role": role, "content": [{"type": _TEXT_TYPES[role], "text": text}]}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else ()
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, Mapping) and part.get("text"))
