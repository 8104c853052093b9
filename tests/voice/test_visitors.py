"""What of a request decides: nothing that a proxy passed on is this machine's own."""

from __future__ import annotations

from typing import Any

import pytest

from pinecall_run.voice.admission import Access, Policy
from pinecall_run.voice.proxies import ORIGIN, read_proxies
from pinecall_run.voice.visitors import visitor_of

OPEN = Policy("key", open_on_loopback=True)


def scope(peer: str = "127.0.0.1", *, proxies: tuple[str, ...] = (), scheme: str = "http", **headers: str) -> Any:
    given = {"host": "127.0.0.1:7420", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    origin = read_proxies(proxies).origin(peer, raw)
    return {"headers": raw, "scheme": scheme, "client": (peer, 1), ORIGIN: origin}


@pytest.mark.parametrize(
    ("asked", "access"),
    [
        (scope(), Access.DEVELOPER),
        (scope(origin="http://127.0.0.1:7420"), Access.DEVELOPER),
        (scope(origin="https://127.0.0.1:7420"), Access.NONE),
        (scope(scheme="wss", origin="https://127.0.0.1:7420"), Access.DEVELOPER),
        (scope(x_forwarded_for="203.0.113.7"), Access.NONE),
        (scope(x_forwarded_for="127.0.0.1"), Access.NONE),
        (scope(forwarded="for=127.0.0.1"), Access.NONE),
        (scope(x_real_ip="127.0.0.1"), Access.NONE),
        (scope(via="1.1 nginx"), Access.NONE),
        (scope(proxies=("127.0.0.1",)), Access.NONE),
        (scope(proxies=("127.0.0.1",), x_forwarded_for="127.0.0.1"), Access.NONE),
        (scope(proxies=("127.0.0.1",), x_forwarded_for="203.0.113.7", authorization="Bearer key"), Access.DEVELOPER),
        (scope("192.0.2.1", x_forwarded_for="127.0.0.1"), Access.NONE),
    ],
)
def test_who_is_a_developer(asked: Any, access: Access) -> None:
    assert OPEN.access(visitor_of(asked)) is access
