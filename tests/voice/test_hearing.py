"""What hears a caller, opened and closed; what it does in a whole call is in tests/voice/test_spoken_call.py."""

from __future__ import annotations

from typing import Any

from tests.voice._fakes import settle
from tests.voice._line import FakeDetector, FakeEar, FakeJudges, FakeVoice
from tests.voice.test_call_core import core

from pinecall_run.voice.hearing import Hearing
from pinecall_run.voice.listening import Ear
from pinecall_run.voice.speaking import Voice
from pinecall_run.voice.spoken_call import Equipment
from pinecall_run.voice.stages import Stages


def hearing(ear: FakeEar, judges: FakeJudges, detector: FakeDetector, **configuration: Any) -> Hearing:
    call, _ = core(**configuration)
    stages = Stages([Ear("ear", ear)], [Voice("voice", FakeVoice())], [])
    equipment = Equipment(detector, lambda _: stages, judges)  # type: ignore[arg-type]
    return Hearing(call, equipment, lambda work: work(), clock=lambda: 0.0, hang_up=lambda _: None)


async def test_nothing_is_open_before_it_begins_nor_after_it_is_closed() -> None:
    ear, judges, detector = FakeEar(), FakeJudges(), FakeDetector()
    turns = {"mode": "smart_turn", "smart_turn_model": "/models/turns.onnx"}
    side = hearing(ear, judges, detector, turn_detection=turns)
    await settle()
    assert (ear.opened, judges.files, detector.is_open) == (0, [], True)
    side.begin()
    await settle()
    assert (ear.opened, judges.open_judges) == (1, 1)
    await side.close()
    assert (ear.stream.is_closed, judges.open_judges, detector.is_open) == (True, 0, False)


async def test_what_is_changed_before_it_begins_opens_nothing() -> None:
    ear, judges = FakeEar(), FakeJudges()
    side = hearing(ear, judges, FakeDetector())
    side.change({"turn_detection": {"mode": "silence"}})
    await settle()
    assert (ear.opened, judges.files) == (0, [])
    await side.close()
