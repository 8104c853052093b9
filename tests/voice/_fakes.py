"""Fakes written from the contracts: a model that says what it is told to, an outlet and an owner that take notes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from pinecall_run.providers.contracts import Aloud, ModelPiece, ModelRequest, ProviderError, Text, ToolRequest
from pinecall_run.voice.call_core import Surroundings
from pinecall_run.voice.chat_session import ChatSession
from pinecall_run.voice.health import Health
from pinecall_run.voice.threads import Earlier
from pinecall_run.wire import commands, events

Say = str | ToolRequest | Aloud | BaseException | asyncio.Event


class Model:
    """One list of things to do for each question; what is asked is kept in ``requests``."""

    def __init__(self, *answers: Sequence[Say]) -> None:
        self.requests: list[ModelRequest] = []
        self._answers = list(answers)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        self.requests.append(request)
        for say in self._answers.pop(0):
            match say:
                case str():
                    yield Text(say)
                case ToolRequest() | Aloud():
                    yield say
                case asyncio.Event():
                    await say.wait()
                case _:
                    raise say

    def messages(self, number: int = -1) -> list[tuple[str, Any]]:
        """Role and content of the messages of one question, without the prompt."""
        return [(m["role"], m["content"]) for m in self.requests[number].messages if m["role"] != "system"]


def tool(name: str, arguments: str = "{}", id: str = "") -> ToolRequest:
    return ToolRequest(id or f"call_{name}", name, arguments)


class Outlet:
    """What reached the person, in order."""

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []

    def token(self, text: str) -> None:
        self.log.append(("token", text))

    def done(self, text: str, *, is_asked: bool = True) -> None:
        self.log.append(("done", text))

    def tool_calls(self, calls: Sequence[events.ToolCall]) -> None:
        self.log.append(("tool_calls", [call.name for call in calls]))

    def tool_results(self, results: Sequence[events.NamedResult]) -> None:
        self.log.append(("tool_results", {result.name: result.result for result in results}))

    def error(self, sentence: str, *, is_refusal: bool = False) -> None:
        self.log.append(("error", sentence))

    def ended(self, reason: str) -> None:
        self.log.append(("ended", reason))


class Owner:
    """The runner's end: what it was told, and whether it is there at all."""

    def __init__(self) -> None:
        self.is_there = True
        self.told: list[events.CallEvent] = []

    def tell(self, event: events.CallEvent) -> bool:
        if self.is_there:
            self.told.append(event)
        return self.is_there

    def named(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    def last(self, kind: type[Any]) -> Any:
        return self.named(kind)[-1]

    @property
    def names(self) -> list[str]:
        return [str(type(event).__struct_config__.tag) for event in self.told]


class Talk:
    """A running conversation with both of its ends. Use it as an async context."""

    def __init__(
        self,
        model: Model | None,
        configuration: Mapping[str, Any] | None = None,
        *,
        tool_timeout: float = 5.0,
        metadata: Mapping[str, Any] | None = None,
        is_paused: Callable[[], bool] = lambda: False,
        earlier: Earlier | None = None,
        is_shown_at_once: bool = False,
    ) -> None:
        self.outlet, self.owner, self.model = Outlet(), Owner(), model
        self.models: dict[str | None, Model] = {}
        self.now = 1_700_000_000.0
        numbers = itertools.count(1)
        around = Surroundings(
            self.owner.tell,
            lambda: f"id{next(numbers)}",
            lambda: self.now,
            tool_timeout,
            self._open_model,
            Health(lambda: self.now),
        )
        self.session = ChatSession(
            "chat-1",
            "front",
            configuration or {},
            model,
            self.outlet,
            around,
            metadata=metadata,
            is_paused=is_paused,
            earlier=earlier,
            is_shown_at_once=is_shown_at_once,
        )

    def _open_model(self, configuration: Mapping[str, Any]) -> Model | None:
        llm = configuration["llm"]
        if llm is not None and llm not in self.models:
            raise ProviderError("no such model", "look again")
        return self.models.get(llm)

    async def __aenter__(self) -> Talk:
        self.session.announce()
        self.task = asyncio.create_task(self.session.run())
        await settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.session.end("disconnected")
        await self.task

    async def say(self, text: str) -> None:
        self.session.post(text)
        await settle()

    async def do(self, command: commands.Command) -> None:
        self.session.handle(command)
        await settle()

    async def answer_tools(self, *results: commands.ToolResult, msg_id: str | None = None) -> None:
        asked = self.owner.last(events.LlmToolCall)
        await self.do(commands.LlmToolResult(call_id="chat-1", msg_id=msg_id or asked.msg_id, results=list(results)))

    @property
    def history(self) -> list[dict[str, Any]]:
        return self.session.conversation.messages


async def settle(turns: int = 30) -> None:
    """Let everything that can run do so."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for something that another task or the world brings about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.002)
