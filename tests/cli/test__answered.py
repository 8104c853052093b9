"""How long callers wait, from levels and events."""

from __future__ import annotations

import pytest

from pinecall_run.cli._answered import Answered

ROOM, VOICE = 0.004, 0.1


def _call(caller: list[tuple[float, float]], agent: list[tuple[float, float]], events: dict[float, str]) -> Answered:
    """Ten seconds: who is loud when, and the events just before a chunk."""
    answered = Answered()
    for number in range(500):
        since = number / 50
        for time, event in events.items():
            if since <= time < since + 0.02:
                answered.event({"event": event})
        loud = VOICE if any(a <= since < b for a, b in caller) else ROOM
        answered.sound(loud, 0.2 if any(a <= since < b for a, b in agent) else 0.0, since, since + 0.02)
    return answered


def test_from_the_last_loud_moment_to_the_first_sound_of_the_answer() -> None:
    events = {0.0: "bot.speaking", 1.3: "speech.started", 3.41: "speech.ended", 3.75: "bot.speaking"}
    events |= {7.41: "speech.ended", 8.11: "bot.speaking"}
    answered = _call([(1, 3), (6, 7)], [(0, 0.5), (3.8, 5), (8.2, 9)], events)
    assert answered.seconds == pytest.approx([0.8, 1.2])
    caption = answered.caption(10)
    assert (caption.kind, caption.fields) == ("latency", {"seconds": [0.8, 1.2], "median": 1.0})


def test_the_sound_of_an_utterance_that_goes_on_answers_nothing() -> None:
    events = {0.0: "bot.speaking", 2.4: "speech.ended", 4.0: "bot.speaking"}
    assert _call([(1, 2)], [(0, 3), (4, 5)], events).seconds == pytest.approx([2.0])


def test_a_room_that_is_as_loud_as_the_voice_counts_until_the_voice_ended() -> None:
    assert _call([(0, 10)], [(4, 5)], {2.4: "speech.ended", 3.9: "bot.speaking"}).seconds == pytest.approx([1.6])


def test_a_call_without_answers() -> None:
    assert Answered().caption(1).fields == {"seconds": [], "median": None}
    assert _call([(1, 2)], [], {2.4: "speech.ended"}).seconds == []
