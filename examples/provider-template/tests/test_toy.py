"""The toy keeps what providers promise, and takes the options that it says it takes."""

from __future__ import annotations

import numpy as np
import pytest
from pinecall_toy.ear import open_stt
from pinecall_toy.model import open_model
from pinecall_toy.voice import open_tts

from pinecall_run.providers.contracts import ModelSpec, SpeechSpec
from pinecall_run.testing.providers import (
    EAR_CHECKS,
    MODEL_CHECKS,
    VOICE_CHECKS,
    EarCase,
    ModelCase,
    VoiceCase,
    ready,
)

EAR = EarCase(
    opened=ready(lambda: open_stt(SpeechSpec("toy"), {})),
    said=[np.full(320, 5_000, np.int16)] * 25,
    words="sound",
)
VOICE = VoiceCase(
    opened=ready(lambda: open_tts(SpeechSpec("toy", "flute"), {})),
    failing={"request": ready(lambda: open_tts(SpeechSpec("toy", "trumpet"), {}))},
    sentence="Your order has shipped.",
    lasts=(1.1, 1.3),  # 20 letters
    has_words=True,
)
MODEL = ModelCase(
    opened=ready(lambda: open_model(ModelSpec("toy", "parrot"), {})),
    failing={"request": ready(lambda: open_model(ModelSpec("toy", "cat"), {}))},
    tools=[{"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {}}}],
    tool_question="call it",
    counts_tokens=True,
)


@pytest.mark.parametrize("check", EAR_CHECKS)
def test_the_ear(check) -> None:
    check(EAR)


@pytest.mark.parametrize("check", VOICE_CHECKS)
def test_the_voice(check) -> None:
    check(VOICE)


@pytest.mark.parametrize("check", MODEL_CHECKS)
def test_the_model(check) -> None:
    check(MODEL)
