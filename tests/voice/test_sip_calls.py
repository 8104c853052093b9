"""Which calls there are, and with whom; what happens in them is in tests/stories/test_sip_phone.py."""

from __future__ import annotations

from collections import Counter

from tests.voice._stage import Stage

from pinecall_run.sip.outputs import Dtmf, EndReason
from pinecall_run.voice.sip_calls import SipCalls
from pinecall_run.voice.sip_settings import SipSettings


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
