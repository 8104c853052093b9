"""What is known of vendors, as plain data: who offers which stage of a call, what they hear, and how they are written.

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
from typing import Any, Literal, NamedTuple

Key = Literal["model", "voice", "stt"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a call. ``embedded`` names those of ``vendors`` that the embedded server runs. ``is_needed`` tells a
    stage without which it refuses the agent; an agent that it cannot speak or listen with still chats."""

    key: Key
    noun: str
    form: str
    vendors: frozenset[str]
    embedded: frozenset[str]
    is_needed: bool = False


MODEL = Stage(
    "model",
    "model",
    "write provider:model, such as openai:gpt-4.1-mini, or scripted:FILE",
    frozenset(
        ("anthropic", "cerebras", "deepseek", "google", "groq", "mistral", "openai", "openrouter", "pinecall",
         "scripted", "xai")
    ),
    embedded=frozenset(("openai", "scripted")),
    is_needed=True,
)  # fmt: skip
VOICE = Stage(
    "voice",
    "voice",
    "write provider:voice-id, such as elevenlabs:EXAVITQu4vr4xnSDxMaL, provider/alias, or local",
    frozenset(("cartesia", "elevenlabs", "local", "polly", "rime", "soniox", "xai")),
    embedded=frozenset(("local",)),
)
STT = Stage(
    "stt",
    "speech-to-text",
    "write provider, provider/model or provider:model:language, such as deepgram:nova-3:es",
    frozenset(
        ("assemblyai", "cartesia", "deepgram", "deepgram-flux", "elevenlabs", "flux", "gladia", "local", "soniox",
         "transcribe", "xai")
    ),
    embedded=frozenset(("local",)),
)  # fmt: skip

PRODUCTS = {
    "11labs": "elevenlabs",
    "chatgpt": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "grok": "xai",
    "nova": "deepgram",
}
"""What people write in place of a vendor's name."""


class Named(NamedTuple):
    """A vendor, what of theirs is meant, and for speech to text perhaps a language; empty where nothing is said."""

    provider: str
    name: str = ""
    language: str = ""


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
    if key == "model" and not name:
        return None
    if key == "model" and provider == name:  # a spelling of old clients, which the server takes for the bare name
        return split_model(name)
    return Named(provider, name, str(written.get("language") or ""))


def split_model(text: str) -> Named | None:
    """``provider/model``, ``provider:model``, or a bare name of OpenAI's, by the first separator.

    The rule is that of the voice server (``providers/catalogue.py``); a test holds the two together.
    """
    for separator in ("/", ":"):
        provider, found, model = text.partition(separator)
        if found and provider and model and not ("/" in provider or ":" in provider or provider == "ft"):
            return Named(provider, model)
    is_cut = text[:1] in ("/", ":") or text[-1:] in ("/", ":") or not text
    return None if is_cut else Named("openai", text)


def _split_voice(text: str) -> Named | None:
    separator = next((char for char in text if char in "/:"), "")
    provider, _, name = text.partition(separator) if separator else (text, "", "")
    return Named(provider, name) if name or text == "local" else None


def _split_stt(text: str) -> Named | None:
    provider, found, name = text.partition("/")
    if found:
        return Named(provider, name) if name else None
    parts = text.split(":")
    return Named(*parts) if len(parts) <= 3 and parts[-1] else None


_SPLITS = {"model": split_model, "voice": _split_voice, "stt": _split_stt}


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
