"""Media streams without a socket: sound both ways, late and early, and marks."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples
from pinecall_run.audio.g711 import mu_law_decode, mu_law_encode
from pinecall_run.transports.breaks import AWAITED
from pinecall_run.transports.twilio_media import (
    AHEAD,
    GRACE,
    LEAD_SECONDS,
    MARK_EVERY,
    MAX_PAYLOAD,
    Ear,
    Mouth,
    Start,
    read_media,
    read_start,
)

FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
START: dict[str, Any] = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "AC1",
        "streamSid": "MZ1",
        "callSid": "CA1",
        "tracks": ["inbound"],
        "mediaFormat": FORMAT,
        "customParameters": {"token": "t"},
    },
    "streamSid": "MZ1",
}
SILENT = b"\xff" * 160


def tone(hertz: float, samples: int, rate: int) -> Samples:
    return (np.sin(np.arange(samples) * 2 * np.pi * hertz / rate) * 10_000).astype(np.int16)


def correlation(one: Samples, other: Samples) -> float:
    """Of two waves, wherever the one begins in the other."""
    full = np.correlate(one.astype(float), other.astype(float), "full")
    return float(full.max() / np.sqrt((one.astype(float) ** 2).sum() * (other.astype(float) ** 2).sum()))


def heard(ear: Ear, frames: list[bytes], now: float = 0.0) -> list[Samples]:
    return [chunk for frame in frames for chunk in ear.hear(frame, now)]


def test_a_start_says_whose_stream_it_is() -> None:
    assert read_start(START) == Start("MZ1", "CA1", "AC1", "t")


@pytest.mark.parametrize(
    "change",
    [
        {"mediaFormat": {**FORMAT, "sampleRate": 16000}},
        {"mediaFormat": {**FORMAT, "encoding": "audio/l16"}},
        {"customParameters": {}},
        {"callSid": 7},
        {"streamSid": None},
    ],
)
def test_a_start_that_lacks_something_is_none(change: dict[str, Any]) -> None:
    assert read_start({**START, "start": {**START["start"], **change}}) is None


@given(st.recursive(st.none() | st.text(max_size=3) | st.integers(), lambda each: st.dictionaries(
    st.sampled_from(["event", "start", "media", "payload", "track"]), each, max_size=3)))  # fmt: skip
def test_any_object_is_read_or_passed_over(value: Any) -> None:
    message = value if isinstance(value, dict) else None
    assert read_start(message) is None
    assert read_media(message) is None or isinstance(read_media(message), bytes)


@pytest.mark.parametrize(
    "media",
    [
        {"payload": "?"},
        {"payload": ""},
        {"payload": 7},
        {"payload": base64.b64encode(b"\0" * (MAX_PAYLOAD + 1)).decode()},
        {"payload": "AAAA", "track": "outbound"},
        "AAAA",
    ],
)
def test_sound_that_is_none(media: Any) -> None:
    assert read_media({"event": "media", "media": media}) is None


def test_what_is_heard_is_what_was_said() -> None:
    said = tone(440, 8000, 8000)
    data = mu_law_encode(said)
    ear = Ear()
    chunks = [c for n in range(50) for c in ear.hear(data[n * 160 : n * 160 + 160], n * 0.02)]
    assert all(len(chunk) == CHUNK_SAMPLES for chunk in chunks)
    assert len(chunks) >= 49
    assert correlation(np.concatenate(chunks), tone(440, RATE, RATE)) > 0.97


def test_silence_is_heard_where_nothing_comes_and_made_up_for_later() -> None:
    ear = Ear()
    assert ear.missing(5.0) is None, "nothing has come yet"
    count = len(heard(ear, [SILENT] * 10))
    beats = [ear.missing(0.2 + n * 0.02) for n in range(20)]
    made_up = sum(beat is not None for beat in beats)
    assert made_up in (19 - GRACE, 20 - GRACE)
    late = heard(ear, [SILENT] * 40, now=0.6)
    assert count + made_up + len(late) in (49, 50), "as much silence is left out as was put in"


def test_words_that_come_late_are_all_heard() -> None:
    ear = Ear()
    heard(ear, [SILENT])
    for n in range(30):
        ear.missing(n * 0.02)
    loud = mu_law_encode(tone(440, 1600, 8000))
    late = heard(ear, [loud[n * 160 : n * 160 + 160] for n in range(10)], now=0.6)
    assert len(late) >= 9


def test_a_word_that_breaks_off_is_waited_for_and_nothing_heard_in_it() -> None:
    ear = Ear()
    loud = mu_law_encode(tone(440, 16_000, 8000))
    frames = [loud[n * 160 : n * 160 + 160] for n in range(100)]
    before = [chunk for n in range(50) for chunk in ear.hear(frames[n], n * 0.02)]
    assert [ear.missing(1.0 + n * 0.02) for n in range(75)] == [None] * 75
    after = heard(ear, frames[50:], now=2.5)
    assert len(before) + len(after) == 99, "the last one is in the resampler"
    assert ear.ignored == 0


def test_and_after_two_seconds_it_is_over() -> None:
    ear = Ear()
    loud = mu_law_encode(tone(440, 8_000, 8000))
    for n in range(50):
        list(ear.hear(loud[n * 160 : n * 160 + 160], n * 0.02))
    silent = [ear.missing(1.0 + n * 0.02) is not None for n in range(200)]
    first = silent.index(True)
    assert AWAITED - GRACE <= first <= AWAITED + 1
    assert all(silent[first:]), "a chunk of silence each 20 ms, and not all that was waited for at once"


def test_a_flood_is_left_out_and_counted() -> None:
    ear = Ear()
    loud = mu_law_encode(tone(440, 160, 8000))
    assert len(heard(ear, [loud] * 500)) == AHEAD + 1
    assert ear.ignored == 500 - (AHEAD + 1) - 1, "the last one is in the resampler"


def spoken(mouth: Mouth, chunks: list[Samples], now: float = 0.0) -> list[dict[str, Any]]:
    messages = [message for chunk in chunks for message in mouth.say(chunk, now)]
    return [json.loads(message) for message in [*messages, *mouth.pause()]]


def test_what_is_said_is_what_twilio_plays() -> None:
    said = tone(440, 50 * CHUNK_SAMPLES, RATE)
    messages = spoken(Mouth("MZ1"), list(said.reshape(-1, CHUNK_SAMPLES)))
    assert {message["streamSid"] for message in messages} == {"MZ1"}
    data = b"".join(base64.b64decode(each["media"]["payload"]) for each in messages if each["event"] == "media")
    assert len(data) in range(7998, 8003)
    assert correlation(mu_law_decode(data), tone(440, 8000, 8000)) > 0.97


def test_marks_tell_how_much_was_played() -> None:
    mouth = Mouth("MZ1")
    messages = spoken(mouth, [tone(440, CHUNK_SAMPLES, RATE)] * 12)
    marks = [message["mark"]["name"] for message in messages if message["event"] == "mark"]
    assert [mouth.played(mark) for mark in marks] == [MARK_EVERY, 2 * MARK_EVERY, 12]
    assert mouth.played(marks[0]) is None, "once each"
    assert mouth.played("9") is None
    assert not list(mouth.pause()), "nothing is left to be marked"


def test_tones_are_none_of_the_conversations_chunks() -> None:
    mouth = Mouth("MZ1")
    chunk = tone(440, CHUNK_SAMPLES, RATE)
    list(mouth.say(chunk, 0.0))
    list(mouth.say(chunk, 0.0, is_tone=True))
    mark = json.loads(list(mouth.pause())[-1])["mark"]["name"]
    assert mouth.played(mark) == 1


def test_what_was_cleared_was_not_played() -> None:
    mouth = Mouth("MZ1")
    chunk = tone(440, CHUNK_SAMPLES, RATE)
    marks = [each["mark"]["name"] for each in spoken(mouth, [chunk] * 5) if each["event"] == "mark"]
    assert json.loads(mouth.clear()) == {"event": "clear", "streamSid": "MZ1"}
    assert mouth.played(marks[0]) is None
    assert mouth.is_due(0.0)
    again = [each["mark"]["name"] for each in spoken(mouth, [chunk] * 5) if each["event"] == "mark"]
    assert mouth.played(again[0]) == 10, "what is counted goes on"


def test_only_a_little_waits_at_twilio() -> None:
    mouth, now, said = Mouth("MZ1"), 0.0, 0
    for beat in range(50):
        now = beat * 0.02
        while mouth.is_due(now):
            list(mouth.say(tone(440, CHUNK_SAMPLES, RATE), now))
            said += 1
    assert 0 <= said * 0.02 - now - LEAD_SECONDS < 0.021
