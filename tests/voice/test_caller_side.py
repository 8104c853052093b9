"""The caller's side of a call; what it does in a whole call is in tests/voice/test_spoken_call.py."""

from __future__ import annotations

from typing import Any

from tests.voice._line import CHUNK_SAMPLES, LOUD, SILENCE
from tests.voice.test_call_core import core

from pinecall_run.audio.chunk import CHUNK_SECONDS
from pinecall_run.providers.contracts import Transcript
from pinecall_run.turns.rules import TurnRules
from pinecall_run.voice.caller_side import CallerSide
from pinecall_run.voice.detector import WINDOW
from pinecall_run.wire import speech_events


class Nobody:
    """Takes part in nothing: an agent's side, an ear, a recogniser."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.behind = 0

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self.log.append(name)


class Judge:
    def __init__(self) -> None:
        self.heard = self.asked = self.begun = 0

    def hear(self, chunk: Any) -> None:
        self.heard += 1

    def begin(self) -> None:
        self.begun += 1

    def ask(self) -> None:
        self.asked += 1

    def close(self) -> None: ...


def side(rules: TurnRules | None = None) -> tuple[CallerSide, Any, list[float]]:
    call, owner = core()
    now = [0.0]
    made = CallerSide(call, rules or TurnRules(), clock=lambda: now[0], hang_up=lambda _: None)
    made.agent = made.listener = made.detection = Nobody()  # type: ignore[assignment]
    return made, owner, now


def speak(caller: CallerSide, now: list[float], seconds: float, probability: float) -> None:
    for _ in range(round(seconds / CHUNK_SECONDS)):
        now[0] += CHUNK_SECONDS
        hear(caller, 1)
        judge(caller, probability)
        caller.pulse(now[0])


def hear(caller: CallerSide, chunks: int) -> None:
    for _ in range(chunks):
        caller.hear(LOUD)
        caller.detection.behind += CHUNK_SAMPLES  # type: ignore[misc]


def judge(caller: CallerSide, probability: float) -> None:
    """All that the detector has a window of."""
    while caller.detection.behind >= WINDOW:
        caller.detection.behind -= WINDOW  # type: ignore[misc]
        caller.on_probability(probability)


def test_a_voice_is_told_when_it_begins_and_when_it_ends() -> None:
    caller, owner, now = side()
    speak(caller, now, 1.0, 0.95)
    speak(caller, now, 0.6, 0.02)
    assert owner.names == ["speech.started", "speech.ended"]
    assert 900 < owner.last(speech_events.SpeechEnded).duration_ms < 1_100
    assert caller.may_agent_begin is False


def test_a_detector_that_is_late_is_believed_about_what_it_heard() -> None:
    caller, owner, now = side()
    for chunk in [LOUD] * 50 + [SILENCE] * 50:
        caller.hear(chunk)
    now[0] = 2.0
    for window in range(31):
        caller.detection.behind = 100 * CHUNK_SAMPLES - (window + 1) * 512  # type: ignore[misc]
        caller.on_probability(0.95)
    assert owner.names == ["speech.started"]
    for window in range(31, 46):
        caller.detection.behind = 100 * CHUNK_SAMPLES - (window + 1) * 512  # type: ignore[misc]
        caller.on_probability(0.95)
    quiet = caller._volume()
    assert quiet == 0.0, "and about the silence after it"


def test_where_the_sound_stands_still_the_callers_silence_does_not_grow() -> None:
    """A network that holds it back in the middle of a word, and gives it in bursts after a second."""
    caller, owner, now = side()
    speak(caller, now, 1.0, 0.95)
    for _ in range(50):
        now[0] += CHUNK_SECONDS
        caller.pulse(now[0])
    for _ in range(10):
        now[0] += CHUNK_SECONDS
        hear(caller, 5)
        caller.pulse(now[0])
        judge(caller, 0.95)
    speak(caller, now, 0.12, 0.02)
    assert "finish" not in caller.listener.log  # type: ignore[attr-defined]
    assert owner.names == ["speech.started"]
    speak(caller, now, 0.6, 0.02)
    assert owner.names == ["speech.started", "speech.ended"]
    assert caller.listener.log.count("finish") == 1  # type: ignore[attr-defined]


def test_what_the_detector_has_not_judged_is_no_silence() -> None:
    caller, owner, now = side()
    speak(caller, now, 1.0, 0.95)
    for _ in range(20):
        now[0] += CHUNK_SECONDS
        hear(caller, 1)
        caller.pulse(now[0])
    judge(caller, 0.95)
    assert "finish" not in caller.listener.log  # type: ignore[attr-defined]
    assert owner.names == ["speech.started"]


def test_nor_is_it_while_the_agent_speaks() -> None:
    caller, owner, now = side(TurnRules(has_interruption=False))
    caller.agent_began(1)
    speak(caller, now, 1.0, 0.95)
    assert owner.names == ["speech.started"]
    for _ in range(20):
        now[0] += CHUNK_SECONDS
        hear(caller, 1)
        caller.pulse(now[0])
    judge(caller, 0.95)
    assert "finish" not in caller.listener.log  # type: ignore[attr-defined]


def test_a_limit_does_not_wait_for_the_detector() -> None:
    caller, owner, now = side(TurnRules(max_duration_seconds=1.0))
    for _ in range(60):
        now[0] += CHUNK_SECONDS
        hear(caller, 1)
        caller.pulse(now[0])
    assert owner.names == ["session.timeout"]


def test_a_model_is_asked_whether_a_pause_is_an_end() -> None:
    caller, _, now = side(TurnRules(mode="smart_turn"))
    caller.judge = judge = Judge()
    speak(caller, now, 1.0, 0.95)
    speak(caller, now, 0.5, 0.02)
    assert judge.asked == 1
    assert judge.heard > 40


def test_the_model_is_told_where_a_turn_begins_and_nothing_of_the_pauses_in_it() -> None:
    caller, _, now = side(TurnRules(mode="smart_turn"))
    caller.judge = judge = Judge()
    caller.agent.answering = Nobody()  # type: ignore[assignment]
    for begun, verdict in ((1, 0.1), (1, 0.9), (2, 0.9)):
        speak(caller, now, 1.0, 0.95)
        caller.on_heard(Transcript("yes.", is_final=True))
        speak(caller, now, 0.35, 0.02)
        caller.on_verdict(verdict)
        speak(caller, now, 0.1, 0.02)
        assert judge.begun == begun
        if verdict > 0.5:
            caller.agent_ended(is_all=True)  # there is no reply
    assert judge.asked == 3
