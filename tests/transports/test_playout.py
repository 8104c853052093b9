"""A stream of numbered packets on a simulated line: which of them are heard, and when. Nothing sleeps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.audio.chunk import CHUNK_SAMPLES, SILENCE, Samples
from pinecall_run.transports.breaks import AWAITED, QUIET
from pinecall_run.transports.jitter import CONCEALED
from pinecall_run.transports.playout import AT_ONCE, Playout
from pinecall_run.transports.rtp import Packet

RATE, FRAME = 8_000, 160
MADE_UP = 1
LOUD = 1000
"""The first packet is as loud as this, each further one louder by one."""

Line = Callable[[int], float]


class Numbers:
    """A payload is the amplitude of its 20 ms."""

    def decode(self, payload: bytes) -> Samples:
        return np.full(CHUNK_SAMPLES, int.from_bytes(payload[:2]), np.int16)

    def conceal(self) -> Samples:
        return np.full(CHUNK_SAMPLES, MADE_UP, np.int16)

    def pause(self, samples: int) -> Samples:
        return SILENCE[:samples]


def payload(amplitude: int) -> bytes:
    return amplitude.to_bytes(2) + bytes(FRAME - 2)


def packet(number: int, amplitude: int) -> Packet:
    return Packet(0, number & 0xFFFF, number * FRAME, 1, payload(amplitude))


def heard(amplitudes: list[int], late: Line, *, awake: Callable[[float], bool] = lambda _: True) -> list[list[int]]:
    """What is heard in each 20 ms, while packets with such sound come so late; in a time that is not ``awake`` nobody
    reads them."""
    playout, beats = Playout(Numbers(), RATE, len), list[list[int]]()
    arrivals = sorted((0.02 * n + late(n), n) for n in range(len(amplitudes)))
    for beat in range(len(amplitudes) + 300):
        now = beat * 0.02 + 0.007
        if not awake(now):
            continue
        while arrivals and arrivals[0][0] <= now:
            at, number = arrivals.pop(0)
            playout.put(packet(number, amplitudes[number]), at if awake(at) else now)
        beats.append([int(chunk[0]) for chunk in playout.chunks(now)])
    return beats


def loud(beats: list[list[int]]) -> list[int]:
    return [each for beat in beats for each in beat if each >= QUIET]


SPEECH = [LOUD + number for number in range(600)]


@pytest.mark.parametrize("shift", [0.1, 0.2, 0.3, 0.35, 0.5, 1.0, 1.9, 2.5, 5.0])
def test_where_everything_is_later_from_some_moment_on_nothing_is_lost(shift: float) -> None:
    """A browser that stood still: it says later what it would have said, and stays late."""
    beats = heard(SPEECH, lambda n: shift if n >= 150 else 0.0)
    assert loud(beats) == SPEECH
    assert max(map(len, beats)) == 1, "it comes in its pace"


@pytest.mark.parametrize("shift", [0.35, 1.0])
def test_nor_where_it_comes_unevenly_from_then_on(shift: float) -> None:
    beats = heard(SPEECH, lambda n: shift + 0.02 * (n % 2 == 0) if n >= 150 else 0.0)
    assert loud(beats) == SPEECH


@pytest.mark.parametrize("drift", [-0.005, 0.005])
def test_nor_where_the_other_clock_goes_at_another_pace(drift: float) -> None:
    said = [LOUD + number for number in range(3000)]
    beats = heard(said, lambda n: 0.5 + 0.02 * n * drift)
    assert loud(beats) == said
    assert max(map(len, beats)) <= 2


@pytest.mark.parametrize("stall", [0.2, 0.5, 1.0, 1.8])
def test_what_comes_in_one_burst_after_a_stall_is_heard_whole_and_soon(stall: float) -> None:
    """A network that held packets back: all of them come at its end."""
    first, count = 150, round(stall * 50)
    beats = heard(SPEECH, lambda n: max(0.0, (first + count - n) * 0.02) if n >= first else 0.0)
    assert loud(beats) == SPEECH
    assert max(map(len, beats)) <= AT_ONCE
    last = next(at for at, beat in enumerate(beats) if SPEECH[first + count] in beat)
    caught_up = 0.02 * (last - first - count)
    assert caught_up < 0.3 + stall / 2


@pytest.mark.parametrize("stall", [0.2, 0.5, 1.0, 1.8])
def test_what_waited_while_this_process_stood_still_is_heard_whole(stall: float) -> None:
    beats = heard(SPEECH, lambda _: 0.0, awake=lambda now: not 3 <= now < 3 + stall)
    assert loud(beats) == SPEECH


@pytest.mark.parametrize("loud_from", [100, 180])
def test_in_the_quiet_after_it_the_line_is_even_again(loud_from: int) -> None:
    """What broke off in a word is waited for; where it was quiet, silence was heard, and is made up for."""
    said = [LOUD + number if loud_from <= number < 220 or number >= 400 else 10 for number in range(600)]
    beats = heard(said, lambda n: max(0.0, (200 - n) * 0.02) if n >= 150 else 0.0)
    assert loud(beats) == [each for each in said if each >= QUIET]
    assert abs(sum(map(len, beats[:600])) - 600) <= 16, "in all about a chunk for each 20 ms"
    assert [] in beats[200:400] or loud_from == 100
    again = next(at for at, beat in enumerate(beats) if said[400] in beat)
    assert again - 400 <= 12, "and as soon as the delay of such a line allows"


def test_a_word_that_breaks_off_is_waited_for_and_then_over() -> None:
    beats = heard(SPEECH[:100], lambda _: 0.0)
    begun = next(at for at, beat in enumerate(beats) if SPEECH[0] in beat)
    said, awaited, after = beats[begun : begun + 100], beats[begun + 100 : begun + 200], beats[begun + 200 :]
    assert loud(said) == SPEECH[:100]
    assert awaited == [[]] * AWAITED
    assert after[: CONCEALED + 1] == [*[[MADE_UP]] * CONCEALED, [0]]
    assert {each for beat in after[CONCEALED:] for each in beat} == {0}


@pytest.mark.parametrize(("quiet", "is_pause"), [(1, False), (5, False), (8, False), (11, True), (20, True)])
def test_a_moment_without_sound_may_be_in_a_word_and_is_waited_after(quiet: int, is_pause: bool) -> None:
    """The closure before a plosive, and a pause between sentences, after which nothing comes for half a second."""
    said = [LOUD + number if not 60 - quiet <= number < 60 else 10 for number in range(200)]
    beats = heard(said, lambda n: 0.5 if n >= 60 else 0.0)
    got = [each for beat in beats for each in beat]
    between = got[got.index(said[59 - quiet]) + 1 : got.index(said[60])]
    assert (len(between) > quiet) is is_pause
    assert loud(beats) == [each for each in said if each >= QUIET]


def test_what_is_lost_in_the_meantime_is_silence_that_comes_late() -> None:
    playout, beats = Playout(Numbers(), RATE, len), list[list[int]]()
    for beat in range(200):
        if not 50 <= beat < 100:
            playout.put(packet(beat, LOUD + beat), beat * 0.02)
        beats.append([int(chunk[0]) for chunk in playout.chunks(beat * 0.02 + 0.007)])
    assert beats[60:90] == [[]] * 30
    got = [each for beat in beats for each in beat]
    between = got[got.index(LOUD + 49) + 1 : got.index(LOUD + 100)]
    assert between == [MADE_UP] * 50


def test_who_leaves_out_what_is_silent_is_taken_at_their_word() -> None:
    playout, beats = Playout(Numbers(), RATE, len), list[list[int]]()
    sent = 0
    for beat in range(300):
        if beat % 100 < 50:  # and at once nothing, however loud it was
            playout.put(Packet(0, sent, beat * FRAME, 1, payload(LOUD + beat)), beat * 0.02)
            sent += 1
        beats.append([int(chunk[0]) for chunk in playout.chunks(beat * 0.02 + 0.007)])
    assert beats[60:90] == [[]] * 30, "the first time it may be that it comes late"
    assert [[0]] * 30 == beats[160:190] == beats[260:290]


def test_another_stream_begins_anew() -> None:
    playout = Playout(Numbers(), RATE, len)
    for number in range(10):
        playout.put(packet(number, LOUD + number), number * 0.02)
    playout.begin()
    playout.put(Packet(0, 9000, 7, 2, payload(LOUD * 2)), 0.2)
    assert playout.chunks(0.25)[0][0] == LOUD * 2


@given(st.lists(st.tuples(st.integers(0, 3 * FRAME), st.integers(0, 2**15 - 1), st.floats(0, 0.3)), max_size=200))
def test_whatever_comes_chunks_are_whole_and_bounded(packets: list[tuple[int, int, float]]) -> None:
    playout, now, timestamp = Playout(Numbers(), RATE, len), 0.0, 0
    for number, (step, amplitude, later) in enumerate(packets):
        now, timestamp = now + later, timestamp + step
        playout.put(Packet(0, number, timestamp, 1, payload(amplitude)), now)
        chunks = playout.chunks(now)
        assert len(chunks) <= AT_ONCE
        assert {len(chunk) for chunk in chunks} <= {CHUNK_SAMPLES}
