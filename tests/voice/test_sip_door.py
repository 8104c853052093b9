"""Who a call over SIP is for, and what the door says of itself; its calls are in tests/stories/test_sip_phone.py."""

from __future__ import annotations

import logging
import socket
from typing import Any

import pytest
from tests.voice._stage import Client, Stage

from pinecall_run.sip.peer import Peer
from pinecall_run.sip.uri import read_uri
from pinecall_run.voice import sip_door
from pinecall_run.voice.call_reception import MISSING
from pinecall_run.voice.sip_door import NOT_SET, SipDoor
from pinecall_run.voice.sip_settings import SipSettings, Tls

LOBBY = "sip:lobby@acme.example"


def door(settings: SipSettings | None, *refs: str) -> tuple[SipDoor, Client]:
    stage = Stage()
    it = SipDoor(stage.hub.phone, stage.hub.registry, settings)
    stage.hub.phone.carriers.append(it)
    client = stage.connect("front", "back", stt="local", voice="local")
    for agent, ref in zip(("front", "back"), refs, strict=False):
        client.send("channel.add", agent_id=agent, type="phone", ref=ref)
    return it, client


def test_a_channel_says_what_is_missing() -> None:
    _, client = door(None, LOBBY)
    added = client.take("channel.added")
    assert (added["served"], added["notes"]) == (False, [NOT_SET])


def test_a_channel_is_served_where_sip_is_set_up() -> None:
    _, client = door(SipSettings(), LOBBY)
    assert client.take("channel.added").get("served", True)


async def test_a_port_that_is_taken_is_said_of_channels() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        it, client = door(SipSettings(port=taken.getsockname()[1]))
        await it.open()
        client.send("channel.add", agent_id="front", type="phone", ref=LOBBY)
        assert "in use" in client.take("channel.added")["notes"][0]
        await it.close()


async def test_a_certificate_that_is_none_is_said_of_channels() -> None:
    it, _ = door(SipSettings(port=0, tls=Tls("/no/such/file", "/no/such/file", 0)))
    await it.open()
    assert it.missing()
    await it.close()


async def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_door, "is_installed", lambda: False)
    it, _ = door(SipSettings(port=0))
    await it.open()
    assert it.missing() == MISSING


@pytest.mark.parametrize(
    ("target", "agent"),
    [
        ("sip:lobby@acme.example", "front"),
        ("sip:LOBBY@ACME.example:5060;transport=tcp", "front"),
        ("sips:lobby@acme.example", "front"),
        ("sip:%6Cobby@acme.example", "front"),
        ("sip:lobby@127.0.0.1:5080", "front"),
        ("sip:lobby@[::1]", "front"),
        ("sip:desk@other.example:5070", "back"),
        ("sip:desk@10.0.0.1", "back"),
        ("sip:lobby@other.example", None),
        ("sip:nobody@127.0.0.1", None),
        ("sip:127.0.0.1", None),
    ],
)
def test_the_target_decides_who_answers(target: str, agent: str | None) -> None:
    it, _ = door(SipSettings(), LOBBY, "sip:desk@other.example:5070")
    found = it._answering(read_uri(target), "+15550001111")
    assert (found and found[0].agent_id) == agent


def test_two_of_one_name_need_their_domain() -> None:
    it, _ = door(SipSettings(), LOBBY, "sip:lobby@other.example")
    found = it._answering(read_uri("sip:lobby@other.example"), "")
    assert found is not None
    assert found[0].agent_id == "back"
    assert it._answering(read_uri("sip:lobby@127.0.0.1"), "") is None


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sip:+15550001111@10.0.0.1:5060", "+15550001111"),
        ("sip:ana@b.example:5070;x=1", "sip:ana@b.example"),
        ("tel:+15550001111", "+15550001111"),
    ],
)
def test_callers_are_shown_by_their_numbers(uri: str, shown: str) -> None:
    assert sip_door._caller(read_uri(uri)) == shown


def test_a_number_is_not_called_without_a_trunk() -> None:
    _, client = door(SipSettings(), LOBBY)
    client.send("call.dial", **{"agent_id": "front", "to": "+15550001111", "from": LOBBY})
    error = client.take("call.error")
    assert (error["code"], "no trunk that has a host" in error["error"]) == ("NO_TRANSPORT", True)
    client.send("call.hangup", call_id="id1")


async def test_what_was_refused_is_said_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pinecall_run.voice")
    it, _ = door(SipSettings(port=0))
    await it.open()
    assert not it.missing()
    sockets: Any = it._calls.sockets
    sockets.received(b"OPTIONS nonsense", Peer("udp", "127.0.0.1", 9))
    await it.close()
    await it.close()
    assert "refused at SIP's door: 1 messages without sense" in caplog.text
