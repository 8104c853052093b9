"""What the emulated halves of AWS have in common: keys, troubles, and a list of what went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tests.emulators._sigv4 import Keys, RefusedError
from tests.emulators.trouble import Kind, Trouble


class Transport(Protocol):
    """The socket of a connection, of which only its breaking matters here."""

    def abort(self) -> None:
        """Close at once, with a reset where there is something unsent."""


@dataclass
class Part:
    """One service.

    Attributes:
        requests: the parameters or bodies of what was served, in order.
        connections: how many sockets were opened so far.
    """

    keys: Keys
    problems: list[str]
    url: str = ""
    trouble: Trouble | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    is_dead: bool = False
    _transports: set[Transport] = field(default_factory=set)

    @property
    def open_connections(self) -> int:
        """How many sockets are open."""
        return len(self._transports)

    def kill(self) -> None:
        """Reset everything that is open, and whatever connects from now on."""
        self.is_dead = True
        for transport in list(self._transports):
            transport.abort()

    def revive(self) -> None:
        """Serve again."""
        self.is_dead = False

    def happening(self, *kinds: Kind, after: float) -> Trouble | None:
        """The trouble that is due, if it is one of these; it then counts as having happened."""
        trouble = self.trouble
        if trouble is None or trouble.kind not in kinds or after < trouble.after:
            return None
        if trouble.times:
            self.trouble = replace(trouble, times=trouble.times - 1) if trouble.times > 1 else None
        return trouble

    def note(self, error: RefusedError) -> None:
        """Write down what a client must not do."""
        if error.is_fault:
            self.problems.append(f"{error.code}: {error.message}")
