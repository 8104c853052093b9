"""Threads: what was said in a browser's typed conversation, kept in memory for the same person's next connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pinecall_run.wire.codec import object_from_json, to_json

LIFETIME_SECONDS = 3600.0
"""So long after its last connection a thread can be gone on with."""

MAX_THREADS = 10_000
MAX_BYTES = 64 * 2**20
"""Of all threads whose person is away, as JSON; beyond either the one that has been left the longest is forgotten."""

THREAD_BYTES = 256 * 2**10
"""Of one; of a longer one the latest turns are kept."""

RESUMED = "resumed_elsewhere"
"""Why a conversation ends whose thread another connection goes on with."""

_CONTACT = ("contactId", "userId", "phone")
"""Whose conversation it is, by sealed metadata (protocol: memory)."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a conversation goes on from.

    Attributes:
        messages: in OpenAI's form, rounds of tools included.
        unanswered: what the person said last, if its answer was not complete; it is among the messages.
        waiting: what they said after that, which is not.
    """

    messages: Sequence[dict[str, Any]]
    unanswered: str | None = None
    waiting: Sequence[str] = ()

    @property
    def shown(self) -> list[dict[str, str]]:
        """What both have said, for the person's page: no prompt, no tools, nothing of an answer that is made anew."""
        said = [
            {"role": message["role"], "content": message["content"]}
            for message in self.messages
            if message.get("role") in ("user", "assistant") and isinstance(message.get("content"), str)
        ]
        while self.unanswered is not None and said and said[-1]["role"] == "assistant":
            said.pop()
        return [*said, *({"role": "user", "content": text} for text in self.waiting)]


class Remembering(Protocol):
    """A conversation, as its thread sees it."""

    def end(self, reason: str) -> None:
        """It is to end."""

    def remembered(self) -> Earlier:
        """What the next connection goes on from, once this one has ended."""
        ...


@dataclass(slots=True, eq=False)
class Thread:
    """One thread: with a conversation, or left and kept as JSON until a moment in epoch seconds."""

    agent_id: str
    id: str
    is_sealed: bool
    contact: str
    session: Remembering | None = None
    call_id: str = ""
    """Of the conversation that has it, or had it last."""
    kept: bytes = b""
    until: float = 0.0
    key: tuple[str, str, bool] = field(init=False)

    def __post_init__(self) -> None:
        self.key = (self.agent_id, self.id, self.is_sealed)


class Threads:
    """All threads of a server. ``new_id`` gives unguessable ids: whoever knows one may go on with its thread."""

    def __init__(self, new_id: Callable[[], str], clock: Callable[[], float]) -> None:
        self._new_id = new_id
        self._clock = clock
        self._held: dict[tuple[str, str, bool], Thread] = {}
        self._left: dict[tuple[str, str, bool], Thread] = {}
        """In the order in which they were left."""
        self._bytes = 0

    def find(self, agent_id: str, metadata: Mapping[str, Any], asked: str) -> Thread:
        """The thread to go on with, or a new one.

        A ``threadId`` that a token seals is its project's, and wins. One that a page asks for is gone on with only if
        this server gave it, for the same agent and the same contact: a name of the page's own choice names nothing.
        """
        self.sweep()
        contact = next((f"{key}={metadata[key]}" for key in _CONTACT if metadata.get(key)), "")
        sealed = metadata.get("threadId")
        is_sealed = type(sealed) in (str, int) and sealed != ""
        key = (agent_id, str(sealed) if is_sealed else asked, is_sealed)
        known = self._held.get(key) or self._left.get(key)
        if known is not None and (is_sealed or known.contact == contact):
            return known
        return Thread(agent_id, str(sealed) if is_sealed else self._new_id(), is_sealed, contact)

    def take(self, thread: Thread) -> Earlier | None:
        """What was said in a thread, if something was. A connection that has it gives it up: it may be dead, and not
        known to be."""
        if thread.session is not None:
            session = thread.session
            session.end(RESUMED)
            self.leave(thread, session)
        kept = object_from_json(thread.kept)
        return Earlier(**kept) if kept else None

    def hold(self, thread: Thread, session: Remembering) -> None:
        """A conversation has it now."""
        self._forget(thread)
        thread.session = session
        self._held[thread.key] = thread

    def leave(self, thread: Thread, session: Remembering) -> None:
        """A conversation is over. One that gave its thread up before leaves nothing."""
        if thread.session is not session:
            return
        thread.session = None
        del self._held[thread.key]
        thread.kept = _written(session.remembered())
        if not thread.kept:
            return
        thread.until = self._clock() + LIFETIME_SECONDS
        self._left[thread.key] = thread
        self._bytes += len(thread.kept)
        while len(self._left) > MAX_THREADS or self._bytes > MAX_BYTES:
            self._forget(next(iter(self._left.values())))

    def sweep(self) -> None:
        """Forget those whose time is over."""
        now = self._clock()
        while (oldest := next(iter(self._left.values()), None)) is not None and oldest.until <= now:
            self._forget(oldest)

    def _forget(self, thread: Thread) -> None:
        if self._left.pop(thread.key, None) is not None:
            self._bytes -= len(thread.kept)
        thread.kept = b""


def _written(earlier: Earlier) -> bytes:
    """As JSON; empty where the person said nothing, so that there is nothing to go on with."""
    if not earlier.waiting and not any(message.get("role") == "user" for message in earlier.messages):
        return b""
    messages = _latest(earlier.messages)
    return to_json({"messages": messages, "unanswered": earlier.unanswered, "waiting": list(earlier.waiting)})


def _latest(messages: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """All, or the latest turns that fit: from something that the person said on, so that no result is without its
    call."""
    first, room = len(messages), THREAD_BYTES
    for place in range(len(messages) - 1, -1, -1):
        room -= len(to_json(messages[place]))
        if room < 0:
            return messages[first:]
        if messages[place].get("role") == "user":
            first = place
    return messages
