"""Who hears and who speaks in a call: the vendors that its configuration names, opened in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pinecall_run.providers.contracts import ProviderError, SpeechSpec
from pinecall_run.providers.speech_catalogue import open_stt, open_tts, parse_stt, parse_voice
from pinecall_run.voice.call_core import explained
from pinecall_run.voice.listening import Ear
from pinecall_run.voice.speaking import Voice

_T = TypeVar("_T")

DEFAULT = SpeechSpec("local")
"""Hears and speaks for an agent that names nobody."""

_OFFLINE = {
    (True, True): "calls are heard by pocketsphinx and spoken by espeak-ng, offline: demo grade, English only",
    (True, False): "calls are heard by pocketsphinx, offline: demo grade, English only",
    (False, True): "calls are spoken by espeak-ng, offline: demo grade",
}
"""What is to be said of the ear and of the voice that need no vendor, by whether they are used."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Those that can be used, the first one first. ``notes`` has a sentence for each that was passed over."""

    ears: Sequence[Ear]
    voices: Sequence[Voice]
    notes: Sequence[str]

    @property
    def has_turns(self) -> bool:
        """Whether who hears decides about turns, too."""
        return self.ears[0].stt.has_turns


def open_stages(configuration: Mapping[str, Any], environ: Mapping[str, str]) -> Stages:
    """The stages of a call.

    Raises:
        ProviderError: nobody can hear, or nobody can speak.
    """
    ears, deaf = open_ears(configuration, environ)
    voices, mute = open_voices(configuration, environ)
    hears, speaks = ears[0].provider, voices[0].provider
    notes = [*_notes("stt", deaf, hears), *_notes("voice", mute, speaks)]
    offline = _OFFLINE.get((hears == "local", speaks == "local"))
    notes += [offline] if offline else []
    return Stages(ears, voices, notes)


def open_ears(
    configuration: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[list[Ear], Sequence[ProviderError]]:
    """Who hears, and why others do not.

    Raises:
        ProviderError: nobody can.
    """
    language = str(configuration.get("language") or "")
    wanted = parse_stt(configuration.get("stt"), language)
    ears, deaf = _opened(wanted, lambda spec: open_stt(spec, environ), language)
    return [Ear(spec.provider, stt, getattr(stt, "model", ""), spec) for spec, stt in ears], deaf


def open_voices(
    configuration: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[list[Voice], Sequence[ProviderError]]:
    """Who speaks, and why others do not.

    Raises:
        ProviderError: nobody can.
    """
    language = str(configuration.get("language") or "")
    wanted = parse_voice(configuration.get("voice"), language)
    voices, mute = _opened(wanted, lambda spec: open_tts(spec, environ), language)
    return [Voice(spec.provider, tts, getattr(tts, "model", ""), repr(spec)) for spec, tts in voices], mute


def _opened(
    specs: Sequence[SpeechSpec], open: Callable[[SpeechSpec], _T], language: str
) -> tuple[list[tuple[SpeechSpec, _T]], list[ProviderError]]:
    found: list[tuple[SpeechSpec, _T]] = []
    failed: list[ProviderError] = []
    for spec in specs or [SpeechSpec(DEFAULT.provider, language=language)]:
        try:
            found.append((spec, open(spec)))
        except ProviderError as error:
            failed.append(error)
    if len(failed) > 1 and not found:
        raise ProviderError("; ".join(explained(error) for error in failed))
    if not found:
        raise failed[0]
    return found, failed


def _notes(stage: str, failed: Sequence[ProviderError], used: str) -> list[str]:
    return [f"{stage}: {explained(error)}; using {used}" for error in failed]
