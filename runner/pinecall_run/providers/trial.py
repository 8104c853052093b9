"""Tries providers with the shortest real call that each takes: half a second of silence, one word, one answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from pinecall_run import plugins
from pinecall_run.providers.contracts import (
    Audio,
    FailureKind,
    HearingStream,
    LanguageModel,
    ModelRequest,
    ModelSpec,
    ProviderError,
    SpeechSpec,
    SpeechToText,
    Text,
    TextToSpeech,
    ToolRequest,
    Transcript,
)
from pinecall_run.providers.opening import close_providers, loaded_plugin, opened
from pinecall_run.vendors.facts import STAGES, Provider, Stage
from pinecall_run.vendors.table import PROVIDERS

TRY_SECONDS = 10.0
CHUNKS = 25
QUIET_SECONDS = 0.5
"""An ear that decides about turns says nothing of silence: no failure within this is good news."""
MOST_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried."""

    stage: Stage
    spec: SpeechSpec | ModelSpec

    @property
    def name(self) -> str:
        """The model or voice; empty where nothing is said of one."""
        return self.spec.model if isinstance(self.spec, ModelSpec) else self.spec.name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial. ``seconds`` are those until an ear was open and answered a pause, a voice's first sound, a
    model's first word. ``kind`` is empty when all is well; then so are ``error`` and ``hint``, which are for people."""

    trial: Trial
    seconds: float = 0.0
    kind: FailureKind | None = None
    error: str = ""
    hint: str = ""


def keyed(environ: Mapping[str, str]) -> list[Trial]:
    """All providers, those of other packages too, that need keys and have them; models that we know a name of."""
    ours = [one for stage in STAGES for one in PROVIDERS[stage].values() if one.is_served]
    return [_trial_of(one) for one in (*ours, *_facts_of_plugins()) if _has_keys(one, environ)]


def _facts_of_plugins() -> Iterator[Provider]:
    for plugin in plugins.found():
        try:
            loaded = None if plugin.is_ignored else loaded_plugin(plugin.stage, plugin.name)
        except ProviderError:
            continue  # told to whoever uses it
        if loaded is not None and loaded.facts is not None:
            yield loaded.facts


def _has_keys(provider: Provider, environ: Mapping[str, str]) -> bool:
    has_name = provider.stage != "model" or bool(provider.names)
    return bool(provider.keys) and has_name and all(environ.get(key) for key in provider.keys)


def _trial_of(provider: Provider) -> Trial:
    name = provider.names[0] if provider.names else ""
    spec = ModelSpec(provider.name, name) if provider.stage == "model" else SpeechSpec(provider.name, name)
    return Trial(provider.stage, spec)


async def tried(trials: Sequence[Trial], environ: Mapping[str, str], seconds: float = TRY_SECONDS) -> Sequence[Outcome]:
    """Try all at once, each for so long at most; nothing of them is left afterwards."""
    ready = [_opened(trial, environ) for trial in trials]  # before any clock runs: imports take their time
    try:
        return await asyncio.gather(
            *(_tried(trial, one, seconds) for trial, one in zip(trials, ready, strict=True)),
        )
    finally:
        await close_providers()


def _opened(trial: Trial, environ: Mapping[str, str]) -> Any:
    """The adapter, or what making it raised."""
    try:
        return opened(trial.stage, _brief(trial), environ)
    except Exception as error:  # noqa: BLE001 - an outcome like others
        return error


def _brief(trial: Trial) -> SpeechSpec | ModelSpec:
    """A model that takes a limit of tokens gets one: the trial stops at its first word, but not every vendor does."""
    spec = trial.spec
    known = PROVIDERS[trial.stage].get(spec.provider)
    if known is None:
        plugin = loaded_plugin(trial.stage, spec.provider)
        known = plugin.facts if plugin else None
    if trial.stage != "model" or known is None or "max_tokens" not in known.options:
        return spec
    return replace(spec, options={**spec.options, "max_tokens": MOST_TOKENS})


async def _tried(trial: Trial, one: Any, seconds: float) -> Outcome:
    provider = trial.spec.provider
    try:
        if isinstance(one, Exception):
            raise one
        async with asyncio.timeout(seconds):
            return Outcome(trial, await _TRIES[trial.stage](one))
    except ProviderError as error:
        return Outcome(trial, 0.0, error.kind, str(error), error.hint)
    except TimeoutError:
        message, hint = f"{provider} did not answer within {seconds:g} s", "check the network"
        return Outcome(trial, 0.0, "timeout", message, hint)
    except ModuleNotFoundError as error:
        hint = "install what calls need with: pip install 'pinecall-run[voice]'"
        return Outcome(trial, 0.0, "missing", f"{provider} needs {error.name}, which is not installed", hint)
    except Exception as error:  # noqa: BLE001 - told like other failures: the rest is tried all the same
        return Outcome(trial, 0.0, "failed", f"{provider} failed with {type(error).__name__}", "tell its authors")


async def _try_ear(ear: SpeechToText) -> float:
    from pinecall_run.audio.chunk import CHUNK_SECONDS, SILENCE

    began = time.monotonic()
    stream = await ear.open()
    took = time.monotonic() - began
    listening = asyncio.create_task(_final(stream))
    try:
        for _ in range(CHUNKS):
            stream.hear(SILENCE)
            await asyncio.sleep(CHUNK_SECONDS)
        stream.finish()
        paused = time.monotonic()
        if ear.has_turns:
            await asyncio.wait([listening], timeout=QUIET_SECONDS)
            if listening.done():
                listening.result()
            return took
        await listening
        return took + time.monotonic() - paused
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await stream.close()


async def _final(stream: HearingStream) -> None:
    async for heard in stream.heard():
        if isinstance(heard, Transcript) and heard.is_final:
            return
    raise ProviderError("the stream ended before anything was said of it", kind="garbage")


async def _try_voice(voice: TextToSpeech) -> float:
    began, took = time.monotonic(), 0.0
    pieces: Any = voice.speak("one", "trial")
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Audio) and len(piece.samples):
                took = took or time.monotonic() - began
    if not took:
        raise ProviderError("the voice made no sound", kind="garbage")
    return took


async def _try_model(model: LanguageModel) -> float:
    began = time.monotonic()
    pieces: Any = model.stream(ModelRequest([{"role": "user", "content": "Say: ok"}]))
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Text | ToolRequest):
                return time.monotonic() - began
    raise ProviderError("the model said nothing", kind="garbage")


_TRIES: Mapping[Stage, Callable[[Any], Awaitable[float]]] = {
    "stt": _try_ear,
    "voice": _try_voice,
    "model": _try_model,
}
