"""A delivery is new once, and memory is bounded."""

from __future__ import annotations

from pinecall_run.transports.seen import Seen


def test_a_key_is_new_once_until_it_is_forgotten() -> None:
    seen = Seen(10)
    assert [seen.add("a"), seen.add("a"), seen.add("b")] == [True, False, True]
    seen.forget("a")
    seen.forget("never there")
    assert seen.add("a")


def test_the_oldest_make_room() -> None:
    seen = Seen(3)
    assert all(seen.add(number) for number in range(1000))
    assert len(seen) == 3
    assert not seen.add(999)
    assert seen.add(0)
