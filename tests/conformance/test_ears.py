"""Each ear keeps what ears promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np
import pytest
from tests.conformance._emulated import TROUBLES, emulated
from tests.emulators.aws_server import aws_server
from tests.emulators.cartesia_ear_server import cartesia_ear_server
from tests.emulators.deepgram_server import deepgram_server
from tests.emulators.elevenlabs_server import elevenlabs_server
from tests.emulators.gladia_server import gladia_server
from tests.emulators.trouble import Trouble
from tests.providers._callers import chunks, needs_flite, said

from pinecall_run.audio.chunk import CHUNK_SAMPLES
from pinecall_run.providers.contracts import FailureKind, SpeechSpec
from pinecall_run.providers.speech_catalogue import open_stt
from pinecall_run.testing.providers import EAR_CHECKS, EarCase, ready

GRAMMAR = ["where is order <number>", "i want to return a broken lamp"]


def _local() -> EarCase:
    pytest.importorskip("pocketsphinx")
    return EarCase(
        opened=ready(lambda: open_stt(SpeechSpec("local", language="en", options={"grammar": GRAMMAR}), {})),
        failing={"request": ready(lambda: open_stt(SpeechSpec("local", language="es"), {}))},
        said=chunks(said("i want to return a broken lamp")),
        words="return a broken lamp",
        at_once=2,
        seconds=30,
    )


SENTENCES = ["Where is my order"] * 30
LOUD = [np.full(CHUNK_SAMPLES, 5_000, np.int16)] * 50


def _vendor(
    provider: str,
    serving: Callable[[], AbstractAsyncContextManager[Any]],
    name: str = "",
    troubles: Mapping[FailureKind, Trouble] = TROUBLES,
) -> Callable[[], EarCase]:
    spec = SpeechSpec(provider, name, language="en")
    made = emulated(serving, lambda environ: open_stt(spec, environ), troubles)
    return lambda: EarCase(**made, said=LOUD, words="order")


CASES: dict[str, Callable[[], EarCase]] = {
    "local": _local,
    "deepgram": _vendor("deepgram", lambda: deepgram_server(SENTENCES)),
    "deepgram-flux": _vendor("deepgram-flux", lambda: deepgram_server(SENTENCES), "flux-general-en"),
    "gladia": _vendor("gladia", lambda: gladia_server(SENTENCES)),
    "transcribe": _vendor("transcribe", lambda: aws_server(sentences=SENTENCES)),
    "elevenlabs": _vendor("elevenlabs", lambda: elevenlabs_server(SENTENCES)),
    "cartesia": _vendor("cartesia", lambda: cartesia_ear_server(SENTENCES)),
}


@needs_flite
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("check", EAR_CHECKS)
def test_an_ear(name: str, check: Callable[[EarCase], None]) -> None:
    check(CASES[name]())
