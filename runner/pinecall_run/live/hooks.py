"""Functions of the user's that are run when something happens in a call, each call's one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from pinecall_run.live.calls import LiveCall
from pinecall_run.live.functions import attempt, call_hook
from pinecall_run.live.notices import FunctionFailed, Notice, Trouble
from pinecall_run.live.tasks import Tasks
from pinecall_run.live.threads import Threads
from pinecall_run.tools.given import Given
from pinecall_run.tools.hook import Hook
from pinecall_run.tools.invoke import Failure
from pinecall_run.wire import events

HOOK_SECONDS = 30.0
"""How long one may take; then it is cancelled, so that it does not keep the next from running."""

WAITING = 1000
"""Events of one call that may wait for their functions; what comes when so many wait is dropped, the call's end not."""

_CALLED: dict[type[events.Event], str] = {
    events.ChatStarted: "call.started",
    events.ChatEnded: "call.ended",
    events.ChatMessage: "user.message",
    events.ChatResponse: "message.confirmed",
}
"""What events of typed conversations are called where people do not mind how they talk."""


class _Due(NamedTuple):
    name: str
    hook: Hook
    event: events.Event


class Hooks:
    """Runs hooks: plain functions in ``pool``. ``notify`` tells what went wrong."""

    def __init__(self, pool: Threads, notify: Callable[[Notice], None]) -> None:
        self._pool = pool
        self._notify = notify
        self._waiting: dict[str, deque[_Due]] = {}
        """By call."""
        self._running = Tasks()

    def handle(self, live: LiveCall, event: events.Event) -> None:
        """Run what is bound to an event of a call, after what was due before it."""
        if not live.agent.on:
            return
        name = _CALLED.get(type(event)) or str(type(event).__struct_config__.tag)
        hook = live.agent.on.get(name)
        if hook is None or (name == "user.message" and self._is_repeated(live, event)):
            return
        due = _Due(name, hook, event)
        waiting = self._waiting.get(live.call.id)
        if waiting is None:
            self._waiting[live.call.id] = deque([due])
            live.state.hold()
            self._running.add(self._work(live))
        elif len(waiting) < WAITING or name == "call.ended":
            waiting.append(due)
            if len(waiting) == WAITING:
                text = f"the hooks of this call are {WAITING} events behind; events are dropped until they catch up"
                self._notify(Trouble(text, live.call.agent, live.call.id, live.call.revision))

    def _is_repeated(self, live: LiveCall, event: events.Event) -> bool:
        """Whether a message is told a second time, as servers do."""
        told = getattr(event, "message_id", ""), getattr(event, "text", "")
        is_repeated = bool(told[0]) and told == live.told
        live.told = told
        return is_repeated

    async def join(self) -> None:
        """Until none is due."""
        await self._running.join()

    async def close(self) -> None:
        """Cancel what still runs."""
        await self._running.close()

    async def _work(self, live: LiveCall) -> None:
        waiting = self._waiting[live.call.id]
        try:
            while waiting:
                await self._run(live, waiting.popleft())
        finally:
            del self._waiting[live.call.id]
            live.state.release()

    async def _run(self, live: LiveCall, due: _Due) -> None:
        values = {Given.CALL: live.call, Given.EVENT: due.event, Given.STATE: live.state.value}
        outcome = await attempt(call_hook(due.hook, values, self._pool), HOOK_SECONDS, due.hook)
        if isinstance(outcome, Failure):
            told = live.call
            self._notify(FunctionFailed(told.agent, told.id, f"on {due.name}", due.hook.path, outcome, told.revision))
