"""A WhatsApp conversation is a typed conversation whose frames have names of their own: one to the other, both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pinecall_run.wire import events, speech_events
from pinecall_run.wire.absent import UNSET

PREFIX = "wa-"
"""How the ids of these conversations begin."""

PHONE, NAME = "contact_phone", "contact_name"
"""Keys of a conversation's metadata."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Who writes: the number, digits without a plus, and the name that they gave themselves."""

    phone: str
    name: str = ""


def from_chat(event: events.CallEvent, contact: Contact) -> events.Event | None:
    """What a runner is told in place of an event of a typed conversation; ``None`` where it is told otherwise: what
    the person wrote comes with the person's message, in ``whatsapp.message``."""
    translate = _FROM_CHAT.get(type(event))
    return event if translate is None else translate(event, contact)


def as_chat(event: events.Event) -> events.Event:
    """The event of a typed conversation that a frame of WhatsApp means; any other as it is."""
    translate = _AS_CHAT.get(type(event))
    return event if translate is None else translate(event)


def _started(event: events.ChatStarted, contact: Contact) -> events.Event:
    return speech_events.WhatsappStarted(
        agent_id=event.agent_id, session_id=event.call_id, contact_phone=contact.phone, contact_name=contact.name
    )


def _nothing(event: events.ChatMessage, contact: Contact) -> None:
    return None


def _response(event: events.ChatResponse, contact: Contact) -> events.Event:
    return speech_events.WhatsappResponse(
        agent_id=event.agent_id, session_id=event.call_id, to=contact.phone, text=event.text, source=event.source
    )


def _ended(event: events.ChatEnded, contact: Contact) -> events.Event:
    messages = event.messages if isinstance(event.messages, list) else []
    said = [m for m in messages if m.get("role") in ("user", "assistant") and m.get("content")]
    return speech_events.WhatsappEnded(
        agent_id=event.agent_id,
        session_id=event.call_id,
        contact_phone=contact.phone,
        contact_name=contact.name,
        transcript=[{"role": m["role"], "text": m["content"]} for m in said],
        messages=messages,
        duration=event.duration_seconds,
        started_at=event.started_at,
        ended_at=event.ended_at,
        reason=event.reason,
        message_count=len(said),
    )


_FROM_CHAT: Mapping[type[events.CallEvent], Callable[[Any, Contact], events.Event | None]] = {
    events.ChatStarted: _started,
    events.ChatMessage: _nothing,
    events.ChatResponse: _response,
    events.ChatEnded: _ended,
}


def _as_started(event: speech_events.WhatsappStarted) -> events.Event:
    metadata = {PHONE: event.contact_phone, NAME: event.contact_name}
    return events.ChatStarted(**_of(event), metadata=metadata)


def _as_message(event: speech_events.WhatsappMessage) -> events.Event:
    return events.ChatMessage(**_of(event), text=event.text, message_id=event.message_id)


def _as_response(event: speech_events.WhatsappResponse) -> events.Event:
    return events.ChatResponse(**_of(event), text=event.text, source=event.source)


def _as_ended(event: speech_events.WhatsappEnded) -> events.Event:
    return events.ChatEnded(
        **_of(event),
        reason=event.reason,
        duration_seconds=event.duration,
        started_at=event.started_at,
        ended_at=event.ended_at,
        messages=UNSET if event.messages is UNSET else event.messages,
    )


def _of(event: Any) -> dict[str, Any]:
    return {"agent_id": event.agent_id, "call_id": event.session_id, "session_id": event.session_id}


_AS_CHAT: Mapping[type[events.Event], Callable[[Any], events.Event]] = {
    speech_events.WhatsappStarted: _as_started,
    speech_events.WhatsappMessage: _as_message,
    speech_events.WhatsappResponse: _as_response,
    speech_events.WhatsappEnded: _as_ended,
}
