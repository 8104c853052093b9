"""The stages of an answer, from the end of the caller's voice."""

from pinecall_run.voice.turn_times import TurnTimes


def test_stages_count_from_the_end_of_the_voice_and_only_once() -> None:
    times = TurnTimes(1, voice_ended=10.0)
    times.note("transcript", 10.1)
    times.note("first_token", 10.3504)
    times.note("first_token", 11.0)
    assert times.metrics() == {"transcript_ms": 100.0, "first_token_ms": 350.4}
