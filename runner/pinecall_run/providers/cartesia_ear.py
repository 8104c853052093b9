"""Cartesia's Ink: speech to text over a WebSocket that gives its final text when it is asked for.

What is final comes in pieces that may end within a word: until ``flush_done`` says that there are no more, all of them
are what seems to be said. Written against the wire (:mod:`pinecall_run.providers._cartesia` says why):
https://docs.cartesia.ai/api-reference/stt/websocket and https://docs.cartesia.ai/use-the-api/stt/languages, read in
November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pinecall_run.audio.chunk import RATE, SILENCE
from pinecall_run.providers import _cartesia
from pinecall_run.providers.contracts import Heard, SpeechSpec, SpeechToText, Transcript
from pinecall_run.providers.ear_socket import SocketEar
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.messages import read
from pinecall_run.providers.options import check_options, refused
from pinecall_run.providers.vendor_socket import Frame
from pinecall_run.vendors.cartesia import HEARD, INK_2, MOST_LETTERS, WHISPER
from pinecall_run.vendors.table import PROVIDERS

PIECE_SECONDS = 0.1
"""What Cartesia advises."""
KEEP_ALIVE_SECONDS = 10.0

_PROVIDER = PROVIDERS["stt"]["cartesia"]
_OF_WHISPER = ("min_volume", "max_silence_duration_secs")


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SpeechToText:
    """The adapter for one model; ink-whisper hears English where no language is named.

    Raises:
        ProviderError: there is no key, the model does not hear the language, or an option is wrong.
    """
    check_options(_PROVIDER, spec.options)
    model = spec.name or WHISPER
    query = urlencode(list(_parameters(model, spec)))
    vendor = _cartesia.account(_PROVIDER, environ)
    return SocketEar(
        vendor,
        _cartesia.address(vendor, f"/stt/websocket?{query}", environ),
        lambda: InkWire(vendor),
        answers_finish=True,
        piece_seconds=PIECE_SECONDS,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
        model=model,
    )


def _parameters(model: str, spec: SpeechSpec) -> Iterator[tuple[str, str]]:
    options = spec.options
    family = WHISPER if model.startswith(WHISPER) else INK_2
    taken = _OF_WHISPER if family == WHISPER else ("keyterms",)
    for name in options:
        if name not in taken:
            raise refused(_PROVIDER, name, f"is not for {model}")
    language = _cartesia.language(_PROVIDER, HEARD[family], spec.language)
    terms = [term.strip() for term in options.get("keyterms", ()) if term.strip()]
    if sum(map(len, terms)) > MOST_LETTERS:
        raise refused(_PROVIDER, "keyterms", f"must have at most {MOST_LETTERS} characters in all")
    yield from (("model", model), ("encoding", "pcm_s16le"), ("sample_rate", str(RATE)))
    if family == WHISPER and language:
        yield "language", language
    yield from (("keyterm", term) for term in terms)
    yield from ((name, f"{options[name]:g}") for name in _OF_WHISPER if name in options)


class InkWire:
    """The messages of one stream (:class:`EarWire`)."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._said = ""
        """What is final since it was asked for last."""
        self._language = ""

    def audio(self, pcm: bytes) -> Frame:
        """See :class:`EarWire`."""
        return pcm

    def finish(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return ["finalize"]

    def keep_alive(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return [SILENCE.tobytes()]

    def goodbye(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return ["close"]

    def received(self, frame: Frame) -> Sequence[Heard]:
        """See :class:`EarWire`."""
        message = read(self._vendor, frame)
        match message.get("type"):
            case "error":
                raise _cartesia.failure(self._vendor, message)
            case "transcript":
                return self._transcript(message)
            case "flush_done":
                said, self._said = self._said.strip(), ""
                return [Transcript(said, is_final=True, language=self._language)]
            case _:
                return []

    def _transcript(self, message: Mapping[str, Any]) -> Sequence[Heard]:
        text, is_final = message.get("text"), message.get("is_final")
        if not isinstance(text, str) or not isinstance(is_final, bool):
            raise self._vendor.of_garbage("a transcript without a text")
        self._language = str(message.get("language") or "")
        seems = self._said + text
        if is_final:
            self._said = seems
        return [Transcript(seems.strip(), is_final=False, language=self._language)] if seems.strip() else []
