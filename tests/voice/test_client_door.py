"""Clients of both eras at the door for runners, unmodified: what they send is taken, what they rely on is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.voice._door import PATIENCE, Socket, chat, client, get, narrow, server
from tests.voice._stage import KEY, LOOKING, TOOLS, scripted
from websockets.asyncio.client import connect

from pinecall_run.protocol.keepalive import Pace
from pinecall_run.voice import client_door

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with server(tool_timeout=0.2) as address:
        yield address


@pytest.mark.parametrize("agent_id", ["front-desk", "Front Desk", "recepción ñ 前台", "org_1:front", "a/b?c#d%20"])
async def test_a_client_of_today_registers_and_its_ids_come_back_byte_for_byte(address: str, agent_id: str) -> None:
    async with client(address) as runner:
        assert {"org_id", "connection_id", "protocol_version"} <= runner.frames[0].keys()
        await runner.send(
            "agent.create", agent_id=agent_id, voice="elevenlabs/sarah", language="en", interruption={"min_words": 2},
            stt={"provider": "deepgram", "model": "nova-3", "language": "en"}, llm=LOOKING, prompt="P", tools=TOOLS,
            greeting="Hello.", greetingInChat=True, timezone="Europe/Madrid", preparing={"timeout_ms": 200},
            session_limits={"idle_timeout_seconds": 60}, allowed_origins=["http://localhost:*"], vars={"a": "b"},
            something_new=[1],
        )  # fmt: skip
        assert await runner.read() == {"event": "agent.created", "agent_id": agent_id}
        for number in ("+1 (555) 123-4567", "+1 (555) 123-4567"):  # idempotent, and the ref as it was typed
            await runner.send("channel.add", agent_id=agent_id, type="phone", ref=number, ringing=True)
            added = await runner.read()
            assert (added["event"], added["agent_id"], added["ref"]) == ("channel.added", agent_id, number)
        await runner.send("channel.add", agent_id=agent_id, type="webrtc")
        await runner.send(
            "channel.add", agent_id=agent_id, type="whatsapp", ref="1065", accessToken="t", verifyToken="v"
        )
        await runner.send("channel.remove", agent_id=agent_id, ref="webrtc")
        await runner.send("agent.configure", agent_id=agent_id, greeting={"en": "Hi", "es": "Hola"})
        assert await runner.so_far() == ["channel.added", "channel.added", "channel.removed", "agent.configured"]


async def test_a_client_of_the_first_era_talks_by_itself(address: str) -> None:
    """Its prompt is inside ``llm``, its provider repeats its model, its requests have no ids."""
    llm = {"provider": "gpt-4.1-mini", "model": "gpt-4.1-mini", "enabled": False, "prompt": "You are the desk."}
    async with client(address, "seed", llm=llm, history_save=True) as runner, chat(address, "seed") as page:
        await runner.send("channel.add", agent_id="seed", type="mic")
        call_id = (await runner.until("llm.chat.started", agent_id="seed"))["call_id"]
        assert call_id.startswith("chat-")
        await page.send("message", text="hi")
        turn = await runner.until("turn.end")
        assert turn["text"] == "hi"
        reply = {"call_id": call_id, "message_id": "msg_abc123def456", "in_reply_to": turn["message_id"]}
        await runner.send("bot.reply", text="Hello from the client.", **reply)
        assert (await page.until("chat.done"))["text"] == "Hello from the client."
        speaking = await runner.until("bot.speaking")
        assert speaking["message_id"] == "msg_abc123def456"
        for event in ("history.set_vars", "history.get"):
            await runner.send(event, call_id=call_id, vars={})
        updated = await runner.until("history.updated")
        assert (updated["agent_id"], updated["call_id"], updated["count"]) == ("seed", call_id, 2)
        assert "request_id" not in updated
        data = await runner.until("history.data")
        assert [message["content"] for message in data["messages"]] == ["hi", "Hello from the client."]


async def test_a_whole_chat_with_a_tool_on_the_wire(address: str) -> None:
    async with client(address, "whole", llm=LOOKING, tools=TOOLS) as runner, chat(address, "whole") as page:
        await page.send("message", text="look")
        call = await runner.until("llm.tool_call")
        assert [json.loads(each["arguments"]) for each in call["tool_calls"]] == [{"id": "7"}]
        results = [{"tool_call_id": each["id"], "result": {"where": "here"}} for each in call["tool_calls"]]
        await runner.send("llm.tool_result", call_id=call["call_id"], msg_id=call["msg_id"], results=results)
        assert (await page.until("chat.done"))["text"] == "It is here."
        await runner.until("chat.response", text="It is here.")
        await page.send("message", text="look")
        second = await runner.until("llm.tool_call")  # a client whose tool hangs answers never
        assert second["msg_id"] != call["msg_id"]
        await page.until("chat.done")
        await runner.send("llm.tool_result", call_id=call["call_id"], msg_id=second["msg_id"], results=results)
        await page.socket.close()
        ended = await runner.until("llm.chat.ended")
        assert [message["role"] for message in ended["messages"]][:4] == ["user", "assistant", "tool", "assistant"]
        assert ended["started_at"] <= ended["ended_at"]


async def test_one_socket_holds_many_agents_and_loses_them_with_itself(address: str) -> None:
    names = [f"many-{number}" for number in range(20)]
    async with client(address, *names, llm=LOOKING) as runner:
        listed = {agent["slug"] for agent in (await get(address, "/api/sdk/agents")).json["agents"]}
        assert listed >= set(names)
        await runner.send("agent.remove", agent_id=names[0])
        await runner.until("agent.removed")
    async with client(address, *names, llm=LOOKING):  # registered at once: nothing of the first is left
        pass


async def test_two_sockets_cannot_hold_one_agent_or_one_number(address: str) -> None:
    async with client(address, "held ñ", llm=LOOKING) as first, client(address, "rival", llm=LOOKING) as second:
        await second.send("agent.create", agent_id="held ñ", llm=LOOKING)
        conflict = await second.until("error")
        assert (conflict["code"], conflict["agent_id"], conflict["holder_alive"]) == ("AGENT_CONFLICT", "held ñ", True)
        assert conflict["retry_after_s"] > 0
        await second.send("agent.configure", agent_id="held ñ", prompt="mine")
        assert (await second.until("error"))["agent_id"] == "held ñ"
        await first.send("channel.add", agent_id="held ñ", type="phone", ref="+1 555 000-0001")
        await first.until("channel.added")
        await second.send("channel.add", agent_id="rival", type="phone", ref="+15550000001")
        in_use = await second.until("error")
        assert (in_use["code"], in_use["agent_id"], in_use["phone"]) == ("PHONE_IN_USE", "rival", "+15550000001")
        await first.send("channel.remove", agent_id="held ñ", ref="+15550000001")
        await first.until("channel.removed")
        await second.send("channel.add", agent_id="rival", type="phone", ref="+15550000001")
        await second.until("channel.added")
        await first.socket.close()
        async with asyncio.timeout(PATIENCE):
            while (await second.so_far()) != ["agent.created"]:  # the server hears of the close in its own time
                await second.send("agent.create", agent_id="held ñ", llm=LOOKING)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff", b'{"event":"agent.create","agent_id":"x"}', "", "{", "null", "[1]", "5", '"text"', "{}",
        '{"event":5}', '{"event":null,"agent_id":"x"}', '{"event":"no.such.event"}', "[" * 100_000,
        '{"event":"x","y":"\\ud83d"}', '{"event":"ping","x":1e999}', '{"event":"bot.reply"}',
        '{"event":"llm.tool_result","call_id":"c","msg_id":"m","results":5}',
    ],
)  # fmt: skip
async def test_garbage_is_survived(address: str, garbage: Any) -> None:
    async with client(address) as runner:
        await runner.socket.send(garbage)
        await runner.so_far()


async def test_a_malformed_frame_is_answered_with_its_name(address: str) -> None:
    async with client(address) as runner:
        await runner.send("agent.create", agent_id="bad", tools="none")
        refused = await runner.read()
        assert (refused["event"], refused["code"], refused["agent_id"]) == ("error", "REGISTRATION_ERROR", "bad")
        await runner.send("history.set", call_id="c", messages="none")
        assert "history.set" in (await runner.read())["error"]


@pytest.mark.parametrize("key", ["wrong", "", KEY + " ", "k3y-n"])
async def test_a_wrong_key_is_an_error_and_then_a_close(address: str, key: str) -> None:
    async with connect(f"ws://{address}/client") as socket:
        runner = Socket(socket)
        await runner.send("connect", api_key=key)
        await runner.send("agent.create", agent_id="intruder", llm=LOOKING)
        code, reason = await runner.closed()
        assert [frame.get("code") for frame in runner.frames] == ["INVALID_KEY"]
        assert code == 1008
        assert "isplaced" not in reason
    assert "intruder" not in str((await get(address, "/api/sdk/agents")).json)


@pytest.mark.parametrize(
    "first", ['{"event":"agent.create","agent_id":"x"}', '{"event":"connect"}', '{"event":"connect","api_key":5}']
)
async def test_whoever_begins_otherwise_is_told_and_closed(address: str, first: str) -> None:
    async with connect(f"ws://{address}/client") as socket:
        runner = Socket(socket)
        await socket.send(first)
        assert (await runner.closed())[0] == 1008
        assert [frame.get("code") for frame in runner.frames] == ["MISSING_KEY"]


async def test_whoever_says_nothing_is_closed_after_its_time() -> None:
    async with server(pace=Pace(open=0.05)) as address:
        async with connect(f"ws://{address}/client") as socket:
            assert (await Socket(socket).closed())[0] == 1008
        async with client(address) as runner:
            await asyncio.sleep(0.1)
            await runner.so_far()


async def test_a_runner_that_answers_no_pings_is_closed_and_its_agents_are_free() -> None:
    async with server(pace=Pace(ping=0.05, silence=0.15)) as address:
        async with client(address, "gone", llm=LOOKING) as runner, client(address) as terminal:
            code, reason = await runner.closed()
            assert (code, "silent" in reason, "isplaced" in reason) == (1001, True, False)
            await terminal.so_far()
        assert b"gone" not in (await get(address, "/api/sdk/agents")).body


async def test_a_runner_that_takes_nothing_any_more_is_noticed_though_nothing_can_be_written_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits in its buffers would hold the close back for as long as TCP tries."""
    monkeypatch.setattr(client_door, "CLOSE_SECONDS", 0.05)
    async with server(pace=Pace(ping=0.1, silence=0.3)) as address:
        raw = await narrow(address)
        async with connect(f"ws://{address}/client", sock=raw, compression=None, close_timeout=0.1) as socket:
            runner = Socket(socket)
            await runner.send("connect", api_key=KEY)
            await runner.until("connected")
            await runner.send("agent.create", agent_id="stuck", llm={"enabled": False})
            await runner.until("agent.created")
            async with chat(address, "stuck"):
                call_id = (await runner.until("llm.chat.started"))["call_id"]
                text = [{"role": "user", "content": "x" * 3_000_000}]
                await runner.send("history.set", call_id=call_id, messages=text)
                await runner.until("history.updated")
                for _ in range(5):
                    await runner.send("history.get", call_id=call_id)
                socket.transport.pause_reading()
                async with asyncio.timeout(PATIENCE):
                    while b"stuck" in (await get(address, "/api/sdk/agents")).body:  # noqa: ASYNC110
                        await asyncio.sleep(0.02)


async def test_a_kick_closes_with_the_word_that_makes_clients_stop(address: str) -> None:
    async with client(address, "kicked ñ/1", llm=LOOKING) as runner:
        missing = await get(address, "/api/sdk/agents/nobody", method="DELETE")
        assert (missing.status, missing.json) == (404, {"detail": "Agent 'nobody' is not online"})
        kicked = await get(address, "/api/sdk/agents/kicked%20%C3%B1%2F1", method="DELETE")
        assert (kicked.status, kicked.json["success"]) == (200, True)
        code, reason = await runner.closed()
        assert code == 4001
        assert "Displaced" in reason
        assert runner.frames[-1]["event"] == "agent.displaced"


async def test_a_terminal_talks_over_a_socket_of_its_own(address: str) -> None:
    async with client(address, "tty", llm=scripted(otherwise="Yes.")) as runner, client(address) as terminal:
        await terminal.send("llm.chat", agent_id="tty", session_id="test-tty", text="hi")
        done = await terminal.until("llm.chat.done")
        assert (done["text"], done["session_id"], done["call_id"]) == ("Yes.", "test-tty", "test-tty")
        await terminal.socket.close()
        await runner.until("llm.chat.ended", call_id="test-tty")


async def test_a_runner_that_reads_nothing_is_dropped_and_its_agents_are_free(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_door, "OUTBOX", 20)
    monkeypatch.setattr(client_door, "CLOSE_SECONDS", 0.05)
    raw = await narrow(address)
    async with connect(f"ws://{address}/client", sock=raw, max_queue=1, compression=None, close_timeout=0.1) as socket:
        runner = Socket(socket)
        await runner.send("connect", api_key=KEY)
        await runner.until("connected")
        await runner.send("agent.create", agent_id="sleepy", prompt="x" * 100_000, llm={"enabled": False})
        await runner.until("agent.created")
        async with chat(address, "sleepy") as page:
            call_id = (await runner.until("llm.chat.started"))["call_id"]
            text = [{"role": "user", "content": "x" * 100_000}]
            await runner.send("history.set", call_id=call_id, messages=text)
            async with asyncio.timeout(PATIENCE):
                for _ in range(2000):
                    await runner.send("history.get", call_id=call_id)
                    if (await get(address, "/api/sdk/agents")).body.find(b"sleepy") < 0:
                        break
            await page.send("message", text="still there?")
            assert "away" in (await page.until("chat.error"))["error"]
        async with client(address, "sleepy", llm=LOOKING):
            pass
