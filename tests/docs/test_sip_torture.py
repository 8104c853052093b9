"""The table of torture messages says of each what really happens with it, and none hurts a call that is up."""

from __future__ import annotations

import re

import pytest
from tests.docs._torture import MESSAGES
from tests.rules._scan import ROOT
from tests.sip._script import PEER, Line, up

from pinecall_run.sip.outputs import Ended, EndReason, Ignored, IncomingCall, Send
from pinecall_run.sip.parser import read_datagram

ROW = re.compile(r"\| (3\.[\d.]+) \| (\w+) \| [^|]+ \| `(\w+)`([^|]*) \|")
ROWS = ROW.findall((ROOT / "docs/sip-torture.md").read_text(encoding="utf-8"))
OUTCOMES = {name: outcome for _, name, outcome, _ in ROWS}


def outcome(line: Line, data: bytes) -> str:
    """What a user agent does with a message: in the table's words."""
    line.agent.receive(data, PEER, line.now, is_trusted=True)
    outputs = line.agent.drain()
    if any(isinstance(output, IncomingCall) for output in outputs):
        return "call"
    if not outputs or isinstance(outputs[0], Ignored):
        return "ignored"
    assert isinstance(outputs[0], Send)
    return outputs[0].data.split(b" ")[1].decode()


def test_the_table_has_each_message_of_the_rfc_once_in_its_order() -> None:
    assert [name for _, name, _, _ in ROWS] == list(MESSAGES)
    assert len(MESSAGES) == 49
    sections = [tuple(map(int, section.split("."))) for section, *_ in ROWS]
    assert sections == sorted(set(sections))


@pytest.mark.parametrize("name", MESSAGES)
def test_what_the_table_says_is_what_happens(name: str) -> None:
    assert outcome(Line(), MESSAGES[name]) == OUTCOMES[name]


@pytest.mark.parametrize("name", [name for _, name, _, why in ROWS if why.startswith(" read")])
def test_what_is_said_to_be_read_is(name: str) -> None:
    read_datagram(MESSAGES[name])


def test_a_call_that_is_up_does_not_notice() -> None:
    line = up()
    for data in MESSAGES.values():
        outcome(line, data)
    assert line >> line.request("BYE") << 200 << Ended(line.call, EndReason.HANGUP)


def test_a_caller_of_rfc_2543_can_be_answered() -> None:
    line = Line()
    line >> MESSAGES["inv2543"] << 100 << IncomingCall >> line.answer << 200
    line.seen.clear()
    head = MESSAGES["inv2543"].partition(b"Content-Type")[0].replace(b"INVITE", b"ACK")
    ack = head.replace(b"To: sip:bob@example.com", f"To: sip:bob@example.com;tag={line.our_tag}".encode())
    line.agent.receive(ack + b"\r\n", PEER, line.now)
    assert line >> (lambda line: line.agent.tick(line.now + 5))
