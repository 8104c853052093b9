"""A call that rings is taken or turned away as the function says, and taken when it says nothing sensible in time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.live._projects import project
from tests.live._stage import Stage, hook

from pinecall_run.live.screening import Screening
from pinecall_run.testing import scripted_server, virtual_time
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.call_commands import CallAccept, CallForward, CallReject
from pinecall_run.wire.speech_events import CallRinging


def fails() -> None:
    raise LookupError("no such list")


@pytest.mark.parametrize(
    ("function", "answer", "failures"),
    [
        (lambda: None, "accept", []),
        (lambda: True, "accept", []),
        (lambda: False, "rejected", []),
        (lambda: "busy", "busy", []),
        (lambda: "rejected", "rejected", []),
        (lambda: "no", "accept", [("on call.ringing", "a result that is none of True, False, 'busy' and 'rejected'")]),
        (fails, "accept", [("on call.ringing", "LookupError")]),
        (None, "accept", []),
    ],
)
async def test_the_function_decides_and_a_mistake_turns_nobody_away(
    function: Callable[[], Any] | None, answer: str, failures: list[tuple[str, str]]
) -> None:
    stage = Stage()
    screening = Screening(stage.send, stage.pool, stage.notify)
    ringing = CallRinging(agent_id="desk", call_id="1", from_="+1555")
    screening.handle(ringing, stage.live.call, hook(function) if function else None, None)
    command = await stage.until(lambda: [*stage.all(CallAccept), *stage.all(CallReject)])
    assert [each.reason if isinstance(each, CallReject) else "accept" for each in command] == [answer]
    assert stage.failures() == failures


async def test_the_function_may_hand_the_call_on() -> None:
    """Of the two answers the first one counts."""
    stage = Stage()
    screening = Screening(stage.send, stage.pool, stage.notify)
    ringing = CallRinging(agent_id="desk", call_id="1", from_="+1555")
    screening.handle(ringing, stage.live.call, hook(lambda call: call.forward("+15557654321"), "call"), None)
    await stage.until(lambda: stage.all(CallAccept))
    assert [(type(each), getattr(each, "to", "")) for each in stage.sent] == [
        (CallForward, "+15557654321"), (CallAccept, ""),
    ]  # fmt: skip


SCREENED = """
version: 1
server: {url: "wss://voice.example", api_key: "${KEY:-k}"}
agents:
  desk:
    prompt: Hi.
    model: gpt-4.1-mini
    channels: [chat, "+15551234567"]
    on: {call.ringing: screentools.screen}
"""
TOOLS = """
import asyncio

async def screen(call):
    if call.from_ == "+15550000002":
        await asyncio.sleep(60)
    return call.from_ != "+15550000001"
"""


@virtual_time
async def test_numbers_ring_and_late_answers_are_not_waited_for(tmp_path: Path) -> None:
    root = project(tmp_path, SCREENED, screentools_DOT_py=TOOLS)
    async with scripted_server(root, agent_id="desk") as server:
        core = server.runner._core
        assert core is not None
        assert [(each.type, each.ringing) for each in core.deployment.registrations["desk"].channels] == [
            ("chat", UNSET), ("phone", True),
        ]  # fmt: skip
        await server.play("""
            < call.ringing {"call_id": "CA1", "from": "+15550000001", "to": "+15551234567"}
            > call.reject {"call_id": "CA1", "agent_id": "desk", "reason": "rejected"}
            < call.ringing {"call_id": "CA2", "from": "+15550000003", "to": "+15551234567"}
            > call.accept {"call_id": "CA2", "agent_id": "desk"}
            < call.ringing {"call_id": "CA3", "from": "+15550000002", "to": "+15551234567"}
            . 4
            > call.accept {"call_id": "CA3", "agent_id": "desk"}
        """)
