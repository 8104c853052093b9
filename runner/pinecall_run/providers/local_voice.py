"""The offline voice: espeak-ng, robotic, in some hundred languages, at a few milliseconds a sentence.

It comes with the extra ``pinecall-run[local]``. The library is under GPL-3: whoever passes on a program together with
it has that licence's duties. Without the extra nothing of it is there.
"""

from __future__ import annotations

import asyncio
import re
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from functools import lru_cache
from typing import Any

from pinecall_run.audio.chunk import from_bytes
from pinecall_run.providers._espeak import Espeak, EspeakError, Mark
from pinecall_run.providers.contracts import Audio, ProviderError, SpeechSpec, Spoken, TextToSpeech, WordTime

STALL_SECONDS = 5.0
"""How long the library may take for the next piece of speech; a sentence takes it some milliseconds."""

_WORDS_PER_MINUTE, _PITCH = 175, 50
_SLOWEST, _FASTEST = 80, 450
_HIGHEST_FACTOR = 5
_BY_LANGUAGE = {"": "en-us", "en": "en-us", "zh": "cmn"}
_WITHOUT_SPACES = "\u3040-\u30ff\u3400-\u9fff"
_VARIANT = re.compile(r"[\w -]*")
_WORD = re.compile(rf"[{_WITHOUT_SPACES}]|[^\s{_WITHOUT_SPACES}]+")


def open_tts(spec: SpeechSpec, environ: Mapping[str, str]) -> TextToSpeech:
    """The adapter for one voice: ``spec.name`` is one of espeak-ng's, by default that of the language. Options:
    ``speed`` (words a minute, or a factor up to 5) and ``pitch`` (0 to 100).

    Raises:
        ProviderError: the library is not usable, has no such voice, or an option is out of its range.
    """
    worker = _worker()
    file = _voice_file(spec, worker.engine.voices)
    return LocalVoice(worker, (file, _speed(spec.options), _pitch(spec.options)))


async def close() -> None:
    """End the thread, and what it speaks. The next sentence starts it anew."""
    if _worker.cache_info().currsize:
        await asyncio.to_thread(_worker().close)


@lru_cache(maxsize=1)
def _worker() -> Worker:
    try:
        return Worker(Espeak())
    except EspeakError as error:
        raise ProviderError(f"the local voice cannot be used: {error}", "reinstall espeakng-loader") from error


def _voice_file(spec: SpeechSpec, voices: Mapping[str, str]) -> str:
    if spec.name:
        name, plus, variant = spec.name.partition("+")
        if name.lower() not in voices:
            raise ProviderError(
                f"espeak-ng has no voice `{spec.name}`", "name a language, such as local:en-gb", kind="request"
            )
        if not _VARIANT.fullmatch(variant):  # it is looked for as a file
            raise ProviderError(
                f"espeak-ng has no variant `{variant}`", "name one, such as local:en-gb+f3", kind="request"
            )
        return voices[name.lower()] + plus + variant
    tag = spec.language.lower().replace("_", "-")
    for candidate in (tag, tag.partition("-")[0]):
        name = _BY_LANGUAGE.get(candidate, candidate)
        if name in voices:
            return voices[name]
    raise ProviderError(
        f"espeak-ng has no voice for the language `{spec.language}`", "choose another voice provider", kind="request"
    )


def _speed(options: Mapping[str, Any]) -> int:
    speed = _number(options, "speed", _WORDS_PER_MINUTE)
    words = speed * _WORDS_PER_MINUTE if speed <= _HIGHEST_FACTOR else speed
    if not _SLOWEST <= words <= _FASTEST:
        hint = f"give {_SLOWEST} to {_FASTEST} words a minute, or a factor of {_WORDS_PER_MINUTE}"
        raise ProviderError(f"the voice's speed {speed:g} is out of range", hint, kind="request")
    return round(words)


def _pitch(options: Mapping[str, Any]) -> int:
    pitch = _number(options, "pitch", _PITCH)
    if not 0 <= pitch <= 100:
        raise ProviderError(f"the voice's pitch {pitch:g} is out of range", "give 0 to 100", kind="request")
    return round(pitch)


def _number(options: Mapping[str, Any], key: str, default: float) -> float:
    value = options.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProviderError(f"the voice's {key} is a {type(value).__name__}", "give a number", kind="request")
    return max(-1e9, min(value, 1e9))  # JSON has whole numbers that no float holds


class LocalVoice:
    """One voice, for any number of conversations."""

    def __init__(self, worker: Worker, voice: tuple[str, int, int]) -> None:
        self._worker = worker
        self._voice = voice

    @property
    def rate(self) -> int:
        return self._worker.engine.rate

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        """See :class:`TextToSpeech`. The words are those between spaces, each of them once and in order."""
        pieces: asyncio.Queue[Spoken | Exception | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        job = Job(sentence, self._voice, lambda piece: loop.call_soon_threadsafe(pieces.put_nowait, piece))
        self._worker.submit(job, context)
        try:
            while (piece := await _next(pieces)) is not None:
                yield piece
        finally:
            job.is_stopped = True


async def _next(pieces: asyncio.Queue[Spoken | Exception | None]) -> Spoken | None:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            piece = await pieces.get()
    except TimeoutError:
        raise ProviderError(f"the local voice did not answer within {STALL_SECONDS:g} s") from None
    if isinstance(piece, Exception):
        raise ProviderError(f"the local voice failed: {piece}") from piece
    return piece


class Job:
    """A sentence to be spoken. ``deliver`` is called from the worker's thread, at last with ``None`` or a failure."""

    def __init__(
        self, sentence: str, voice: tuple[str, int, int], deliver: Callable[[Spoken | Exception | None], object]
    ) -> None:
        self.is_stopped = False
        self._sentence = sentence
        self._voice = voice
        self._deliver = deliver

    def run(self, engine: Espeak) -> None:
        words, samples = Words(self._sentence, engine.rate), 0

        def take(sound: bytes, marks: list[Mark]) -> bool:
            nonlocal samples
            for mark in marks:
                for word in words.at(mark):
                    self._deliver(word)
            samples += len(sound) // 2
            if sound and not self.is_stopped:
                self._deliver(Audio(from_bytes(sound)))
            return not self.is_stopped

        if not self.is_stopped:
            engine.speak(self._sentence, self._voice, take)
        for word in words.rest(samples):
            self._deliver(word)

    def end(self, failure: Exception | None) -> None:
        try:
            self._deliver(failure)
        except RuntimeError:  # the event loop is gone, and with it whoever listened
            self.is_stopped = True


class Words:
    """Makes times of words from the marks of a sentence; words that have no mark of their own take no time."""

    def __init__(self, sentence: str, rate: int) -> None:
        found = list(_WORD.finditer(sentence))
        self._words = [match[0] for match in found]
        self._starts = [match.start() for match in found]
        self._rate = rate
        self._begun = 0
        self._since = 0
        self._is_open = False

    def at(self, mark: Mark) -> list[WordTime]:
        """The words that are complete with this mark."""
        if mark.position is None:
            return self._close(mark.sample)
        last = bisect_right(self._starts, mark.position)
        done = []
        while self._begun < last:  # none where a word has several marks, such as "1001"
            done += self._close(mark.sample)
            self._begin(mark.sample)
        return done

    def rest(self, samples: int) -> list[WordTime]:
        """What is left when the sentence is over."""
        done = self._close(samples)
        while self._begun < len(self._words):
            self._begin(samples)
            done += self._close(samples)
        return done

    def _begin(self, sample: int) -> None:
        self._since, self._is_open = sample, True
        self._begun += 1

    def _close(self, sample: int) -> list[WordTime]:
        if not self._is_open:
            return []
        self._is_open = False
        return [WordTime(self._words[self._begun - 1], self._since / self._rate, sample / self._rate)]


class Worker:
    """The thread that has the library. Conversations take turns, sentence by sentence."""

    def __init__(self, engine: Espeak) -> None:
        self.engine = engine
        self._using = threading.Lock()
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[Job]] = {}
        self._current: Job | None = None
        self._thread: threading.Thread | None = None

    def submit(self, job: Job, context: str) -> None:
        with self._changed:
            self._waiting.setdefault(context, deque()).append(job)
            if self._thread is None:  # a daemon: no call into the library may keep the process from ending
                self._thread = threading.Thread(target=self._run, name="local-voice", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Stop what is spoken and what waits, and end the thread."""
        with self._changed:
            thread, self._thread = self._thread, None
            jobs = [job for waiting in self._waiting.values() for job in waiting]
            self._waiting.clear()
            for job in (*jobs, *filter(None, [self._current])):
                job.is_stopped = True
            self._changed.notify_all()
        for job in jobs:
            job.end(EspeakError("it was closed"))
        if thread is not None:
            thread.join(STALL_SECONDS)

    def _run(self) -> None:
        while (job := self._take()) is not None:
            failure = None
            try:
                with self._using:  # a thread that hangs in the library keeps its successor out
                    job.run(self.engine)
            except Exception as error:  # noqa: BLE001 - told to whoever listens
                failure = error
            job.end(failure)

    def _take(self) -> Job | None:
        me = threading.current_thread()
        with self._changed:
            self._current = None
            self._changed.wait_for(lambda: self._waiting or self._thread is not me)
            if self._thread is not me:
                return None
            context = next(iter(self._waiting))
            jobs = self._waiting.pop(context)
            self._current = jobs.popleft()
            if jobs:
                self._waiting[context] = jobs  # at the end: the others are first
            return self._current
