"""STUN and TURN servers from configuration: what is taken, and what is said of the rest without showing it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiortc.rtcconfiguration import RTCIceServer
from aiortc.rtcicetransport import connection_kwargs
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.voice.ice_servers import BadIceServersError, read_ice_servers

TURN = {"urls": ["turn:turn.example.com:3478", "turns:turn.example.com:5349?transport=tcp"]}


@pytest.mark.parametrize(
    "servers",
    [
        [],
        [{"urls": "stun:stun.example.com"}],
        [{"urls": "stun:192.0.2.1:3478"}, {**TURN, "username": "u", "credential": "c"}],
    ],
)
def test_servers(servers: list[dict[str, Any]]) -> None:
    assert read_ice_servers(json.dumps(servers)) == servers
    connection_kwargs([RTCIceServer(**server) for server in servers])  # aiortc reads them, too


def test_nothing_is_no_servers() -> None:
    assert read_ice_servers("") == read_ice_servers(" \n") == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stun:stun.example.com", "not JSON"),
        ("{}", "not a list"),
        ('["stun:h"]', "server 1: not an object"),
        ('[{"urls":"stun:h"},{"url":"stun:h"}]', "server 2: has keys other"),
        ("[{}]", "urls is not"),
        ('[{"urls":[]}]', "urls is not"),
        ('[{"urls":"http://h"}]', "urls is not"),
        ('[{"urls":"stun:h h"}]', "urls is not"),
        ('[{"urls":[1]}]', "urls is not"),
        ('[{"urls":"stun:[2001:db8::1]:3478"}]', "urls is not"),
        ('[{"urls":"stun:h?transport=udp"}]', "urls is not"),
        ('[{"urls":"stun:h:port"}]', "urls is not"),
        ('[{"urls":"turn:h"}]', "needs username and credential"),
        ('[{"urls":"turn:h","username":"u","credential":7}]', "is not a text"),
        ("[" * 20_000, "not JSON"),
    ],
)
def test_what_is_no_list_of_servers(text: str, says: str) -> None:
    with pytest.raises(BadIceServersError) as refused:
        read_ice_servers(text)
    assert says in str(refused.value)


def test_a_secret_is_not_shown() -> None:
    for text in (
        '[{"urls":"turn:h","credential":"hunter2"}]',
        '[{"urls":"http://u:hunter2@h"}]',
        '["hunter2"',
        "hunter2",
    ):
        with pytest.raises(BadIceServersError) as refused:
            read_ice_servers(text)
        assert "hunter2" not in str(refused.value)


@given(st.recursive(st.none() | st.text("abst:urn") | st.integers(), st.lists).map(json.dumps))
def test_any_json_is_servers_or_refused(text: str) -> None:
    try:
        read_ice_servers(text)
    except BadIceServersError:
        return
