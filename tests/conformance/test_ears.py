"""Each ear keeps what ears promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("numpy")

from tests.providers._callers import chunks, needs_flite, said

from pinecall_run.providers.contracts import SpeechSpec
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


CASES: dict[str, Callable[[], EarCase]] = {"local": _local}


@needs_flite
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("check", EAR_CHECKS)
def test_an_ear(name: str, check: Callable[[EarCase], None]) -> None:
    check(CASES[name]())
