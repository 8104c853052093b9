"""The project's functions that run for calls without the model's asking, all kinds of them behind one door."""

from __future__ import annotations

from collections.abc import Callable

from pinecall_run.live.calls import LiveCall
from pinecall_run.live.hooks import Hooks
from pinecall_run.live.notices import Notice
from pinecall_run.live.preparing import Preparer
from pinecall_run.live.responder import Responder
from pinecall_run.live.screening import Screening
from pinecall_run.live.threads import Threads
from pinecall_run.wire.commands import Command
from pinecall_run.wire.events import CallStarted, ChatStarted, Event, LlmBefore

HOOK_THREADS = 32
"""Plain functions other than tools that may run at once; more wait for a thread."""


class UserFunctions:
    """Hooks, contexts, models, and what decides about calls that ring. ``send`` carries commands, ``notify`` tells what
    went wrong."""

    def __init__(self, send: Callable[[Command], object], notify: Callable[[Notice], None]) -> None:
        self._pool = Threads(HOOK_THREADS)
        self._hooks = Hooks(self._pool, notify)
        self._preparer = Preparer(send, self._pool, notify)
        self._responder = Responder(self._pool, notify, self._preparer.running)
        self.screening = Screening(send, self._pool, notify)

    def handle(self, live: LiveCall, event: Event) -> None:
        """Run what an event of a call asks for."""
        is_beginning = isinstance(event, CallStarted | ChatStarted)
        if is_beginning:
            self._preparer.begin(live)
        if not (is_beginning and live.is_announced):  # else it is told again
            self._hooks.handle(live, event)
        live.is_announced |= is_beginning
        if isinstance(event, LlmBefore):
            self._preparer.before(live, event)
        self._responder.handle(live, event)

    def disconnected(self) -> None:
        """The connection is lost."""
        self._responder.disconnected()

    async def join(self) -> None:
        """Wait until no hook is due."""
        await self._hooks.join()

    async def close(self) -> None:
        """Cancel what still runs. Threads cannot be stopped; they are left behind."""
        for part in (self.screening, self._responder, self._preparer, self._hooks):
            await part.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
