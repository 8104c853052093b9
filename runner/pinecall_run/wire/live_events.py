"""Frames about the people who look after calls: who has a call in hand, what they say, and what is told to whom it is
handed on."""

from __future__ import annotations

from pinecall_run.wire.events import CallEvent, Event


class HandoffActive(CallEvent, tag="handoff.active", kw_only=True):
    """A human has the call: the agent says nothing by itself."""


class HandoffReleased(CallEvent, tag="handoff.released", kw_only=True):
    """The agent has the call again. ``reason`` (extension): ``handed_back``, or ``lost`` when the human was gone."""

    reason: str = ""


class SupervisorSaid(CallEvent, tag="supervisor.said", kw_only=True):
    """A human said something to the person. ``message_id`` where the agent's voice says it; what of that was heard is
    told as of any utterance."""

    text: str
    message_id: str = ""


class SupervisorWhispered(CallEvent, tag="supervisor.whispered", kw_only=True):
    """A human told the model something that the person does not hear."""

    text: str


class CallSummary(CallEvent, tag="call.summary", kw_only=True):
    """What the call was about, for whoever is handed it. ``source`` (extension): ``model``, or ``transcript`` where the
    model did not write one in time, and ``text`` is what was said last."""

    text: str
    source: str = ""


EVENTS: tuple[type[Event], ...] = (HandoffActive, HandoffReleased, SupervisorSaid, SupervisorWhispered, CallSummary)
