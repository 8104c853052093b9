"""Calls that ring: a function of the user's says whether they are taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pinecall_run.live.functions import UnusableError, attempt, call_hook
from pinecall_run.live.notices import FunctionFailed, Notice
from pinecall_run.live.tasks import Tasks
from pinecall_run.live.threads import Threads
from pinecall_run.tools.call import Call
from pinecall_run.tools.given import Given
from pinecall_run.tools.hook import Hook
from pinecall_run.tools.invoke import Failure
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
        self._running = Tasks()

    def handle(self, event: CallRinging, call: Call, hook: Hook | None, state: object) -> None:
        """A call rings. ``state`` is what the lifespan yielded."""
        if hook is None:  # the server has not heard yet that nobody asks any more
            self._send(CallAccept(call_id=call.id, agent_id=call.agent))
            return
        self._running.add(self._ask(event, call, hook, state))

    async def close(self) -> None:
        """Cancel what still runs."""
        await self._running.close()

    async def _ask(self, event: CallRinging, call: Call, hook: Hook, state: object) -> None:
        values = {Given.CALL: call, Given.EVENT: event, Given.STATE: state}
        reason = await attempt(self._verdict(hook, values), SECONDS, hook)
        if isinstance(reason, Failure):
            self._notify(FunctionFailed(call.agent, call.id, f"on {RINGING}", hook.path, reason, call.revision))
            reason = None
        if reason is None:
            self._send(CallAccept(call_id=call.id, agent_id=call.agent))
        else:
            self._send(CallReject(call_id=call.id, agent_id=call.agent, reason=reason))

    async def _verdict(self, hook: Hook, values: Mapping[Given, Any]) -> Literal["busy", "rejected"] | None:
        return _reason(await call_hook(hook, values, self._pool))


def _reason(verdict: object) -> Literal["busy", "rejected"] | None:
    """Why a call is turned away, by what the function returned."""
    match verdict:
        case None | True:
            return None
        case False | "rejected":
            return "rejected"
        case "busy":
            return "busy"
    raise UnusableError("a result that is none of True, False, 'busy' and 'rejected'")
