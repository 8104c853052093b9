"""Calls that ring: a function of the user's says whether they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from pinecall_run.live.functions import call_hook, is_ending
from pinecall_run.live.notices import FunctionFailed, Notice
from pinecall_run.live.threads import Threads
from pinecall_run.tools.call import Call
from pinecall_run.tools.given import Given
from pinecall_run.tools.hook import Hook
from pinecall_run.tools.invoke import Failure, failure_of
from pinecall_run.wire.call_commands import CallAccept, CallReject
from pinecall_run.wire.commands import Command
from pinecall_run.wire.speech_events import CallRinging

RINGING = "call.ringing"

SECONDS = 4.5
"""How long the function may take: after 5 s a server takes the call (protocol 1.3)."""


class Screening:
    """Asks the functions, plain ones in ``pool``, and answers with ``send``. Whatever goes wrong, the call is taken: a
    mistake of ours should not turn people away. ``notify`` tells what went wrong."""

    def __init__(self, send: Callable[[Command], object], pool: Threads, notify: Callable[[Notice], None]) -> None:
        self._send = send
        self._pool = pool
        self._notify = notify
        self._running: set[asyncio.Task[None]] = set()

    def handle(self, event: CallRinging, call: Call, hook: Hook | None, state: object) -> None:
        """A call rings. ``state`` is what the lifespan yielded."""
        if hook is None:  # the server has not heard yet that nobody asks any more
            self._send(CallAccept(call_id=call.id, agent_id=call.agent))
            return
        task = asyncio.create_task(self._ask(event, call, hook, state))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Cancel what still runs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _ask(self, event: CallRinging, call: Call, hook: Hook, state: object) -> None:
        values = {Given.CALL: call, Given.EVENT: event, Given.STATE: state}
        reason = None
        try:
            async with asyncio.timeout(SECONDS) as limit:
                reason = _reason(await call_hook(hook, values, self._pool))
        except BaseException as error:
            if is_ending(error):
                raise
            late = Failure(f"a time-out after {SECONDS:g} s", f"it took longer than {SECONDS:g} s")
            failure = late if limit.expired() else failure_of(error)
            self._notify(FunctionFailed(call.agent, call.id, f"on {RINGING}", hook.path, failure, call.revision))
        if reason is None:
            self._send(CallAccept(call_id=call.id, agent_id=call.agent))
        else:
            self._send(CallReject(call_id=call.id, agent_id=call.agent, reason=reason))


def _reason(verdict: object) -> Literal["busy", "rejected"] | None:
    """Why a call is turned away, by what the function returned."""
    match verdict:
        case None | True:
            return None
        case False | "rejected":
            return "rejected"
        case "busy":
            return "busy"
    raise ValueError(f"it returned {verdict!r:.40}, and may return True, False, 'busy' or 'rejected'")
