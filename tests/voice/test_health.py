"""A vendor that failed is spared for a while, and for longer each time."""

from __future__ import annotations

from typing import Any

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.voice.health import LONGEST_REST, REST_SECONDS, Health, Standing

DOWN = ProviderError("it is down", kind="unavailable")


def test_two_failures_in_a_row_are_enough() -> None:
    standing = Standing()
    standing.failed(DOWN, 0.0)
    assert not standing.is_resting(0.0)
    standing.worked()
    standing.failed(DOWN, 1.0)
    assert not standing.is_resting(1.0)
    standing.failed(None, 2.0)
    assert standing.is_resting(2.0 + REST_SECONDS - 0.1)
    assert not standing.is_resting(2.0 + REST_SECONDS)


def test_one_is_enough_where_asking_again_is_in_vain_or_forbidden() -> None:
    standing = Standing()
    standing.failed(ProviderError("no", kind="key"), 0.0)
    assert standing.is_resting(0.0)
    standing = Standing()
    standing.failed(ProviderError("slowly", kind="rate_limit", retry_after=100.0), 0.0)
    assert standing.is_resting(99.0)
    assert not standing.is_resting(100.0)


def test_what_one_agent_asked_for_in_vain_says_nothing_of_others() -> None:
    standing = Standing()
    for _ in range(9):
        standing.failed(ProviderError("no such voice", kind="request"), 0.0)
    assert not standing.is_resting(0.0)


def test_it_rests_for_longer_each_time_but_not_for_ever() -> None:
    standing, now, rests = Standing(), 0.0, []
    for _ in range(8):
        standing.failed(ProviderError("no", kind="key"), now)
        begin = now
        while standing.is_resting(now):
            now += 1.0
        rests.append(now - begin)
    assert rests[:3] == [REST_SECONDS, 2 * REST_SECONDS, 4 * REST_SECONDS]
    assert rests[-1] == LONGEST_REST
    standing.worked()
    standing.failed(ProviderError("no", kind="key"), now)
    assert not standing.is_resting(now + REST_SECONDS)


def test_those_that_rest_come_last() -> None:
    now = [0.0]
    health = Health(lambda: now[0])
    vendors = [("stt", "a", ""), ("stt", "b", ""), ("stt", "c", "")]
    itself: Any = lambda vendor: vendor  # noqa: E731
    for vendor in vendors[:2]:
        health.failed(vendor, ProviderError("no", kind="credit"))
    assert health.in_order(vendors, itself) == [vendors[2], vendors[0], vendors[1]]
    health.worked(vendors[1])
    assert health.in_order(vendors, itself) == [vendors[1], vendors[2], vendors[0]]
    now[0] = 1000.0
    assert health.in_order(vendors, itself) == vendors
    health.worked(("stt", "nobody", ""))
