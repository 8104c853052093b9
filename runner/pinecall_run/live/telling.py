"""What events of the server come to for whoever watches the runner: one table of events and notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pinecall_run.live import notices
from pinecall_run.live.notices import Notice
from pinecall_run.wire import events, speech_events
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.events import Event

STAGES = ("transcript", "decided", "first_token", "first_audio", "heard")
"""Of the way from a caller's last word to the agent's first (``turn.metrics``)."""


class Around(NamedTuple):
    """The call that an event is about: its revision and its channel, empty where there is none."""

    revision: str = ""
    channel: str = ""


def notice_of(event: Event, around: Around) -> Notice | None:
    """The notice that tells of an event; ``None`` where it tells nothing by itself."""
    tell = _NOTICES.get(type(event))
    return tell(event, around) if tell is not None else None


def _typed(who: str) -> Callable[[Any, Around], Notice]:
    return lambda event, around: notices.Said(event.agent_id, event.call_id, who, event.text, around.revision)


def _spoken(who: str) -> Callable[[Any, Around], Notice | None]:
    def tell(event: Any, around: Around) -> Notice | None:
        if around.channel in ("", "chat", "whatsapp") or not event.text:  # a typed message has frames of its own
            return None
        return notices.Said(event.agent_id, event.call_id, who, event.text, around.revision)

    return tell


def _turn(event: speech_events.TurnMetrics, around: Around) -> Notice:
    told = {stage: getattr(event, f"{stage}_ms") for stage in STAGES}
    stages = {stage: value for stage, value in told.items() if value is not UNSET}
    return notices.TurnAnswered(event.agent_id, event.call_id, stages, around.revision)


def _failed(event: speech_events.ProviderFailed, around: Around) -> Notice:
    what = (event.stage, event.provider, event.error, event.next)
    return notices.ProviderFailed(event.agent_id, event.call_id, *what, around.revision)


def _model(event: events.LlmError, around: Around) -> Notice:
    return notices.Trouble(event.error, event.agent_id, event.call_id, around.revision)


def _delivery(event: speech_events.WhatsappStatus, around: Around) -> Notice | None:
    if event.status != "failed":
        return None
    call_id = event.session_id if isinstance(event.session_id, str) else ""
    sentence = event.error if isinstance(event.error, str) else "a message was not delivered"
    return notices.Trouble(sentence, event.agent_id, call_id)


def _error(event: events.Error, around: Around) -> Notice:
    return notices.Trouble(event.sentence, event.agent_id or "")


def _channel(event: events.ChannelAdded, around: Around) -> Notice:
    ref = event.ref if isinstance(event.ref, str) else ""
    notes = tuple(event.notes) if event.notes is not UNSET else ()
    return notices.ChannelUp(event.agent_id, event.type, ref, event.served, notes)


_NOTICES: Mapping[type[Event], Callable[[Any, Around], Notice | None]] = {
    events.ChatMessage: _typed("person"),
    events.ChatResponse: _typed("agent"),
    events.UserMessage: _spoken("person"),
    speech_events.MessageConfirmed: _spoken("agent"),
    speech_events.TurnMetrics: _turn,
    speech_events.ProviderFailed: _failed,
    events.LlmError: _model,
    speech_events.WhatsappStatus: _delivery,
    events.Error: _error,
    events.ChannelAdded: _channel,
}
