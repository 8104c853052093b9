"""Which ears and voices there are, and how the wire names them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Literal, TypeVar

from pinecall_run.providers.contracts import ProviderError, SpeechSpec, SpeechToText, TextToSpeech

Stage = Literal["stt", "voice"]
Provider = TypeVar("Provider")

_MODULES: dict[Stage, dict[str, str]] = {
    "stt": {"local": "pinecall_run.providers.local_ear"},
    "voice": {"local": "pinecall_run.providers.local_voice"},
}
"""Provider to the module whose ``open_stt(spec, environ)`` or ``open_tts(spec, environ)`` makes it; imported only when
used. A module that shares something between conversations has an ``async close()`` too."""

_EXTRAS = {"local": "local"}
_ELSEWHERE: dict[Stage, frozenset[str]] = {
    "stt": frozenset(
        ("assemblyai", "cartesia", "deepgram", "deepgram-flux", "elevenlabs", "gladia", "soniox", "transcribe", "xai")
    ),
    "voice": frozenset(("cartesia", "elevenlabs", "polly", "rime", "soniox", "xai")),
}
"""Vendors that the protocol names, whether they are served or not."""

_FLUX, _FLUX_EN, _FLUX_MULTI = "deepgram-flux", "flux-general-en", "flux-general-multi"
_FLUXES = {
    "": "", "flux": "", "flux-en": _FLUX_EN, "flux-multi": _FLUX_MULTI, _FLUX_EN: _FLUX_EN, _FLUX_MULTI: _FLUX_MULTI
}  # fmt: skip
_NAMES: dict[Stage, tuple[str, ...]] = {"stt": ("model",), "voice": ("voice_id", "voiceId", "voice")}


def parse_voice(written: Any, language: str) -> list[SpeechSpec]:
    """The voices that a wire value ``voice`` names, the first one first; none where nothing is written.

    Understood: ``provider/alias``, ``provider:rawId``, a bare provider, the object form, and a list of these (protocol:
    voice). ``language`` is that of the conversation, for what names none.

    Raises:
        ProviderError: it is none of them, or names no provider.
    """
    return [spec for one in _listed(written) for spec in _parse("voice", one, language)]


def parse_stt(written: Any, language: str) -> list[SpeechSpec]:
    """The ears that a wire value ``stt`` names, as :func:`parse_voice` does.

    Understood: ``provider``, ``provider/model``, ``provider:model:language``, ``flux`` in all of its spellings, the
    object form, and a list of these (protocol: STT). Flux is the provider ``deepgram-flux``, always with a model.
    """
    return [_flux(spec) for one in _listed(written) for spec in _parse("stt", one, language)]


def _listed(written: Any) -> Sequence[Any]:
    return written if isinstance(written, list | tuple) else [written]


def _parse(stage: Stage, written: Any, language: str) -> list[SpeechSpec]:
    if not written:
        return []
    if isinstance(written, str):
        provider, name, own_language = _split(stage, written)
        return [SpeechSpec(provider, name, own_language or language)]
    if not isinstance(written, Mapping):
        raise ProviderError(f"`{stage}` is a {type(written).__name__}", "write `provider/name`, an object, or a list")
    provider, name, own_language = _split(stage, str(written.get("provider") or ""))
    name = next((str(written[key]) for key in _NAMES[stage] if written.get(key)), name)
    options = {key: value for key, value in written.items() if key not in ("provider", "language", *_NAMES[stage])}
    return [SpeechSpec(provider, name, str(written.get("language") or own_language or language), options)]


def _split(stage: Stage, text: str) -> tuple[str, str, str]:
    """Provider, name and language. The first separator counts; only ears have a language after a second colon."""
    at = next((index for index, character in enumerate(text) if character in "/:"), len(text))
    provider, separator, name = text[:at].strip().lower(), text[at : at + 1], text[at + 1 :].strip()
    if not provider:
        raise ProviderError(f"`{stage}` names no provider", "write `provider/name`, such as local")
    if stage == "stt" and separator == ":":
        name, _, rest = name.partition(":")
        return provider, name, rest.partition(":")[0]
    return provider, name, ""


def _flux(spec: SpeechSpec) -> SpeechSpec:
    is_flux = spec.provider in ("flux", _FLUX) or (spec.provider == "deepgram" and spec.name.startswith("flux"))
    if not is_flux:
        return spec
    is_english = spec.language.partition("-")[0].lower() in ("", "en")
    model = _FLUXES.get(spec.name, spec.name) or (_FLUX_EN if is_english else _FLUX_MULTI)
    return SpeechSpec(_FLUX, model, spec.language, spec.options)


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SpeechToText:
    """An ear for ``spec``; ``environ`` holds the vendors' keys. It serves any number of conversations.

    Raises:
        ProviderError: there is no such provider here, its extra is not installed, its key is missing, or it refuses.
    """
    ear: SpeechToText = _opened("stt", "open_stt", spec, environ)
    return ear


def open_tts(spec: SpeechSpec, environ: Mapping[str, str]) -> TextToSpeech:
    """A voice for ``spec``, as :func:`open_stt` gives an ear."""
    voice: TextToSpeech = _opened("voice", "open_tts", spec, environ)
    return voice


def _opened(stage: Stage, opener: str, spec: SpeechSpec, environ: Mapping[str, str]) -> Any:
    name = _MODULES[stage].get(spec.provider)
    if name is None:
        served = f"served: {', '.join(sorted(_MODULES[stage]))}"
        if spec.provider in _ELSEWHERE[stage]:
            raise ProviderError(f"{spec.provider} is not served here", served)
        raise ProviderError(f"there is no {stage} provider `{spec.provider}`", served)
    try:
        return getattr(import_module(name), opener)(spec, environ)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(spec.provider)
        if extra is None or (error.name or "").startswith("pinecall_run"):
            raise
        hint = f"install it with: pip install 'pinecall-run[{extra}]'"
        raise ProviderError(f"the {stage} provider {spec.provider} is not installed", hint) from error


async def close_speech() -> None:
    """Close what ears and voices share: connections, processes, threads."""
    for name in {name for modules in _MODULES.values() for name in modules.values()}:
        close = getattr(sys.modules.get(name), "close", None)
        if close is not None:
            await close()
