"""A tool is called as its options say, and ends in one answer whoever ends it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.live._elsewhere import elsewhere

from pinecall_run.config.model import Agent, PromptSource, Tool
from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.live import tool_runs
from pinecall_run.live.calls import Calls
from pinecall_run.live.driver import Wire
from pinecall_run.live.journal import Write
from pinecall_run.live.journal_file import JournalFile
from pinecall_run.live.notices import Notice, ToolRetried, Trouble
from pinecall_run.live.tool_runs import ToolRuns
from pinecall_run.tools.binding import bind
from pinecall_run.tools.invoke import Answer
from pinecall_run.tools.path import ToolPath
from pinecall_run.wire.events import LlmToolCall, ToolCall

gate = threading.Event()
ran: list[str] = []
failures: list[Exception] = []


async def fails(text: str = "") -> str:
    ran.append(text)
    if failures:
        raise failures.pop(0)
    return "found"


async def hangs() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        ran.append("cancelled")
        raise


async def clings() -> str:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.05)
    return "late"


def blocks() -> str:
    gate.wait(5)
    ran.append("blocks")
    return "late"


class Stage:
    """Runs with a clock that stands still but for their own pauses."""

    def __init__(self, journal: Path | None = None) -> None:
        gate.clear()
        ran.clear()
        failures.clear()
        self.now = 100.0
        self.told: list[Notice] = []
        self.pauses: list[float] = []
        self.journal = None if journal is None else JournalFile(journal)
        self.runs = ToolRuns(self.told.append, lambda: self.now, lambda answer: answer, self.journal, self._sleep)
        self.number = 0

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    async def call(self, function: Callable[..., Any], arguments: str = "{}", **options: Any) -> Answer:
        name = function.__name__
        binding = replace(bind(name, ToolPath(__name__, name)), name=name)
        config = Agent("desk", PromptSource(text="p"), tools={name: Tool(name, **options)})
        agent = DeployedAgent(config, "p", tools={name: binding})
        live, _ = Calls(Wire(lambda command: True)).begin("c1", agent, "r", channel="chat")
        self.number += 1
        call = ToolCall(id=f"t{self.number}", name=name, arguments=arguments)
        request = LlmToolCall(agent_id="desk", call_id="c1", msg_id=f"m{self.number}", tool_calls=[call])
        async with asyncio.timeout(5):
            return (await self.runs.run(live, binding, request, call)).answer


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    gate.set()
    await stage.runs.close()


@pytest.fixture
async def journaled(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path / "w.journal")
    await stage.runs.open()
    yield stage
    gate.set()
    await stage.runs.close()


# tried again


async def test_a_read_that_fails_is_tried_again_and_each_try_is_told(stage: Stage) -> None:
    failures[:] = [LookupError("no"), OSError("gone")]
    answer = await stage.call(fails, effect="read", retries=3)
    assert (answer.result, answer.failure) == ("found", None)
    assert stage.pauses == [0.1, 0.2]
    tried = [(n.tried, n.failure.kind) for n in stage.told if isinstance(n, ToolRetried)]
    assert tried == [(1, "LookupError"), (2, "OSError")]


async def test_the_last_failure_is_the_answer(stage: Stage) -> None:
    failures[:] = [LookupError(str(number)) for number in range(9)]
    answer = await stage.call(fails, effect="read", retries=2)
    assert answer.result == {"error": "2"}
    assert len(ran) == 3


async def test_arguments_that_do_not_fit_are_not_tried_again(stage: Stage) -> None:
    answer = await stage.call(fails, '{"text": 7, "more": 1}', effect="read", retries=3)
    assert answer.failure is not None
    assert answer.failure.kind == "bad arguments"
    assert (ran, stage.pauses) == ([], [])


async def test_tries_share_the_time_of_the_tool(stage: Stage) -> None:
    answer = await stage.call(hangs, effect="read", retries=2, timeout_seconds=0.06)
    assert answer.failure is not None
    assert answer.failure.kind == "timed out"
    assert ran == ["cancelled"], "after its share of it, there is no time for a pause"
    stage = Stage()
    answer = await stage.call(hangs, effect="read", retries=1, timeout_seconds=0.6)
    assert ran == ["cancelled"] * 2
    assert stage.pauses == [0.1]


# given up


@pytest.mark.parametrize("function", [hangs, clings, blocks])
async def test_what_asks_for_it_is_given_up_when_the_person_speaks(stage: Stage, function: Callable[..., Any]) -> None:
    running = asyncio.create_task(stage.call(function, cancel_on_interruption=True))
    await asyncio.sleep(0.03)
    stage.runs.interrupt("c2")
    await asyncio.sleep(0.01)
    assert not running.done()
    stage.runs.interrupt("c1")
    stage.runs.interrupt("c1")
    answer = await running
    assert answer.result == {"error": f"{function.__name__} was cancelled because the person spoke"}
    await asyncio.sleep(0)
    assert ran == (["cancelled"] if function is hangs else [])
    assert stage.runs._interruptible == {}


async def test_what_does_not_ask_for_it_is_not_given_up(stage: Stage) -> None:
    running = asyncio.create_task(stage.call(blocks))
    await asyncio.sleep(0.02)
    stage.runs.interrupt("c1")
    gate.set()
    assert (await running).result == "late"


async def test_what_was_given_up_is_not_left_behind(stage: Stage) -> None:
    running = asyncio.create_task(stage.call(clings, cancel_on_interruption=True))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(stage.runs._given_up) == 1
    await stage.runs.close()
    await asyncio.sleep(0)
    assert stage.runs._given_up == set()


# threads


async def test_one_function_does_not_take_all_threads(stage: Stage) -> None:
    blocked = [asyncio.create_task(stage.call(blocks)) for _ in range(tool_runs.THREADS * 2)]
    await asyncio.sleep(0.05)
    gate_of_others = threading.Event()

    def answers() -> str:
        gate_of_others.set()
        return "at once"

    binding = replace(bind("blocks", ToolPath(__name__, "blocks")), function=answers, name="answers")
    turn = stage.runs._turn(Tool("answers"), binding)
    async with turn as pool:
        assert await asyncio.get_running_loop().run_in_executor(pool, answers) == "at once"
    gate.set()
    assert {each.result for each in await asyncio.gather(*blocked)} == {"late"}


# journaled


async def test_a_write_is_recorded_before_and_after(journaled: Stage) -> None:
    assert (await journaled.call(fails, '{"text": "a"}', effect="write")).result == "found"
    failures.append(LookupError("no"))
    await journaled.call(fails, '{"text": "b"}', effect="write")
    await journaled.call(fails, effect="read")
    await journaled.call(fails)
    assert _rows(journaled) == [("m1", b'"found"', 0), ("m2", b'{"error":"no"}', 1)]


async def test_a_write_that_was_run_before_is_answered_and_not_run(journaled: Stage) -> None:
    await journaled.call(fails, '{"text": "a"}', effect="write")
    journaled.number = 0  # the server asks again, and this process does not remember
    answer = await journaled.call(fails, '{"text": "a"}', effect="write")
    assert (answer.result, ran) == ("found", ["a"])
    journaled.number = 0
    await journaled.call(fails, '{"text": "another"}', effect="write")
    assert ran == ["a", "another"]


async def test_a_write_that_another_process_runs_is_waited_for(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "w.journal"
    monkeypatch.setattr(Write, "of", lambda request, call: Write("c1", "m1", "t1", "book", b"asked"))
    stage = Stage(path)
    with elsewhere(path) as process:
        await stage.runs.open()
        assert process.stdin is not None
        waiting = asyncio.create_task(stage.call(fails, effect="write"))
        await _until(lambda: stage.pauses)
        process.stdin.write("end\n")
        process.stdin.flush()
        answer = await waiting
    assert (answer.result, answer.failure, ran) == ("booked", None, [])
    await stage.runs.close()


async def test_a_write_whose_process_was_killed_is_unknown(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "w.journal"
    monkeypatch.setattr(Write, "of", lambda request, call: Write("c1", "m1", "t1", "book", b"asked"))
    stage = Stage(path)
    with elsewhere(path):
        await stage.runs.open()
    answer = await stage.call(fails, effect="write")
    assert answer.result["error"].startswith("it is not known whether fails took effect: it was cut off by a restart.")
    assert ran == []
    await stage.runs.close()


async def test_a_write_is_not_run_without_its_record(journaled: Stage, tmp_path: Path) -> None:
    (tmp_path / "w.journal").unlink()
    answer = await journaled.call(fails, effect="write")
    assert answer.failure is not None
    assert answer.failure.kind == "not journaled"
    assert answer.result["error"].startswith("fails was not run: the journal ")
    assert (ran, journaled.told) == ([], [])
    assert (await journaled.call(fails, effect="read")).result == "found"


async def test_a_write_whose_end_cannot_be_recorded_is_answered_and_told(journaled: Stage, tmp_path: Path) -> None:
    running = asyncio.create_task(journaled.call(blocks, effect="write"))
    await _until(lambda: _rows(journaled))
    (tmp_path / "w.journal").unlink()
    gate.set()
    assert (await running).result == "late"
    (trouble,) = (notice for notice in journaled.told if isinstance(notice, Trouble))
    assert trouble.text.startswith("blocks ran, and after a crash nobody will know: the journal ")


@pytest.mark.parametrize("how", ["timed out", "cancelled"])
async def test_of_a_write_that_is_cut_off_nobody_says_that_it_did_not_happen(journaled: Stage, how: str) -> None:
    options = {"timed out": {"timeout_seconds": 0.3}, "cancelled": {"cancel_on_interruption": True}}
    running = asyncio.create_task(journaled.call(hangs, effect="write", **options[how]))
    await _until(lambda: _rows(journaled))
    journaled.runs.interrupt("c1")
    answer = await running
    assert answer.failure is not None
    assert answer.failure.kind == how
    assert answer.result["error"].startswith("it is not known whether hangs took effect: hangs ")
    assert _rows(journaled) == [("m1", answer.json, 1)]


def _rows(stage: Stage) -> list[tuple[str, bytes | None, int]]:
    assert stage.journal is not None
    with sqlite3.connect(stage.journal._path) as database:
        return database.execute("SELECT msg_id, outcome, is_failure FROM writes ORDER BY 1").fetchall()


async def _until(has_come: Callable[[], object]) -> None:
    while not has_come():  # noqa: ASYNC110 - it comes from another process, or is read from its file
        await asyncio.sleep(0.01)
