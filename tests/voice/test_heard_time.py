"""The time of what was heard, over stalls, bursts and a late detector."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.audio.chunk import CHUNK_SAMPLES, CHUNK_SECONDS
from pinecall_run.voice.heard_time import LATEST, HeardTime


class Line:
    """A door with a beat each 20 ms."""

    def __init__(self) -> None:
        self.now = 0.0
        self.time = HeardTime(0.0)

    def beats(self, count: int, chunks: int, behind: int = 0) -> float:
        """How much time was heard to pass in so many beats with so many chunks each."""
        before = self.time.at(self.now, 0)
        for _ in range(count):
            self.now += CHUNK_SECONDS
            for _ in range(chunks):
                self.time.hear()
            self.time.beat(self.now)
        return self.time.at(self.now, behind) - before


def test_where_sound_comes_in_its_pace_it_is_the_doors_time() -> None:
    line = Line()
    assert line.beats(500, 1) == pytest.approx(10)


def test_where_none_comes_it_stands_still_for_two_seconds_and_no_longer() -> None:
    line = Line()
    assert line.beats(50, 0) == pytest.approx(0, abs=0.03)
    assert line.beats(50, 0) == pytest.approx(0, abs=0.09)
    assert line.beats(500, 0) == pytest.approx(10, abs=0.2)


def test_what_comes_in_a_burst_takes_as_long_as_it_is() -> None:
    line = Line()
    line.beats(50, 0)
    assert line.beats(10, 5) == pytest.approx(1.0, abs=0.04)


def test_where_the_door_itself_was_late_it_is_the_time_of_what_it_gives() -> None:
    line = Line()
    line.now += 0.1
    before = line.time.at(0.0, 0)
    line.time.hear()
    line.time.beat(line.now)
    assert line.time.at(line.now, 0) - before == pytest.approx(0.02, abs=0.001)


def test_what_was_lost_is_not_waited_for_again_and_again() -> None:
    line = Line()
    for _ in range(20):
        line.beats(50, 0)
        line.beats(3000, 1)
    assert line.beats(50, 0) == pytest.approx(0, abs=0.1), "the next stall is waited for like the first"


def test_it_waits_for_the_detector() -> None:
    line = Line()
    assert line.beats(100, 1, behind=40 * CHUNK_SAMPLES) == pytest.approx(1.2)


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 8), st.integers(0, 30_000)), max_size=100))
def test_it_never_goes_back_and_is_never_late_by_more_than_it_says(beats: list[tuple[float, int, int]]) -> None:
    time, now, before = HeardTime(0.0), 0.0, 0.0
    for passed, chunks, behind in beats:
        now += passed
        for _ in range(chunks):
            time.hear()
        time.beat(now)
        at = time.at(now, behind)
        assert at >= max(before, now - LATEST - behind / 16_000 - 1e-9)
        before = max(at, before)
