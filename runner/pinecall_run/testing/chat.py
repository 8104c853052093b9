"""One conversation with an agent, from the person's side."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.live.library import Runner
from pinecall_run.testing.failures import Unexpected
from pinecall_run.tools.call import Call, Said
from pinecall_run.transports.contract import NotAdmittedError, TextSession
from pinecall_run.voice.hub import Hub
from pinecall_run.wire.events import NamedResult, ToolCall

WITHIN_SECONDS = 60.0
SETTLE_SECONDS = 0.001
"""Everything that is ready to run does so within this."""


async def settle() -> None:
    """Let everything that is ready run."""
    await asyncio.sleep(SETTLE_SECONDS)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one message.

    Attributes:
        text: what the agent said.
        tools: the tools that the model called, each with its arguments, in order.
        results: what they answered, as the model got it.
        seconds: how long it took, by the event loop's clock.
        ended: why the conversation ended meanwhile; empty if it goes on.
    """

    text: str
    tools: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    seconds: float = 0.0
    ended: str = ""


class Chat:
    """One conversation, from the person's side. :func:`talking_to` and :meth:`Stage.chat` begin them.

    ``troubles`` grows by what the server and the runner complain about.
    """

    def __init__(self, agent: str, hub: Hub, runner: Runner, troubles: Sequence[str]) -> None:
        self.agent = agent
        self.heard: list[str] = []
        """Everything that the agent said, in order."""
        self.tools: list[tuple[str, dict[str, Any]]] = []
        """Every tool that the model called, in order."""
        self.ended = ""
        """Why the conversation is over; empty while it goes on. ``client_hangup`` is a hang-up of ours."""
        self._hub = hub
        self._runner = runner
        self._outlet = _Outlet(self, troubles)
        self._session: TextSession | None = None
        self._call: Call | None = None

    @property
    def call(self) -> Call:
        """The call as tools see it, also after its end.

        Raises:
            Unexpected: the runner was not told of it, because it has no connection.
        """
        if self._call is None:
            self._call = next((call for call in self._runner.calls if call.id == self._talk.id), None)
        if self._call is None:
            raise Unexpected(f"the runner knows no call {self._talk.id}")
        return self._call

    @property
    def transcript(self) -> list[Said]:
        """What was said, as the runner has it."""
        return self.call.transcript

    async def say(self, text: str, *, within: float = WITHIN_SECONDS) -> Reply:
        """Say something, and wait for the answer; it may be that the conversation ends instead.

        Raises:
            Unexpected: there was none within so many seconds, or the model failed.
        """
        if self.ended:
            raise Unexpected(f"the conversation is over ({self.ended}), so that nobody hears {text!r}")
        return await self._outlet.answer(text, lambda: self._talk.post(text), within)

    async def hear(self, *, within: float = WITHIN_SECONDS) -> str:
        """The next text that the agent says unasked, such as a greeting or what a tool has it say.

        Raises:
            Unexpected: it said nothing within so many seconds.
        """
        return await self._outlet.unasked(within)

    def leave(self) -> None:
        """Leave, as a person does who closes the page."""
        self._talk.end("disconnected")

    async def begin(self, metadata: Mapping[str, Any]) -> None:
        """Begin it; ``metadata`` is what the opener of the session attaches.

        Raises:
            Unexpected: the server does not take it.
        """
        token = self._hub.tokens.mint("chat", self.agent, self._hub.clock(), scope="supervise", metadata=dict(metadata))
        try:
            self._session = self._hub.open_chat(token, self._outlet).session
        except NotAdmittedError as refusal:
            raise Unexpected(f"{self.agent} does not take the conversation: {refusal}") from None
        await settle()
        self._call = next((call for call in self._runner.calls if call.id == self._talk.id), None)

    @property
    def _talk(self) -> TextSession:
        if self._session is None:
            raise Unexpected("the conversation has not begun")
        return self._session


class _Outlet:
    """What reaches the person; see :class:`pinecall_run.transports.contract.Outlet`."""

    def __init__(self, chat: Chat, troubles: Sequence[str]) -> None:
        self._chat = chat
        self._troubles = troubles
        self._answers: deque[str] = deque()
        self._unasked: deque[str] = deque()
        self._errors: deque[str] = deque()
        self._streamed: list[str] = []
        self._tools: list[tuple[str, dict[str, Any]]] = []
        self._results: list[Any] = []
        self._news = asyncio.Event()

    async def answer(self, text: str, post: Callable[[], None], within: float) -> Reply:
        loop = asyncio.get_running_loop()
        began, troubles = loop.time(), len(self._troubles)
        self._tools, self._results = [], []
        post()
        what = f"{self._chat.agent} did not answer {text!r}"
        await self._until(lambda: self._answers or self._errors or self._chat.ended, within, what)
        seconds = loop.time() - began
        await settle()
        if self._errors:
            why = "; ".join([self._errors.popleft(), *self._troubles[troubles:]])
            raise Unexpected(f"{what}: {why}")
        said = self._answers.popleft() if self._answers else "".join(self._streamed)
        self._streamed.clear()
        return Reply(said, self._tools, self._results, seconds, self._chat.ended)

    async def unasked(self, within: float) -> str:
        await self._until(lambda: self._unasked or self._chat.ended, within, f"{self._chat.agent} said nothing unasked")
        if not self._unasked:
            raise Unexpected(f"{self._chat.agent} said nothing unasked before the conversation ended")
        await settle()
        return self._unasked.popleft()

    async def _until(self, condition: Callable[[], object], within: float, otherwise: str) -> None:
        try:
            async with asyncio.timeout(within):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            tools = ", ".join(name for name, _ in self._tools[len(self._results) :])
            waits = f"; {tools} had not answered yet" if tools else ""
            raise Unexpected(f"{otherwise} within {within:g} s{waits}") from None

    def token(self, text: str) -> None:
        self._streamed.append(text)

    def done(self, text: str, *, is_asked: bool = True) -> None:
        if text:
            self._chat.heard.append(text)
        (self._answers if is_asked else self._unasked).append(text)
        self._streamed.clear()
        self._news.set()

    def tool_calls(self, calls: Sequence[ToolCall]) -> None:
        made = [(call.name, _arguments(call.arguments)) for call in calls]
        self._tools += made
        self._chat.tools += made
        self._streamed.clear()

    def tool_results(self, results: Sequence[NamedResult]) -> None:
        self._results += [result.result for result in results]

    def error(self, sentence: str, *, is_refusal: bool = False) -> None:
        self._errors.append(sentence)
        self._news.set()

    def ended(self, reason: str) -> None:
        self._chat.ended = reason
        self._news.set()


def _arguments(written: str) -> dict[str, Any]:
    """A call's arguments; under "" what a model wrote that is no JSON object."""
    try:
        arguments = json.loads(written or "{}")
    except ValueError:
        return {"": written}
    return arguments if isinstance(arguments, dict) else {"": arguments}
