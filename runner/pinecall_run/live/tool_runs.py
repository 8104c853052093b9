"""One tool call as its tool's options say: in its turn, within its time, tried again, given up, journaled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

from pinecall_run.config.model import Tool
from pinecall_run.live.calls import LiveCall
from pinecall_run.live.journal import Step, Write, next_step
from pinecall_run.live.journal_file import JournalError, JournalFile
from pinecall_run.live.notices import Notice, ToolRetried, Trouble
from pinecall_run.live.phrases import Phrases
from pinecall_run.live.threads import Threads
from pinecall_run.live.turns import Turns
from pinecall_run.tools import policy
from pinecall_run.tools.binding import Binding
from pinecall_run.tools.invoke import Answer, Failure, invoke
from pinecall_run.wire.events import LlmToolCall, ToolCall

THREADS = 64
"""Plain functions that may run at once; more wait for a thread. One function gets half of them at most."""

WAIT_SECONDS, LOOK_SECONDS = 30.0, 0.1
"""How long a write that another process runs may take to end there, and how often its entry is looked at."""


class Outcome(NamedTuple):
    """What came of a tool call: its answer, how often the function was called, and whether the answer is an earlier
    process's."""

    answer: Answer
    tries: int = 1
    is_repeated: bool = False


_PLAIN = Tool("")
"""How a tool is called of which nothing is said."""


@dataclass(slots=True)
class _Run:
    """One call of a tool, and what came of it so far."""

    binding: Binding
    tool: Tool
    call: ToolCall
    live: LiveCall
    write: Write | None
    tries: int = 0
    is_begun: bool = False
    """Whether the journal may say that it began: then it has to say how it ended."""
    is_repeated: bool = False
    """Whether its answer is an earlier process's."""


class ToolRuns:
    """Runs tools. ``finish`` has the last word on an answer before it is recorded; ``sleep`` waits between tries."""

    def __init__(
        self,
        notify: Callable[[Notice], None],
        clock: Callable[[], float],
        finish: Callable[[Answer], Answer],
        journal: JournalFile | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._notify = notify
        self._clock = clock
        self._finish = finish
        self._journal = journal
        self._sleep = sleep
        self._pool = Threads(THREADS)
        self._phrases = Phrases()
        self._turns: dict[tuple[str, int], Turns] = {}
        self._interruptible: dict[str, set[asyncio.Future[None]]] = {}
        """By call, what ends the wait for tools that are given up when the person speaks."""
        self._given_up: set[asyncio.Task[Answer]] = set()

    async def run(self, live: LiveCall, binding: Binding, request: LlmToolCall, call: ToolCall) -> Outcome:
        """Call a tool; raises nothing but the cancellation of the task that calls it."""
        tool = live.agent.config.tools.get(call.name, _PLAIN)
        write = Write.of(request, call) if tool.effect == "write" and self._journal is not None else None
        if write is None and not (
            tool.timeout_seconds or tool.max_concurrency or tool.cancel_on_interruption or tool.say or tool.retries
        ):
            # Most: what follows would do nothing, and take as long as the rest of a call does.
            threads = self._threads(tool, binding)
            answer = await invoke(binding, call.arguments, live.call, threads, live.state.value)
            return Outcome(self._finish(answer))
        run = _Run(binding, tool, call, live, write)
        with self._phrases.during(live, tool.say):
            answer = await (self._unless_interrupted(run) if tool.cancel_on_interruption else self._tried(run))
        if run.is_repeated:
            return Outcome(answer, run.tries, is_repeated=True)
        answer = self._finish(answer)
        if run.is_begun:
            await self._record_end(run, answer)
        return Outcome(answer, run.tries)

    def interrupt(self, call_id: str) -> None:
        """The person spoke: give up what is to be given up then."""
        for wait in self._interruptible.get(call_id, ()):
            if not wait.done():
                wait.set_result(None)

    async def open(self) -> None:
        """Open what has to be open before a tool runs.

        Raises:
            JournalError: the journal cannot be used.
        """
        if self._journal is not None:
            await asyncio.to_thread(self._journal.open)

    async def close(self) -> None:
        """End what was given up, and the journal. Threads cannot be stopped; they are left behind."""
        for task in self._given_up:
            task.cancel()
        await asyncio.gather(*self._given_up, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._journal is not None:
            await asyncio.wrap_future(self._journal.close())

    # given up

    async def _unless_interrupted(self, run: _Run) -> Answer:
        """The tool's answer, or that it was given up: then nobody waits for how it takes its cancellation."""
        call_id = run.live.call.id
        wait = asyncio.get_running_loop().create_future()
        self._interruptible.setdefault(call_id, set()).add(wait)
        work = asyncio.create_task(self._tried(run))
        try:
            await asyncio.wait((work, wait), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waits = self._interruptible[call_id]
            waits.discard(wait)
            if not waits:
                del self._interruptible[call_id]
            if not work.done():
                work.cancel()
                self._given_up.add(work)
                work.add_done_callback(self._given_up.discard)
        return work.result() if work.done() else policy.interrupted(run.call.name, is_write=run.tool.is_write)

    # tried again

    async def _tried(self, run: _Run) -> Answer:
        tool = run.tool
        ends = None if tool.timeout_seconds is None else self._clock() + tool.timeout_seconds
        while True:
            answer = await self._once(run, policy.share(self._left(ends), tool.retries + 1 - run.tries))
            run.tries += 1
            pause = policy.pause_before_next(answer, run.tries, retries=tool.retries, left=self._left(ends))
            if pause is None or answer.failure is None:
                return answer
            told, failure = run.live.call, self._finish(answer).failure or answer.failure
            self._notify(ToolRetried(told.agent, told.id, run.call.name, run.tries, failure, pause, told.revision))
            await self._sleep(pause)

    def _left(self, ends: float | None) -> float | None:
        return None if ends is None else ends - self._clock()

    async def _once(self, run: _Run, seconds: float | None) -> Answer:
        try:
            async with asyncio.timeout(seconds), self._turn(run.tool, run.binding) as pool:
                known = None if run.write is None else await self._record_begin(run, run.write)
                return known or await invoke(run.binding, run.call.arguments, run.live.call, pool, run.live.state.value)
        except TimeoutError:
            return policy.timed_out(run.call.name, seconds or 0.0, is_write=run.tool.is_write)

    def _turn(self, tool: Tool, binding: Binding) -> AbstractAsyncContextManager[Executor]:
        """Waits until another call of a function may run; gives the threads for it."""
        pool = self._threads(tool, binding)
        if tool.max_concurrency is None:
            return nullcontext(pool)
        key = tool.function, tool.max_concurrency
        if key not in self._turns:
            self._turns[key] = Turns(tool.max_concurrency)
        return self._turns[key].one(pool)

    def _threads(self, tool: Tool, binding: Binding) -> Executor:
        return self._pool if binding.is_async else self._pool.of(tool.function)

    # journaled

    async def _record_begin(self, run: _Run, write: Write) -> Answer | None:
        """Record that a write begins; the answer if it must not."""
        assert self._journal is not None
        ends = self._clock() + WAIT_SECONDS
        while True:
            run.is_begun = True  # perhaps, if this is cut off
            try:
                entry = await asyncio.wrap_future(self._journal.begin(write))
            except JournalError as error:
                run.is_begun = False
                return policy.not_journaled(run.call.name, str(error))
            run.is_begun = entry is None
            match next_step(entry, is_owner_alive=entry is not None and self._journal.is_owner_alive(entry)):
                case Step.RUN:
                    return None
                case Step.WAIT if self._clock() < ends:
                    await self._sleep(LOOK_SECONDS)
                case Step.REPEAT if entry is not None and entry.outcome is not None:
                    run.is_repeated = True
                    return _said_before(entry.outcome, is_failure=entry.is_failure)
                case _:
                    run.is_repeated = True
                    return policy.unknown(run.call.name)

    async def _record_end(self, run: _Run, answer: Answer) -> None:
        assert self._journal is not None
        assert run.write is not None
        recorded = self._journal.end(run.write, answer.json, is_failure=answer.failure is not None)
        try:
            await asyncio.shield(asyncio.wrap_future(recorded))
        except JournalError as error:
            sentence = f"{run.call.name} ran, and after a crash nobody will know: {error}"
            self._notify(Trouble(sentence, run.live.call.agent, run.live.call.id, run.live.call.revision))


def _said_before(outcome: bytes, *, is_failure: bool) -> Answer:
    return Answer(outcome, Failure("failed before", "it failed in an earlier process") if is_failure else None)
