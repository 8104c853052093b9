"""Sound as OpenAI's Realtime API takes and gives it, and an ear for when somebody speaks, without understanding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tests.emulators._sound import LOUD, WORD_SECONDS, spoken

RATES = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
PATIENCE_MS = {"low": 8_000, "medium": 4_000, "high": 2_000, "auto": 4_000}
"""How long semantic turn detection waits for more of a sentence that does not sound over, by its eagerness."""
SURE_MS = 300
"""How long it waits after one that does."""
STEP_MS = 10


def _mu_law() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.uint8)
    size = (((code & 15).astype(np.int32) << 3) + 132 << ((code >> 4) & 7)) - 132
    return np.where(code & 128, -size, size).astype(np.int16)


def _a_law() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    step, exponent = (code & 15).astype(np.int32) << 4, (code >> 4) & 7
    size = np.where(exponent == 0, step + 8, (step + 264) << np.maximum(exponent, 1) - 1)
    return np.where(code & 128, size, -size).astype(np.int16)


LAWS = {"audio/pcmu": _mu_law(), "audio/pcma": _a_law()}
"""The sample of each byte (ITU-T G.711)."""


def decoded(data: bytes, kind: str) -> NDArray[np.int16]:
    """Samples of what a client sent.

    Raises:
        ValueError: half a sample is left over.
    """
    return np.frombuffer(data, "<i2") if kind == "audio/pcm" else LAWS[kind][np.frombuffer(data, np.uint8)]


def encoded(samples: NDArray[np.int16], kind: str) -> bytes:
    """What a client is sent."""
    if kind == "audio/pcm":
        return samples.astype("<i2").tobytes()
    order = np.argsort(LAWS[kind], kind="stable")
    sizes = LAWS[kind][order].astype(np.int32)
    borders = (sizes[1:] + sizes[:-1]) // 2
    return order[np.searchsorted(borders, samples)].astype(np.uint8).tobytes()


def pronounced(text: str, kind: str, speed: float) -> list[bytes]:
    """The sound of a text, one piece for each word; ``speed`` changes length and pitch, as a tape's would."""
    rate = round(RATES[kind] / speed)
    samples, words = spoken(text, rate)
    length = round(rate * WORD_SECONDS)
    return [encoded(samples[index * length : (index + 1) * length], kind) for index in range(len(words))]


@dataclass(frozen=True)
class Noticed:
    """Somebody began or stopped to speak, or nobody has spoken for too long; in milliseconds of all sound."""

    kind: Literal["started", "stopped", "idle"]
    start_ms: int
    end_ms: int
    text: str = ""


class TurnEar:
    """Notices when somebody speaks, as ``turn_detection`` says, by loudness alone; each time they are taken to say the
    next of ``sentences``. One that ends in "…", "..." or "," does not sound over to semantic turn detection."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._sentences = cycle(sentences)
        self._rest = np.zeros(0, np.int16)
        self._text: str | None = None
        self._started_ms = self._quiet_ms = 0
        self._quiet_since: int | None = None
        self.heard_ms = 0

    @property
    def is_speaking(self) -> bool:
        return self._text is not None

    def next_sentence(self) -> str:
        """What is said in a piece of sound that was committed by hand: the sentence that began, or the next."""
        text, self._text = self._text, None
        return next(self._sentences) if text is None else text

    def forget(self) -> None:
        """What was being said will not be heard."""
        self._text = None
        self._rest = self._rest[:0]

    def wait_from(self, at_ms: int) -> None:
        """The agent will have spoken by then: silence is counted from there."""
        self._quiet_since = max(at_ms, self.heard_ms)

    def feed(self, samples: NDArray[np.int16], rate: int, rules: Mapping[str, Any] | None) -> list[Noticed]:
        """Takes sound in pieces of any length; with no ``rules`` it is only counted."""
        samples = np.concatenate([self._rest, samples])
        step = rate * STEP_MS // 1000
        whole = len(samples) // step * step
        self._rest = samples[whole:]
        found: list[Noticed] = []
        for piece in samples[:whole].reshape(-1, step):
            self.heard_ms += STEP_MS
            if rules is not None:
                level = LOUD * 2 * float(rules.get("threshold", 0.5))
                found += self._step(bool(np.abs(piece.astype(np.int32)).max() > level), rules)
        return found

    def _step(self, is_loud: bool, rules: Mapping[str, Any]) -> list[Noticed]:
        if self._text is None:
            return self._begin(rules) if is_loud else self._wait(rules)
        self._quiet_ms = 0 if is_loud else self._quiet_ms + STEP_MS
        if self._quiet_ms < self._patience(rules):
            return []
        text, self._text = self._text, None
        return [Noticed("stopped", self._started_ms, self.heard_ms, text)]

    def _begin(self, rules: Mapping[str, Any]) -> list[Noticed]:
        self._text, self._quiet_ms, self._quiet_since = next(self._sentences), 0, None
        self._started_ms = max(0, self.heard_ms - STEP_MS - int(rules.get("prefix_padding_ms", 300)))
        return [Noticed("started", self._started_ms, self._started_ms)]

    def _wait(self, rules: Mapping[str, Any]) -> list[Noticed]:
        limit, since = rules.get("idle_timeout_ms"), self._quiet_since
        if limit is None or since is None or self.heard_ms - since < limit:
            return []
        self._quiet_since = None
        return [Noticed("idle", since, self.heard_ms)]

    def _patience(self, rules: Mapping[str, Any]) -> int:
        if rules["type"] == "server_vad":
            return int(rules["silence_duration_ms"])
        assert self._text is not None
        return PATIENCE_MS[rules["eagerness"]] if self._text.endswith(("…", "...", ",")) else SURE_MS
