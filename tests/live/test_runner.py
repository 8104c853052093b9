"""The running project: registered, reloaded without disturbing its calls, and never silently dead."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.live._projects import PATIENCE, voice_server, wire_to, write
from tests.live._run import CONFIG, TOOLS, Run, call_tool, result_of, running
from tests.voice._door import chat
from tests.voice._door import server as real_server
from tests.voice._stage import KEY

from pinecall_run.live import notices, runner
from pinecall_run.live.journal_file import JournalError, JournalFile
from pinecall_run.live.lifespan import LifespanError
from pinecall_run.live.runner import RefusedError
from pinecall_run.protocol.keepalive import Pace
from pinecall_run.tools.usage import Usage, Used

# registration


async def test_agents_and_channels_are_registered_and_told(root: Path) -> None:
    async with voice_server() as server:
        run = Run(root, server.url)
        task = asyncio.create_task(run.runner.run())
        created = await server.until("agent.create", agent_id="desk")
        assert created["prompt"] == "You are the desk."
        assert [tool["function"]["name"] for tool in created["tools"]] == ["look"]
        await run.told(notices.Connected, count=1)
        await run.told(notices.AgentUp, agent="desk")
        await run.told(notices.ChannelUp, agent="desk", ref="+15551234567", served=True)
        await run.told(notices.ChannelUp, agent="back", type="chat")
        run.runner.stop()
        async with asyncio.timeout(1.0):
            await task


async def test_a_wrong_key_ends_it(root: Path) -> None:
    async with voice_server() as server:
        server.refuses_key = True
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(RefusedError, match="no such key"):
                await Run(root, server.url).runner.run()


async def test_a_process_that_takes_over_ends_it(root: Path) -> None:
    async with voice_server() as server:
        run = Run(root, server.url)
        task = asyncio.create_task(run.runner.run())
        await run.told(notices.ChannelUp, agent="back")
        await server.close(4001, "Displaced: the agent was registered elsewhere")
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(RefusedError, match="another process"):
                await task


async def test_stopped_before_it_ran_it_does_not_run(root: Path) -> None:
    run = Run(root, "ws://127.0.0.1:1")
    run.runner.stop()
    async with asyncio.timeout(1.0):
        await run.runner.run()
    assert run.notices == []


# calls


async def test_what_is_said_and_what_goes_wrong_is_told(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        await server.send("call.started", agent_id="desk", call_id="CA1", transport="phone", metadata={"k": 1})
        began = await run.told(notices.CallBegan)
        assert (began.call, began.channel) == ("CA1", "phone")
        await server.send("chat.message", agent_id="desk", call_id="CA1", text="hi")
        assert (await run.told(notices.Said)).who == "person"
        await server.send("chat.response", agent_id="desk", call_id="CA1", text="hello")
        assert (await run.told(notices.Said)).who == "agent"
        await server.send("llm.error", agent_id="desk", call_id="CA1", error="quota")
        trouble = await run.told(notices.Trouble)
        assert (trouble.text, trouble.revision) == ("quota", began.revision)
        await server.send("error", agent_id="desk", code="PHONE_IN_USE", error="taken")
        assert (await run.told(notices.Trouble)).text == "taken"
        await server.send("no.such.event", agent_id="desk", call_id="CA1")
        metrics = {"usage": [{"stage": "stt", "provider": "acme", "seconds": 2, "cost_usd": 0.1}], "cost_usd": 0.1}
        await server.send(
            "call.ended", agent_id="desk", call_id="CA1", reason="hangup", duration_seconds=1.5, metrics=metrics
        )
        over = await run.told(notices.CallOver)
        assert (over.reason, over.revision) == ("hangup", began.revision)
        assert over.usage == Usage((Used("stt", "acme", "", {"seconds": 2}, 0.1),), 0.1)
        await server.send("call.ended", agent_id="desk", call_id="CA1", reason="hangup")
        await server.settled()
        assert run.notices == []


async def test_what_is_spoken_is_told_with_how_soon_it_was_answered_and_who_failed(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        call = {"agent_id": "desk", "call_id": "CA1"}
        await server.send("call.started", **call, transport="webrtc")
        revision = (await run.told(notices.CallBegan)).revision
        await server.send("user.message", **call, message_id="u1", text="where is it?")
        said = await run.told(notices.Said)
        assert (said.who, said.content, said.revision) == ("person", "where is it?", revision)
        await server.send("turn.metrics", **call, turn_id=1, decided_ms=310.0, heard_ms=640.5)
        assert (await run.told(notices.TurnAnswered)).stages == {"decided": 310.0, "heard": 640.5}
        await server.send("message.confirmed", **call, message_id="m1", text="It is here.")
        assert (await run.told(notices.Said)).who == "agent"
        await server.send("message.confirmed", **call, message_id="m2", text="")
        await server.send("provider.failed", **call, stage="stt", provider="gladia", error="it broke", next="local")
        failed = await run.told(notices.ProviderFailed)
        assert (failed.stage, failed.provider, failed.text, failed.next) == ("stt", "gladia", "it broke", "local")


async def test_a_typed_message_is_told_once(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        call = {"agent_id": "desk", "call_id": "chat-1"}
        await server.send("llm.chat.started", **call)
        await run.told(notices.CallBegan)
        await server.send("chat.message", **call, text="hi", message_id="u1")
        await server.send("user.message", **call, text="hi", message_id="u1")
        await server.settled()
        assert [type(notice) for notice in run.notices] == [notices.Said]


async def test_a_conversation_on_whatsapp_is_a_typed_one_with_a_channel_and_a_person(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        about = {"agent_id": "desk", "session_id": "wa-1"}
        await server.send("whatsapp.session_started", **about, contact_phone="34600111222", contact_name="Ada")
        began = await run.told(notices.CallBegan)
        assert (began.call, began.channel) == ("wa-1", "whatsapp")
        (call,) = run.runner.calls
        assert (call.from_, call.metadata) == ("34600111222", {"contact_phone": "34600111222", "contact_name": "Ada"})
        await server.send("whatsapp.message", **about, text="hi", type="text")
        assert (await run.told(notices.Said)).who == "person"
        assert await result_of(server, "wa-1") == "old"
        await server.send("whatsapp.response", **about, to="34600111222", text="hello")
        assert (await run.told(notices.Said)).who == "agent"
        await server.send("whatsapp.status", **about, status="read", recipient="34600111222")
        await server.send("whatsapp.status", **about, status="failed", code=131047, error="the window is closed")
        trouble = await run.told(notices.Trouble)
        assert (trouble.text, trouble.call) == ("the window is closed", "wa-1")
        await server.send("whatsapp.session_ended", **about, reason="idle_timeout", duration=2.5, messages=[])
        over = await run.told(notices.CallOver)
        assert (over.reason, over.seconds) == ("idle_timeout", 2.5)
        assert not list(run.runner.calls)
        await call_tool(server, "wa-2")
        assert (await run.told(notices.CallBegan)).channel == "whatsapp"


async def test_frames_that_nothing_comes_of_are_told(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        for name, about, reason in (
            ("no.such.event", {"agent_id": "desk", "call_id": "CA1"}, "unknown event"),
            ("turn.end", {"agent_id": "desk", "call_id": "CA1"}, "unknown call"),
            ("llm.before", {"agent_id": "desk", "call_id": "CA1", "turn": 1}, "unknown call"),
            ("call.started", {"agent_id": "stranger", "call_id": "CA1"}, "unknown agent"),
            (
                "llm.tool_call",
                {"agent_id": "stranger", "call_id": "1", "msg_id": "m", "tool_calls": []},
                "unknown agent",
            ),
            ("call.ended", {"agent_id": "desk", "call_id": "CA1", "reason": 5}, "malformed"),
        ):
            await server.send(name, **about)
            ignored = await run.told(notices.FrameIgnored)
            assert (ignored.frame, ignored.reason, ignored.is_first) == (name, reason, True)
        await server.send("turn.end", agent_id="desk", call_id="CA2")
        assert not (await run.told(notices.FrameIgnored)).is_first
        for name in ("call.dialing", "call.rejected", "call.ended", "llm.chat.ended"):  # of calls that never were
            await server.send(name, agent_id="desk", call_id="CA1")
        assert await server.settled() == []
        assert run.notices == []


async def test_who_cannot_print_loses_neither_the_link_nor_an_answer(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with voice_server() as server, running(root, server) as run:

        def fail(notice: notices.Notice) -> None:
            raise UnicodeEncodeError("ascii", "my card is 4111", 0, 1, "no")

        run.tell = fail
        await server.send("chat.message", agent_id="desk", call_id="chat-1", text="my card is 4111")
        assert await result_of(server, "chat-1") == "old"
        assert len(server.connections) == 1
        assert "UnicodeEncodeError" in caplog.text
        assert "4111" not in caplog.text
        run.tell = run.notices.append


async def test_a_tool_that_runs_while_the_link_is_lost_is_run_once_and_answered_on_the_next(root: Path) -> None:
    (root / "pinecall.yaml").write_text(CONFIG.replace("runnertools.old", "runnertools.slow"))
    async with voice_server() as server, running(root, server) as run:
        tools: Any = sys.modules["runnertools"]
        await call_tool(server, "chat-1", msg_id="m1")
        await server.settled()
        await server.close()
        await run.told(notices.Disconnected)
        await run.told(notices.ChannelUp, agent="back")
        await server.send("llm.chat.started", agent_id="desk", call_id="chat-1")
        await call_tool(server, "chat-1", msg_id="m1")  # the server cannot know whether it was heard
        await server.settled()
        tools.gate.set()
        answer = await server.until("llm.tool_result")
        assert (answer["msg_id"], answer["results"][0]["result"]) == ("m1", "done")
        await call_tool(server, "chat-1", msg_id="m1")
        assert await server.until("llm.tool_result") == answer
        assert tools.ran == ["slow"]


@pytest.mark.parametrize(
    ("event", "fields", "is_given_up"),
    [
        ("bot.interrupted", {"message_id": "m", "reason": "user_spoke"}, True),
        ("turn.continued", {}, True),
        ("bot.interrupted", {"message_id": "m", "reason": "cancelled"}, False),
    ],
)
async def test_a_person_who_speaks_ends_a_tool_that_asks_for_it_and_no_other(
    root: Path, event: str, fields: dict[str, str], is_given_up: bool
) -> None:
    tool = "{look: {function: runnertools.slow, cancel_on_interruption: true, say: {text: Wait., after_ms: 0}}"
    other = "keep: runnertools.slow}"
    (root / "pinecall.yaml").write_text(CONFIG.replace("{look: runnertools.old}", f"{tool}, {other}"))
    async with voice_server() as server, running(root, server):
        tools: Any = sys.modules["runnertools"]
        calls = [{"id": name, "name": name, "arguments": "{}"} for name in ("look", "keep")]
        await server.send("llm.tool_call", agent_id="desk", call_id="chat-1", msg_id="m1", tool_calls=calls)
        said = await server.until("bot.reply", call_id="chat-1")
        assert (said["text"], said["in_reply_to"], "add_to_history" in said) == ("Wait.", "", False)
        await server.send(event, agent_id="desk", call_id="chat-1", **fields)
        await server.settled()
        tools.gate.set()
        answer = await server.until("llm.tool_result")
        cancelled = {"error": "look was cancelled because the person spoke"}
        assert [each["result"] for each in answer["results"]] == [cancelled if is_given_up else "done", "done"]
        assert await server.settled() == []


async def test_a_write_is_run_once_whichever_process_is_asked(root: Path) -> None:
    write = "{look: {function: runnertools.slow, effect: write}}"
    (root / "pinecall.yaml").write_text(CONFIG.replace("{look: runnertools.old}", write) + "journal: w.journal\n")
    results = []
    async with voice_server() as server:
        for call_id in ("chat-1", "chat-1", "chat-2"):
            async with running(root, server) as run:
                tools: Any = sys.modules["runnertools"]
                tools.gate.set()
                result = await result_of(server, call_id)
                results.append((result, (await run.told(notices.ToolRan)).is_repeated, len(tools.ran)))
    assert results == [("done", False, 1), ("done", True, 0), ("done", False, 1)]


async def test_without_its_journal_it_does_not_begin(root: Path) -> None:
    (root / "pinecall.yaml").write_text(CONFIG + "journal: missing/w.journal\n")
    async with voice_server() as server:
        with pytest.raises(JournalError, match=r"cannot be used: there is no folder .*missing"):
            await Run(root, server.url).runner.run()
        assert server.connections == []


LIFESPAN = """
import asyncio
from contextlib import asynccontextmanager

entering = asyncio.Event()

@asynccontextmanager
async def opened():
    entering.set()
    {enter}
    yield
"""
CLOSE = JournalFile.close


@pytest.mark.parametrize(
    ("enter", "error"),
    [("raise OSError('no database')", LifespanError), ("await asyncio.Event().wait()", asyncio.CancelledError)],
)
async def test_what_it_opened_is_closed_though_it_never_served(
    root: Path, enter: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[JournalFile] = []
    monkeypatch.setattr(JournalFile, "close", lambda journal: closed.append(journal) or CLOSE(journal))
    write(root / "runnertools.py", TOOLS + LIFESPAN.format(enter=enter))
    (root / "pinecall.yaml").write_text(CONFIG + "journal: w.journal\nlifespan: runnertools.opened\n")
    before = asyncio.all_tasks()
    task = asyncio.create_task(Run(root, "ws://127.0.0.1:1").runner.run())
    tools: Any = sys.modules["runnertools"]
    async with asyncio.timeout(PATIENCE):
        await tools.entering.wait()
        if error is asyncio.CancelledError:
            task.cancel()
        with pytest.raises(error):
            await task
    await asyncio.sleep(0)
    assert len(closed) == 1
    assert asyncio.all_tasks() == before


async def test_calls_that_the_server_forgot_are_not_kept_for_ever(root: Path) -> None:
    async with voice_server() as server, running(root, server, Pace(steady=0.0)) as run:
        for call_id in ("lost", "kept"):
            await server.send("llm.chat.started", agent_id="desk", call_id=call_id)
        await server.settled()
        await server.close()
        await run.told(notices.Connected)
        await server.until("channel.add", agent_id="back")
        await server.send("llm.chat.started", agent_id="desk", call_id="kept")
        await server.settled()
        await server.close()
        over = await run.told(notices.CallOver)
        assert (over.call, over.reason) == ("lost", "connection_lost")
        assert len(run.runner.calls) == 1


async def test_a_number_that_is_taken_is_told_with_the_time_of_the_next_try(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        await server.send("error", agent_id="desk", code="PHONE_IN_USE", error="taken", phone="+15551234567")
        refused = await run.told(notices.ChannelRefused)
        assert (refused.agent, refused.ref, refused.reason) == ("desk", "+15551234567", "taken")
        assert refused.retry_in is not None


async def test_agents_that_the_server_gave_away_for_good_end_it(root: Path) -> None:
    async with voice_server() as server:
        run = Run(root, server.url)
        task = asyncio.create_task(run.runner.run())
        await server.until("agent.create", agent_id="back")
        server.keeps = ["desk", "back"]
        await server.close()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(RefusedError, match="another process holds back"):
                await task


async def test_with_the_real_server_a_conversation_survives_a_lost_link(root: Path) -> None:
    script = "rules:\n- {when: look, call: {look: {}}, reply: 'It is {{ look }}.'}\notherwise: Hm.\n"
    write(root / "desk.script.yaml", script)
    text = CONFIG.replace("runnertools.old", "runnertools.slow").replace("gpt-4.1-mini", "scripted:desk.script.yaml")
    (root / "pinecall.yaml").write_text(text)
    async with real_server() as address, wire_to(address) as wire:
        run = Run(root, f"ws://{wire.address}", KEY)
        task = asyncio.create_task(run.runner.run())
        await run.told(notices.ChannelUp, agent="back", type="chat")
        async with chat(address, "desk") as page:
            await page.send("message", text="look")
            await page.until("chat.tool_call")
            await run.told(notices.CallBegan)
            wire.cut()
            await run.told(notices.Disconnected)
            await run.told(notices.ChannelUp, agent="back", type="chat")
            tools: Any = sys.modules["runnertools"]
            assert tools.ran == ["slow"]
            tools.gate.set()
            assert (await page.until("chat.done"))["text"] == "It is done."
            await page.send("message", text="hello")
            assert (await page.until("chat.done"))["text"] == "Hm."
        await run.told(notices.CallOver)
        run.runner.stop()
        async with asyncio.timeout(1.5):
            await task
        assert tools.ran == ["slow"]


async def test_a_coroutine_that_blocks_is_named(root: Path) -> None:
    (root / "runnertools.py").write_text(
        "import time\n\nasync def block() -> str:\n    'Block.'\n    time.sleep(0.8)\n    return 'done'\n"
    )
    (root / "pinecall.yaml").write_text(CONFIG.replace("runnertools.old", "runnertools.block"))
    async with voice_server() as server, running(root, server) as run:
        assert await result_of(server, "chat-1") == "done"
        blocked = await run.told(notices.LoopBlocked)
        assert (Path(blocked.file).name, blocked.line) == ("runnertools.py", 5)
        assert blocked.seconds >= 0.7


# drain


async def test_who_is_asked_to_end_takes_no_new_calls_and_lets_the_others_finish(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        await server.send("llm.chat.started", agent_id="desk", call_id="chat-1")
        await run.told(notices.CallBegan)
        draining = asyncio.create_task(run.runner.drain(PATIENCE))
        assert await run.told(notices.Draining) == notices.Draining(1, 0, PATIENCE)
        await server.until("agent.remove", agent_id="desk")
        await server.until("agent.remove", agent_id="back")
        assert await result_of(server, "chat-1") == "old"
        run.edit("runnertools.old", "runnertools.new")
        assert await result_of(server, "chat-1", msg_id="m2") == "old"
        assert not draining.done()
        await server.send("llm.chat.ended", agent_id="desk", call_id="chat-1")
        async with asyncio.timeout(PATIENCE):
            await draining
            await server.connections[-1].wait_closed()


async def test_a_call_that_began_before_the_server_knew_is_not_left(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        server.confirms_removal = False
        await server.send("agent.removed", agent_id="gone")  # by a reload
        await server.settled()
        draining = asyncio.create_task(run.runner.drain(PATIENCE))
        await run.told(notices.Draining)
        await server.send("llm.chat.started", agent_id="desk", call_id="chat-1")
        for name in ("desk", "back"):
            await server.send("agent.removed", agent_id=name)
        assert await result_of(server, "chat-1") == "old"
        await server.settled()
        assert not draining.done()
        await server.send("llm.chat.ended", agent_id="desk", call_id="chat-1")
        async with asyncio.timeout(PATIENCE):
            await draining


async def test_a_server_that_confirms_no_removal_is_not_waited_for_long(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LEAVE_SECONDS", 0.05)
    async with voice_server() as server, running(root, server) as run:
        server.confirms_removal = False
        async with asyncio.timeout(1.0):
            await run.runner.drain(PATIENCE)


async def test_with_the_real_server_a_second_runner_takes_over_when_the_first_one_drains(root: Path) -> None:
    write(root / "desk.script.yaml", "rules:\n- {when: look, reply: Yes.}\notherwise: Hm.\n")
    (root / "pinecall.yaml").write_text(CONFIG.replace("gpt-4.1-mini", "scripted:desk.script.yaml"))
    async with real_server() as address:
        first, second = Run(root, f"ws://{address}", KEY), Run(root, f"ws://{address}", KEY)
        tasks = [asyncio.create_task(first.runner.run())]
        await first.told(notices.ChannelUp, agent="back", type="chat")
        tasks.append(asyncio.create_task(second.runner.run()))
        for name in ("desk", "back"):
            assert await second.told(notices.StandingBy) == notices.StandingBy(name)
        await first.runner.drain(PATIENCE)
        for name in ("desk", "back"):
            await second.told(notices.AgentUp, agent=name)
        second.runner.stop()
        async with asyncio.timeout(2.0):
            await asyncio.gather(*tasks)
        assert not [told for told in second.notices if isinstance(told, notices.AgentRefused)]


async def test_calls_that_do_not_end_are_left_and_their_tools_are_not(root: Path) -> None:
    (root / "pinecall.yaml").write_text(CONFIG.replace("runnertools.old", "runnertools.slow"))
    async with voice_server() as server, running(root, server) as run:
        await server.send("llm.chat.started", agent_id="desk", call_id="chat-1")
        await call_tool(server, "chat-1")
        await server.settled()
        draining = asyncio.create_task(run.runner.drain(0.0))
        assert await run.told(notices.Draining) == notices.Draining(1, 1, 0.0)
        await server.until("agent.remove", agent_id="back")
        assert not draining.done()
        sys.modules["runnertools"].gate.set()
        assert (await server.until("llm.tool_result", call_id="chat-1"))["results"][0]["result"] == "done"
        async with asyncio.timeout(PATIENCE):
            await draining


async def test_a_tool_that_never_ends_is_not_waited_for_without_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TOOL_SECONDS", 0.0)
    (root / "pinecall.yaml").write_text(CONFIG.replace("runnertools.old", "runnertools.slow"))
    async with voice_server() as server, running(root, server) as run:
        await call_tool(server, "chat-1")
        await run.told(notices.CallBegan)
        async with asyncio.timeout(PATIENCE):
            await run.runner.drain(0.0)


async def test_with_nothing_going_on_it_ends_at_once(root: Path) -> None:
    async with voice_server() as server, running(root, server) as run:
        async with asyncio.timeout(PATIENCE):
            await run.runner.drain()
        assert await run.told(notices.Draining) == notices.Draining(0, 0, runner.DRAIN_SECONDS)
