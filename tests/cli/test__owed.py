"""What the agent owes: when it is waited for, and when everything is said."""

from __future__ import annotations

from typing import Any

from pinecall_run.cli._owed import ANSWER_SECONDS, GREETING_SECONDS, TOOL_SECONDS, VOICE_SECONDS, Owed


def _after(*events: tuple[float, str] | tuple[float, str, dict[str, Any]]) -> Owed:
    owed = Owed()
    for time, event, *fields in events:
        if event == "sound":
            owed.sounded(time)
        else:
            owed.event({"event": event, **(fields[0] if fields else {})}, time)
    return owed


def _settled_at(owed: Owed, quiet: float = 3.0, since: float = 0.0) -> float:
    return next(t / 10 for t in range(5000) if owed.is_settled(t / 10, quiet=quiet, since=since))


def test_silence_counts_from_whatever_was_last() -> None:
    assert _settled_at(Owed()) == 3
    assert _settled_at(Owed(), since=5) == 8
    assert _settled_at(_after((4, "sound"))) == 7
    assert _settled_at(_after((4, "sound")), quiet=0.5, since=6) == 6.5
    assert _settled_at(_after((4, "bot.speaking"), (6, "bot.finished"))) == 9
    assert _settled_at(_after((4, "audio.metrics"))) == 3


def test_a_greeting_is_waited_for_a_moment() -> None:
    assert _settled_at(_after((0, "call.started")), quiet=0) == GREETING_SECONDS
    owed = _after((0, "call.started"), (0.3, "bot.speaking"), (0.4, "bot.finished"))
    assert _settled_at(owed, quiet=0) == 0.4


def test_an_answer_is_owed_until_it_is_over() -> None:
    owed = _after((0, "speech.started"), (1, "speech.ended"), (1.5, "user.message"))
    assert owed.is_awaited(2)
    assert _settled_at(owed) == 1.5 + ANSWER_SECONDS
    owed.event({"event": "bot.speaking"}, 3)
    owed.sounded(3.1)
    assert not owed.is_awaited(3.2)
    assert owed.is_awaited(3.5)  # it speaks and is silent: its sentence is still being made
    assert not owed.is_settled(8, quiet=3, since=0)
    owed.event({"event": "bot.finished"}, 9)
    assert not owed.is_awaited(9.5)
    assert _settled_at(owed) == 12


def test_a_voice_that_says_nothing_is_waited_for_less() -> None:
    assert _settled_at(_after((1, "speech.ended")), quiet=0) == 1 + VOICE_SECONDS
    assert _settled_at(_after((1, "speech.ended"), (2, "speech.started")), quiet=0) == 2
    assert _settled_at(_after((1, "speech.ended"), (2, "bot.speaking"), (3, "bot.finished")), quiet=0) == 3


def test_a_tool_is_waited_for_whatever_is_said_meanwhile() -> None:
    call = {"tool_calls": [{"id": "t"}, {"id": "u"}]}
    owed = _after((1, "llm.tool_call", call), (2, "bot.speaking"), (3, "bot.finished"))
    assert owed.is_awaited(3)
    assert _settled_at(owed) == 1 + TOOL_SECONDS
    owed.event({"event": "llm.tool_result", "results": [{"tool_call_id": "t"}]}, 4)
    owed.event({"event": "bot.finished"}, 4.5)
    owed.event({"event": "llm.error"}, 5)
    assert not owed.is_settled(20, quiet=3, since=0)
    owed.event({"event": "llm.tool_result", "results": [{"tool_call_id": "u"}]}, 21)
    assert _settled_at(owed) == 21 + ANSWER_SECONDS
    owed.event({"event": "bot.interrupted"}, 22)
    assert _settled_at(owed) == 25
