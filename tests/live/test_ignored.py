"""All frames that nothing comes of are counted, each kind is told once, and nobody can make it tell without end."""

from __future__ import annotations

import pytest

from pinecall_run.live.ignored import KINDS, NAME, Ignored
from pinecall_run.live.notices import FrameIgnored
from pinecall_run.wire.codec import EVENT_DECODER, Malformed, Unknown


def test_the_first_of_a_kind_is_marked_and_every_one_is_told() -> None:
    told: list[FrameIgnored] = []
    ignored = Ignored(told.append)
    for _ in range(3):
        ignored.not_understood(Unknown("memory.ops"))
    ignored.not_understood(Malformed("Expected `str`, got `int` - at `$.reason`", "call.ended", "desk"))
    ignored.note("bot.finished", "unknown call")
    ignored.note("bot.finished", "unknown agent")
    assert [(notice.frame, notice.reason, notice.is_first) for notice in told] == [
        ("memory.ops", "unknown event", True),
        ("memory.ops", "unknown event", False),
        ("memory.ops", "unknown event", False),
        ("call.ended", "malformed", True),
        ("bot.finished", "unknown call", True),
        ("bot.finished", "unknown agent", True),
    ]
    assert [notice.detail for notice in told[2:4]] == ["", "Expected `str`, got `int` - at `$.reason`"]


def test_a_server_that_makes_names_up_does_not_fill_the_log() -> None:
    told: list[FrameIgnored] = []
    ignored = Ignored(told.append)
    for number in range(2 * KINDS):
        ignored.not_understood(Unknown(f"{number}-{'x' * 10_000}"))
    assert len(told) == 2 * KINDS
    assert sum(notice.is_first for notice in told) == KINDS
    assert max(len(notice.frame) for notice in told) == NAME
    told.clear()
    ignored.not_understood(Unknown(f"7-{'x' * 10_000}"))
    assert not told[0].is_first


@pytest.mark.parametrize(
    "message",
    [
        "4111",
        '["4111"]',
        '{"event": "call.ended", "agent_id": "a", "call_id": "c", "duration_seconds": "4111"}',
        '{"event": "call.started", "agent_id": "a", "call_id": "c", "metadata": ["4111"]}',
        '{"event": "call.started", "agent_id": "a", "call_id": "c", "metadata": {"4111": 4111]}',
        '{"event": "user.message", "agent_id": "a", "call_id": "c", "text": ["4111"]}',
        '{"event": "llm.tool_call", "agent_id": "a", "call_id": "c", "msg_id": "m", "tool_calls": ["4111"]}',
    ],
)
def test_why_a_message_cannot_be_read_quotes_nothing_of_it(message: str) -> None:
    told: list[FrameIgnored] = []
    what = EVENT_DECODER.decode(message)
    assert isinstance(what, Malformed)
    Ignored(told.append).not_understood(what)
    assert told[0].detail
    assert "4111" not in repr(told)
