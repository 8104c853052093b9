"""Who calls by a trunk, which numbers it has, and where it leads."""

from __future__ import annotations

from typing import Any

import pytest

from pinecall_run.sip.digest import Account
from pinecall_run.sip.peer import Peer
from pinecall_run.voice.sip_trunks import _KEYS, _SAYS, BadTrunkError, read_trunk

USER = {"username": "acme", "password": "hunter2"}


def test_who_calls_by_it() -> None:
    trunk = read_trunk({"peers": ["198.51.100.0/24", "2001:db8::7"], **USER})
    assert [trunk.trusts(host) for host in ("198.51.100.9", "2001:db8::7", "198.51.101.9", "pbx.example")] == [
        True,
        True,
        False,
        False,
    ]
    assert trunk.is_way_of("198.51.100.9", "")
    assert trunk.is_way_of("203.0.113.9", "acme")
    assert not trunk.is_way_of("203.0.113.9", "")
    assert not read_trunk({"peers": ["127.0.0.1"]}).is_way_of("203.0.113.9", "")
    assert "hunter2" not in repr(trunk)


@pytest.mark.parametrize(
    ("written", "peer", "trusted"),
    [
        ({"host": "10.0.0.7"}, Peer("udp", "10.0.0.7", 5060), True),
        ({"host": "10.0.0.7", "peers": ["10.0.0.8"]}, Peer("udp", "10.0.0.7", 5060), False),
        ({"host": "a.example", "proxy": "10.0.0.7:5080", "transport": "tcp"}, Peer("tcp", "10.0.0.7", 5080), True),
        ({"host": "10.0.0.7", "proxy": "a.example"}, Peer("udp", "a.example", 5060), False),
        ({"host": "a.example:5070", "transport": "tls"}, Peer("tls", "a.example", 5070), False),
        ({"host": "[2001:db8::7]", "transport": "tls"}, Peer("tls", "2001:db8::7", 5061), False),
    ],
)
def test_where_it_leads_and_that_an_address_there_may_call(written: dict[str, Any], peer: Peer, trusted: bool) -> None:
    trunk = read_trunk(written)
    assert (trunk.peer, trunk.trusts("10.0.0.7")) == (peer, trusted)
    assert str(trunk.uri("+15551234567")) == f"sip:+15551234567@{written['host'].lower()}"


@pytest.mark.parametrize(
    ("number", "is_carried"), [("+15551234567", True), ("+15551234568", False), ("+441", True), ("+34911234567", False)]
)
def test_which_numbers_it_has(number: str, is_carried: bool) -> None:
    trunk = read_trunk({"peers": ["127.0.0.1"], "numbers": ["+15551234567", "+44*"]})
    assert trunk.carries(number) == is_carried
    assert read_trunk({"peers": ["127.0.0.1"], "numbers": ["+*"]}).carries(number)
    assert not read_trunk({"peers": ["127.0.0.1"]}).carries(number)


def test_all_that_can_be_said() -> None:
    trunk = read_trunk({"host": "a.example", "register": True, **USER})
    assert (trunk.account, trunk.is_registered, trunk.host) == (Account("acme", "hunter2"), True, "a.example")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (7, "is none"),
        ({}, "is none"),
        ({"hunter": 2}, "unknown keys: hunter"),
        ({"peers": []}, "has a peers that is none"),
        ({"peers": ["hunter2"]}, "has a peers that is none"),
        ({"peers": [7]}, "has a peers that is none"),
        ({"peers": "127.0.0.1"}, "has a peers that is none"),
        ({"username": "hunter2"}, "needs both"),
        ({"username": "a", "password": 7}, "has a password that is none"),
        ({"numbers": ["+15551234567"]}, "has neither"),
        ({"host": "a b"}, "has a host that is none"),
        ({"host": "a.example", "numbers": ["5551234567"]}, "has a numbers that is none"),
        ({"host": "a.example", "transport": "sctp"}, "has a transport that is none"),
        ({"peers": ["127.0.0.1"], "proxy": "a.example"}, "and no host"),
        ({"register": True, **USER}, "and no host"),
        ({"host": "a.example", "register": True}, "and no username"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(written: Any, says: str) -> None:
    with pytest.raises(BadTrunkError, match=says) as caught:
        read_trunk(written)
    assert "hunter2" not in str(caught.value)


def test_what_is_said_of_each_key() -> None:
    assert _KEYS.keys() == _SAYS.keys()
