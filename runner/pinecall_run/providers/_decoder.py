"""The process that hears one person: sound on standard input, what was said on standard output.

It is a process because pocketsphinx holds the interpreter's lock while it decodes, for 100 ms and more at the end of a
sentence. Frames in: a byte for the kind, four for the length, the payload. Lines of JSON out. It ends with its input.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from collections import deque
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any, BinaryIO

HEADER = struct.Struct("<cI")
SOUND, FINISH, PREPARE = b"s", b"f", b"p"

Answer = Callable[[dict[str, Any]], None]

_SECOND = 32_000  # bytes
_LEAD_CHUNKS = 15
_PRIME = _SECOND * 4 // 5
_PARTIAL = _SECOND // 5
_LONGEST, _QUIET = 30 * _SECOND, 3 * _SECOND
_PAUSE = _SECOND // 4
"""A sentence that is cut at a shorter one, between its words, fits no grammar and no language model."""
_LOUDER, _FLOOR, _FLOOR_CHUNKS = 3, 40, 100
_GRAMMAR, _OPEN, _CHEAP = "grammar", "_default", "cheap"
_ONE_WORD = "#JSGF V1.0; grammar cheap; public <cheap> = one;"
_BOOST = 100.0
_DOUBTFUL, _WRONG = 0.93, 0.9
"""Callers who say a sentence of the grammar reach 0.96, on a noisy line 0.94; others 0.84 to 0.96. Between the two the
words decide: most of them are heard without the grammar, too, by whoever said them."""
_NICE = 5


def main() -> None:
    """Serve one conversation."""
    os.nice(_NICE)  # who paces sound goes first
    wire = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the library's grammar parser prints what it does not understand

    def answer(what: dict[str, Any]) -> None:
        wire.write(json.dumps(what).encode() + b"\n")
        wire.flush()

    try:
        _serve(sys.stdin.buffer, answer)
    except BrokenPipeError:  # the server is gone
        os._exit(1)
    except Exception as error:  # noqa: BLE001 - whoever reads the answers has no other way to know
        answer({"error": f"{type(error).__name__}: {error}"})


def _serve(source: BinaryIO, answer: Answer) -> None:
    from pocketsphinx import Decoder  # type: ignore[import-untyped]

    ear = Ear(Decoder(loglevel="FATAL"), answer)
    answer({"is_ready": True})
    take: dict[bytes, Callable[[bytes], None]] = {SOUND: ear.hear, FINISH: ear.finish, PREPARE: ear.prepare}
    while header := source.read(HEADER.size):
        kind, length = HEADER.unpack(header)
        take[kind](source.read(length))


class Level:
    """Tells sound from quiet by the peak of a chunk, against the quietest one of the last two seconds."""

    def __init__(self) -> None:
        self._peaks: deque[int] = deque(maxlen=_FLOOR_CHUNKS)

    def is_voiced(self, chunk: bytes) -> bool:
        samples = memoryview(chunk).cast("h")
        peak = max(max(samples, default=0), -min(samples, default=0))
        self._peaks.append(peak)
        return peak > _LOUDER * max(_FLOOR, min(self._peaks))


class Ear:
    """Decodes utterance by utterance; the quiet between them is not decoded.

    The library subtracts the mean of the voice's spectrum. Its own estimate takes many seconds to follow a new voice,
    so the mean is measured here: of the first 0.8 s of the first utterance, then of all that was heard.
    """

    def __init__(self, decoder: Any, answer: Answer) -> None:
        self._decoder = decoder
        self._answer = answer
        self._level = Level()
        self._lead: deque[bytes] = deque(maxlen=_LEAD_CHUNKS)
        self._mean: list[float] = []
        self._weight = 0
        self._search = _OPEN
        decoder.add_jsgf_string(_CHEAP, _ONE_WORD)
        decoder.activate_search(_OPEN)
        self._begin()

    def _begin(self) -> None:
        self._sound = bytearray()
        self._voiced = bytearray()
        self._is_decoding = self._is_asked = False
        self._quiet = self._unasked = 0
        self._partial = ""

    def prepare(self, payload: bytes) -> None:
        """Learn ``words`` that the dictionary lacks, and take a ``grammar`` where there is one."""
        asked = json.loads(payload)
        unknown = [word for word in asked["words"] if self._decoder.lookup_word(word) is None]
        unknown = self._teach(unknown) if unknown else []
        if asked["grammar"] and not unknown:
            self._decoder.config["bestpath"] = False  # it would accept half a sentence of a grammar
            self._decoder.add_jsgf_string(_GRAMMAR, asked["grammar"])
            self._decoder.config["bestpath"] = True
            self._decoder.activate_search(_GRAMMAR)
            self._search = _GRAMMAR
        self._answer({"unknown": unknown})

    def _teach(self, words: list[str]) -> list[str]:
        """Gives those that cannot be pronounced."""
        from pinecall_run.providers._phones import pronunciations

        model, unknown = self._decoder.get_lm(_OPEN), []
        for word, phones in pronunciations(words).items():
            if phones:
                model.add_word(word, _BOOST)
                self._decoder.add_word(word, phones, True)
            else:
                unknown.append(word)
        return unknown

    def hear(self, chunk: bytes) -> None:
        """Some 20 ms of sound."""
        is_voiced = self._level.is_voiced(chunk)
        if is_voiced and self._lead:
            self._take(b"".join(self._lead))
            self._lead.clear()
        if not is_voiced and not self._sound:
            self._lead.append(chunk)
            return
        self._quiet = 0 if is_voiced else self._quiet + len(chunk)
        if is_voiced:
            self._voiced += chunk
            self._is_asked = False  # the pause was between words
        self._take(chunk)
        if len(self._sound) >= _LONGEST or self._quiet >= (_PAUSE if self._is_asked else _QUIET):
            self._end()

    def finish(self, payload: bytes = b"") -> None:
        """Tell what was said since the last time, as soon as the pause is long enough; nothing, if it was nothing."""
        if not self._sound:
            self._answer({"text": "", "is_final": True})
        elif self._quiet >= _PAUSE:
            self._end()
        else:
            self._is_asked = True

    def _end(self) -> None:
        if not self._is_decoding:
            self._start()
        self._decoder.end_utt()
        text, confidence = self._heard()
        if self._search != _OPEN and confidence < _DOUBTFUL:
            openly = self._heard_openly()
            if confidence < _WRONG or not _is_alike(text, openly[0]):
                text, confidence = openly
        self._answer({"text": text, "is_final": True, "confidence": confidence})
        self._learn()
        self._begin()

    def _take(self, sound: bytes) -> None:
        self._sound += sound
        if self._is_decoding:
            self._decoder.process_raw(sound, False, False)
            self._tell_partial(len(sound))
        elif self._mean or len(self._voiced) >= _PRIME:
            self._start()

    def _start(self) -> None:
        mean = self._mean or self._mean_of(self._voiced or self._sound)
        self._decoder.set_cmn(",".join(map(str, mean)))
        self._decoder.start_utt()
        self._decoder.process_raw(bytes(self._sound), False, False)
        self._is_decoding = True

    def _heard_openly(self) -> tuple[str, float]:
        """The utterance again, without the grammar, of which it seems to hold nothing."""
        self._decoder.activate_search(_OPEN)
        self._decoder.start_utt()
        self._decoder.process_raw(bytes(self._sound), False, True)
        self._decoder.end_utt()
        return self._heard()

    def _heard(self) -> tuple[str, float]:
        guess = self._decoder.hyp()
        if guess is None:
            return "", 0.0
        return guess.hypstr, _confidence([(segment.word, segment.prob) for segment in self._decoder.seg()])

    def _tell_partial(self, length: int) -> None:
        self._unasked += length
        if self._unasked < _PARTIAL:
            return
        self._unasked = 0
        guess = self._decoder.hyp()
        text = guess.hypstr if guess is not None else ""
        if text and text != self._partial:
            self._partial = text
            self._answer({"text": text, "is_final": False})

    def _learn(self) -> None:
        """Take this utterance into the mean, and be ready for the next."""
        if self._voiced:
            mean, weight = self._mean_of(self._voiced), len(self._voiced)
            whole = self._weight + weight
            known = self._mean or mean
            self._mean = [(a * self._weight + b * weight) / whole for a, b in zip(known, mean, strict=True)]
            self._weight = whole
        self._decoder.activate_search(self._search)

    def _mean_of(self, sound: bytearray) -> list[float]:
        self._decoder.activate_search(_CHEAP)  # the end of an utterance searches, whatever was asked before
        self._decoder.start_utt()
        self._decoder.process_raw(bytes(sound), True, True)
        mean: str = self._decoder.get_cmn(False)
        self._decoder.end_utt()
        self._decoder.activate_search(self._search)
        return [float(number) for number in mean.split(",")]


def _confidence(segments: Sequence[tuple[str, float]]) -> float:
    """The geometric mean of the words' own, without the silences and noises between them."""
    known = [min(max(probability, 1e-6), 1.0) for word, probability in segments if word[:1] not in "<[+("]
    return round(math.exp(sum(map(math.log, known)) / len(known)), 3) if known else 0.0


def _is_alike(text: str, other: str) -> bool:
    """Whether most words of a text are in another, in the same order."""
    words = text.split()
    matcher = SequenceMatcher(None, words, other.split(), autojunk=False)
    return 2 * sum(block.size for block in matcher.get_matching_blocks()) > len(words)


if __name__ == "__main__":
    main()
