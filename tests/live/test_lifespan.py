"""A lifespan is entered and left in one task, left when nobody uses it, and what goes wrong is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pinecall_run.live import lifespan as module
from pinecall_run.live.lifespan import LifespanError, State
from pinecall_run.tools.hook import Lifespan


class Log:
    def __init__(self, *, fails_to: str = "") -> None:
        self.said: list[str] = []
        self.tasks: set[Any] = set()
        self.fails_to = fails_to
        self.gate = asyncio.Event()

    def lifespan(self) -> Lifespan:
        @asynccontextmanager
        async def manager() -> AsyncIterator[str]:
            self._step("enter")
            try:
                yield "pool"
            finally:
                if self.fails_to == "end":
                    await self.gate.wait()
                self._step("leave")

        return Lifespan("shop.lifespan", manager, str)

    def _step(self, what: str) -> None:
        self.said.append(what)
        self.tasks.add(asyncio.current_task())
        if self.fails_to == what:
            raise OSError("no database")


async def test_it_is_entered_and_left_in_a_task_of_its_own() -> None:
    log = Log()
    state = State(log.lifespan())
    await state.enter()
    assert (state.value, log.said) == ("pool", ["enter"])
    await state.leave()
    await state.leave()
    assert log.said == ["enter", "leave"]
    assert len(log.tasks) == 1
    assert asyncio.current_task() not in log.tasks


async def test_it_is_not_left_while_something_uses_it() -> None:
    log = Log()
    state = State(log.lifespan())
    await state.enter()
    state.hold()
    leaving = asyncio.create_task(state.leave(when_idle=True))
    await asyncio.sleep(0)
    state.release()
    state.hold()  # a function of the call that has just ended
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert log.said == ["enter"]
    state.release()
    await leaving
    assert log.said == ["enter", "leave"]


async def test_a_project_without_one_has_nothing_to_enter() -> None:
    state = State()
    await state.enter()
    assert state.value is None
    await state.leave(when_idle=True)


@pytest.mark.parametrize("step", ["enter", "leave"])
async def test_what_it_raises_is_said_with_its_place(step: str) -> None:
    state = State(Log(fails_to=step).lifespan())
    if step == "leave":
        await state.enter()
    going = state.enter() if step == "enter" else state.leave()
    with pytest.raises(
        LifespanError, match=r"shop\.lifespan failed with OSError at .*test_lifespan\.py:\d+: no database"
    ) as caught:
        await going
    assert caught.value.failure.file == __file__


@pytest.mark.parametrize("error", [SystemExit("no DATABASE_URL"), asyncio.CancelledError()])
async def test_not_even_an_exit_gets_out(error: BaseException) -> None:
    @asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        raise error
        yield

    with pytest.raises(LifespanError, match=type(error).__name__):
        await State(Lifespan("shop.lifespan", manager, None)).enter()


async def test_leaving_takes_its_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAVE_SECONDS", 0.01)
    state = State(Log(fails_to="end").lifespan())
    await state.enter()
    with pytest.raises(LifespanError, match="was not left within"):
        await state.leave()


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    gate = asyncio.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[None]:
        await gate.wait()
        yield

    entering = asyncio.create_task(State(Lifespan("shop.slow", slow, None)).enter())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    entering.cancel()
    await asyncio.gather(entering, return_exceptions=True)
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
