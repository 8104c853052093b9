"""A deploy: the new process stands by, the old one is asked to end, and nobody who talks notices."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from tests.cli.test_run import use_server
from tests.cli.test_serve import _serving
from tests.stories._stage import Program, chatting, copy_project, running

TAKES_OVER = "support stands by: another process answers, and this one takes over when it leaves"


def _tools_of(program: Program) -> int:
    return sum("tool lookup_order(" in line and f"pid {program.pid}" in line for line in program.lines)


async def test_calls_end_where_they_began_and_new_ones_reach_the_successor(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with _serving(PINECALL_API_KEY="pk") as lines:
        url = lines[0].split()[-1]
        use_server(project, url, "pk")
        async with running(project) as old, running(project) as new:
            await new.until(TAKES_OVER)
            async with chatting(url, "support") as before:
                assert (await before.ask("Where is order ORD-1001?")).tools == ["lookup_order"]
                old.process.terminate()
                terminated = time.monotonic()
                await asyncio.sleep(0.1)
                async with chatting(url, "support") as after:
                    assert "espresso machine" in (await after.ask("ORD-1001")).text
                    assert time.monotonic() - terminated < 1.0
                    for _ in range(3):
                        assert "espresso machine" in (await before.ask("ORD-1001")).text
                    assert "espresso machine" in (await after.ask("ORD-1001")).text
            assert await old.ended() == 0
            await new.until("support took over: new calls are answered here")
            assert (_tools_of(old), _tools_of(new)) == (4, 2)
            assert any("ended (chat_completed" in line for line in old.lines)


async def test_the_calls_of_a_process_that_is_killed_go_on_with_the_one_that_stood_by(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with _serving(PINECALL_API_KEY="pk") as lines:
        url = lines[0].split()[-1]
        use_server(project, url, "pk")
        async with running(project) as old, running(project) as new, chatting(url, "support") as chat:
            await new.until(TAKES_OVER)
            assert "espresso machine" in (await chat.ask("ORD-1001")).text
            os.killpg(old.pid, 9)
            await old.ended()
            assert "espresso machine" in (await chat.ask("ORD-1001")).text
            assert (_tools_of(old), _tools_of(new)) == (1, 1)
            new.process.terminate()
            await new.until("no new calls; waiting up to 45 s for 1 live call")
