"""Buckets: so many at once, then so many a second, each visitor by themselves, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.transports.rates import Rate, Rates, network_of

RATE = Rate(3, 0.5)


def test_so_many_at_once_and_then_so_many_a_second() -> None:
    rates = Rates()
    assert [rates.take("a", RATE, 10.0) for _ in range(5)] == [0, 0, 0, 2.0, 2.0]
    assert rates.take("b", RATE, 10.0) == 0
    assert rates.take("a", RATE, 11.0) == 1.0
    assert rates.take("a", RATE, 12.0) == 0
    assert rates.take("a", RATE, 12.0) == 2.0
    assert [rates.take("a", RATE, 1_000.0) for _ in range(4)] == [0, 0, 0, 2.0], "no more than the burst is saved up"


def test_asking_how_long_takes_nothing_and_what_is_given_back_is_there_again() -> None:
    rates = Rates()
    assert [rates.wait("a", RATE, 0.0) for _ in range(9)] == [0.0] * 9
    for _ in range(3):
        rates.take("a", RATE, 0.0)
    rates.give_back("a")
    rates.give_back("nobody")
    assert [rates.take("a", RATE, 0.0), rates.take("a", RATE, 0.0)] == [0, 2.0]


def test_another_rate_counts_what_was_taken_before() -> None:
    rates = Rates()
    for _ in range(3):
        rates.take("a", RATE, 0.0)
    assert rates.take("a", Rate.within(5, 60), 0.0) == 0
    assert rates.take("a", Rate.within(4, 60), 0.0) == 15.0


def test_a_clock_that_is_set_back_takes_nothing_away() -> None:
    rates = Rates()
    rates.take("a", RATE, 1_000.0)
    assert [rates.take("a", RATE, 10.0) for _ in range(3)] == [0, 0, 2.0]


def test_of_many_the_one_seen_longest_ago_is_forgotten() -> None:
    rates = Rates(2)
    one = Rate(1, 0.001)
    rates.take("a", one, 0.0)
    rates.take("b", one, 0.0)
    assert rates.take("a", one, 1.0) > 0
    rates.take("c", one, 1.0)
    assert len(rates) == 2
    assert rates.take("a", one, 1.0) == 0
    assert rates.take("c", one, 1.0) > 0


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 10), st.floats(0.1, 20))
def test_no_pattern_of_asking_gets_more_than_the_rate(gaps: list[float], burst: int, per_second: float) -> None:
    rates, now, got = Rates(), 0.0, 0
    for gap in gaps:
        now += gap
        got += rates.take("a", Rate(burst, per_second), now) == 0
    assert got <= burst + now * per_second + 1e-6


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_one_visitor_is_an_address_or_a_network_of_the_new_kind(host: str, network: str) -> None:
    assert network_of(host) == network
