"""Deepgram's Nova: speech to text over a WebSocket (``/v1/listen``), in pieces that are final one after the other.

Written against the wire and without Deepgram's library (:mod:`pinecall_run.providers._deepgram` says why). Sources:
https://developers.deepgram.com/reference/speech-to-text/listen-streaming, …/docs/finalize, …/docs/audio-keep-alive,
…/docs/endpointing, …/docs/utterance-end and …/docs/speech-started, read in November 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pinecall_run.audio.chunk import SILENCE
from pinecall_run.providers import _deepgram
from pinecall_run.providers.contracts import Heard, ProviderError, SpeechSpec, SpeechToText, Transcript, TurnSignal
from pinecall_run.providers.ear_socket import SocketEar
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.options import check_options, refused
from pinecall_run.providers.vendor_socket import Frame
from pinecall_run.vendors.deepgram import ENDPOINTING_MS, NOVA, NOVA_HINTS, UTTERANCE_END_MS
from pinecall_run.vendors.table import PROVIDERS

DEFAULT_MODEL, DEFAULT_LANGUAGE = "nova-3", "en"
KEEP_ALIVE_SECONDS = 4.0
"""It wants something every ten seconds, and asks for it every three to five."""

_PROVIDER = PROVIDERS["stt"]["deepgram"]
_OWN_MODEL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Models that Deepgram trained for a customer have such an id for a name."""

_KEEP_ALIVE = json.dumps({"type": "KeepAlive"})
_FINALIZE = json.dumps({"type": "Finalize"})


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SpeechToText:
    """The adapter for one model in one language.

    Raises:
        ProviderError: there is no key, no such model, it does not hear the language, or an option is wrong.
    """
    options = spec.options
    check_options(_PROVIDER, options)
    model = spec.name or DEFAULT_MODEL
    language = _language(model, spec.language or DEFAULT_LANGUAGE)
    _check_terms(model, language, options)
    vendor = _deepgram.vendor(_PROVIDER, environ)
    is_native = options.get("use_native_vad", False)
    return SocketEar(
        vendor,
        _deepgram.address("/v1/listen", _parameters(model, language, options), environ),
        lambda: NovaWire(vendor, options, "" if language == "multi" else language),
        has_turns=is_native,
        silent_seconds=_deepgram.SILENT_SECONDS,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
        model=model,
    )


def _language(model: str, tag: str) -> str:
    if _OWN_MODEL.fullmatch(model):
        return tag
    if model not in NOVA:
        raise ProviderError(f"deepgram has no model `{model}`", f"it has {', '.join(NOVA)}", kind="request")
    language = _deepgram.closest(NOVA[model], tag)
    if language is None:
        hint = f"choose another model, or another stt; see {_PROVIDER.page}"
        raise ProviderError(f"`{model}` of deepgram does not hear `{tag}`", hint, kind="request")
    return language


def _check_terms(model: str, language: str, options: Mapping[str, Any]) -> None:
    """It would read over options that the model does not take."""
    if options.get("keyterms") and model.startswith("nova-2"):
        raise refused(_PROVIDER, "keyterms", f"is not for {model}: it takes keywords")
    if options.get("keywords") and model.startswith("nova-3"):
        raise refused(_PROVIDER, "keywords", f"is not for {model}: it takes keyterms")
    hints = _deepgram.hints(options)
    if hints and not (model.startswith("nova-3") and language == "multi"):
        raise refused(_PROVIDER, "language_hint", "is for nova-3 with the language multi")
    for hint in hints:
        if _deepgram.closest(NOVA_HINTS, hint) is None:
            raise refused(_PROVIDER, "language_hint", f"has `{hint}`, which {model} does not hear")


def _parameters(model: str, language: str, options: Mapping[str, Any]) -> _deepgram.Parameters:
    """It is always asked for interim results: that none come is how its silence is told from the caller's."""
    turns: _deepgram.Parameters = {
        "vad_events": True,
        "utterance_end_ms": options.get("utterance_end_ms", UTTERANCE_END_MS),
    }
    return {
        **_deepgram.shared(options),
        **(turns if options.get("use_native_vad") else {}),
        "model": model,
        "language": language,
        "channels": 1,
        "interim_results": True,
        "endpointing": options.get("endpointing_ms", ENDPOINTING_MS),
        "punctuate": options.get("punctuate", True),
        "smart_format": options.get("smart_format", False),
        "keywords": options.get("keywords", ()),
        "language_hint": [_deepgram.closest(NOVA_HINTS, hint) or hint for hint in _deepgram.hints(options)],
    }


class NovaWire:
    """The messages of one stream (:class:`EarWire`)."""

    def __init__(self, vendor: Vendor, options: Mapping[str, Any], language: str) -> None:
        self._vendor = vendor
        self._language = language
        self._has_interims = options.get("interim_results", True)
        self._least = options.get("min_confidence", 0.0)
        self._is_native = options.get("use_native_vad", False)
        self._has_sound = False
        self._is_told = False
        """Whether what seemed to be said last has yet to be final."""
        self._turn: list[str] = []

    def audio(self, pcm: bytes) -> Frame:
        """See :class:`EarWire`."""
        self._has_sound = True
        return pcm

    def finish(self) -> Sequence[Frame]:
        """See :class:`EarWire`. Where it has nothing to make final it may leave this without an answer."""
        return [_FINALIZE]

    def keep_alive(self) -> Sequence[Frame]:
        """See :class:`EarWire`. Before there was sound no other message counts."""
        return [_KEEP_ALIVE if self._has_sound else SILENCE.tobytes()]

    def goodbye(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return [_deepgram.CLOSE_STREAM]

    def received(self, frame: Frame) -> Sequence[Heard]:
        """See :class:`EarWire`."""
        message = _deepgram.read(self._vendor, frame)
        match message.get("type"):
            case "Results":
                try:
                    return self._results(message)
                except (ArithmeticError, LookupError, TypeError, ValueError):
                    raise self._vendor.of_garbage() from None
            case "SpeechStarted" if self._is_native:
                return [TurnSignal("started")]
            case "UtteranceEnd":
                return self._ended()
            case _:
                return []

    def _results(self, message: Mapping[str, Any]) -> Sequence[Heard]:
        best = message["channel"]["alternatives"][0]
        confidence, is_final = float(best["confidence"]), bool(message["is_final"])
        text = str(best["transcript"]).strip() if confidence >= self._least else ""
        is_answer = is_final and bool(message.get("from_finalize"))
        languages = best.get("languages") or [self._language]
        heard: list[Heard] = []
        # Empty ones come all the time. They are news where they take back what seemed to be said, or answer.
        if (text or self._is_told or is_answer) and (is_final or self._has_interims):
            heard.append(Transcript(text, is_final, confidence, str(languages[0])))
            self._is_told = bool(text) and not is_final
        if is_final and text and self._is_native:
            self._turn.append(text)
        return [*heard, *self._ended()] if message.get("speech_final") else heard

    def _ended(self) -> Sequence[Heard]:
        """The caller's turn is over, if there is one."""
        said, self._turn = " ".join(self._turn), []
        return [TurnSignal("ended", said)] if said else []
