"""What rules ask about vendors: what speech to text hears, and how a vendor is written.

Sources: the vocabularies of the client protocol (voice, STT and LLM providers and their options; who decides about
turns); for languages the vendors' own pages, read in November 2026: https://developers.deepgram.com/docs/models-languages-overview,
https://developers.deepgram.com/docs/flux/language-prompting, https://soniox.com/docs/stt/concepts/supported-languages,
https://www.assemblyai.com/docs/streaming/universal-3-pro/supported-languages; for keyterms
https://developers.deepgram.com/docs/keyterm. Lists that grow every few weeks (Nova-3, Gladia, Amazon Transcribe) or
are all of Whisper's are left out: what this table does not know, no rule speaks of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pinecall_run.vendors.naming import Named, model_provider, split
from pinecall_run.vendors.table import PROVIDERS, known, served

Key = Literal["model", "voice", "stt"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a call. ``embedded`` names those of ``vendors`` that the embedded server runs."""

    key: Key
    noun: str
    form: str
    vendors: frozenset[str]
    embedded: frozenset[str]


MODEL = Stage(
    "model",
    "model",
    "write provider:model, such as openai:gpt-4.1-mini, or scripted:FILE",
    known("model"),
    embedded=served("model"),
)
VOICE = Stage(
    "voice",
    "voice",
    "write provider:voice-id, such as elevenlabs:EXAVITQu4vr4xnSDxMaL, provider/alias, or local",
    known("voice"),
    embedded=served("voice"),
)
STT = Stage(
    "stt",
    "speech-to-text",
    "write provider, provider/model or provider:model:language, such as deepgram:nova-3:es",
    known("stt") | {"flux"},
    embedded=served("stt"),
)

PRODUCTS = {
    "11labs": "elevenlabs",
    "chatgpt": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "grok": "xai",
    "nova": "deepgram",
}
"""What people write in place of a vendor's name."""


def named(key: Key, written: str | Mapping[str, Any]) -> Named | None:
    """What the value of a stage's key names; ``None`` for a text that has none of the forms."""
    return _in_mapping(key, written) if isinstance(written, Mapping) else _in_text(key, written)


@lru_cache(maxsize=1024)
def _in_text(key: Key, written: str) -> Named | None:
    """What a text names; the agents of a project name the same few things again and again."""
    found = _SPLITS[key](written)
    if found is None or not found.provider or any(part != part.strip() for part in found):
        return None
    return found


def _in_mapping(key: Key, written: Mapping[str, Any]) -> Named | None:
    name = str(written.get("model") or "")
    provider = str(written.get("provider") or ("openai" if key == "model" else ""))
    provider = model_provider(provider, name) if key == "model" else provider
    if key == "model" and not name:
        return None
    if key == "model" and provider == name:  # a spelling of old clients, which the server takes for the bare name
        return _model(name)
    return Named(provider, name, str(written.get("language") or ""))


def speaks_itself(model: str | Mapping[str, Any]) -> bool:
    """Whether a model hears and speaks itself, in place of an ear and a voice."""
    found = named("model", model)
    vendor = PROVIDERS["model"].get(found.provider) if found is not None else None
    return vendor is not None and vendor.is_duplex


def _model(text: str) -> Named | None:
    found = split("model", text)
    is_cut = text[:1] in ("/", ":") or text[-1:] in ("/", ":") or not text
    return None if is_cut and found.name == text else found


def _voice(text: str) -> Named | None:
    found = split("voice", text)
    return found if found.name or text == "local" else None


def _stt(text: str) -> Named | None:
    is_cut = text[-1:] in ("/", ":") or (text.count(":") > 2 and "/" not in text.partition(":")[0])
    return None if is_cut else split("stt", text)


_SPLITS = {"model": _model, "voice": _voice, "stt": _stt}


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a speech-to-text model can do; ``None`` where that is not known. Languages are primary subtags;
    ``has_turns`` is whether it says when a caller has finished."""

    languages: frozenset[str] | None = None
    takes_keyterms: bool | None = None
    has_turns: bool | None = None


def _languages(codes: str) -> frozenset[str]:
    return frozenset(codes.split())


_ENGLISH = _languages("en")
_FLUX = _languages("de en es fr hi it ja nl pt ru")
_NOVA_2 = _languages(
    "bg ca cs da de el en es et fi fr hi hu id it ja ko lt lv ms nl no pl pt ro ru sk sv th tr uk vi zh"
)
_SONIOX = _languages(
    "af ar az be bg bn bs ca cs cy da de el en es et eu fa fi fr gl gu he hi hr hu id it ja kk kn ko lt lv mk ml mr ms "
    "nl no pa pl pt ro ru sk sl sq sr sv sw ta te th tl tr uk ur vi zh"
)
_UNIVERSAL_3 = _languages("de en es fr it pt")

_FLUXES = (
    ("flux-general-en", Hearing(_ENGLISH, True, True)),
    ("flux-en", Hearing(_ENGLISH, True, True)),
    ("flux", Hearing(_FLUX, True, True)),
)
_HEARING: dict[str, tuple[tuple[str, Hearing], ...]] = {
    "assemblyai": (("u3-rt-pro", Hearing(_UNIVERSAL_3)),),
    "cartesia": (("ink-whisper", Hearing(None, False)),),
    "deepgram": (
        *_FLUXES,
        ("nova-3", Hearing(None, True, False)),
        ("nova-2-general", Hearing(_NOVA_2, False, False)),
        ("nova-2-", Hearing(None, False, False)),
        ("nova-2", Hearing(_NOVA_2, False, False)),
    ),
    "deepgram-flux": (*_FLUXES, ("", Hearing(_FLUX, True, True))),
    "flux": (*_FLUXES, ("", Hearing(_FLUX, True, True))),
    "local": (("", Hearing(_ENGLISH, True, False)),),
    "soniox": (("", Hearing(_SONIOX, True, True)),),
    "transcribe": (("", Hearing(None, False, False)),),
}
"""By vendor what the names of models begin with, the first that fits counts."""

_SAME_LANGUAGE = {"cmn": "zh", "fil": "tl", "iw": "he", "nb": "no", "nn": "no", "yue": "zh"}
"""Primary subtags that vendors list under another (https://www.rfc-editor.org/rfc/rfc5646 has both)."""
_ANY_LANGUAGE = frozenset(("auto", "multi"))


def hearing(named: Named) -> Hearing:
    """What is known of a speech-to-text vendor's model."""
    known = _HEARING.get(named.provider, ())
    return next((found for start, found in known if named.name.startswith(start)), Hearing())


def hears(languages: frozenset[str], tag: str) -> bool:
    """Whether a BCP-47 tag is of one of the languages; a model takes a region it does not know for the language."""
    primary = tag.partition("-")[0].lower()
    return primary in _ANY_LANGUAGE or _SAME_LANGUAGE.get(primary, primary) in languages
