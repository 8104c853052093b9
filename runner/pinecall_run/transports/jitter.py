"""Puts packets of sound back into the order and the pace in which they were spoken. No clock: time is an argument."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

CLOCK_RATE = 48_000
"""RTP timestamps a second, whatever Opus carries (RFC 7587, 4.1)."""

FRAME = 960
"""Timestamps of one frame of Opus."""

MIN_DELAY, MAX_DELAY = 0.04, 0.2
"""Seconds that a packet waits for those before it."""

CONCEALED = 3
"""Frames that are made up while nothing comes, before it is taken for a pause. A longer gap is one that was sent."""

MOST = 100
"""Packets kept: two seconds."""

QUANTILE = 0.96
STEP = 0.02
STEPS = 11
FORGET_AFTER = 500
"""Packets after which the oldest observations count half."""

WINDOW_SECONDS = 10.0
JUMP_SECONDS = 2.0
"""A timestamp further off than this is another stream: a sender that began anew."""


_FRAMES = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)


def duration(payload: bytes) -> int:
    """Timestamps that an Opus packet plays for (RFC 6716, 3.1)."""
    configuration, code = payload[0] >> 3, payload[0] & 3
    silk, hybrid, celt = _FRAMES
    if configuration < 12:
        frame = silk[configuration % 4]
    elif configuration < 16:
        frame = hybrid[configuration % 2]
    else:
        frame = celt[configuration % 4]
    count = (1, 2, 2, payload[1] & 0x3F if len(payload) > 1 else 1)[code]
    return min(max(frame * count, 120), 5760)


class Due(Enum):
    """What is due where no packet is."""

    LATE = 0
    """Nothing has come; time stands still until something does, or :meth:`JitterBuffer.rest` calls it a pause."""
    LOST = 1
    """Something was said, and is to be made up."""
    NOTHING = 2
    """Silence."""


class JitterBuffer:
    """Packets by timestamp, and the moment at which each is due.

    A packet is due ``delay`` after the fastest one of the last seconds would have come; ``delay`` follows how late
    96 % of them are. Time passes with :meth:`next`, once for each frame played. ``duration`` says how many of
    ``clock_rate`` timestamps a second a payload plays for.
    """

    def __init__(self, clock_rate: int = CLOCK_RATE, duration: Callable[[bytes], int] = duration) -> None:
        self._rate, self._frame, self._duration = clock_rate, round(clock_rate * FRAME / CLOCK_RATE), duration
        self.forget()

    def forget(self) -> None:
        """What comes next is another stream."""
        self.delay = MIN_DELAY
        self._packets: dict[int, bytes] = {}
        self._last: int | None = None
        self._at: int | None = None
        self._floor: int | None = None
        self._missed = 0
        self._fastest = self._fastest_before = float("inf")
        self._window_ends = 0.0
        self._lateness = [0.0] * STEPS
        self._observed = 0.0

    def put(self, timestamp: int, payload: bytes, now: float) -> None:
        """A packet arrived; ``timestamp`` is RTP's, 32 bits."""
        at = self._unwrapped(timestamp)
        transit = now - at / self._rate
        if self._last is not None and abs(transit - self._fastest_lately) > JUMP_SECONDS:
            self.forget()
        self._last = at if self._last is None else max(at, self._last)
        self._observe(transit, now)
        if self._floor is not None and at < self._floor:
            return  # too late
        self._packets[at] = payload
        if len(self._packets) > MOST:
            del self._packets[min(self._packets)]

    def next(self, now: float) -> bytes | Due:
        """The payload that is due, or what is instead of it: 20 ms."""
        plan = self._plan(now)
        if self._at is None:
            if not self._packets or plan < min(self._packets):
                return Due.NOTHING
            self._at = min(self._packets)
        payload = self._packets.pop(self._at, None)
        if payload is not None:
            self._missed = 0
            self._move(self._at + self._duration(payload))
            return payload
        return self._missing(self._at, plan)

    def rest(self) -> None:
        """What is late is a pause."""
        self._at = None

    def is_behind(self, now: float, by: float = STEP / 2) -> bool:
        """Whether what is due next has waited longer than it need, by so many seconds: a frame may be left out.

        What comes late and is played at once has not waited, however late it is: nothing is won by leaving it out.
        """
        if self._at is None or self._last is None:
            return False
        held = self._last + self._frame - round(self.delay * self._rate)
        return min(self._plan(now), held) - self._at >= by * self._rate

    def _missing(self, at: int, plan: int) -> Due:
        self._missed += 1
        if not self._packets:
            return Due.LATE
        gap = min(self._packets) - at
        if gap > CONCEALED * self._frame and self._missed == 1:  # nothing was sent: the others are not due yet
            self._floor, self._at = at, None
            return Due.NOTHING
        if plan >= at - self._frame // 2:
            self._move(at + min(self._frame, gap))
        return Due.LOST  # or, ahead of the plan: it may still come

    def _move(self, at: int) -> None:
        self._at = self._floor = at
        for stale in [each for each in self._packets if each < at]:
            del self._packets[stale]

    def _plan(self, now: float) -> int:
        return int((now - self._fastest_lately - self.delay) * self._rate) if self._last is not None else 0

    @property
    def _fastest_lately(self) -> float:
        return min(self._fastest, self._fastest_before)

    def _observe(self, transit: float, now: float) -> None:
        if now >= self._window_ends:
            self._fastest_before, self._fastest = self._fastest, transit
            self._window_ends = now + WINDOW_SECONDS
        self._fastest = min(self._fastest, transit)
        step = min(int((transit - self._fastest_lately) / STEP), STEPS - 1)
        self._lateness[step] += 1
        self._observed += 1
        if self._observed >= FORGET_AFTER:
            self._lateness = [each / 2 for each in self._lateness]
            self._observed /= 2
        if step or self._lateness[0] < self._observed:
            self.delay = self._wanted()

    def _wanted(self) -> float:
        rest = self._observed * QUANTILE
        for step, count in enumerate(self._lateness):
            rest -= count
            if rest <= 0:
                return min(max((step + 2) * STEP, MIN_DELAY), MAX_DELAY)
        return MAX_DELAY

    def _unwrapped(self, timestamp: int) -> int:
        if self._last is None:
            return timestamp
        return self._last + ((timestamp - self._last + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
