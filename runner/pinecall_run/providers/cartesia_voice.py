"""Cartesia's Sonic: voices over a WebSocket on which many contexts are spoken at a time.

An utterance is a context, so that its sentences sound as one; each is flushed, and ``flush_done`` is its end. A second
after its last sound was sent, which may be long before it is heard, Cartesia forgets a context: what comes later begins
another. Written against the wire (:mod:`pinecall_run.providers._cartesia` says why):
https://docs.cartesia.ai/api-reference/tts/websocket and
https://docs.cartesia.ai/use-the-api/tts-websocket/{contexts,buffering,context-flushing-and-flush-i-ds}, read in
November 2026.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from pinecall_run.audio.chunk import RATE, from_bytes
from pinecall_run.providers import _cartesia
from pinecall_run.providers.contracts import Audio, ProviderError, SpeechSpec, Spoken, TextToSpeech, WordTime
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.messages import read, read_as
from pinecall_run.providers.options import check_options, refused
from pinecall_run.providers.vendor_socket import Frame
from pinecall_run.providers.voice_socket import END, End, News, Sentence, SocketVoice, VoiceVendor
from pinecall_run.vendors.cartesia import SONIC, SPOKEN, SUNSET, VOICES
from pinecall_run.vendors.table import PROVIDERS

AT_ONCE = 10
"""Sentences on one socket. It would take dozens; this many calls fall silent for a moment when one breaks."""

KEPT_SECONDS = 0.7
"""How long after its last sound came a context is taken to be there: a second, less what the ways there and back may
take."""

_PROVIDER = PROVIDERS["voice"]["cartesia"]
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SAYS_SOMETHING = re.compile(r"\w").search
_STEERING = ("speed", "volume", "emotion")
_SAME = ("normalization", "pronunciation_dict_id")


def open_tts(spec: SpeechSpec, environ: Mapping[str, str]) -> TextToSpeech:
    """The adapter for one voice: ``spec.name`` is the id of one, or the name of one that every account has.

    Raises:
        ProviderError: there is no key, no such voice, it does not speak the language, or an option is wrong.
    """
    check_options(_PROVIDER, spec.options)
    request = _request(spec)
    vendor = _cartesia.account(_PROVIDER, environ)
    shared = VoiceVendor(
        vendor,
        _cartesia.address(vendor, "/tts/websocket", environ),
        lambda: ContextsWire(vendor, request),
        at_once=AT_ONCE,
    )
    key = (environ.get(_PROVIDER.endpoint), vendor.secrets, json.dumps(request, sort_keys=True))
    return SocketVoice(RATE, key, shared, request["model_id"])


def _request(spec: SpeechSpec) -> Mapping[str, Any]:
    """What all that is asked of one voice has in common: inputs of one context may not differ in it."""
    options = spec.options
    model = options.get("model", SONIC)
    if re.fullmatch(SUNSET, model):
        raise refused(_PROVIDER, "model", f"is {model}, which Cartesia no longer serves")
    steering = {name: options[name] for name in _STEERING if name in options}
    return {
        "model_id": model,
        "voice": {"mode": "id", "id": _voice(spec.name)},
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": RATE},
        "add_timestamps": True,
        "max_buffer_delay_ms": 0,  # for whole sentences: else the last one waits for more
        **_language(spec),
        **({"generation_config": steering} if steering else {}),
        **{name: options[name] for name in _SAME if name in options},
    }


def _voice(name: str) -> str:
    if _ID.fullmatch(known := name.lower()):
        return known
    if known not in VOICES:
        what = f"has no voice named `{name}`" if name else "needs a voice"
        raise ProviderError(f"cartesia {what}", f"give its id, or one of {', '.join(VOICES)}", kind="request")
    return VOICES[known]


def _language(spec: SpeechSpec) -> Mapping[str, str]:
    """It takes a language or a locale, never both. Which regions it knows it does not say: they are for the asking."""
    locale = spec.options.get("locale", "")
    language = _cartesia.language(_PROVIDER, SPOKEN, locale or spec.language)
    if locale:
        return {"locale": locale}
    return {"language": language} if language else {}


class _Times(msgspec.Struct):
    """When each word sounds."""

    words: Sequence[str]
    start: Sequence[float]
    end: Sequence[float]


class _Message(msgspec.Struct):
    """What is read of a message; the sound is Base64 there."""

    type: str = ""
    context_id: str | None = None
    data: bytes | None = None
    word_timestamps: _Times | None = None


_MESSAGES = msgspec.json.Decoder(_Message)


@dataclass(slots=True)
class _Context:
    """``sentence`` is being spoken, if any; ``before`` are the samples of those that were, ``samples`` what came of it.
    ``sounded_at``: when the last sound of it came."""

    id: str
    utterance: str
    sentence: Sentence | None = None
    is_continued: bool = False
    before: int = 0
    samples: int = 0
    rest: bytes = b""
    sounded_at: float = 0.0

    @property
    def is_lost(self) -> bool:
        """Whether it was there for an earlier sentence, and nothing came of this one."""
        return self.is_continued and not self.samples

    def sound(self, pcm: bytes) -> Iterator[Spoken]:
        """A piece of the sentence."""
        pcm = self.rest + pcm
        samples = from_bytes(pcm)
        self.rest = pcm[2 * len(samples) :]
        self.samples += len(samples)
        if len(samples):
            yield Audio(samples)

    def words(self, times: _Times) -> Iterator[Spoken]:
        """Times of words, which are counted from the beginning of the context."""
        origin = self.before / RATE
        for word, start, end in zip(times.words, times.start, times.end, strict=True):
            yield WordTime(word, max(start - origin, 0.0), max(end - origin, 0.0))

    def end(self) -> None:
        """The sentence is over, and another may follow."""
        self.before, self.samples, self.rest = self.before + self.samples, 0, b""
        self.sentence, self.is_continued = None, True


class ContextsWire:
    """A :class:`VoiceWire`. ``request`` is what every request has beside its text; ``now`` is in seconds."""

    def __init__(self, vendor: Vendor, request: Mapping[str, Any], now: Callable[[], float] = time.monotonic) -> None:
        self._vendor = vendor
        self._request = request
        self._now = now
        self._contexts: dict[str, _Context] = {}

    def speak(self, sentence: Sentence) -> Sequence[Frame]:
        """See :class:`VoiceWire`. Applications may name utterances of several calls alike: a context in which somebody
        speaks is never another's."""
        oldest = self._now() - KEPT_SECONDS
        for context in list(self._contexts.values()):
            if context.sentence is None and context.sounded_at < oldest:
                del self._contexts[context.id]
        known = (one for one in self._contexts.values() if one.utterance == sentence.utterance and not one.sentence)
        return self._ask(next(known, None), sentence)

    def _ask(self, context: _Context | None, sentence: Sentence) -> Sequence[Frame]:
        if context is None:
            context = _Context(uuid4().hex, sentence.utterance)
            self._contexts[context.id] = context
        context.sentence = sentence
        common = {**self._request, "context_id": context.id, "continue": True}
        text = {**common, "transcript": f"{sentence.text.strip()} "}  # inputs are joined as they are
        return [json.dumps(text), json.dumps({**common, "transcript": "", "flush": True})]

    def cancel(self, sentence: Sentence) -> Sequence[Frame]:
        """See :class:`VoiceWire`. What was being made may come yet, and belongs to nobody."""
        found = next((one for one in self._contexts.values() if one.sentence == sentence), None)
        return [self._dropped(found)] if found else []

    def _dropped(self, context: _Context) -> Frame:
        del self._contexts[context.id]
        return json.dumps({"context_id": context.id, "cancel": True})

    def keep_alive(self) -> Sequence[Frame]:
        """See :class:`VoiceWire`. It closes idle sockets later than we do."""
        return []

    def goodbye(self) -> Sequence[Frame]:
        """See :class:`VoiceWire`."""
        return []

    def received(self, frame: Frame) -> Sequence[News | Frame]:
        """See :class:`VoiceWire`. An error that names no context is about the socket."""
        message = read_as(_MESSAGES, self._vendor, frame)
        kind, id = message.type, message.context_id or ""
        if kind == "error" and not id:
            raise self._failure(frame)
        context = self._contexts.get(id)
        if context is None:
            return []
        if kind in ("error", "done"):
            del self._contexts[id]
        if context.sentence is None:
            return []
        try:
            if kind == "error" and not context.is_lost:
                return [(context.sentence.id, self._failure(frame))]
            return self._news(context, context.sentence, message)
        except ValueError:
            raise self._vendor.of_garbage("sound or word times that are none") from None

    def _news(self, context: _Context, sentence: Sentence, message: _Message) -> Sequence[News | Frame]:
        match message:
            case _Message(type="chunk", data=bytes(sound)):
                context.sounded_at = self._now()
                return [(sentence.id, piece) for piece in context.sound(sound)]
            case _Message(type="timestamps", word_timestamps=_Times() as times):
                return [(sentence.id, word) for word in context.words(times)]
            case _Message(type="chunk" | "timestamps"):
                raise ValueError
            case _Message(type="flush_done"):
                return self._ended(context, sentence)
            case _Message(type="error" | "done") if context.is_lost:  # it had just been forgotten
                return self._ask(None, sentence)
            case _Message(type="done"):
                return [(sentence.id, self._verdict(context, sentence))]
            case _:
                return []

    def _failure(self, frame: Frame) -> ProviderError:
        return _cartesia.failure(self._vendor, read(self._vendor, frame))

    def _ended(self, context: _Context, sentence: Sentence) -> Sequence[News | Frame]:
        news = (sentence.id, self._verdict(context, sentence))
        if not context.samples:  # and so it would not be forgotten by itself
            return [news, self._dropped(context)]
        context.end()
        return [news]

    def _verdict(self, context: _Context, sentence: Sentence) -> ProviderError | End:
        is_good = context.samples or not _SAYS_SOMETHING(sentence.text)
        return END if is_good else self._vendor.failed("spoke nothing of a sentence", "failed")
