"""Deepgram's Flux: speech to text that knows when a turn is over, over a WebSocket (``/v2/listen``).

Written against the wire and without Deepgram's library (:mod:`pinecall_run.providers._deepgram` says why). Sources:
https://developers.deepgram.com/reference/speech-to-text/listen-flux, …/docs/flux/state, …/docs/flux/configuration,
…/docs/flux/configure, …/docs/flux/force-end-turn and …/docs/flux/language-prompting, read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pinecall_run.audio.chunk import RATE
from pinecall_run.providers import _deepgram
from pinecall_run.providers.contracts import Heard, ProviderError, SpeechSpec, SpeechToText, Transcript, TurnSignal
from pinecall_run.providers.ear_socket import SocketEar
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.options import check_options, refused
from pinecall_run.providers.vendor_socket import Frame
from pinecall_run.vendors.deepgram import EAGER_EOT_THRESHOLD, EOT_THRESHOLD, EOT_TIMEOUT_MS, FLUX
from pinecall_run.vendors.table import PROVIDERS

PIECE_SECONDS = 0.08
"""What Deepgram recommends."""

SILENCE_SECONDS = 0.5
"""Its time is that of the sound: where none comes for so long, on hold, it is sent as much silence."""

_PROVIDER = PROVIDERS["stt"]["deepgram-flux"]
_THRESHOLDS = frozenset(("eot_threshold", "eager_eot_threshold", "eot_timeout_ms"))
_LIVE = _THRESHOLDS | {"keyterms", "language_hint", "numerals", "min_confidence"}
"""Options that change on a stream."""

_SIGNALS: Mapping[str, Literal["started", "eager", "resumed"]] = {
    "StartOfTurn": "started", "EagerEndOfTurn": "eager", "TurnResumed": "resumed"
}  # fmt: skip
_FORCE_END_TURN = json.dumps({"type": "ForceEndTurn"})


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SpeechToText:
    """The adapter for one model.

    Raises:
        ProviderError: there is no key, no such model, it does not hear the language, or an option is wrong.
    """
    check_options(_PROVIDER, spec.options)
    model = spec.name or "flux-general-en"
    if model not in FLUX:
        raise ProviderError(f"deepgram-flux has no model `{model}`", f"it has {', '.join(FLUX)}", kind="request")
    spec = replace(spec, name=model)
    _check(spec)
    vendor = _deepgram.vendor(_PROVIDER, environ)
    return SocketEar(
        vendor,
        _deepgram.address("/v2/listen", _parameters(spec), environ),
        lambda: FluxWire(vendor, spec),
        has_turns=True,
        silent_seconds=_deepgram.SILENT_SECONDS,
        piece_seconds=PIECE_SECONDS,
        keep_alive_seconds=SILENCE_SECONDS,
        model=model,
    )


def _check(spec: SpeechSpec) -> None:
    hints = _deepgram.hints(spec.options)
    if hints and spec.name != "flux-general-multi":
        raise refused(_PROVIDER, "language_hint", "is for flux-general-multi")
    for hint in hints:
        if _deepgram.closest(FLUX[spec.name], hint) is None:
            raise refused(_PROVIDER, "language_hint", f"has `{hint}`, which {spec.name} does not hear")
    if spec.language and _deepgram.closest(FLUX[spec.name], spec.language) is None:
        message = f"`{spec.name}` of deepgram-flux does not hear `{spec.language}`"
        raise ProviderError(message, f"it hears {', '.join(sorted(FLUX[spec.name]))}", kind="request")
    found = _thresholds(spec.options)
    if found["eager_eot_threshold"] > found["eot_threshold"]:
        raise refused(_PROVIDER, "eager_eot_threshold", f"is above eot_threshold, {found['eot_threshold']:g}")


def _thresholds(options: Mapping[str, Any]) -> dict[str, float]:
    end = options.get("eot_threshold", EOT_THRESHOLD)
    return {
        "eot_threshold": end,
        "eager_eot_threshold": options.get("eager_eot_threshold", min(EAGER_EOT_THRESHOLD, end)),
        "eot_timeout_ms": int(options.get("eot_timeout_ms", EOT_TIMEOUT_MS)),
    }


def _hints(spec: SpeechSpec) -> list[str]:
    """The languages to expect: the call's own, where nothing else is said."""
    if spec.name != "flux-general-multi":
        return []
    return _deepgram.hints(spec.options) or [tag for tag in [spec.language] if tag.lower() not in ("", "multi")]


def _parameters(spec: SpeechSpec) -> _deepgram.Parameters:
    hints = {"language_hint": _hints(spec)}
    return {"model": spec.name, **_deepgram.shared(spec.options), **_thresholds(spec.options), **hints}


class FluxWire:
    """The messages of one stream (:class:`ConfigurableWire`)."""

    def __init__(self, vendor: Vendor, spec: SpeechSpec) -> None:
        self._vendor = vendor
        self._spec = spec
        self._is_in_turn = False
        self._told = ""
        """What the turn was told to be so far."""

    def audio(self, pcm: bytes) -> Frame:
        """See :class:`EarWire`."""
        return pcm

    def finish(self) -> Sequence[Frame]:
        """See :class:`EarWire`. Asked for only where somebody else decides about turns."""
        return [_FORCE_END_TURN]

    def keep_alive(self) -> Sequence[Frame]:
        """See :class:`EarWire`. Without sound no turn ends; between turns its WebSocket's pings are enough."""
        return [bytes(2 * round(RATE * SILENCE_SECONDS))] if self._is_in_turn else []

    def goodbye(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return [_deepgram.CLOSE_STREAM]

    def configure(self, options: Mapping[str, Any]) -> Sequence[Frame] | None:
        """See :class:`ConfigurableWire`."""
        before, spec = self._spec.options, replace(self._spec, options=options)
        changed = {name for name in {*before, *options} if before.get(name) != options.get(name)}
        if not changed <= _LIVE or ("language_hint" in changed and not _hints(spec)):
            return None
        self._spec = spec
        message: dict[str, Any] = {}
        if changed & _THRESHOLDS:
            message["thresholds"] = _thresholds(options)
        if "keyterms" in changed:
            message["keyterms"] = _deepgram.terms(options)
        if "language_hint" in changed:
            message["language_hints"] = _hints(spec)
        if "numerals" in changed:
            message["numerals"] = options.get("numerals", False)
        return [json.dumps({"type": "Configure", **message})] if message else []

    def received(self, frame: Frame) -> Sequence[Heard]:
        """See :class:`EarWire`."""
        message = _deepgram.read(self._vendor, frame)
        match message.get("type"):
            case "TurnInfo":
                try:
                    return self._turn(message)
                except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                    raise self._vendor.of_garbage() from None
            case "ConfigureFailure":  # another stream is opened with what was asked for, or says what is wrong with it
                words = str(message.get("description") or message.get("code") or "")
                raise self._vendor.failed("refused to change options", "failed", words)
            case _:
                return []

    def _turn(self, message: Mapping[str, Any]) -> Sequence[Heard]:
        event, probability = message["event"], float(message["end_of_turn_confidence"])
        said = self._said(message)
        told, self._told = self._told, said.text
        if event == "EndOfTurn":
            self._is_in_turn, self._told = False, ""
            final = [replace(said, is_final=True)] if said.text or told else []
            return [*final, TurnSignal("ended", said.text, probability)]
        if event in _SIGNALS:
            self._is_in_turn = True
            return [TurnSignal(_SIGNALS[event], said.text, probability)]
        return [said] if said.text != told else []

    def _said(self, message: Mapping[str, Any]) -> Transcript:
        """The turn so far, as sure as its words are on the whole."""
        sure = [float(word["confidence"]) for word in message["words"]]
        confidence = round(sum(sure) / len(sure), 3) if sure else 1.0
        is_clear = confidence >= self._spec.options.get("min_confidence", 0.0)
        languages = message.get("languages") or ["en" if self._spec.name == "flux-general-en" else ""]
        text = str(message["transcript"]).strip() if is_clear else ""
        return Transcript(text, False, confidence, str(languages[0]))
