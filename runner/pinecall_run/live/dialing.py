"""Places calls, and waits for what comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pinecall_run.live.calls import Calls
from pinecall_run.protocol.dials import Answered, Dial, Dials, Failed
from pinecall_run.tools.call import Call, CallError
from pinecall_run.wire import events
from pinecall_run.wire.call_commands import CallDial

DIAL_SECONDS = 30.0
"""How long the other side may take to answer (protocol 2.1)."""


class DialError(CallError):
    """A call that was to be placed did not come about; ``code`` is the server's word for why, if it gave one."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Dialer:
    """Places calls over a link. ``send`` returns whether a command went out."""

    def __init__(self, send: Callable[[CallDial], bool], calls: Calls) -> None:
        self._send = send
        self._calls = calls
        self._dials = Dials()
        self._waiting: dict[Dial, asyncio.Future[Call]] = {}

    async def dial(self, command: CallDial, seconds: float = DIAL_SECONDS) -> Call:
        """Place a call and wait until somebody takes it.

        Raises:
            DialError: nobody did, or the server does not place it.
        """
        if not self._send(command):
            raise DialError("there is no connection to the voice server", "NOT_CONNECTED")
        dial = self._dials.place(command.agent_id, command.to)
        taken: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
        self._waiting[dial] = taken
        try:
            async with asyncio.timeout(seconds):
                return await taken
        except TimeoutError:
            raise DialError(f"nobody answered within {seconds:g} s", "TIMEOUT") from None
        finally:
            self._dials.withdraw(dial)
            del self._waiting[dial]

    def handle(self, event: events.Event, *, is_live: bool) -> None:
        """An event arrived; ``is_live`` tells whether its call was live before it."""
        match self._dials.hear(event, is_live=is_live) if len(self._dials) else None:
            case Answered(dial, call_id):
                live = self._calls.get(call_id)
                if live is None:
                    self._fail(dial, "its agent is gone", "")
                elif not self._waiting[dial].done():
                    self._waiting[dial].set_result(live.call)
            case Failed(dial, reason, code):
                self._fail(dial, reason, code)

    def disconnected(self) -> None:
        """The connection is lost: what becomes of the calls is not heard any more."""
        for dial in self._dials.lose():
            self._fail(dial, "the connection was lost; whether it rings over there is not known", "CONNECTION_LOST")

    def _fail(self, dial: Dial, reason: str, code: str) -> None:
        if not self._waiting[dial].done():
            self._waiting[dial].set_exception(DialError(reason, code))
