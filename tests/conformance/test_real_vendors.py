"""`make live`: the same promises, of the real vendors whose keys are in the environment. It costs some cents."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from tests.conformance.test_models import ASKING, TOOLS
from tests.providers._callers import chunks, needs_flite, said

from pinecall_run.providers.catalogue import open_model
from pinecall_run.providers.contracts import ModelSpec, SpeechSpec
from pinecall_run.providers.speech_catalogue import open_stt, open_tts
from pinecall_run.testing.providers import (
    EAR_CHECKS,
    MODEL_CHECKS,
    VOICE_CHECKS,
    EarCase,
    ModelCase,
    VoiceCase,
    ready,
)
from pinecall_run.vendors.facts import Provider, Stage
from pinecall_run.vendors.table import PROVIDERS

IS_WANTED = bool(os.environ.get("PINECALL_LIVE"))
WITHOUT_KEYS = {"local", "scripted"}
AMAZON = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Amazon's are found in other ways, too; only these count here."""

pytestmark = pytest.mark.skipif(not IS_WANTED, reason="real vendors are called by `make live` alone, and cost money")


def keyed(stage: Stage) -> list[str]:
    """The vendors of a stage that may be called."""
    return [one.name for one in PROVIDERS[stage].values() if one.is_served and _has_keys(one)] if IS_WANTED else []


def _has_keys(provider: Provider) -> bool:
    keys = provider.keys or AMAZON
    return provider.name not in WITHOUT_KEYS and all(os.environ.get(key) for key in keys)


def _wrong(provider: Provider) -> dict[str, str]:
    return {**os.environ, **dict.fromkeys(provider.keys or AMAZON, "wrong")}


def _case(stage: Stage, name: str, open: Callable[[Any, Any], Any], spec: Any, kind: type[Any], **facts: Any) -> Any:
    provider = PROVIDERS[stage][name]
    return kind(
        opened=ready(lambda: open(spec, os.environ)),
        failing={"key": ready(lambda: open(spec, _wrong(provider)))},
        secrets=[os.environ[key] for key in provider.keys],
        seconds=30,
        at_once=2,
        **facts,
    )


@needs_flite
@pytest.mark.parametrize(("name", "check"), [*product(keyed("stt"), EAR_CHECKS)])
def test_an_ear(name: str, check: Callable[[EarCase], None]) -> None:
    sound = chunks(said("i want to return a broken lamp"))
    spec = SpeechSpec(name, language="en")
    check(_case("stt", name, open_stt, spec, EarCase, said=sound, words="broken lamp", pace=0.02))


@pytest.mark.parametrize(("name", "check"), [*product(keyed("voice"), VOICE_CHECKS)])
def test_a_voice(name: str, check: Callable[[VoiceCase], None]) -> None:
    check(_case("voice", name, open_tts, SpeechSpec(name, language="en"), VoiceCase))


@pytest.mark.parametrize(("name", "check"), [*product(keyed("model"), MODEL_CHECKS)])
def test_a_model(name: str, check: Callable[[ModelCase], None]) -> None:
    spec = ModelSpec(name, PROVIDERS["model"][name].names[0])
    check(_case("model", name, open_model, spec, ModelCase, tools=TOOLS, tool_question=ASKING, counts_tokens=True))
