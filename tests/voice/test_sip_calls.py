"""Which calls there are, and with whom; what happens in them is in tests/stories/test_sip_phone.py."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.voice._stage import Stage

from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.outputs import Dtmf, EndReason
from pinecall_run.sip.peer import Peer
from pinecall_run.voice.sip_calls import SipCalls, target
from pinecall_run.voice.sip_settings import SipSettings
from pinecall_run.voice.sip_trunks import read_trunk


def calls() -> SipCalls:
    return SipCalls(Stage().hub.phone, SipSettings(), Counter())


def test_a_host_is_known_while_it_has_calls() -> None:
    it = calls()
    it.came("a", "10.0.0.7")
    it.came("b", "10.0.0.7")
    assert ("a" in it, "c" in it, list(it)) == (True, False, ["a", "b"])
    assert not it.over("a", EndReason.HANGUP)
    assert it.knows("10.0.0.7")
    assert not it.over("b", EndReason.HANGUP)
    assert not it.over("b", EndReason.HANGUP)
    assert not it.knows("10.0.0.7")


def test_what_happens_where_no_conversation_is_goes_nowhere() -> None:
    it = calls()
    it.came("a", "10.0.0.7")
    it.told(Dtmf("a", "1", 0))


@pytest.mark.parametrize(
    ("host", "trunk", "uri"),
    [
        ("192.0.2.9", None, "sip:100@192.0.2.9"),
        ("2001:db8::1", None, "sip:100@[2001:db8::1]"),
        ("192.0.2.9", {"host": "carrier.example:5070"}, "sip:100@carrier.example:5070"),
        ("192.0.2.9", {"peers": ["192.0.2.9"]}, "sip:100@192.0.2.9"),
    ],
)
def test_a_number_is_forwarded_to_where_the_call_belongs(host: str, trunk: dict[str, Any] | None, uri: str) -> None:
    peer = Peer("udp", host, 5060)
    assert str(target("1 00", peer, read_trunk(trunk) if trunk else None)) == uri
    assert str(target("sips:ada@b.example", peer, None)) == "sips:ada@b.example"
    with pytest.raises(GrammarError):
        target("sip:<", peer, None)
