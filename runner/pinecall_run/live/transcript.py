"""What was said in a call, gathered from its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pinecall_run.tools.call import Call, Said
from pinecall_run.wire import events, live_events, speech_events


class Transcript:
    """Writes a call's transcript. Servers may tell a message twice: the later telling counts."""

    __slots__ = ("_call", "_places", "_waiting")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._places: dict[str, int] = {}
        """Where messages are, by id."""
        self._waiting: dict[str, str] = {}
        """Text of utterances that have begun, by id."""

    def handle(self, event: events.Event, now: float) -> None:
        """Take note of what an event says was said. ``now`` is in epoch seconds."""
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event, now)

    def _on_started(self, event: events.ChatStarted, now: float) -> None:
        """What was said before; when that was nobody tells."""
        if not self._call.transcript and isinstance(event.messages, list):
            for message in event.messages:
                who = "user" if message.get("role") == "user" else "agent"
                self._add(who, str(message.get("content") or ""), "", now)

    def _on_user(self, event: events.UserMessage | events.ChatMessage, now: float) -> None:
        if event.message_id:
            self._call.latest_message = event.message_id
        self._add("user", event.text, event.message_id, now)

    def _on_turn(self, event: events.TurnEnd | speech_events.EagerTurn, now: float) -> None:
        if event.message_id:
            self._call.latest_message = event.message_id

    def _on_response(self, event: events.ChatResponse | speech_events.MessageConfirmed, now: float) -> None:
        self._waiting.pop(event.message_id, None)
        self._add("agent", event.text, event.message_id, now)

    def _on_supervisor(self, event: live_events.SupervisorSaid, now: float) -> None:
        if not event.message_id:  # else the agent's voice says it, and it is told what was heard
            self._add("agent", event.text, "", now)

    def _on_speaking(self, event: events.BotSpeaking, now: float) -> None:
        if event.text:
            self._waiting[event.message_id] = event.text

    def _on_finished(self, event: events.BotFinished, now: float) -> None:
        text = self._waiting.pop(event.message_id, "")
        self._add("agent", text, event.message_id, now)

    def _on_interrupted(self, event: speech_events.BotInterrupted, now: float) -> None:
        words = self._waiting.pop(event.message_id, "").split()[: event.words_spoken]
        self._add("agent", " ".join(words), event.message_id, now)

    def _add(self, who: Any, text: str, message_id: str, now: float) -> None:
        if not text:
            return
        transcript = self._call.transcript
        place = self._places.get(message_id)
        if place is not None:
            transcript[place] = Said(who, text, transcript[place].at)
            return
        if message_id:
            self._places[message_id] = len(transcript)
        transcript.append(Said(who, text, now))


_HANDLERS: dict[type[events.Event], Callable[[Transcript, Any, float], None]] = {
    events.ChatStarted: Transcript._on_started,
    events.UserMessage: Transcript._on_user,
    events.ChatMessage: Transcript._on_user,
    events.TurnEnd: Transcript._on_turn,
    speech_events.EagerTurn: Transcript._on_turn,
    events.ChatResponse: Transcript._on_response,
    speech_events.MessageConfirmed: Transcript._on_response,
    live_events.SupervisorSaid: Transcript._on_supervisor,
    events.BotSpeaking: Transcript._on_speaking,
    events.BotFinished: Transcript._on_finished,
    speech_events.BotInterrupted: Transcript._on_interrupted,
}
