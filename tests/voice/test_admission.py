"""Who gets in over HTTP: this machine's own page, the key's holder, an allowed origin, and nobody else."""

from __future__ import annotations

import pytest

from pinecall_run.voice.admission import Access, Policy, Visitor, matches_origin

HOST = "127.0.0.1:7420"
DEVELOPER, ORIGIN, NONE = Access.DEVELOPER, Access.ORIGIN, Access.NONE


@pytest.mark.parametrize(
    ("visitor", "access"),
    [
        # this machine
        (Visitor("127.0.0.1", HOST), DEVELOPER),  # curl, the command line
        (Visitor("127.0.0.1", HOST, fetch_site="none"), DEVELOPER),  # typed into the address bar
        (Visitor("127.0.0.1", HOST, fetch_site="same-origin"), DEVELOPER),
        (Visitor("127.0.0.1", HOST, origin=f"http://{HOST}", fetch_site="same-origin"), DEVELOPER),
        (Visitor("127.0.0.1", "localhost:7420", origin="http://localhost:7420"), DEVELOPER),
        (Visitor("127.0.0.1", "localhost"), DEVELOPER),
        (Visitor("::1", "[::1]:7420", origin="http://[::1]:7420"), DEVELOPER),
        # another page in the same browser
        (Visitor("127.0.0.1", HOST, origin="https://evil.example", fetch_site="cross-site"), NONE),
        (Visitor("127.0.0.1", HOST, origin="https://evil.example"), NONE),
        (Visitor("127.0.0.1", HOST, fetch_site="cross-site"), NONE),  # <img>, a link, a form
        (Visitor("127.0.0.1", HOST, origin="http://127.0.0.1:3000", fetch_site="same-site"), NONE),
        (Visitor("127.0.0.1", HOST, origin="http://localhost:7420"), NONE),
        (Visitor("127.0.0.1", HOST, origin=f"https://{HOST}"), NONE),
        (Visitor("127.0.0.1", HOST, origin="null"), NONE),  # a sandboxed frame, a file
        (Visitor("127.0.0.1", HOST, fetch_site="SAME-ORIGIN?"), NONE),
        # a name rebound to this machine: origin and fetch metadata agree, only Host tells
        (Visitor("127.0.0.1", "evil.example", origin="http://evil.example", fetch_site="same-origin"), NONE),
        (Visitor("127.0.0.1", "127.0.0.1.evil.example:7420"), NONE),
        (Visitor("127.0.0.1", "localhost.evil.example"), NONE),
        (Visitor("127.0.0.1", ""), NONE),
        (Visitor("127.0.0.1", "[::1"), DEVELOPER),
        # another machine
        (Visitor("192.168.1.7", HOST), NONE),
        (Visitor("192.168.1.7", "192.168.1.5:7420", origin="http://192.168.1.5:7420"), NONE),
        (Visitor("", HOST), NONE),
        # the key
        (Visitor("192.168.1.7", "voice.example", authorization="Bearer s3cret"), DEVELOPER),
        (Visitor("192.168.1.7", "voice.example", authorization="bearer  s3cret "), DEVELOPER),
        (Visitor("192.168.1.7", "voice.example", authorization="Bearer wrong"), NONE),
        (Visitor("192.168.1.7", "voice.example", authorization="Bearer s3cre\u00e9"), NONE),
        (Visitor("192.168.1.7", "voice.example", authorization="Bearer "), NONE),
        (Visitor("192.168.1.7", "voice.example", authorization="Basic s3cret"), NONE),
        (Visitor("192.168.1.7", "voice.example", authorization="s3cret"), NONE),
        (Visitor("127.0.0.1", HOST, origin="https://evil.example", authorization="Bearer wrong"), NONE),
        (Visitor("127.0.0.1", HOST, origin="https://app.example", authorization="Bearer s3cret"), DEVELOPER),
        # the agent's origins
        (Visitor("192.168.1.7", "voice.example", origin="https://app.example", fetch_site="cross-site"), ORIGIN),
        (Visitor("127.0.0.1", HOST, origin="https://app.example", fetch_site="cross-site"), ORIGIN),
        (Visitor("192.168.1.7", "voice.example", origin="https://other.example"), NONE),
        (Visitor("192.168.1.7", "app.example"), NONE),
    ],
)
def test_visitors(visitor: Visitor, access: Access) -> None:
    assert Policy("s3cret", open_on_loopback=True).access(visitor, ["https://app.example"]) is access


def test_a_closed_server_wants_the_key_of_this_machine_too() -> None:
    policy = Policy("s3cret", open_on_loopback=False)
    assert policy.access(Visitor("127.0.0.1", HOST)) is NONE
    assert policy.access(Visitor("127.0.0.1", HOST, authorization="Bearer s3cret")) is DEVELOPER


@pytest.mark.parametrize(
    ("held", "given", "is_good"),
    [
        ("s3cret", "s3cret", True),
        ("s3cret", "s3cre", False),
        ("s3cret", "s3cret ", False),
        ("clé-ключ", "clé-ключ", True),
        ("clé", "cle", False),
        ("", "", False),  # no key means that no key opens it, not that an empty one does
        ("", "x", False),
        ("s3cret", "\udcff", False),  # what an environment that is not UTF-8 gives
        ("a\udcffb", "a\udcffb", True),
    ],
)
def test_keys(held: str, given: str, is_good: bool) -> None:
    assert Policy(held, open_on_loopback=False).accepts_key(given) is is_good


@pytest.mark.parametrize(
    ("origin", "allowed", "matches"),
    [
        ("https://shop.example", "https://shop.example", True),
        ("https://shop.example", "https://shop.example/", True),
        ("https://SHOP.example", "https://Shop.Example", True),
        ("http://shop.example", "https://shop.example", False),
        ("https://shop.example:8443", "https://shop.example", False),
        ("https://shopxexample", "https://shop.example", False),
        ("https://shop.example.evil.example", "https://shop.example", False),
        ("https://www.shop.example", "https://*.shop.example", True),
        ("https://a.b.shop.example", "https://*.shop.example", True),
        ("https://shop.example", "https://*.shop.example", False),
        ("https://evilshop.example", "https://*.shop.example", False),
        ("https://evil.example/.shop.example", "https://*.shop.example", False),
        ("https://evil.example#.shop.example", "https://*.shop.example", False),
        ("https://www.shop.example:8443", "https://*.shop.example", False),
        ("https://www.shop.example\n", "https://*.shop.example", False),
        ("https://www.shop.example.evil.example", "https://*.shop.example", False),
        ("http://localhost:3000", "http://localhost:*", True),
        ("http://localhost", "http://localhost:*", True),
        ("http://localhost:", "http://localhost:*", False),
        ("http://localhost:80@evil.example", "http://localhost:*", False),
        ("http://localhost.evil.example:80", "http://localhost:*", False),
        ("https://a.shop.example:1", "https://*.shop.example:*", True),
        ("https://shop.evil.example", "https://shop*.example", False),  # a star stands for whole labels, in front
        ("https://anything.example", "*", True),
        ("null", "*", True),
        ("null", "https://shop.example", False),
        ("https://shop.example", "", False),
    ],
)
def test_origins(origin: str, allowed: str, matches: bool) -> None:
    assert matches_origin(origin, allowed) is matches
