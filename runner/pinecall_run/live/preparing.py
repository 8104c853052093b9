"""A call's own prompt: rendered with what the project knows of the call, before the model's first turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pinecall_run.live.calls import LiveCall
from pinecall_run.live.functions import UnusableError, attempt, call_hook
from pinecall_run.live.notices import FunctionFailed, Notice, Trouble
from pinecall_run.live.tasks import Tasks
from pinecall_run.live.threads import Threads
from pinecall_run.prompts.prompt import Prompt
from pinecall_run.tools.call import Call, CallError
from pinecall_run.tools.given import Given
from pinecall_run.tools.invoke import Failure
from pinecall_run.wire.commands import Command, HistorySetInstructions, LlmReady
from pinecall_run.wire.events import LlmBefore


class Preparer:
    """Makes calls ready. ``send`` carries commands, plain functions run in ``pool``, ``notify`` tells what went wrong:
    then a call keeps the prompt that every call begins with."""

    def __init__(self, send: Callable[[Command], object], pool: Threads, notify: Callable[[Notice], None]) -> None:
        self._send = send
        self._pool = pool
        self._notify = notify
        self._running: dict[str, asyncio.Task[None]] = {}
        """By call."""
        self._told = Tasks()

    def begin(self, live: LiveCall) -> None:
        """A call began, or its server tells of it again: a prompt that was lost on its way is sent again."""
        if live.agent.template is None or live.is_prepared or live.call.id in self._running:
            return
        if live.own_prompt is not None:
            if live.own_prompt == live.call.prompt:  # else somebody has set another one since
                self._tell_soon(live, live.own_prompt)
            return
        task = self._running[live.call.id] = asyncio.create_task(self._prepare(live, live.agent.template))
        live.state.hold()

        def over(_: object) -> None:
            self._running.pop(live.call.id, None)
            live.state.release()

        task.add_done_callback(over)

    def running(self, call_id: str) -> asyncio.Task[None] | None:
        """What a call's first turn has to wait for."""
        return self._running.get(call_id)

    def before(self, live: LiveCall, event: LlmBefore) -> None:
        """The model's turn: it waits until the call is ready."""
        ready = LlmReady(call_id=live.call.id, agent_id=live.call.agent, turn=event.turn)
        task = self._running.get(live.call.id)
        if task is None:
            self._send(ready)
        else:
            task.add_done_callback(lambda task: self._send(ready))

    async def close(self) -> None:
        """Cancel what still runs."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._told.close()

    async def _prepare(self, live: LiveCall, template: Prompt) -> None:
        seconds, context = live.agent.preparing_seconds, live.agent.context
        path = context.path if context is not None else "the prompt"
        made = await attempt(self._made(live, template), seconds, context)
        if isinstance(made, Failure):
            self._notify(FunctionFailed(live.call.agent, live.call.id, "context", path, made, live.call.revision))
            live.is_prepared = True
            return
        variables, prompt = made
        if live.is_over:
            return
        live.call.vars.update(variables)
        live.call.prompt = live.own_prompt = prompt
        if prompt == live.agent.prompt or live.agent.model is not None:
            live.is_prepared = True  # the server has it, or needs none
            return
        self._tell_soon(live, prompt)
        await asyncio.sleep(0)  # so that it is on its way before we say that we are ready

    def _tell_soon(self, live: LiveCall, prompt: str) -> None:
        self._told.add(self._tell(live, prompt))

    async def _made(self, live: LiveCall, template: Prompt) -> tuple[Mapping[str, Any], str]:
        variables = await self._variables(live)
        return variables, await self._rendered(template, live.call, variables)

    async def _variables(self, live: LiveCall) -> Mapping[str, Any]:
        context = live.agent.context
        if context is None:
            return {}
        values = {Given.CALL: live.call, Given.STATE: live.state.value}
        found = await call_hook(context, values, self._pool)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            raise UnusableError(f"a result that is {_kind(found)}, not a mapping of variables")
        return {str(name): value for name, value in found.items()}

    async def _rendered(self, template: Prompt, call: Call, variables: Mapping[str, Any]) -> str:
        values = {**({} if "call" in template.vars else {"call": facts(call)}), **variables}
        loop = asyncio.get_running_loop()
        prompt, found = await loop.run_in_executor(self._pool, template.render, values)
        if prompt is None:
            raise UnusableError("a prompt that cannot be rendered", found[0].message)
        return prompt

    async def _tell(self, live: LiveCall, prompt: str) -> None:
        try:
            await live.driver.request(HistorySetInstructions(call_id=live.call.id, prompt=prompt))
        except CallError as error:
            self._notify(
                Trouble(
                    f"the call's own prompt was not taken: {error}", live.call.agent, live.call.id, live.call.revision
                )
            )
        else:
            live.is_prepared = True


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def facts(call: Call) -> dict[str, Any]:
    """``call`` as prompts know it."""
    return {
        "id": call.id,
        "agent": call.agent,
        "channel": call.channel,
        "direction": call.direction,
        "from": call.from_,
        "from_": call.from_,
        "to": call.to,
        "metadata": dict(call.metadata),
        "started_at": call.started_at,
        "revision": call.revision,
    }
