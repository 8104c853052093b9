"""Places calls, and waits for what comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.live.calls import Calls
from pinecall_run.protocol.dials import Answered, Dial, Dials, Failed
from pinecall_run.source.suggest import closest, listed
from pinecall_run.tools.call import Call, CallError
from pinecall_run.wire import events
from pinecall_run.wire.absent import UNSET
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

    def __init__(
        self,
        send: Callable[[CallDial], bool],
        calls: Callable[[], Calls],
        agents: Callable[[], Mapping[str, DeployedAgent]],
    ) -> None:
        self._send = send
        self._calls = calls
        self._agents = agents
        self._dials = Dials()
        self._waiting: dict[Dial, asyncio.Future[Call]] = {}

    async def place(
        self,
        agent: str,
        to: str,
        *,
        from_: str | None = None,
        greeting: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        detect_turn_end: bool = False,
        timeout: float = DIAL_SECONDS,
    ) -> Call:
        """Have an agent place a call, from its first number if none is given, and wait until somebody takes it.

        Raises:
            DialError: nobody did, the server does not place it, or there is nobody and nothing to call with.
        """
        deployed = self._agents().get(agent)
        if deployed is None:
            meant = closest(agent, self._agents())
            hint = f"did you mean {meant}?" if meant else f"there are {listed(self._agents())}"
            raise DialError(f"there is no agent {agent}; {hint}", "NO_AGENT")
        phones = (each.ref.ref for each in deployed.config.channels if each.ref.kind == "phone")
        number = from_ or next(phones, "")
        if not number:
            raise DialError(f"{agent} has no phone channel to call from; give one to it, or `from_` here", "NO_NUMBER")
        command = CallDial(
            agent_id=agent,
            to=to,
            from_=number,
            greeting=UNSET if greeting is None else greeting,
            metadata=UNSET if metadata is None else dict(metadata),
            config=UNSET if config is None else dict(config),
            detect_turn_end=detect_turn_end,
        )
        return await self.dial(command, timeout)

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
                live = self._calls().get(call_id)
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
