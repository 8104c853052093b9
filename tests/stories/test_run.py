"""``pinecall-run`` as a newcomer meets it: the banner, a conversation with a tool in their process, Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from pathlib import Path
from urllib.error import HTTPError

import pytest
from tests.stories._stage import chatting, clean_environment, command, copy_project, get, running


async def test_the_root_project_answers_from_its_database_in_the_runners_process(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project) as program:
        banner = "\n".join(program.lines)
        for expected in (
            "support",
            "sales",
            "intake",
            "lookup_order → examples.shop.orders.lookup_order",
            "a language model",
        ):
            assert expected in banner
        async with chatting(program.url, "support") as chat:
            answer = await chat.ask("Where is order ORD-1001?")
        assert answer.tools == ["lookup_order"]
        assert answer.text == "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."
        line = await program.until(r"tool lookup_order\(")
        assert f"pid {program.pid}" in line
        assert "ORD-1001" not in "\n".join(program.lines), "what the caller said is nobody's business"
    with sqlite3.connect(project / "examples/shop/shop.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM orders").fetchone() == (3,)


async def test_the_answer_follows_the_database(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project) as program, chatting(program.url, "support") as chat:
        await chat.ask("ORD-1002")
        with sqlite3.connect(project / "examples/shop/shop.sqlite3") as database:
            database.execute("UPDATE orders SET status = 'stuck in customs' WHERE id = 'ORD-1002'")
        assert "stuck in customs" in (await chat.ask("ORD-1002")).text


async def test_ctrl_c_ends_everything_within_two_seconds(tmp_path: Path) -> None:
    async with running(copy_project(tmp_path)) as program, chatting(program.url, "sales") as chat:
        await chat.ask("a burr grinder?")
        children = _children(program.pid)
        assert children, "the voice server is a child process"
        started = time.monotonic()
        assert await program.interrupt() == 0
        assert time.monotonic() - started < 2
        assert not [pid for pid in children if _is_alive(pid)]


async def test_on_sigterm_nobody_new_is_let_in_and_who_is_there_may_finish(tmp_path: Path) -> None:
    async with running(copy_project(tmp_path)) as program:
        async with chatting(program.url, "sales") as chat:
            await chat.ask("a burr grinder?")
            program.process.terminate()
            await program.until("no new calls; waiting up to 45 s for 1 live call")
            assert (await chat.ask("and filters?")).text
            with pytest.raises(HTTPError, match="404"):
                await asyncio.to_thread(get, f"{program.url}/chat/token?agent_id=sales")
        assert await program.ended() == 0


async def test_a_second_sigterm_ends_it_within_a_second(tmp_path: Path) -> None:
    async with running(copy_project(tmp_path)) as program, chatting(program.url, "sales") as chat:
        await chat.ask("a burr grinder?")
        program.process.terminate()
        await program.until("no new calls")
        started = time.monotonic()
        program.process.terminate()
        assert await program.ended() == 0
        assert time.monotonic() - started < 1.5


async def test_the_server_ends_when_the_runner_is_killed(tmp_path: Path) -> None:
    async with running(copy_project(tmp_path)) as program:
        children = _children(program.pid)
        program.process.kill()
        async with asyncio.timeout(10):
            while any(_is_alive(pid) for pid in children):  # noqa: ASYNC110 - nobody tells us of a grandchild's end
                await asyncio.sleep(0.05)


async def test_two_agents_answer_at_once_and_a_sleeping_tool_delays_nobody(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    orders = project / "examples/shop/orders.py"
    orders.write_text(
        orders.read_text().replace("    with connect()", "    import time; time.sleep(1.5)\n    with connect()", 1)
    )
    async with (
        running(project) as program,
        chatting(program.url, "support") as slow,
        chatting(program.url, "sales") as fast,
    ):
        started = time.monotonic()
        waiting = asyncio.create_task(slow.ask("ORD-1001"))
        for _ in range(3):
            answer = await fast.ask("Do you have a kettle?")
            assert "sold out" in answer.text
        quick = time.monotonic() - started
        assert "shipped" in (await waiting).text
        assert quick < 1.2 < time.monotonic() - started


async def test_a_broken_project_starts_nothing(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    file = project / "pinecall.yaml"
    file.write_text(file.read_text().replace("language: en", "langauge: en", 1))
    process = await asyncio.create_subprocess_exec(
        *command("run"), cwd=project, env=clean_environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 1
    assert out == b""
    assert "pinecall.yaml:10:5: error[PCR101] `agents.support` has no key `langauge`" in err.decode()
    assert "did you mean `language`?" in err.decode()


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0]
