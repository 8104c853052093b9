"""What a telephone line adds to a spoken call: keys, forwarding, and what was really heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from pinecall_run.transports.contract import PhoneLine
from pinecall_run.voice.call_core import CallCore
from pinecall_run.wire import call_commands, commands, live_events, speech_events

FORWARDED = "forwarded"

KEYS = frozenset("0123456789*#ABCD")
WAIT = "w"

MAX_KEYS = 100
"""Of one command, and kept of what the person pressed."""


class PhoneSide:
    """See :class:`pinecall_run.transports.contract.PhoneSide`. ``line`` is ``None`` in a call without one.
    ``say_before`` has the agent say a text, and then does something."""

    def __init__(
        self,
        core: CallCore,
        line: PhoneLine | None,
        *,
        played: Callable[[int], None],
        say_before: Callable[[str, Callable[[], object]], None],
        end: Callable[[str], None],
    ) -> None:
        self._core = core
        self._line = line
        self._played = played
        self._say_before = say_before
        self._end = end
        self._keys = ""
        self._is_forwarded = self._is_over = False
        self._latest: call_commands.CallForward | None = None
        """Whom the call is to be handed on to: of several, the latest counts."""
        self._handing: set[asyncio.Task[None]] = set()
        """A call that waits for its summary to be handed on."""

    async def close(self) -> None:
        """The call is over."""
        self._is_over = True
        self._give_up()
        await asyncio.gather(*self._handing, return_exceptions=True)

    def played(self, chunks: int) -> None:
        """See the contract."""
        self._played(chunks)

    def key(self, digit: str) -> None:
        """See the contract; what is no key is passed over."""
        if digit in KEYS:
            self._keys = (self._keys + digit)[-MAX_KEYS:]
            self._core.tell(speech_events.CallDtmfReceived, digit=digit, digits=self._keys)

    def forwarded(self, to: str) -> None:
        """See the contract; a line may say it twice."""
        if not (self._is_forwarded or self._is_over):
            self._is_forwarded = True
            self._core.tell(speech_events.CallForwarded, to=to)
            self._end(FORWARDED)

    def handle(self, command: commands.Command) -> bool:
        """A runner's command about the line; ``False`` where it is about something else, or there is no line. One that
        comes when the call is over is passed over."""
        handler = _COMMANDS.get(type(command))
        if handler is None or self._line is None:
            return False
        if not self._is_over:
            handler(self, self._line, command)
        return True

    def _on_forward(self, line: PhoneLine, command: call_commands.CallForward) -> None:
        self._give_up()
        self._latest = command
        if command.summary is True:
            task = asyncio.create_task(self._hand_on(line, command))
            self._handing.add(task)
            task.add_done_callback(self._handing.discard)
        else:
            self._go(line, command, command.summary if isinstance(command.summary, str) else "")

    async def _hand_on(self, line: PhoneLine, command: call_commands.CallForward) -> None:
        text, source = await self._core.summarise()
        self._core.tell(live_events.CallSummary, text=text, source=source)
        self._go(line, command, text)

    def _go(self, line: PhoneLine, command: call_commands.CallForward, summary: str) -> None:
        goes = partial(line.forward, command.to, announce=command.announce, summary=summary)
        if line.has_voice or not command.message:
            goes(message=command.message)
        else:
            self._say_before(command.message, lambda: self._latest is command and goes(message=""))

    def _give_up(self) -> None:
        for task in self._handing:
            task.cancel()

    def _on_keys(self, line: PhoneLine, command: call_commands.CallDtmf) -> None:
        digits = "".join(each for each in command.digits[:MAX_KEYS].upper() if each in KEYS or each == WAIT.upper())
        line.press(digits.replace(WAIT.upper(), WAIT))
        self._core.tell(speech_events.CallDtmfSent, digits=command.digits)


_COMMANDS: dict[type[commands.Command], Callable[[PhoneSide, PhoneLine, Any], None]] = {
    call_commands.CallForward: PhoneSide._on_forward,
    call_commands.CallDtmf: PhoneSide._on_keys,
}
