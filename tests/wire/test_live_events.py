"""Events about supervisors are read and written as docs/protocol.md shows them."""

import msgspec
import pytest
from tests.wire._golden import check_golden

from pinecall_run.wire import live_events as e
from pinecall_run.wire.codec import EVENT_DECODER

CALL = '"agent_id":"a","call_id":"CA_1"'
FRAMES = [
    (e.HandoffActive, f'{{"event":"handoff.active",{CALL}}}'),
    (e.HandoffReleased, f'{{"event":"handoff.released",{CALL},"reason":"lost"}}'),
    (e.SupervisorSaid, f'{{"event":"supervisor.said",{CALL},"text":"hello","message_id":"m"}}'),
    (e.SupervisorWhispered, f'{{"event":"supervisor.whispered",{CALL},"text":"offer a refund"}}'),
    (e.CallSummary, f'{{"event":"call.summary",{CALL},"text":"A broken lamp.","source":"model"}}'),
]


@pytest.mark.parametrize(("kind", "text"), FRAMES)
def test_an_event_is_what_the_documents_show(kind: type[msgspec.Struct], text: str) -> None:
    check_golden(EVENT_DECODER, kind, text)


def test_every_event_is_in_the_table() -> None:
    assert {kind for kind, _ in FRAMES} == set(e.EVENTS)
