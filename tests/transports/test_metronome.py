"""The beat: even, shared, without drift, and bounded after a stall."""

from __future__ import annotations

import asyncio
import itertools
import time

from pinecall_run.transports.metronome import MAX_AT_ONCE, Metronome

PATIENCE = 5.0


async def beats(metronome: Metronome, count: int) -> list[tuple[float, float]]:
    """When each was due and when it came."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    seen: list[tuple[float, float]] = []

    def beat(due: float) -> None:
        seen.append((due, loop.time()))
        if len(seen) >= count:
            metronome.leave(beat)
            done.set()

    metronome.join(beat)
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    return seen


async def test_beats_are_due_every_20_ms_whenever_they_come() -> None:
    seen = await beats(Metronome(), 20)
    dues = [due for due, _ in seen]
    assert all(after - before > 0.02 - 1e-6 for before, after in itertools.pairwise(dues))
    assert all(came >= due - 0.002 for due, came in seen)


async def test_all_share_one_timer_and_nobody_is_nothing() -> None:
    metronome = Metronome()
    one, other = await asyncio.gather(beats(metronome, 5), beats(metronome, 10))
    assert [due for due, _ in one] == [due for due, _ in other][: len(one)]
    assert metronome._timer is None


async def test_a_late_loop_catches_up_but_never_in_a_large_burst() -> None:
    metronome, seen = Metronome(), list[float]()
    metronome.join(seen.append)
    await asyncio.sleep(0.03)
    before = len(seen)
    time.sleep(0.075)  # noqa: ASYNC251 - the loop is stalled
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 3 <= len(seen) - before <= 4
    assert all(abs(after - before - 0.02) < 1e-6 for before, after in itertools.pairwise(seen))
    before = len(seen)
    time.sleep(1.0)  # noqa: ASYNC251
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(seen) - before == MAX_AT_ONCE
    metronome.leave(seen.append)
    assert metronome._timer is None


async def test_a_beat_may_make_others_leave() -> None:
    metronome, seen = Metronome(), list[str]()

    def first(_: float) -> None:
        seen.append("first")
        metronome.leave(first)
        metronome.leave(second)

    def second(_: float) -> None:
        seen.append("second")

    metronome.join(first)
    metronome.join(second)
    await asyncio.sleep(0.07)
    assert seen == ["first"]
    assert metronome._timer is None
    metronome.join(second)
    await asyncio.sleep(0.05)
    metronome.leave(second)
    metronome.leave(second)
    assert set(seen) == {"first", "second"}
