"""Tells the caller's voice from those behind it, which a voice detector hears as well, by how loud they are."""

from __future__ import annotations

USUAL = 0.57
"""The volume of speech on a telephone, -26 dB (ITU-T P.56): the caller's, as long as nothing else is known of it."""

BEHIND = 1 / 3
"""How far a voice may stay below the caller's: 20 dB. Endings of sentences lose 10; people in the same room and
televisions in the next are 25 and more below whoever holds the microphone."""

RISE, FALL = 0.1, 0.02
"""What a window of the caller changes of what is known of their volume: up within 0.3 s, down within 1.6 s."""

FORGET = 0.00015
"""What each window of a voice that is too faint takes away: 20 dB in a minute and a quarter, for whoever was loud and
is not any more. Words that are understood of them count all the while."""


class Foreground:
    """The caller's volume (0..1, linear in dB), as their voice has been so far."""

    __slots__ = ("volume",)

    def __init__(self) -> None:
        self.volume = USUAL

    def has(self, volume: float) -> bool:
        """Whether a voice of this volume is the caller's."""
        above = volume - self.volume
        if above < -BEHIND:
            self.volume -= FORGET
            return False
        self.volume += above * (RISE if above > 0 else FALL)
        return True
