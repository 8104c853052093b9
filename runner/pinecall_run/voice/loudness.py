"""``audio.metrics``: how loud both sides of a call are, where its configuration asks to be told."""

from __future__ import annotations

from dataclasses import dataclass

from pinecall_run.audio.chunk import CHUNK_SECONDS, Samples
from pinecall_run.audio.level import SILENT, level_of
from pinecall_run.voice.call_core import CallCore
from pinecall_run.voice.configured import raw
from pinecall_run.wire.speech_events import AudioMetrics

INTERVAL_MS = 100.0
LONGEST_MS = 60_000.0


@dataclass(slots=True)
class _Side:
    source: str
    chunks: int = 0


class Loudness:
    """Tells the level of one chunk of each side in every interval."""

    def __init__(self, core: CallCore, interval_ms: float) -> None:
        self._core = core
        self._every = max(1, round(interval_ms / 1000 / CHUNK_SECONDS))
        self._user, self._bot = _Side("user"), _Side("bot")

    @classmethod
    def asked_for(cls, core: CallCore) -> Loudness | None:
        """The metrics of a call; ``None`` where nobody asks for them."""
        asked = raw(core.configuration, "analysis")
        if not isinstance(asked, dict) or asked.get("send_audio_metrics") is not True:
            return None
        interval = asked.get("audio_metrics_interval_ms", INTERVAL_MS)
        is_usable = isinstance(interval, int | float) and 0 < interval <= LONGEST_MS
        return cls(core, interval if is_usable else INTERVAL_MS)

    def heard(self, chunk: Samples) -> None:
        """20 ms of the caller."""
        self._take(self._user, chunk)

    def played(self, chunk: Samples | None) -> None:
        """20 ms for the caller."""
        self._take(self._bot, chunk)

    def _take(self, side: _Side, chunk: Samples | None) -> None:
        side.chunks += 1
        if side.chunks % self._every:
            return
        level = SILENT if chunk is None else level_of(chunk)
        self._core.tell(
            AudioMetrics,
            source=side.source,
            energy_db=round(level.energy_db, 1),
            rms=round(level.rms, 4),
            peak=round(level.peak, 4),
            timestamp=round(self._core.around.clock(), 3),
        )
