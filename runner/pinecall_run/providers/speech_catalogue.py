"""Which ears and voices there are, and how the wire names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pinecall_run.providers.contracts import ProviderError, SpeechSpec, SpeechToText, TextToSpeech
from pinecall_run.providers.opening import opened
from pinecall_run.vendors.naming import split

Stage = Literal["stt", "voice"]

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
    found = split(stage, text)
    if not found.provider:
        raise ProviderError(f"`{stage}` names no provider", "write `provider/name`, such as local")
    return found


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
    ear: SpeechToText = opened("stt", spec, environ)
    return ear


def open_tts(spec: SpeechSpec, environ: Mapping[str, str]) -> TextToSpeech:
    """A voice for ``spec``, as :func:`open_stt` gives an ear."""
    voice: TextToSpeech = opened("voice", spec, environ)
    return voice
