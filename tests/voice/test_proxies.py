"""From where a request comes: a trusted proxy is believed, and nobody else."""

from __future__ import annotations

import pytest

from pinecall_run.voice.proxies import FORWARDING, ORIGIN, BadProxiesError, Origin, origin_of, read_proxies

TRUSTED = read_proxies(["127.0.0.1", "10.0.0.0/8", "2001:db8:f::/48"])
CLIENT = "203.0.113.7"


@pytest.mark.parametrize(
    ("peer", "said", "host"),
    [
        ("127.0.0.1", [CLIENT], CLIENT),
        ("127.0.0.1", [f"6.6.6.6, {CLIENT}"], CLIENT),  # a stranger wrote the first
        ("127.0.0.1", ["6.6.6.6", CLIENT], CLIENT),  # as a header of its own
        ("127.0.0.1", [f"127.0.0.1,{CLIENT}"], CLIENT),
        ("127.0.0.1", [f"{CLIENT}, 10.1.2.3"], CLIENT),  # two proxies
        ("10.9.9.9", [f"{CLIENT}:50123"], CLIENT),
        ("10.9.9.9", ["[2001:db8::7]:50123"], "2001:db8::7"),
        ("10.9.9.9", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.9.9.9", [CLIENT], CLIENT),
        ("2001:db8:f::1", [CLIENT], CLIENT),
        ("127.0.0.1", ["10.1.2.3, 10.1.2.4"], "10.1.2.3"),  # all are trusted: the first that is known
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", [f"{CLIENT}, nonsense"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
    ],
)
def test_behind_trusted_proxies(peer: str, said: list[str], host: str) -> None:
    headers = [(b"X-Forwarded-For", each.encode()) for each in said]
    assert TRUSTED.origin(peer, headers) == Origin(host, is_forwarded=True)


@pytest.mark.parametrize("peer", ["192.0.2.1", "", "testclient"])
def test_strangers_are_not_believed(peer: str) -> None:
    assert TRUSTED.origin(peer, [(b"x-forwarded-for", CLIENT.encode())]) == Origin(peer, is_forwarded=True)
    assert TRUSTED.origin(peer, [(b"accept", b"*/*")]) == Origin(peer)


@pytest.mark.parametrize("name", sorted(FORWARDING))
def test_what_somebody_passed_on_is_known_by_each_of_their_headers(name: bytes) -> None:
    assert read_proxies([]).origin("127.0.0.1", [(name.title(), b"x")]) == Origin("127.0.0.1", is_forwarded=True)


def test_what_is_no_network_is_said() -> None:
    with pytest.raises(BadProxiesError, match=r"proxy\.example is no IP address"):
        read_proxies(["127.0.0.1", "proxy.example"])


def test_without_a_gate_the_peer_counts() -> None:
    assert origin_of({"client": ("192.0.2.1", 5)}) == Origin("192.0.2.1")
    assert origin_of({"client": None}) == Origin("")
    assert origin_of({ORIGIN: Origin(CLIENT, True), "client": ("192.0.2.1", 5)}) == Origin(CLIENT, True)
