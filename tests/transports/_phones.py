"""What telephone lines meet in tests: a conversation that keeps what happened to it."""

from __future__ import annotations

from tests.transports._peers import Session

from pinecall_run.audio.chunk import Samples
from pinecall_run.transports.contract import AudioOutlet, Caller


class Line:
    """A conversation's telephone side."""

    def __init__(self) -> None:
        self.chunks = 0
        self.keys = ""
        self.forwarded_to = ""

    def played(self, chunks: int) -> None:
        assert chunks >= self.chunks, "what was played is played"
        self.chunks = chunks

    def key(self, digit: str) -> None:
        self.keys += digit

    def forwarded(self, to: str) -> None:
        self.forwarded_to = to


class PhoneSession(Session):
    """A conversation over a telephone line."""

    def __init__(self, outlet: AudioOutlet, caller: Caller, says: Samples | None = None) -> None:
        super().__init__(1, outlet, caller, says, is_echo=False)
        self.phone = Line()
