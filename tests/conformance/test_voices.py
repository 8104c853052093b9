"""Each voice keeps what voices promise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.conformance._emulated import TROUBLES, emulated
from tests.emulators.aws_server import aws_server
from tests.emulators.cartesia_server import cartesia_server
from tests.emulators.elevenlabs_server import elevenlabs_server

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


def _vendor(
    provider: str, voice: str, serving: Callable[[], AbstractAsyncContextManager[Any]], **more: Any
) -> Callable[[], VoiceCase]:
    made = emulated(serving, lambda environ: open_tts(SpeechSpec(provider, voice, language="en"), environ), TROUBLES)
    return lambda: VoiceCase(**made, **{"has_words": True, **more})


CASES: dict[str, Callable[[], VoiceCase]] = {
    "local": _local,
    "elevenlabs": _vendor("elevenlabs", "sarah", elevenlabs_server),
    "cartesia": _vendor("cartesia", "daniel", cartesia_server),
    "polly": _vendor("polly", "Joanna", aws_server, has_words=False),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("check", VOICE_CHECKS)
def test_a_voice(name: str, check: Callable[[VoiceCase], None]) -> None:
    check(CASES[name]())
