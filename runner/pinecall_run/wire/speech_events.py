"""Frames of a call that is heard: speech, turns, what is played of an utterance, and the state of the line.

Times are milliseconds where a name ends in ``_ms``, else epoch seconds.
"""

from __future__ import annotations

from typing import Any

from msgspec import field

from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.events import AgentEvent, CallEvent, Event, Maybe, NamedResult


class CallRinging(CallEvent, tag="call.ringing", kw_only=True):
    """A call waits to be accepted; nothing answered means that it is."""

    from_: str | Maybe = field(default=UNSET, name="from")
    to: str | Maybe = UNSET


class CallRejected(CallEvent, tag="call.rejected", kw_only=True):
    """A call that rang was turned away."""

    reason: str = ""


class CallDialing(CallEvent, tag="call.dialing", kw_only=True):
    """A call that we place rings over there."""

    to: str = ""
    from_: str = field(default="", name="from")


class CallError(AgentEvent, tag="call.error", kw_only=True):
    """A call that we placed did not come about. ``to`` is whom it was to reach: without an id yet nothing else says
    which of several it was."""

    error: str = ""
    code: str | Maybe = UNSET
    call_id: str | Maybe = UNSET
    to: str | Maybe = UNSET


class CallUpdated(CallEvent, tag="call.updated", kw_only=True):
    """The language of the call changed."""

    language: str = ""


class CallForwarded(CallEvent, tag="call.forwarded", kw_only=True):
    """The call was handed on."""

    to: str = ""


class CallDtmfSent(CallEvent, tag="call.dtmf_sent", kw_only=True):
    """Keys were pressed for us."""

    digits: str = ""


class CallDtmfReceived(CallEvent, tag="call.dtmf_received", kw_only=True):
    """The person pressed a key; ``digits`` are all so far."""

    digit: str = ""
    digits: str = ""


class CallHeld(CallEvent, tag="call.held", kw_only=True):
    """The person is on hold."""


class CallUnheld(CallEvent, tag="call.unheld", kw_only=True):
    """The person is back."""


class CallMuted(CallEvent, tag="call.muted", kw_only=True):
    """Nobody listens."""


class CallUnmuted(CallEvent, tag="call.unmuted", kw_only=True):
    """Somebody listens again."""

    muted_transcript: str | None = None


class SpeechStarted(CallEvent, tag="speech.started", kw_only=True):
    """A voice begins."""

    turn_id: int = 0
    confidence: float = 0.0
    timestamp: float = 0.0


class SpeechEnded(CallEvent, tag="speech.ended", kw_only=True):
    """The voice ended."""

    turn_id: int = 0
    duration_ms: float = 0.0
    timestamp: float = 0.0


class UserSpeaking(CallEvent, tag="user.speaking", kw_only=True):
    """What the person seems to say so far; replaces the one before."""

    text: str = ""
    confidence: float = 0.0
    turn_id: int = 0
    message_id: str | Maybe = UNSET
    confirmed_text: str | Maybe = UNSET


class EagerTurn(CallEvent, tag="eager.turn", kw_only=True):
    """The turn is probably over; a model may begin."""

    turn_id: int = 0
    probability: float = 0.0
    latency_ms: float = 0.0
    text: str = ""
    message_id: str = ""


class TurnPause(CallEvent, tag="turn.pause", kw_only=True):
    """The person paused and is not finished."""

    turn_id: int = 0
    probability: float = 0.0
    latency_ms: float = 0.0


class TurnResumed(CallEvent, tag="turn.resumed", kw_only=True):
    """The person goes on after a pause."""

    turn_id: int = 0
    timestamp: float = 0.0


class TurnContinued(CallEvent, tag="turn.continued", kw_only=True):
    """The person goes on after what was taken for the end: replies that are being streamed stop."""

    turn_id: int = 0
    timestamp: float = 0.0


class BotWord(CallEvent, tag="bot.word", kw_only=True):
    """A word of an utterance is being played; ``word_index`` counts from 0."""

    message_id: str
    word: str = ""
    word_index: int = 0
    start_time: float | Maybe = UNSET
    end_time: float | Maybe = UNSET


class BotInterrupted(CallEvent, tag="bot.interrupted", kw_only=True):
    """An utterance was cut short: by the person, by us, or because the turn went on."""

    message_id: str = ""
    played_ms: float = 0.0
    words_spoken: int = 0
    last_word: str | Maybe = UNSET
    reason: str = ""


class MessageConfirmed(CallEvent, tag="message.confirmed", kw_only=True):
    """What of an utterance the model's history keeps: what was heard."""

    message_id: str = ""
    text: str = ""


class MessageAborted(CallEvent, tag="message.aborted", kw_only=True):
    """Nothing of an utterance was heard."""

    message_id: str = ""
    reason: str = ""


class AudioMetrics(CallEvent, tag="audio.metrics", kw_only=True):
    """Loudness of one side, about ten times a second, where the configuration asks for it."""

    source: str = ""
    energy_db: float = -60.0
    rms: float = 0.0
    peak: float = 0.0
    is_speech: bool = False
    vad_prob: float = 0.0
    timestamp: float = 0.0


class IdleWarning(CallEvent, tag="session.idle_warning", kw_only=True):
    """The person has been silent; the call ends in ``remaining_seconds``."""

    remaining_seconds: float = 0.0
    idle_timeout_seconds: float = 0.0


class SessionTimeout(CallEvent, tag="session.timeout", kw_only=True):
    """A limit of the session was reached: ``max_duration`` or ``idle_timeout``. ``call.ended`` follows."""

    reason: str = ""


class TurnMetrics(CallEvent, tag="turn.metrics", kw_only=True):
    """How long the caller waited for an answer, stage by stage (extension). All count from the end of their voice."""

    turn_id: int = 0
    message_id: str = ""
    transcript_ms: float | Maybe = UNSET
    """Until the last words of the turn were understood for good."""
    decided_ms: float | Maybe = UNSET
    """Until the turn was taken for finished."""
    first_token_ms: float | Maybe = UNSET
    """Until the model began to answer; before ``decided_ms`` where it was asked early."""
    first_audio_ms: float | Maybe = UNSET
    """Until the first sound of the answer was there."""
    heard_ms: float | Maybe = UNSET
    """Until it was played."""


class ToolsAnswered(CallEvent, tag="llm.tool_result", kw_only=True):
    """Tools answered, for whoever looks on; the runner knows (protocol: tools, echo for observers)."""

    results: list[NamedResult]
    msg_id: str = ""


class ProviderFailed(CallEvent, tag="provider.failed", kw_only=True):
    """A vendor failed in a call (extension). ``next`` is who goes on in its place; empty where nobody does, or the same
    vendor is tried again."""

    stage: str
    provider: str
    error: str
    next: str = ""


class SessionScopeEvent(AgentEvent, kw_only=True):
    """Whom it is about: one session, one contact, or with neither the whole agent."""

    session_id: str | Maybe = UNSET
    contact: str | Maybe = UNSET


class SessionPaused(SessionScopeEvent, tag="session.paused", kw_only=True):
    """A human has taken over."""


class SessionResumed(SessionScopeEvent, tag="session.resumed", kw_only=True):
    """The model answers again."""


class SessionSent(SessionScopeEvent, tag="session.sent", kw_only=True):
    """What a human said was delivered."""


class WhatsappStarted(AgentEvent, tag="whatsapp.session_started", kw_only=True, omit_defaults=False):
    """A conversation on WhatsApp began; its id is ``wa-…``."""

    session_id: str
    contact_phone: str = ""
    contact_name: str = ""


class WhatsappMessage(AgentEvent, tag="whatsapp.message", kw_only=True, omit_defaults=False):
    """Somebody wrote, or sent what became ``text``."""

    session_id: str
    from_: str = field(default="", name="from")
    name: str = ""
    type: str = "text"
    text: str = ""
    message_id: str = ""
    paused: bool = False


class WhatsappResponse(AgentEvent, tag="whatsapp.response", kw_only=True, omit_defaults=False):
    """What the agent, or a human (``source``), answered."""

    session_id: str
    to: str = ""
    text: str = ""
    source: str | Maybe = UNSET


class WhatsappStatus(AgentEvent, tag="whatsapp.status", kw_only=True, omit_defaults=False):
    """How far a message got: ``sent``, ``delivered``, ``read``, ``played``, ``failed``.

    Extensions: ``session_id``; and of what failed Meta's ``code`` (0 where the failure is none of Meta's), and a
    sentence, ``error``.
    """

    status: str = ""
    recipient: str = ""
    message_id: str = ""
    session_id: str | Maybe = UNSET
    code: int | Maybe = UNSET
    error: str | Maybe = UNSET


class WhatsappEnded(AgentEvent, tag="whatsapp.session_ended", kw_only=True, omit_defaults=False):
    """A conversation on WhatsApp is over."""

    session_id: str
    contact_phone: str = ""
    contact_name: str = ""
    transcript: list[Any] | Maybe = UNSET
    messages: list[dict[str, Any]] | Maybe = UNSET
    duration: float = 0.0
    started_at: float | Maybe = UNSET
    ended_at: float | Maybe = UNSET
    reason: str = ""
    message_count: int = 0


EVENTS: tuple[type[Event], ...] = (
    CallRinging, CallRejected, CallDialing, CallError, CallUpdated, CallForwarded, CallDtmfSent, CallDtmfReceived,
    CallHeld, CallUnheld, CallMuted, CallUnmuted,
    SpeechStarted, SpeechEnded, UserSpeaking, EagerTurn, TurnPause, TurnResumed, TurnContinued,
    BotWord, BotInterrupted, MessageConfirmed, MessageAborted, AudioMetrics,
    IdleWarning, SessionTimeout, TurnMetrics, ToolsAnswered, ProviderFailed, SessionPaused, SessionResumed, SessionSent,
    WhatsappStarted, WhatsappMessage, WhatsappResponse, WhatsappStatus, WhatsappEnded,
)  # fmt: skip
