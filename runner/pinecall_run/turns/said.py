"""What the caller has said in a turn, put together from partial and final texts."""

from __future__ import annotations

from pinecall_run.turns.words import words


class Said:
    """The texts of a turn.

    A partial text may have to be taken for final when no final one comes; one that comes after all replaces it, and the
    words of it that are repeated do not count twice. Since the end of the turn (:meth:`mark`) what is heard stands
    aside: it may turn out to go on with the turn, or to begin the next.
    """

    __slots__ = ("_aside", "_partial", "_parts", "_provisional", "_stale", "_vendors", "confidence", "language")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._partial = ""
        self._provisional = False
        self._stale: list[str] = []
        self._aside = 0
        self._vendors = 0
        self.confidence = 1.0
        self.language = ""

    @property
    def text(self) -> str:
        """The whole turn."""
        return _joined([*self._parts, self._partial])

    @property
    def aside(self) -> str:
        """What was heard since the turn ended."""
        return _joined([*self._parts[self._aside :], self._partial])

    @property
    def has_partial(self) -> bool:
        """Whether a final text is to be expected."""
        return bool(self._partial)

    def partial(self, text: str, confidence: float) -> bool:
        """What seems to be said since the last final text; whether words changed."""
        before = words(self.text)
        text, awaited = text.strip(), self._awaited()
        # A partial text covers all since the last final one: what was taken for final, too, maybe in other words.
        self._partial = _after(text, len(awaited)) if self._provisional else _beyond(text, awaited)
        self.confidence = confidence
        return words(self.text) != before

    def final(self, text: str, confidence: float, language: str = "") -> bool:
        """What was said for good; whether words changed."""
        before, text, awaited = words(self.text), text.strip(), self._awaited()
        self._partial = ""
        if text:
            self.confidence, self.language = confidence, language or self.language
        if self._provisional and text:
            self._parts[-1] = text
        elif rest := _beyond(text, awaited):
            self._parts.append(rest)
        self._provisional, self._stale = False, []
        return words(self.text) != before

    def typed(self, text: str) -> None:
        """What the caller wrote, after what they said."""
        self.take()
        self._settle()
        self._parts.append(text.strip())

    def vendors(self, text: str, *, is_end: bool) -> bool:
        """The whole of what the vendor counts as a turn, parts of which may be final already; whether words changed.

        After its end a final text that repeats it may still come.
        """
        before = words(self.text)
        if text.strip() and words(text) != words(_joined([*self._parts[self._vendors :], self._partial])):
            del self._parts[self._vendors :]
            self._aside = min(self._aside, len(self._parts))
            self._partial, self._provisional = text.strip(), False
        if is_end:
            self.take()
            self._vendors = len(self._parts)
        return words(self.text) != before

    def take(self) -> None:
        """Take a partial text for final."""
        if self._partial:
            self._parts.append(self._partial)
            self._partial = ""
            self._provisional = True

    def mark(self) -> None:
        """The turn has ended: what comes now stands aside."""
        self._aside = len(self._parts)

    def begin(self) -> None:
        """A turn begins with what stood aside."""
        if self._aside == len(self._parts):
            self._settle()
        del self._parts[: self._aside]
        self._vendors = max(0, self._vendors - self._aside)
        self._aside = 0

    def forget(self) -> None:
        """Nothing of what comes repeats what was taken for final."""
        self._stale = []

    def drop(self) -> None:
        """Forget what stood aside."""
        self.take()
        if self._aside < len(self._parts):
            self._settle()
        del self._parts[self._aside :]
        self._vendors = min(self._vendors, len(self._parts))

    def _settle(self) -> None:
        """A final text can no longer replace the one that was taken for it; it may still repeat its words."""
        if self._provisional:
            self._provisional, self._stale = False, words(self._parts[-1])

    def elsewhere(self) -> Said:
        """An empty one for what is said from now on, which may begin with a repetition of what was taken for final."""
        self._settle()
        found = Said()
        found._stale = self._stale
        return found

    def _awaited(self) -> list[str]:
        return words(self._parts[-1]) if self._provisional else self._stale


def _joined(parts: list[str]) -> str:
    return " ".join(part for part in parts if part)


def _beyond(text: str, known: list[str]) -> str:
    """What a text says after words that it may begin with."""
    return _after(text, len(known)) if words(text)[: len(known)] == known else text


def _after(text: str, count: int) -> str:
    """What a text says after so many words."""
    if not count:
        return text
    pieces = text.split()
    kept = max(len(words(text)) - count, 0)
    while pieces and len(words(" ".join(pieces))) > kept:
        del pieces[0]
    return " ".join(pieces)
