"""Where media may arrive, and that a path is opened there and nowhere else."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest
from aioice.candidate import Candidate
from aioice.ice import Connection, StunProtocol

from pinecall_run.transports import ice
from pinecall_run.transports.ice import MAX_CANDIDATES, IceConnection, IcePort, media_addresses


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return ["192.0.2.7", *(["2001:db8::7"] if use_ipv6 else [])]

    monkeypatch.setattr(ice, "get_host_addresses", known)


@pytest.mark.parametrize(
    ("host", "is_here", "expected"),
    [
        ("127.0.0.1", True, ["127.0.0.1"]),
        ("127.0.0.1", False, ["127.0.0.1"]),
        ("::1", True, ["::1"]),
        ("192.0.2.7", True, ["192.0.2.7"]),
        ("0.0.0.0", False, ["192.0.2.7"]),
        ("0.0.0.0", True, ["127.0.0.1", "192.0.2.7"]),
        ("::", False, ["192.0.2.7", "2001:db8::7"]),
        ("::", True, ["127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"]),
    ],
)
def test_media_arrives_where_the_server_listens(host: str, is_here: bool, expected: list[str]) -> None:
    assert media_addresses(host, is_caller_here=is_here) == expected


def connection(**servers: str) -> IceConnection:
    return IceConnection(["127.0.0.1"], [servers] if servers else [], asyncio.get_running_loop().time)


async def test_only_the_given_address_is_offered() -> None:
    path = connection()
    await path.gather_candidates()
    assert [candidate.host for candidate in path.local_candidates] == ["127.0.0.1"]
    await path.close()


async def test_a_stun_server_is_not_asked_from_loopback_and_a_turn_server_gets_its_credentials() -> None:
    assert connection(urls="stun:192.0.2.9:3478").stun_server is None
    path = connection(urls="turn:192.0.2.9:3478", username="u", credential="c")
    assert (path.turn_server, path.turn_username, path.turn_password) == (("192.0.2.9", 3478), "u", "c")
    elsewhere = IceConnection(["192.0.2.7"], [{"urls": "stun:192.0.2.9"}], asyncio.get_running_loop().time)
    assert elsewhere.stun_server == ("192.0.2.9", 3478)


async def test_names_of_mdns_are_not_asked_for_and_candidates_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Mock(side_effect=AssertionError("nothing leaves this machine"))
    monkeypatch.setattr("aioice.ice.get_or_create_mdns_protocol", asked)
    path = connection()
    named = Candidate.from_sdp("1 1 udp 1 11111111-2222-3333-4444-555555555555.local 5000 typ host")
    await path.offer([named, *(Candidate.from_sdp(f"1 1 udp 1 127.0.0.1 {5000 + n} typ host") for n in range(200))])
    assert len(path.remote_candidates) == MAX_CANDIDATES - 1


async def test_media_takes_the_short_way_and_all_else_the_usual_one() -> None:
    path, media = connection(), list[bytes]()
    sound, dtls = b"\x80\x6f" + bytes(30), b"\x16\xfe" + bytes(30)
    path.data_received(sound, 1)  # nobody waits for it yet
    path.on_media = media.append
    for data in (sound, dtls, b"", b"\x80"):
        path.data_received(data, 1)
    assert media == [sound]
    assert [path._queue.get_nowait() for _ in range(path._queue.qsize())] == [(sound, 1), (dtls, 1), (b"\x80", 1)]


async def test_a_sign_of_life_is_any_datagram() -> None:
    now = [1.0]
    path = IceConnection(["127.0.0.1"], [], lambda: now[0])
    now[0] = 2.0
    path.data_received(b"\x16", 1)
    assert path.last_heard == 2.0


async def test_without_a_way_nothing_is_sent() -> None:
    connection().send_now(b"x")


async def test_two_of_them_find_each_other_and_send_without_waiting() -> None:
    one, other = connection(), connection()
    one.ice_controlling = True
    for path in (one, other):
        await path.gather_candidates()
    for path, far in ((one, other), (other, one)):
        path.remote_username, path.remote_password = far.local_username, far.local_password
        await path.offer(far.local_candidates)
    async with asyncio.timeout(5):
        await asyncio.gather(one.connect(), other.connect())
        one.send_now(b"\x16hello")
        assert await other.recv() == b"\x16hello"
    await one.close()
    await other.close()
    one.send_now(b"late")


async def test_a_browser_that_hides_its_addresses_comes_by_itself() -> None:
    """No candidate that we could use: its own checks show where it is."""
    server, browser = connection(), connection()
    browser.ice_controlling = True
    for path in (server, browser):
        await path.gather_candidates()
    for path, far in ((server, browser), (browser, server)):
        path.remote_username, path.remote_password = far.local_username, far.local_password
    await browser.offer(server.local_candidates)
    async with asyncio.timeout(5):
        await asyncio.gather(server.connect(), browser.connect())
    await asyncio.gather(server.close(), browser.close())


def test_the_role_of_dtls_is_told_by_that_of_ice() -> None:
    roles = [IcePort(Mock(), is_dtls_server=is_server).role for is_server in (False, True)]
    assert roles == ["controlled", "controlling"]


def test_the_parts_of_aioice_that_this_leans_on() -> None:
    """A new aioice that changes them fails here and not in a call (docs/decisions/webrtc-parts.md)."""
    assert hasattr(Connection, "get_component_candidates")
    assert Connection.data_received.__code__.co_varnames[:3] == ("self", "data", "component")
    assert Connection.request_received.__code__.co_varnames[:4] == ("self", "message", "addr", "protocol")
    assert "_nominated" in Connection.sendto.__code__.co_names
    assert "sendto" in StunProtocol.send_data.__code__.co_names
    assert "data_received" in StunProtocol.datagram_received.__code__.co_names
