"""Where media may arrive, and that a path is opened there and nowhere else."""

from __future__ import annotations

import asyncio
import socket
from unittest.mock import Mock

import pytest
from aioice.candidate import Candidate
from aioice.ice import Connection, StunProtocol
from aioice.stun import Class, Message, Method

from pinecall_run.transports import ice
from pinecall_run.transports.ice import (
    MAX_CANDIDATES,
    MAX_DATAGRAM,
    MAX_PATHS,
    MAX_QUEUED,
    IceConnection,
    IcePort,
    media_addresses,
)


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
    await path.offer([named, *(Candidate.from_sdp(f"1 1 udp 1 127.0.0.1 {5000 + n} typ host") for n in range(5000))])
    assert len(path.remote_candidates) == MAX_CANDIDATES


@pytest.mark.parametrize(
    ("ours", "theirs", "is_asked"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "192.0.2.1", False),
        ("192.0.2.7", "198.51.100.1", True),
        ("192.0.2.7", "10.0.0.1", True),
        ("192.0.2.7", "127.0.0.1", False),
        ("192.0.2.7", "169.254.169.254", False),
        ("192.0.2.7", "224.0.0.1", False),
        ("192.0.2.7", "255.255.255.255", False),
        ("192.0.2.7", "0.0.0.0", False),
        ("2001:db8::7", "2001:db8::1", True),
        ("2001:db8::7", "::1", False),
        ("2001:db8::7", "fe80::1", False),
        ("2001:db8::7", "::ffff:127.0.0.1", False),
        ("192.0.2.7", "metadata.example", False),
    ],
)
async def test_an_offer_sends_us_to_no_address_where_no_browser_is(ours: str, theirs: str, is_asked: bool) -> None:
    path = IceConnection([ours], [], asyncio.get_running_loop().time)
    await path.offer([Candidate.from_sdp(f"1 1 udp 1 {theirs} 5000 typ host")])
    assert len(path.remote_candidates) == is_asked


async def test_behind_a_turn_server_a_browser_may_be_anywhere() -> None:
    """A server that listens on loopback alone reaches it by the relay, which lets nobody in who was not named."""
    path = connection(urls="turn:192.0.2.9:3478", username="u", credential="c")
    await path.offer([Candidate.from_sdp("1 1 udp 1 198.51.100.1 5000 typ srflx raddr 10.0.0.1 rport 5000")])
    assert [each.host for each in path.remote_candidates] == ["198.51.100.1"]


@pytest.mark.parametrize("line", ["1 1 tcp 1 127.0.0.1 9 typ host tcptype active", "1 2 udp 1 127.0.0.1 5000 typ host"])
@pytest.mark.parametrize("port", [None, 0, 70_000, -1])
async def test_candidates_that_lead_nowhere_take_no_place(line: str, port: int | None) -> None:
    candidate = Candidate.from_sdp(line if port is None else "1 1 udp 1 127.0.0.1 5000 typ host")
    candidate.port = candidate.port if port is None else port
    path = connection()
    await path.offer([candidate])
    assert not path.remote_candidates


async def test_what_nobody_reads_yet_is_bounded() -> None:
    """From the answer to DTLS anybody may send anything to the port."""
    path = connection()
    for _ in range(5 * MAX_QUEUED):
        path.data_received(b"\x16" + bytes(1000), 1)
    assert path._queue.qsize() == MAX_QUEUED
    path = connection()
    path.data_received(b"\x16" + bytes(MAX_DATAGRAM), 1)
    assert path._queue.empty()


async def test_what_breaks_the_parser_of_stun_is_dropped_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    path = connection()
    await path.gather_candidates()
    (ours,) = path.local_candidates
    torn = bytes.fromhex("0001 0008 2112a442") + bytes(12) + bytes.fromhex("802a 0004 00000000")  # a number cut short
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as enemy:
        enemy.bind(("127.0.0.1", 0))
        await path.offer([Candidate.from_sdp(f"1 1 udp 1 127.0.0.1 {enemy.getsockname()[1]} typ host")])
        enemy.sendto(torn, (ours.host, ours.port))
        enemy.sendto(b"\x16after", (ours.host, ours.port))
    assert await asyncio.wait_for(path._queue.get(), 5) == (b"\x16after", 1)
    await path.close()
    assert not caplog.records


async def test_what_comes_from_elsewhere_is_neither_read_nor_a_sign_of_life() -> None:
    now, media = [1.0], list[bytes]()
    path = IceConnection(["127.0.0.1"], [], lambda: now[0])
    path.on_media = media.append
    await path.gather_candidates()
    (ours,) = path.local_candidates
    now[0] = 2.0
    check = Message(message_method=Method.BINDING, message_class=Class.REQUEST)
    check.attributes["USERNAME"] = "forged"
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as enemy:
        enemy.setblocking(False)
        enemy.bind(("127.0.0.1", 0))
        for data in (b"\x80\x6f" + bytes(30), b"\x16\xfe\xfd", bytes(check)):
            enemy.sendto(data, (ours.host, ours.port))
        await asyncio.wait_for(loop.sock_recv(enemy, 2000), 5)  # that the check is not one of ours
    await path.close()
    assert (media, path.last_heard) == ([], 1.0)
    assert path._queue.get_nowait() is None  # its end


async def test_a_caller_that_checks_from_port_after_port_is_not_followed_for_ever() -> None:
    path, protocol = connection(), Mock()
    known, asked = ("127.0.0.1", 4000), list[int]()
    path._early_checks_done = True

    def check(message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        asked.append(addr[1])
        if addr[1] not in {each.port for each in path.remote_candidates}:
            path._remote_candidates.append(Candidate.from_sdp(f"1 1 udp 1 127.0.0.1 {addr[1]} typ host"))

    path.check_incoming = check  # type: ignore[method-assign]
    for port in (known[1], *range(10_000, 12_000), known[1]):
        message = Message(message_method=Method.BINDING, message_class=Class.REQUEST)
        message.attributes["USERNAME"] = path.local_username + ":abcd"
        message.add_message_integrity(path.local_password.encode())
        path.remote_username = "abcd"
        path.request_received(message, ("127.0.0.1", port), protocol)
    assert len(path.remote_candidates) == MAX_PATHS
    assert asked[-1] == known[1]


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


async def test_the_parts_of_aioice_that_this_leans_on() -> None:
    """A new aioice that changes them fails here and not in a call (docs/decisions/webrtc-parts.md)."""
    assert hasattr(Connection, "get_component_candidates")
    assert Connection.data_received.__code__.co_varnames[:3] == ("self", "data", "component")
    assert Connection.request_received.__code__.co_varnames[:4] == ("self", "message", "addr", "protocol")
    assert {"_remote_candidates", "_queue", "_protocols"} <= vars(connection()).keys()
    assert "_nominated" in Connection.sendto.__code__.co_names
    assert "sendto" in StunProtocol.send_data.__code__.co_names
    assert "data_received" in StunProtocol.datagram_received.__code__.co_names
