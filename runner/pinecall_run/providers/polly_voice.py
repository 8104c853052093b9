"""Amazon Polly: a voice over HTTP, whose sound comes as it is made.

Amazon's library is not taken but for the signature, because it blocks (``_aws_http.py``). Sources:
https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html, prosody-tag.html and speechmarks.html, read in
November 2026.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr, unescape

from pinecall_run.audio.chunk import RATE, from_bytes
from pinecall_run.audio.word_times import LETTERS_PER_SECOND
from pinecall_run.providers._aws_http import SignedHttp
from pinecall_run.providers.aws_account import Account
from pinecall_run.providers.contracts import Audio, ProviderError, SpeechSpec, Spoken, WordTime
from pinecall_run.providers.options import check_options, refused
from pinecall_run.vendors.aws import BILINGUAL, ENGINE, POLLY_ENDPOINT, POLLY_LANGUAGES, VOICES
from pinecall_run.vendors.table import PROVIDERS

MARKS_SECONDS = 1.5
"""How long the sound waits for when its words sound."""

_PROVIDER = PROVIDERS["voice"]["polly"]
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML may hold (XML 1.0, 2.2)."""


def open_tts(spec: SpeechSpec, environ: Mapping[str, str]) -> PollyVoice:
    """A voice for any number of conversations.

    Raises:
        ProviderError: an option or the language is none that it takes. That there are no keys is told by ``speak``,
            because looking for them may take a while.
    """
    check_options(_PROVIDER, spec.options)
    body = _body(spec)
    if "pitch" in spec.options and body["Engine"] != "standard":
        raise refused(_PROVIDER, "pitch", f"goes only with the engine standard, and this is {body['Engine']}")
    if spec.options.get("word_times") and body["Engine"] == "generative":
        raise refused(_PROVIDER, "word_times", "goes not with the engine generative")
    region = spec.options.get("region", "")
    account = Account("Amazon Polly", environ, endpoint=POLLY_ENDPOINT, region=region)
    return PollyVoice(SignedHttp(account, "polly", "https://polly.{}"), spec.options, body)


def _body(spec: SpeechSpec) -> dict[str, Any]:
    """What each request has beside its text and the form of the answer."""
    voice = _voice(spec)
    body = {"VoiceId": voice, "Engine": spec.options.get("engine", ENGINE.get(voice, "neural"))}
    if second := BILINGUAL.get(voice):  # others take no language, and speak their own
        is_second = spec.language.lower().partition("-")[0] == second.partition("-")[0]
        body |= {"LanguageCode": second} if is_second else {}
    if lexicons := spec.options.get("lexicon_names"):
        body["LexiconNames"] = list(lexicons)
    return body


def _voice(spec: SpeechSpec) -> str:
    """The voice by its name, in capitals or not, as Polly writes it; without one, that of the language."""
    if spec.name:
        known = {name.lower(): name for name in _PROVIDER.names}
        return known.get(spec.name.lower(), spec.name)
    wanted = (spec.language or "en-US").replace("_", "-").lower()
    language = wanted.partition("-")[0]
    near = POLLY_LANGUAGES.get(language, language).lower()
    found = [language for language in VOICES if language.lower() in (wanted, near)]
    found += [language for language in VOICES if language.lower().partition("-")[0] == near]
    if found:
        return VOICES[found[0]][0]
    raise refused(_PROVIDER, "language", "is none that a voice is known for; name a voice")


class PollyVoice:
    """One voice (:class:`TextToSpeech`). ``model`` is the engine, which is what the price depends on."""

    rate = RATE

    def __init__(self, http: SignedHttp, options: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        self._http = http
        self._has_word_times = options.get("word_times", False)
        self._prosody = {name: options[name] for name in ("rate", "volume", "pitch") if name in options}
        self._body = body
        self.model = str(body["Engine"])

    async def warm(self) -> None:
        """Have keys, and a connection open: a list of voices costs nothing."""
        with suppress(ProviderError):
            async with self._http.answer("GET", f"/v1/voices?{urlencode({'Engine': self.model})}") as answer:
                await answer.aread()  # what is not read to its end closes the connection

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        """See :class:`TextToSpeech`. Sentences know nothing of each other; closing closes the connection."""
        body = {**self._body, **self._text(sentence)}
        marks = asyncio.create_task(self._words(body)) if self._has_word_times else None
        try:
            sound = {**body, "OutputFormat": "pcm", "SampleRate": str(RATE)}
            async with self._http.answer("POST", "/v1/speech", sound) as answer:
                if not answer.headers.get("content-type", "").startswith("audio/pcm"):
                    raise self._http.account.vendor.of_garbage("what is no sound")
                for word in await marks if marks is not None else ():
                    yield word
                half = b""  # pieces end anywhere, also within a sample
                async for piece in answer.aiter_bytes():
                    pcm = half + piece
                    half = pcm[len(pcm) // 2 * 2 :]
                    if len(pcm) > 1:
                        yield Audio(from_bytes(pcm))
        finally:
            if marks is not None:
                marks.cancel()
                await asyncio.gather(marks, return_exceptions=True)

    def _text(self, sentence: str) -> dict[str, str]:
        text = _NO_XML.sub(" ", sentence)
        if not self._prosody:
            return {"Text": text}
        how = " ".join(f"{name}={quoteattr(value)}" for name, value in self._prosody.items())
        return {"Text": f"<speak><prosody {how}>{escape(text)}</prosody></speak>", "TextType": "ssml"}

    async def _words(self, body: Mapping[str, Any]) -> Sequence[WordTime]:
        """When the words of a text sound; none where that cannot be told in time, since the sound matters more."""
        wanted = {**body, "OutputFormat": "json", "SpeechMarkTypes": ["word"]}
        with suppress(ProviderError, TimeoutError, ValueError, LookupError, TypeError):
            async with asyncio.timeout(MARKS_SECONDS), self._http.answer("POST", "/v1/speech", wanted) as answer:
                lines = (await answer.aread()).decode().splitlines()
                return word_times([json.loads(line) for line in lines if line])
        return ()


def word_times(marks: Sequence[Mapping[str, Any]]) -> list[WordTime]:
    """Words by Polly's marks, which say when they begin. A word ends where the next begins; how long the last one is,
    nobody knows."""
    words = [(unescape(str(mark["value"])), float(mark["time"]) / 1000) for mark in marks if mark["type"] == "word"]
    if not words:
        return []
    last, start = words[-1]
    ends = [after for (_, _), (_, after) in pairwise(words)] + [start + len(last) / LETTERS_PER_SECOND]
    return [WordTime(word, start, end) for (word, start), end in zip(words, ends, strict=True)]
