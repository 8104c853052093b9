"""Each voice keeps what voices promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("numpy")

from pinecall_run.providers.contracts import SpeechSpec
from pinecall_run.providers.speech_catalogue import open_tts
from pinecall_run.testing.providers import VOICE_CHECKS, VoiceCase, ready


def _local() -> VoiceCase:
    pytest.importorskip("espeakng_loader")
    return VoiceCase(
        opened=ready(lambda: open_tts(SpeechSpec("local", language="en"), {})),
        failing={"request": ready(lambda: open_tts(SpeechSpec("local", options={"pitch": 500}), {}))},
        lasts=(1.0, 2.5),
        has_words=True,
    )


CASES: dict[str, Callable[[], VoiceCase]] = {"local": _local}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("check", VOICE_CHECKS)
def test_a_voice(name: str, check: Callable[[VoiceCase], None]) -> None:
    check(CASES[name]())
