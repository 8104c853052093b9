"""Frames of WhatsApp and of typed conversations mean the same."""

from __future__ import annotations

import pytest

from pinecall_run.protocol.whatsapp import Contact, as_chat, from_chat
from pinecall_run.wire import events, speech_events
from pinecall_run.wire.absent import UNSET

ADA = Contact("34600111222", "Ada")
OF = {"agent_id": "support", "call_id": "wa-1", "session_id": "wa-1"}
MESSAGES = [
    {"role": "user", "content": "ORD-1001?"},
    {"role": "assistant", "content": None, "tool_calls": []},
    {"role": "tool", "content": "{}"},
    {"role": "assistant", "content": "Shipped."},
]


@pytest.mark.parametrize(
    "event",
    [
        events.ChatResponse(**OF, text="Shipped."),
        events.ChatResponse(**OF, text="I am Eva.", source="human"),
        events.ChatEnded(
            **OF, reason="idle_timeout", duration_seconds=2.5, started_at=1.0, ended_at=3.5, messages=MESSAGES
        ),
    ],
)
def test_what_is_translated_comes_back_as_it_was(event: events.CallEvent) -> None:
    told = from_chat(event, ADA)
    assert told is not None
    assert str(type(told).__struct_config__.tag).startswith("whatsapp.")
    assert as_chat(told) == event


def test_a_beginning_names_the_contact_and_becomes_metadata() -> None:
    told = from_chat(events.ChatStarted(**OF, metadata={"anything": 1}, language="es"), ADA)
    assert told == speech_events.WhatsappStarted(
        agent_id="support", session_id="wa-1", contact_phone=ADA.phone, contact_name="Ada"
    )
    assert as_chat(told) == events.ChatStarted(**OF, metadata={"contact_phone": ADA.phone, "contact_name": "Ada"})


def test_an_end_has_what_was_said_in_it() -> None:
    told = from_chat(events.ChatEnded(**OF, reason="x", messages=MESSAGES), ADA)
    assert isinstance(told, speech_events.WhatsappEnded)
    assert told.transcript == [{"role": "user", "text": "ORD-1001?"}, {"role": "assistant", "text": "Shipped."}]
    assert told.message_count == 2
    assert from_chat(events.ChatEnded(**OF, reason="x"), ADA).message_count == 0  # type: ignore[union-attr]


def test_a_message_is_told_once_by_the_frame_that_knows_its_type() -> None:
    assert from_chat(events.ChatMessage(**OF, text="hello"), ADA) is None
    told = speech_events.WhatsappMessage(agent_id="support", session_id="wa-1", type="audio", text="hello")
    assert as_chat(told) == events.ChatMessage(**OF, text="hello")


def test_all_else_is_left_alone() -> None:
    call = events.LlmToolCall(**OF, msg_id="m", tool_calls=[])
    assert from_chat(call, ADA) is call
    status = speech_events.WhatsappStatus(agent_id="support", status="read")
    assert as_chat(status) is status
    assert as_chat(speech_events.WhatsappEnded(session_id="wa-1")).messages is UNSET  # type: ignore[attr-defined]
