"""Simulated lines: packets by number, when each arrives, and what is played at each 20 ms. Nothing sleeps."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.transports.jitter import CONCEALED, FRAME, MAX_DELAY, MIN_DELAY, MOST, Due, JitterBuffer, duration

Played = list[int | Due]


def packet(number: int) -> bytes:
    return bytes((0x48, *number.to_bytes(2)))  # 20 ms


def play(
    count: int, arrives: Callable[[int], float | None], *, first: int = 0, seconds: float | None = None
) -> tuple[JitterBuffer, Played]:
    """Packets of 20 ms, sent at 0, 0.02…; ``arrives`` says how much later each comes, or that it does not."""
    arrivals = sorted((0.02 * n + late, n) for n in range(count) if (late := arrives(n)) is not None)
    buffer, played, late = JitterBuffer(), Played(), 0
    for beat in range(int((seconds or count * 0.02 + 0.4) / 0.02)):
        now = beat * 0.02 + 0.007
        while arrivals and arrivals[0][0] <= now:
            at, number = arrivals.pop(0)
            buffer.put((first + number * FRAME) & 0xFFFFFFFF, packet(number), at)
        due = buffer.next(now)
        late = late + 1 if due is Due.LATE else 0
        if late > CONCEALED:
            buffer.rest()
        played.append(due if isinstance(due, Due) else int.from_bytes(due[1:]))
    return buffer, played


def numbers(played: Played) -> list[int]:
    return [each for each in played if isinstance(each, int)]


def middle(played: Played) -> Played:
    """From the first packet to the last."""
    at = [index for index, each in enumerate(played) if isinstance(each, int)]
    return played[at[0] : at[-1] + 1]


def test_a_perfect_line_is_played_as_it_was_sent_40_ms_later() -> None:
    buffer, played = play(500, lambda _: 0.0)
    assert middle(played) == list(range(500))
    assert played.index(0) in (2, 3)
    assert buffer.delay == MIN_DELAY


@pytest.mark.parametrize("first", [0, 2**32 - 40 * FRAME, 2**32 - 1])
def test_timestamps_wrap(first: int) -> None:
    assert middle(play(200, lambda _: 0.0, first=first)[1]) == list(range(200))


def test_what_overtakes_is_put_back_in_order_and_what_comes_twice_is_played_once() -> None:
    _, played = play(200, lambda n: 0.03 if n % 7 == 3 else 0.0)
    assert middle(played) == list(range(200))
    buffer = JitterBuffer()
    for _ in range(2):
        buffer.put(0, packet(0), 0.0)
    assert [buffer.next(0.05), buffer.next(0.07)] == [packet(0), Due.LATE]


def test_a_lost_packet_is_one_gap_and_no_delay() -> None:
    _, played = play(500, lambda n: None if n % 5 == 2 else 0.0)
    assert numbers(played) == [n for n in range(500) if n % 5 != 2]
    between = middle(played)
    assert between.count(Due.LOST) == 100
    assert Due.NOTHING not in between


def test_on_a_line_with_200_ms_of_jitter_and_20_per_cent_loss_little_more_than_that_is_missed() -> None:
    chance = random.Random(4)
    buffer, played = play(3000, lambda n: None if chance.random() < 0.2 else chance.random() * 0.2)
    assert 0.16 < buffer.delay <= MAX_DELAY
    settled = [n for n in numbers(played) if n >= 500]
    assert settled == sorted(settled)
    assert len(settled) / 2500 > 0.78
    assert len(middle(played)) < 3000 + 12  # it did not drift away


def test_where_some_are_always_late_it_soon_waits_for_them() -> None:
    """Every tenth comes 90 ms late, the others are there in the meantime."""
    buffer, played = play(500, lambda n: 0.09 if n % 10 == 5 else 0.0)
    assert 0.09 < buffer.delay < 0.15
    assert [n for n in numbers(played) if n >= 100] == list(range(100, 500))


def test_the_delay_shrinks_again_when_the_line_is_good() -> None:
    chance = random.Random(4)
    arrivals = [(0.02 * n + (chance.random() * 0.2 if n < 1000 else 0.0), n) for n in range(4000)]
    buffer, behind = JitterBuffer(), 0
    arrivals.sort()
    for beat in range(4000):
        now = beat * 0.02 + 0.007
        while arrivals and arrivals[0][0] <= now:
            at, number = arrivals.pop(0)
            buffer.put(number * FRAME, packet(number), at)
        buffer.next(now)
        if buffer.is_behind(now):  # what is played is quiet: leave it out
            behind += 1
            buffer.next(now)
        if beat == 999:
            assert buffer.delay > 0.15
    assert buffer.delay <= 0.06
    assert 3 <= behind <= 12


def test_a_burst_after_a_stall_is_played_whole_and_the_delay_is_made_up_for_later() -> None:
    """A tenth of a second of nothing, then all of it at once: nothing that was said is lost."""
    _, played = play(400, lambda n: max(0.0, 0.12 - (n - 100) * 0.02) if 100 <= n < 106 else 0.0)
    assert numbers(played) == list(range(400))
    assert 1 <= middle(played).count(Due.LATE) <= 6


def test_a_pause_is_silence_and_not_made_up() -> None:
    """Discontinuous transmission: the sender leaves out what is silent, and time goes on."""
    _, played = play(400, lambda n: None if 100 <= n < 300 else 0.0)
    gap = middle(played)[100:300]
    assert gap.count(Due.LOST) <= 3
    assert gap.count(Due.NOTHING) >= 196
    assert middle(played)[300:] == list(range(300, 400))


def test_single_packets_in_a_pause_come_at_their_times() -> None:
    _, played = play(400, lambda n: 0.0 if n < 100 or n % 20 == 0 or n >= 300 else None)
    between = middle(played)
    for number in (120, 200, 280):
        assert abs(between.index(number) - number) <= 3
    assert between.count(Due.LOST) <= 3 * 11


def test_a_sender_that_begins_anew_is_heard_at_once() -> None:
    buffer = JitterBuffer()
    for number in range(50):
        buffer.put(number * FRAME, packet(number), number * 0.02)
        buffer.next(number * 0.02)
    heard = []
    for number in range(50):
        buffer.put(3_000_000_000 + number * FRAME, packet(number), 1 + number * 0.02)
        heard.append(buffer.next(1 + number * 0.02))
    assert heard.index(packet(0)) <= 3
    assert [each for each in heard if not isinstance(each, Due)] == [
        packet(n) for n in range(50 - heard.index(packet(0)))
    ]


def test_a_flood_is_bounded() -> None:
    buffer = JitterBuffer()
    for number in range(10_000):
        buffer.put(number * 480, packet(number), 0.001 * number)
    assert len(buffer._packets) <= MOST


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(min_size=1, max_size=4), st.floats(0, 0.3)), max_size=200)
)
def test_whatever_comes_it_goes_on(packets: list[tuple[int, bytes, float]]) -> None:
    buffer, now = JitterBuffer(), 0.0
    for timestamp, payload, later in packets:
        now += later
        buffer.put(timestamp, payload, now)
        buffer.next(now)
        assert MIN_DELAY <= buffer.delay <= MAX_DELAY
        assert len(buffer._packets) <= MOST


@pytest.mark.parametrize(
    ("first", "rest", "timestamps"),
    [
        (0x00, b"", 480),  # SILK 10 ms
        (0x48, b"", 960),
        (0x58, b"", 2880),
        (0x68, b"", 960),  # hybrid
        (0x80, b"", 120),  # CELT 2.5 ms
        (0xFC, b"", 960),
        (0x49, b"", 1920),  # two frames of one size
        (0x4B, b"\x03", 2880),  # a count follows
        (0x5B, b"\x3f", 5760),  # no packet is longer than 120 ms
        (0x4B, b"", 960),
        (0x4B, b"\x00", 120),
    ],
)
def test_how_long_a_packet_plays(first: int, rest: bytes, timestamps: int) -> None:
    assert duration(bytes((first,)) + rest) == timestamps
