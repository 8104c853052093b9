"""A change is live when all of it is: read, loaded, and taken by the server; else nothing of it is."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.live._projects import Server, voice_server, write
from tests.live._run import CONFIG, TOOLS, Run, call_tool, result_of, running

from pinecall_run.deploy.changes import Change
from pinecall_run.live import notices, reload


async def test_a_changed_prompt_reaches_that_agent_only(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        write(root / "desk.md.j2", "You are the new desk.")
        reloaded = await run.told(notices.Reloaded)
        assert reloaded.changes == [Change("desk", "prompt", "next call")]
        assert reloaded.restart_for == []
        configure = await server.until("agent.configure")
        assert configure == {"event": "agent.configure", "agent_id": "desk", "prompt": "You are the new desk."}
        assert await server.settled() == []
        await server.close()  # what is registered from now on is the new one
        assert (await server.until("agent.create", agent_id="desk"))["prompt"] == "You are the new desk."


async def test_an_open_call_keeps_the_tools_that_it_began_with(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        await server.send("llm.chat.started", agent_id="desk", call_id="chat-1", metadata={"userId": "7"})
        began = await run.told(notices.CallBegan)
        assert (began.call, began.channel) == ("chat-1", "chat")
        run.edit("runnertools.old", "runnertools.new")
        assert (await run.told(notices.Reloaded)).older == {began.revision: 1}
        await server.send("llm.chat.started", agent_id="desk", call_id="chat-2")
        assert (await run.told(notices.CallBegan)).revision != began.revision
        await server.send("llm.chat.started", agent_id="desk", call_id="chat-1")  # announced again: still the same
        assert await result_of(server, "chat-1") == "old"
        assert await result_of(server, "chat-2") == "new"


async def test_an_edit_with_errors_changes_nothing_and_mending_it_does(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        deployment = run.runner.deployment
        for number in range(3):
            run.edit("desk.md.j2" if number == 0 else f"gone{number - 1}.md.j2", f"gone{number}.md.j2")
            refused = await run.told(notices.ReloadRefused)
            assert [diagnostic.code for diagnostic in refused.checked.diagnostics] == ["PCR001"]
        assert await server.settled() == []
        assert run.runner.deployment is deployment
        assert {file.name for file in run.runner._reloads._files} == {
            "pinecall.yaml", "desk.md.j2", "gone2.md.j2", "runnertools.py",
        }  # fmt: skip
        write(root / "gone2.md.j2", "Back again.")
        await run.told(notices.Reloaded)
        assert (await server.until("agent.configure"))["prompt"] == "Back again."
        assert {file.name for file in run.runner._reloads._files} == {"pinecall.yaml", "gone2.md.j2", "runnertools.py"}


async def test_agents_come_and_go_and_the_calls_of_one_that_went_go_on(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        await server.send("llm.chat.started", agent_id="desk", call_id="chat-1")
        await run.told(notices.CallBegan)
        run.edit("desk:", "front:")
        await run.told(notices.ChannelUp, agent="front", type="phone")
        await run.told(notices.Reloaded)
        assert await server.settled() == [
            "channel.remove", "channel.remove", "agent.remove", "agent.create", "channel.add", "channel.add",
        ]  # fmt: skip
        assert await result_of(server, "chat-1") == "old"
        await server.send("llm.chat.ended", agent_id="desk", call_id="chat-1", duration_seconds=2.0)
        over = await run.told(notices.CallOver)
        assert (over.call, over.seconds) == ("chat-1", 2.0)
        assert len(run.runner.calls) == 0
        await call_tool(server, "chat-9", agent="nobody")  # neither such an agent nor such a call
        assert await server.settled() == []


async def test_another_server_needs_a_restart_until_it_is_the_same_again(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        run.edit("voice.example", "other.example")
        assert (await run.told(notices.Reloaded)).restart_for == ["server"]
        write(root / "desk.md.j2", "You are the new desk.")
        assert (await run.told(notices.Reloaded)).restart_for == ["server"]
        run.edit("other.example", "voice.example")
        assert (await run.told(notices.Reloaded)).restart_for == []
        assert await server.settled() == ["agent.configure"]


async def test_another_journal_needs_a_restart(root: Path) -> None:
    write_tool = "{look: {function: runnertools.old, effect: write}}"
    (root / "pinecall.yaml").write_text(CONFIG.replace("{look: runnertools.old}", write_tool) + "journal: a.journal\n")
    async with voice_server() as server, running(root, server) as run:
        run.edit("a.journal", "b.journal")
        assert (await run.told(notices.Reloaded)).restart_for == ["journal"]
        run.edit("b.journal", "a.journal")
        assert (await run.told(notices.Reloaded)).restart_for == []
    assert not (root / "b.journal").exists()


LIFESPAN = """
import contextlib
from collections.abc import AsyncIterator

log = []

class Pool:
    name = "first"

@contextlib.asynccontextmanager
async def lifespan() -> AsyncIterator[Pool]:
    pool = Pool()
    if pool.name == "broken":
        raise OSError("no database")
    log.append(f"open {pool.name}")
    yield pool
    log.append(f"close {pool.name}")

def old(pool: Pool) -> str:
    "Say the pool."
    return pool.name
"""


async def test_each_revision_of_the_code_has_its_lifespan_for_as_long_as_its_calls_last(root: Path) -> None:
    (root / "pinecall.yaml").write_text(CONFIG.replace("agents:", "lifespan: runnertools.lifespan\nagents:"))
    write(root / "runnertools.py", LIFESPAN)
    async with voice_server() as server, running(root, server) as run:
        first = sys.modules["runnertools"].log
        assert await result_of(server, "chat-1") == "first"
        write(root / "desk.md.j2", "You are the new desk.")
        await run.told(notices.Reloaded)
        write(root / "runnertools.py", LIFESPAN.replace('"first"', '"broken"'))
        failed = await run.told(notices.ReloadFailed)
        assert re.fullmatch(
            r"the lifespan runnertools.lifespan failed with OSError at .*:\d+: no database", failed.reason
        )
        write(root / "runnertools.py", LIFESPAN.replace("pool = Pool()", "raise SystemExit(3)"))
        assert "failed with SystemExit at" in (await run.told(notices.ReloadFailed)).reason
        write(root / "runnertools.py", LIFESPAN.replace('"first"', '"second"'))
        await run.told(notices.Reloaded)
        second = sys.modules["runnertools"].log
        assert await result_of(server, "chat-2") == "second"
        assert await result_of(server, "chat-1", msg_id="m2") == "first"
        assert (first, second) == (["open first"], ["open second"])
        await server.send("llm.chat.ended", agent_id="desk", call_id="chat-1")
        await run.told(notices.CallOver)
        for _ in range(20):
            await asyncio.sleep(0)
        assert first == ["open first", "close first"]
    assert second == ["open second", "close second"]


async def test_what_was_mended_is_told_also_when_it_is_what_ran_before(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        write(root / "desk.md.j2", "{{ nobody }}")
        await run.told(notices.ReloadRefused)
        write(root / "desk.md.j2", "You are the desk.")
        assert (await run.told(notices.Reloaded)).changes == []


async def test_a_reload_is_over_when_the_runner_is(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        server.acknowledges = False
        write(root / "desk.md.j2", "You are the new desk.")
        reloading = asyncio.create_task(run.runner.reload())
        await server.until("agent.configure")
        draining = asyncio.create_task(run.runner.drain(0))
        async with asyncio.timeout(5):
            await asyncio.gather(reloading, draining)
            assert not reloading.result()
            assert not await run.runner.reload()
        assert not [told for told in run.notices if isinstance(told, notices.Reloaded)]


async def test_a_secret_of_an_older_revision_stays_masked(root: Path) -> None:
    text = CONFIG.replace('"${KEY:-k}"', "sk-old-secret-123456").replace("runnertools.old", "runnertools.fails")
    (root / "pinecall.yaml").write_text(text)
    write(
        root / "runnertools.py", 'def fails() -> str:\n    "Fail."\n    raise OSError("bad key sk-old-secret-123456")\n'
    )
    async with voice_server() as server, running(root, server) as run:
        assert await result_of(server, "chat-1") == {"error": "bad key ***"}
        run.edit("sk-old-secret-123456", "sk-new-secret-123456")
        await run.told(notices.Reloaded)
        assert await result_of(server, "chat-1", msg_id="m2") == {"error": "bad key ***"}


async def test_changed_code_is_for_the_next_call(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        await server.send("llm.chat.started", agent_id="desk", call_id="chat-1")
        began = await run.told(notices.CallBegan)
        write(root / "runnertools.py", TOOLS.replace('"old"', '"changed"'))
        reloaded = await run.told(notices.Reloaded)
        assert reloaded.changes == [Change("desk", "code", "next call")]
        assert reloaded.older == {began.revision: 1}
        assert await result_of(server, "chat-1") == "old"
        assert await result_of(server, "chat-2") == "changed"
        assert await server.settled() == []  # the server sees nothing of it
        write(root / "runnertools.py", "def old(:")
        (finding,) = (await run.told(notices.ReloadRefused)).checked.diagnostics
        assert finding.code == "PCR404"
        assert await result_of(server, "chat-3") == "changed"


async def test_a_reload_that_breaks_is_told_and_watching_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with voice_server() as server, running(root, server) as run:
        with monkeypatch.context() as patch:

            def fail(*_: object) -> None:
                raise ValueError("a bug of ours")

            patch.setattr(reload, "bind_project", fail)
            write(root / "desk.md.j2", "First.")
            assert "ValueError" in (await run.told(notices.ReloadFailed)).reason
        write(root / "desk.md.j2", "Second.")
        await run.told(notices.Reloaded)
        assert (await server.until("agent.configure"))["prompt"] == "Second."


async def test_watching_that_breaks_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> AsyncIterator[list[Path]]:
        raise ValueError("no")
        yield []

    monkeypatch.setattr(reload, "watch", broken)
    async with voice_server() as server:
        run = Run(root, server.url)
        task = asyncio.create_task(run.runner.run())
        assert "nothing is reloaded: ValueError" in (await run.told(notices.Trouble)).text
        await run.told(notices.ChannelUp, agent="back")
        assert await result_of(server, "chat-1") == "old"
        run.runner.stop()
        await task


# what the server says


async def begin(server: Server, run: Run, call_id: str, agent: str = "desk") -> str:
    """A call begins; its revision."""
    await server.send("llm.chat.started", agent_id=agent, call_id=call_id)
    return (await run.told(notices.CallBegan, call=call_id)).revision


def both(run: Run) -> None:
    """Change the code, and the configuration of both agents."""
    write(run.root / "runnertools.py", TOOLS.replace('"old"', '"changed"'))
    text = CONFIG.replace("Be kind.", "Be brief.").replace("  desk:", "  desk:\n    language: es")
    write(run.root / "pinecall.yaml", text)


async def test_a_call_has_what_its_agent_had_when_the_server_began_it(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        server.acknowledges = False
        before = run.runner.deployment
        both(run)
        await server.until("agent.configure", agent_id="back")
        assert await begin(server, run, "desk-1") == before.revision
        await server.send("agent.configured", agent_id="desk")
        after = await begin(server, run, "desk-2")
        assert after == run.runner.deployment.revision != before.revision
        assert await begin(server, run, "back-1", "back") == before.revision
        await server.send("agent.configured", agent_id="back")
        assert await begin(server, run, "back-2", "back") == after
        assert (await run.told(notices.Reloaded)).older == {before.revision: 2}
        assert (await result_of(server, "desk-1"), await result_of(server, "desk-2")) == ("old", "changed")


async def test_a_server_that_says_nothing_has_taken_it(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        server.acknowledges = False
        write(root / "desk.md.j2", "You are the new desk.")
        assert (await run.told(notices.Reloaded)).revision == await begin(server, run, "chat-1")


async def test_what_the_server_refuses_is_put_back_and_said_once(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        before = run.runner.deployment
        server.refuses["back"] = "no such model"
        both(run)
        rejected = await run.told(notices.ReloadRejected)
        assert rejected.refusals == [("back", "no such model")]
        there = await server.until("agent.configure", agent_id="desk")
        back = await server.until("agent.configure", agent_id="desk")
        assert (there["language"], back["language"]) == ("es", None)
        await server.settled()
        assert run.runner.deployment is before
        assert await begin(server, run, "chat-1") == before.revision
        assert await result_of(server, "chat-1") == "old"
        assert not [notice for notice in run.notices if not isinstance(notice, notices.ToolBegan | notices.ToolRan)]
        server.refuses.clear()
        write(root / "desk.md.j2", "You are the new desk.")  # and the next change is of what is live
        reloaded = await run.told(notices.Reloaded)
        assert {(change.agent, change.what) for change in reloaded.changes} == {
            ("desk", "language, prompt, code"),
            ("back", "prompt"),
        }
        assert await result_of(server, "chat-2") == "changed"


async def test_an_agent_that_is_refused_takes_nothing_with_it(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        server.refuses["more"] = "taken"
        write(root / "pinecall.yaml", CONFIG + "  more: {prompt: Be., channels: [chat]}\n")
        assert (await run.told(notices.ReloadRejected)).refusals == [("more", "taken")]
        await server.until("agent.remove", agent_id="more")
        assert set(run.runner.deployment.agents) == {"desk", "back"}
        await server.close()
        await run.told(notices.ChannelUp, agent="back")
        assert "agent.create" in await server.settled()


async def test_a_link_lost_in_the_middle_registers_the_new_and_falls_back_when_it_is_refused(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        before = run.runner.deployment
        server.acknowledges = False
        write(root / "desk.md.j2", "You are the new desk.")
        await server.until("agent.configure")
        server.refuses["desk"] = "no"
        await server.close()
        assert (await run.told(notices.Reloaded)).is_postponed
        assert (await server.until("agent.create", agent_id="desk"))["prompt"] == "You are the new desk."
        assert (await run.told(notices.ReloadRejected)).refusals == [("desk", "no")]
        server.refuses.clear()
        assert run.runner.deployment is before
        await server.close()
        assert (await server.until("agent.create", agent_id="desk"))["prompt"] == "You are the desk."
        await run.told(notices.AgentUp, agent="desk")
        assert await begin(server, run, "chat-1") == before.revision


async def test_two_changes_are_made_one_after_the_other(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        server.acknowledges = False
        write(root / "desk.md.j2", "First.")
        assert (await server.until("agent.configure"))["prompt"] == "First."
        write(root / "desk.md.j2", "Second.")
        await asyncio.sleep(0.2)
        assert await server.settled() == []
        await server.send("agent.configured", agent_id="desk")
        assert (await server.until("agent.configure"))["prompt"] == "Second."
        await server.send("agent.configured", agent_id="desk")
        first, second = await run.told(notices.Reloaded), await run.told(notices.Reloaded)
        assert first.revision != second.revision == run.runner.deployment.revision


async def test_stopping_does_not_wait_for_a_reload(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        server.acknowledges = False
        write(root / "desk.md.j2", "First.")
        await server.until("agent.configure")
        run.runner.stop()
