"""SIP from configuration: what is taken, and what is said of the rest without showing it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.voice.sip_settings import EXAMPLE, BadSipSettingsError, SipSettings, Tls, read_sip

PEERS = {"peers": ["198.51.100.0/24", "2001:db8::7"]}
USER = {"username": "ana", "password": "hunter2"}


def read(**written: Any) -> SipSettings:
    found = read_sip(json.dumps({"trunks": [PEERS], **written}))
    assert found is not None
    return found


def test_nothing_is_no_sip() -> None:
    assert read_sip("") is None
    assert read_sip(" \n") is None


def test_what_is_not_said_is_this_machine() -> None:
    found = read()
    assert (found.host, found.port, found.address) == ("127.0.0.1", 5060, "127.0.0.1")


def test_all_that_can_be_said() -> None:
    found = read(
        listen="0.0.0.0:5070",
        address="203.0.113.5",
        trunks=[PEERS, USER],
        algorithms=["MD5"],
        rtp_ports=[10_000, 20_000],
        silence_seconds=20,
        hold_seconds=60,
        tls={"certificate": "c.pem", "key": "k.pem"},
    )
    assert (found.host, found.port, found.address) == ("0.0.0.0", 5070, "203.0.113.5")
    assert (found.rtp_ports, found.silence_seconds, found.hold_seconds) == ((10_000, 20_000), 20.0, 60.0)
    assert (found.users, found.algorithms, found.tls) == ({"ana": "hunter2"}, ["MD5"], Tls("c.pem", "k.pem", 5061))
    assert [found.trusts(host) for host in ("198.51.100.9", "2001:db8::7", "198.51.101.9", "pbx.example")] == [
        True,
        True,
        False,
        False,
    ]
    assert "hunter2" not in repr(found)


def test_the_example_is_one() -> None:
    assert read_sip(EXAMPLE) is not None


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"listen": "pbx.example:5060"}, "listen: "),
        ({"listen": "127.0.0.1:99999"}, "listen: "),
        ({"listen": "0.0.0.0:5060"}, "address: say by which"),
        ({"address": "pbx.example"}, "address: not"),
        ({"trunks": []}, "trunks: name who"),
        ({"trunks": [{"peers": []}]}, "trunks: number 1"),
        ({"trunks": [PEERS, {"username": "hunter2"}]}, "trunks: number 2"),
        ({"trunks": [USER, {**USER, "password": "hunter3"}]}, "trunks: two have one username"),
        ({"rtp_ports": [10_001, 10_002]}, "rtp_ports"),
        ({"rtp_ports": [80, 90]}, "rtp_ports"),
        ({"rtp_ports": "many"}, "rtp_ports"),
        ({"silence_seconds": 0}, "silence_seconds"),
        ({"hold_seconds": True}, "hold_seconds"),
        ({"algorithms": ["SHA-1"]}, "algorithms"),
        ({"tls": {"certificate": "c.pem"}}, "tls"),
        ({"port": 7}, "unknown: port"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(written: dict[str, Any], says: str) -> None:
    with pytest.raises(BadSipSettingsError, match=says) as caught:
        read(**written)
    assert "hunter2" not in str(caught.value)


KEYS = st.sampled_from(["listen", "trunks", "tls", "peers", "address", "rtp_ports", "username"])
PLAIN = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_anything_is_settings_or_none(written: Any) -> None:
    try:
        assert isinstance(read_sip(json.dumps(written)), SipSettings)
    except BadSipSettingsError:
        return
