"""ElevenLabs' voices, over the WebSocket on which up to five texts at a time are spoken, each in a context of its own.

A sentence is a context: nothing but its end tells that all of it was spoken. It is closed when its first sound comes,
for one that is closed before may be left unspoken (https://github.com/pipecat-ai/pipecat/issues/4681); and it counts
among the five until the vendor says that it is final. Written against the wire
(:mod:`pinecall_run.providers._elevenlabs` says why):
https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input and
https://elevenlabs.io/docs/eleven-api/guides/how-to/websockets/multi-context-web-socket, read in November 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from pinecall_run.audio.chunk import RATE, from_bytes
from pinecall_run.audio.word_times import SIGN
from pinecall_run.providers import _elevenlabs
from pinecall_run.providers.contracts import Audio, ProviderError, SpeechSpec, Spoken, TextToSpeech, WordTime
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.messages import read_as
from pinecall_run.providers.options import check_options, refused
from pinecall_run.providers.vendor_socket import Frame
from pinecall_run.providers.voice_socket import END, End, News, Sentence, SocketVoice, VoiceVendor
from pinecall_run.vendors.elevenlabs import FLASH, MODELS, MULTILINGUAL, STEERED, VOICES
from pinecall_run.vendors.table import PROVIDERS

AT_ONCE = 5
INACTIVE_SECONDS = 180
"""The longest that a socket may be idle; we close it before, so that nothing needs to keep it alive."""

_PROVIDER = PROVIDERS["voice"]["elevenlabs"]
_ID = re.compile(r"[A-Za-z0-9]{20}")
_SAYS_SOMETHING = re.compile(r"\w").search
_SIGN = re.compile(f"[{SIGN}]").match
_SETTINGS = ("stability", "similarity_boost", "style", "use_speaker_boost", "speed")
_PARAMETERS = ("enable_logging", "enable_ssml_parsing", "apply_text_normalization", "seed")
_DICTIONARIES = "pronunciation_dictionary_locators"


def open_tts(spec: SpeechSpec, environ: Mapping[str, str]) -> TextToSpeech:
    """The adapter for one voice: ``spec.name`` is the id of one, or the name of one that every account has.

    Raises:
        ProviderError: there is no key, no such voice, the model does not speak the language, or an option is wrong.
    """
    options = spec.options
    check_options(_PROVIDER, options)
    voice, language = _voice(spec.name), _elevenlabs.language(spec.language)
    model = _model(options, language)
    first = _first(options)
    account = _elevenlabs.account(_PROVIDER, environ)
    query = {
        "model_id": model,
        "language_code": language if language and model in STEERED else None,
        "output_format": f"pcm_{RATE}",
        "inactivity_timeout": INACTIVE_SECONDS,
        "sync_alignment": True,
        "auto_mode": True,  # for whole sentences: nothing waits for more text
        **{name: options.get(name) for name in _PARAMETERS},
    }
    address = account.address(f"/v1/text-to-speech/{quote(voice, safe='')}/multi-stream-input", query)
    vendor = VoiceVendor(
        account.vendor,
        _elevenlabs.always(address),
        lambda: ContextsWire(account.vendor, first),
        at_once=AT_ONCE,
        confirms_cancel=True,
    )
    return SocketVoice(RATE, (address.url, account.key, json.dumps(first, sort_keys=True)), vendor)


def _voice(name: str) -> str:
    if _ID.fullmatch(name) or (name and not name.isalpha()):
        return name
    if name.lower() not in VOICES:
        what = f"has no voice named `{name}`" if name else "needs a voice"
        raise ProviderError(f"elevenlabs {what}", f"give its id, or one of {', '.join(VOICES)}", kind="request")
    return VOICES[name.lower()]


def _model(options: Mapping[str, Any], language: str) -> str:
    is_fast = options.get("flash") or language in ("", "en") or language not in MODELS[MULTILINGUAL]
    model: str = options.get("model") or (FLASH if is_fast else MULTILINGUAL)
    if model.startswith("eleven_v3"):
        raise refused(_PROVIDER, "model", f"is {model}, which ElevenLabs does not stream sentences of")
    if language and language not in MODELS.get(model, (language,)):
        hint = f"choose another model, or another voice; see {_PROVIDER.page}"
        raise ProviderError(f"`{model}` of elevenlabs does not speak `{language}`", hint, kind="request")
    if model in STEERED and options.get("apply_text_normalization") == "on":
        raise refused(_PROVIDER, "apply_text_normalization", f"cannot be on for {model}")
    return model


def _first(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the first message of each context has, beside its text."""
    settings = {name: options[name] for name in _SETTINGS if name in options}
    dictionaries = options.get(_DICTIONARIES)
    for one in dictionaries or ():
        if sorted(one) != ["pronunciation_dictionary_id", "version_id"] or not all(map(_is_text, one.values())):
            raise refused(_PROVIDER, _DICTIONARIES, "needs a pronunciation_dictionary_id and a version_id in each")
    return {name: value for name, value in (("voice_settings", settings), (_DICTIONARIES, dictionaries)) if value}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


class _Times(msgspec.Struct):
    """When each character sounds, from where the message's own sound begins."""

    chars: Sequence[str]
    charStartTimesMs: Sequence[float]
    charDurationsMs: Sequence[float]


class _Message(msgspec.Struct):
    """What is read of a message; the sound is Base64 there."""

    contextId: str | None = None
    audio: bytes | None = None
    isFinal: bool | None = None
    alignment: _Times | None = None
    normalizedAlignment: _Times | None = None
    error: Any = None
    message: Any = None


_MESSAGES = msgspec.json.Decoder(_Message)


class ContextsWire:
    """A :class:`VoiceWire`. ``first`` is what the first message of a context has beside its text."""

    def __init__(self, vendor: Vendor, first: Mapping[str, Any]) -> None:
        self._vendor = vendor
        self._first = first
        # With a dictionary the times of the text as written begin anew in each message, and overlap (pipecat#4316);
        # those of the text as spoken go on, but are of other words, and of Chinese in Latin letters.
        self._is_as_spoken = _DICTIONARIES in first
        self._speeches: dict[str, _Speech] = {}

    def speak(self, sentence: Sentence) -> Sequence[Frame]:
        """See :class:`VoiceWire`."""
        speech = self._speeches[sentence.id] = _Speech(sentence.text)
        text = {"text": f"{sentence.text.strip()} ", "context_id": sentence.id, "flush": True}
        frames = [json.dumps({"text": " ", "context_id": sentence.id, **self._first}), json.dumps(text)]
        return frames if speech.is_open else [*frames, _close(sentence.id)]

    def cancel(self, sentence: Sentence) -> Sequence[Frame]:
        """See :class:`VoiceWire`."""
        speech = self._speeches.pop(sentence.id, None)
        return [_close(sentence.id)] if speech is not None and speech.is_open else []

    def keep_alive(self) -> Sequence[Frame]:
        """See :class:`VoiceWire`."""
        return []

    def goodbye(self) -> Sequence[Frame]:
        """See :class:`VoiceWire`."""
        return [json.dumps({"close_socket": True})]

    def received(self, frame: Frame) -> Sequence[News | Frame]:
        """See :class:`VoiceWire`. Errors name no context, and are the last that is said on a socket."""
        message = read_as(_MESSAGES, self._vendor, frame)
        if message.error:
            raise _elevenlabs.failure(self._vendor, message.error, message.message)
        context = message.contextId or ""
        if message.isFinal:
            ended = self._speeches.pop(context, None)
            return [(context, one) for one in (ended.end(self._vendor) if ended else (END,))]
        if (speech := self._speeches.get(context)) is None:
            return []
        audio, (times, others) = message.audio or b"", (message.alignment, message.normalizedAlignment)
        if self._is_as_spoken:
            times, others = others, times
        try:
            news: list[News | Frame] = [(context, one) for one in speech.hear(audio, times or others)]
        except ValueError:
            raise self._vendor.of_garbage("word times that are none") from None
        if audio and speech.is_open:
            speech.is_open = False
            news.append(_close(context))
        return news


def _close(context: str) -> Frame:
    return json.dumps({"context_id": context, "close_context": True})


class _Speech:
    """What came of one sentence. Times in a message are from where its own sound begins; words may go on in the next.

    ``is_open``: its context waits to be closed. Where there is nothing to be heard of a text nothing would do that.
    """

    def __init__(self, text: str) -> None:
        self.is_open = self._is_speakable = _SAYS_SOMETHING(text) is not None
        self._samples = 0
        self._rest = b""
        self._word = ""
        self._start = self._end = 0.0

    def hear(self, audio: bytes, times: _Times | None) -> Iterator[Spoken]:
        """What a message has of it."""
        if times:
            yield from self._words(times)
        pcm = self._rest + audio
        samples = from_bytes(pcm)
        self._rest = pcm[2 * len(samples) :]
        self._samples += len(samples)
        if len(samples):
            yield Audio(samples)

    def end(self, vendor: Vendor) -> Iterator[Spoken | ProviderError | End]:
        """What its end comes to."""
        yield from self._word_over()
        is_good = self._samples or not self._is_speakable
        yield END if is_good else vendor.failed("spoke nothing of a sentence", "failed")

    def _words(self, times: _Times) -> Iterator[WordTime]:
        origin = self._samples / RATE
        characters = zip(times.chars, times.charStartTimesMs, times.charDurationsMs, strict=True)
        for character, start, duration in characters:
            is_sign = _SIGN(character) is not None
            if is_sign or character.isspace() or (_SIGN(self._word) and character.isalnum()):
                yield from self._word_over()
            if character.isspace():
                continue
            if not self._word:
                self._start = origin + start / 1000
            self._word += character
            self._end = origin + (start + duration) / 1000

    def _word_over(self) -> Iterator[WordTime]:
        if self._word:
            yield WordTime(self._word, self._start, self._end)
            self._word = ""
