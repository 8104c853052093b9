"""A runner in somebody else's process: entered, watched, reloaded, drained, refused; two of them at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live._projects import project, voice_server, write
from tests.voice._door import chat

from pinecall_run.live import notices
from pinecall_run.live.library import ProjectError, Runner
from pinecall_run.live.lifespan import LifespanError
from pinecall_run.live.runner import RefusedError
from pinecall_run.testing import Unexpected, scripted_server, talking_to, virtual_time

CONFIG = """
version: 1
server: {url: "wss://voice.example", api_key: "${KEY:-theirs}"}
agents:
  desk:
    prompt: {file: desk.md.j2}
    model: gpt-4.1-mini
    channels: [chat]
    tools: {look: librarytools.look}
environments:
  prod: {agents: {desk: {language: es}}}
"""
TOOLS = """
import asyncio

async def look() -> str:
    "Look."
    await asyncio.sleep(5)
    return "seen"
"""
CALLS = """
    < llm.chat.started {"call_id": "c1"}
    < llm.tool_call {"call_id": "c1", "msg_id": "m1", "tool_calls": [{"id": "t", "name": "look", "arguments": "{}"}]}
"""


@pytest.fixture(autouse=True)
def _clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("PINECALL_ENV", raising=False)
    yield
    sys.modules.pop("librarytools", None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path, CONFIG, desk_DOT_md_DOT_j2="You are the desk.", librarytools_DOT_py=TOOLS)


@virtual_time
async def test_calls_and_events_are_there_while_it_runs(root: Path) -> None:
    async with scripted_server(root, agent_id="desk") as server:
        runner = server.runner
        events, others = runner.events(), runner.events()
        assert (runner.is_connected, runner.agents, len(runner.revision)) == (True, ("desk",), 12)
        await server.play(CALLS + '    > llm.tool_result\n    < llm.chat.ended {"call_id": "c1"}')
        assert runner.calls == ()
    kinds = [type(event) async for event in events]
    assert kinds == [notices.CallBegan, notices.ToolBegan, notices.ToolRan, notices.CallOver, notices.Stopped]
    assert [type(event) async for event in others] == kinds
    assert not runner.is_connected
    await runner.wait()


@virtual_time
async def test_a_reload_changes_the_revision_or_says_what_is_wrong(root: Path) -> None:
    async with scripted_server(root, agent_id="desk") as server:
        before = server.runner.revision
        write(root / "desk.md.j2", "You are the new desk.")
        await server.runner.reload()
        await server.play('> agent.configure {"agent_id": "desk", "prompt": "You are the new desk."}')
        assert server.runner.revision != before
        live = server.runner.revision
        write(root / "desk.md.j2", "{{ nobody }}")
        with pytest.raises(ProjectError, match=r"desk\.md\.j2:1:4: error\[PCR302\]"):
            await server.runner.reload()
        assert server.runner.revision == live


@virtual_time
async def test_draining_lets_calls_end_and_then_it_is_over(root: Path) -> None:
    async with scripted_server(root, agent_id="desk") as server:
        await server.play(CALLS)
        draining = asyncio.create_task(server.runner.drain(20))
        await server.play('> agent.remove\n. 1\n> llm.tool_result\n. 1\n< llm.chat.ended {"call_id": "c1"}')
        loop = asyncio.get_running_loop()
        began = loop.time()
        await draining
        assert loop.time() - began < 1
        await server.runner.wait()
        await server.runner.drain()


@virtual_time
async def test_leaving_drains_when_that_was_asked_for(root: Path) -> None:
    loop = asyncio.get_running_loop()
    async with scripted_server(root, agent_id="desk") as server:
        server.runner._drain_seconds = 20.0
        await server.play(CALLS + "    > llm.tool_result")
        began = loop.time()
    assert loop.time() - began == pytest.approx(20, abs=1)  # the conversation went on until then


@virtual_time
async def test_an_application_learns_that_it_was_displaced_by_whichever_way_it_looks(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def displace(server: object) -> None:
        await asyncio.sleep(1)
        server._socket.close(4001, "Displaced: registered elsewhere")  # type: ignore[attr-defined]
        await asyncio.sleep(1)

    block = scripted_server(root)
    server = await block.__aenter__()
    events = server.runner.events()
    await displace(server)
    stopped = [event async for event in events][-1]
    assert isinstance(stopped, notices.Stopped)
    assert "another process" in stopped.reason
    with pytest.raises(RefusedError, match="another process"):
        await block.__aexit__(None, None, None)
    assert [record.levelname for record in caplog.records] == ["ERROR"]

    async with scripted_server(root) as server:
        await displace(server)
        with pytest.raises(RefusedError):
            await server.runner.wait()  # and the end of the block says it no second time

    block = scripted_server(root)
    await displace(await block.__aenter__())
    own = ZeroDivisionError()
    assert not await block.__aexit__(ZeroDivisionError, own, None)  # the block's own error is the one that is raised


async def test_a_project_with_errors_never_starts(root: Path) -> None:
    write(root / "pinecall.yaml", CONFIG.replace("model:", "modle:"))
    with pytest.raises(ProjectError, match=r"error\[PCR101\] `agents\.desk` has no key `modle`"):
        async with Runner(root):
            pass


async def test_warnings_are_logged(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(root / "pinecall.yaml", CONFIG.replace("    channels: [chat]\n", ""))
    async with voice_server() as server, Runner(root, url=server.url, api_key="k"):
        assert "warning[PCR503]" in caplog.records[0].getMessage()


async def test_a_key_that_is_refused_is_told_at_once_and_the_projects_goes_to_no_other_server(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with voice_server() as server:
        server.refuses_key = True
        runner = Runner(root, url=server.url)
        with pytest.raises(RefusedError, match="no such key"):
            await runner.__aenter__()
        assert (await server.until("connect"))["api_key"] == ""
        assert caplog.records == []  # it was raised
        with pytest.raises(RuntimeError, match="a runner runs once"):
            await runner.__aenter__()


async def test_environments_and_edits_are_as_on_the_command_line(root: Path) -> None:
    environ = {"PINECALL_ENV": "prod", "KEY": "mine"}
    async with voice_server() as server:
        write(root / "pinecall.yaml", CONFIG.replace("wss://voice.example", server.url))
        async with Runner(root / "pinecall.yaml", environ=environ) as runner:
            assert (await server.until("connect"))["api_key"] == "mine"
            assert (await server.until("agent.create"))["language"] == "es"
            events = runner.events()
            await asyncio.sleep(0.2)  # the system's watches are there
            write(root / "desk.md.j2", "You are the new desk.")
            async with asyncio.timeout(10):
                assert isinstance(await anext(events), notices.Reloaded)


async def test_nothing_of_the_process_is_taken(root: Path) -> None:
    def state() -> object:
        handled = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        return handled, os.getcwd(), list(logging.getLogger().handlers), logging.getLogger("pinecall_run").level

    before = state()
    async with voice_server() as server, Runner(root, url=server.url):
        assert state() == before
    assert state() == before
    assert len(asyncio.all_tasks()) == 1


async def test_two_run_in_one_process_each_with_its_embedded_server(tmp_path: Path) -> None:
    script = "rules: [{when: bye, reply: Bye.}]\notherwise: I am NAME."
    folders = []
    for name in ("one", "two"):
        config = f"version: 1\nagents: {{{name}: {{prompt: Hi., model: 'scripted:s.script.yaml', channels: [chat]}}}}\n"
        folders.append(project(tmp_path / name, config, s_DOT_script_DOT_yaml=script.replace("NAME", name)))
    async with Runner(folders[0]) as one, Runner(folders[1]) as two:
        assert one.url != two.url
        for runner, name in ((one, "one"), (two, "two")):
            async with chat(runner.url.removeprefix("http://"), name) as socket:
                await socket.send("message", text="who?")
                assert (await socket.until("chat.done"))["text"] == f"I am {name}."


async def test_it_says_when_it_is_used_too_early(root: Path) -> None:
    runner = Runner(root)
    runner.events()
    for use in (lambda: runner.calls, lambda: runner.revision, lambda: runner.agents):
        with pytest.raises(RuntimeError, match="does not run yet"):
            use()


@virtual_time
async def test_an_agent_of_a_project_is_tested_with_it(root: Path) -> None:
    with pytest.raises(Unexpected, match="refused desk"):
        async with talking_to(root, environ={}):
            pass


LOCKED_OUT = """
import contextlib

@contextlib.asynccontextmanager
async def lifespan():
    raise OSError("cannot log in with hunter2secret")
    yield
"""


async def test_a_lifespan_that_cannot_be_entered_is_raised_without_the_secret_that_it_quotes(tmp_path: Path) -> None:
    config = "version: 1\nlifespan: locked.lifespan\nagents: {desk: {prompt: Hi., model: gpt, channels: [chat]}}\n"
    root = project(tmp_path, config, locked_DOT_py=LOCKED_OUT)
    with pytest.raises(LifespanError, match=r"OSError at .*locked\.py:6: cannot log in with \*\*\*$"):
        async with Runner(root, url="ws://127.0.0.1:9", environ={"DB_PASSWORD": "hunter2secret"}):
            pass


@virtual_time
async def test_a_human_takes_over_says_something_and_gives_back(root: Path) -> None:
    async with scripted_server(root, agent_id="desk") as server:
        assert server.runner.pause("desk", contact="34600111222")
        assert server.runner.send("desk", "This is Eva.", call="wa-1")
        assert server.runner.resume("desk")
        await server.play(
            """
            > session.pause {"agent_id": "desk", "contact": "34600111222"}
            > session.send {"agent_id": "desk", "session_id": "wa-1", "text": "This is Eva."}
            > session.resume {"agent_id": "desk"}
            """
        )
