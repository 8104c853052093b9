"""How many are let in, of whom."""

from __future__ import annotations

import pytest

from pinecall_run.transports.headcount import Headcount

NEAR, FAR, OTHER = "127.0.0.1", "203.0.113.7", "203.0.113.8"


def test_all_together_have_a_number() -> None:
    count = Headcount(3, 2)
    assert [count.take(who, NEAR) for who in range(5)] == [True, True, True, False, False]
    for who in (0, 0, 3, 4):
        count.release(who)
    assert count.take("next", FAR)


def test_each_network_has_one() -> None:
    count = Headcount(9, 2)
    assert [count.take(who, FAR) for who in range(3)] == [True, True, False]
    assert count.take("other", OTHER)
    count.release(2)
    count.release(1)
    assert count.take("again", FAR)


def test_of_ipv6_a_network_is_what_one_customer_has() -> None:
    count = Headcount(9, 1)
    assert [count.take(host, host) for host in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")] == [True, False, True]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", ""])
def test_this_machine_has_no_number_of_its_own(host: str) -> None:
    count = Headcount(9, 1)
    assert [count.take(who, host) for who in range(3)] == [True] * 3


def test_behind_a_proxy_nobody_has() -> None:
    count = Headcount(9, 1, is_proxied=True)
    assert [count.take(who, FAR) for who in range(3)] == [True] * 3
