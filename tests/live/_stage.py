"""One live call on a link that a test plays: what is sent, what functions do, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pinecall_run.config.model import Agent, Context, PromptSource
from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.live.calls import Calls, LiveCall
from pinecall_run.live.driver import Wire
from pinecall_run.live.lifespan import State
from pinecall_run.live.notices import FunctionFailed, Notice
from pinecall_run.live.threads import Threads
from pinecall_run.prompts.prompt import compile_prompt
from pinecall_run.source.document import Text
from pinecall_run.tools.given import Given
from pinecall_run.tools.hook import Hook
from pinecall_run.wire import commands, events

PATIENCE = 5.0
NAMES = {"call": Given.CALL, "event": Given.EVENT, "state": Given.STATE}


def hook(function: Callable[..., Any], *given: str) -> Hook:
    """A function that receives these by name."""
    return Hook(f"shop.{getattr(function, '__name__', 'it')}", function, {name: NAMES[name] for name in given})


class Stage:
    """A call of an agent, with the functions and the prompt given."""

    def __init__(
        self,
        *,
        on: Mapping[str, Hook] | None = None,
        context: Hook | None = None,
        seconds: float = 1.5,
        model: Hook | None = None,
        prompt: str | None = None,
        variables: Mapping[str, Any] | None = None,
        **known: Any,
    ) -> None:
        self.sent: list[commands.Command] = []
        self.notices: list[Notice] = []
        self.news = asyncio.Event()
        self.pool = Threads(8)
        wire = Wire(self.send)
        wire.attach()
        template, _ = compile_prompt(Text(prompt, "desk.md.j2"), variables or {}) if prompt is not None else (None, [])
        static = (template.render()[0] if template is not None else None) or ""
        config = Agent(
            "desk",
            PromptSource(text=prompt, vars=variables or {}),
            context=Context("shop.context", seconds) if context else None,
        )
        agent = DeployedAgent(config, static, template=template, on=on or {}, context=context, model=model)
        self.calls = Calls(wire)
        known = {"channel": "phone", **known}
        self.live: LiveCall = self.calls.begin("1", agent, "r1", State(), **known)[0]

    def send(self, command: commands.Command) -> bool:
        self.sent.append(command)
        self.news.set()
        return True

    def notify(self, notice: Notice) -> None:
        self.notices.append(notice)
        self.news.set()

    def event(self, kind: type[events.CallEvent], **fields: Any) -> Any:
        event = kind(agent_id="desk", call_id="1", **fields)
        self.live.handle(event, 0.0)
        return event

    async def until(self, condition: Callable[[], Any]) -> Any:
        """What a condition gives as soon as it gives something."""
        async with asyncio.timeout(PATIENCE):
            while not (found := condition()):
                self.news.clear()
                await self.news.wait()
            return found

    def all(self, kind: type[Any]) -> list[Any]:
        return [command for command in self.sent if isinstance(command, kind)]

    def failures(self) -> list[tuple[str, str]]:
        return [(n.what, n.failure.kind) for n in self.notices if isinstance(n, FunctionFailed)]
