"""The browser's chat socket: what a page may send, what it gets, and what happens to one that does not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.voice._door import PATIENCE, Socket, chat, client, get, narrow, server
from tests.voice._fakes import until
from tests.voice._stage import LOOKING, TOOLS, scripted
from websockets.asyncio.client import connect

from pinecall_run.transports import chat as door
from pinecall_run.transports.chat import MAX_TEXT

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with server() as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(address: str) -> AsyncIterator[Socket]:
    """Answers every tool call."""
    async with client(address, "desk", llm=LOOKING, tools=TOOLS) as runner:
        working = asyncio.create_task(_work(runner))
        yield runner
        working.cancel()


async def _work(runner: Socket) -> None:
    async for message in runner.socket:
        frame = json.loads(message)
        runner.frames.append(frame)
        if frame["event"] == "llm.tool_call":
            results = [{"tool_call_id": call["id"], "result": {"where": "here"}} for call in frame["tool_calls"]]
            await runner.send("llm.tool_result", call_id=frame["call_id"], msg_id=frame["msg_id"], results=results)


@pytest.mark.parametrize(("scope", "shows_results"), [("supervise", True), ("participate", False), ("", False)])
async def test_a_conversation_in_frames(address: str, runner: Socket, scope: str, shows_results: bool) -> None:
    async with chat(address, "desk", scope=scope) as page:
        session_id = page.frames[0]["session_id"]
        assert session_id.startswith("chat-")
        await page.send("message", text="look")
        done = await page.until("chat.done")
        assert done == {"event": "chat.done", "session_id": session_id, "text": "It is here."}
        tokens = [frame for frame in page.frames if frame["event"] == "chat.token"]
        assert "".join(frame["token"] for frame in tokens) == "".join(frame["text"] for frame in tokens) == done["text"]
        rest = [frame for frame in page.frames[1:-1] if frame not in tokens]
        assert rest[0]["tool_calls"][0]["name"] == "look"
        assert (
            rest[1:]
            == [
                {
                    "event": "chat.tool_result",
                    "session_id": session_id,
                    "results": [
                        {"tool_call_id": rest[0]["tool_calls"][0]["id"], "name": "look", "result": {"where": "here"}}
                    ],
                }
            ]
            * shows_results
        )
        assert {frame["session_id"] for frame in page.frames} == {session_id}


async def test_a_hangup_ends_the_socket_in_order(address: str, runner: Socket) -> None:
    async with chat(address, "desk") as page:
        await runner.send("call.hangup", call_id=page.frames[0]["session_id"])
        assert await page.closed() == (1000, "")
        assert page.frames[-1]["event"] == "chat.ended"
        assert page.frames[-1]["reason"] == "client_hangup"


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\x01", "", "{", "null", "[]", "7", '{"event":5}', '{"event":"x"}', "[" * 50_000, '{"event":"set_context"}'],
)
async def test_garbage_is_ignored(address: str, runner: Socket, garbage: Any) -> None:
    async with chat(address, "desk") as page:
        await page.socket.send(garbage)
        await page.send("message", text="hi")
        assert (await page.until("chat.done"))["text"] == "I heard you."
        assert {frame["event"] for frame in page.frames} == {"chat.connected", "chat.token", "chat.done"}


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("message", {"text": "x" * (MAX_TEXT + 1)}),
        ("message", {"text": 5}),
        ("message", {}),
        ("set_context", {"key": "page", "value": "x" * (MAX_TEXT + 1)}),
        ("set_context", {"key": "x" * (MAX_TEXT + 1), "value": 1}),
    ],
)
async def test_what_is_too_much_is_refused_in_a_sentence(
    address: str, runner: Socket, event: str, fields: dict[str, Any]
) -> None:
    async with chat(address, "desk") as page:
        await page.send(event, **fields)
        assert f"{MAX_TEXT:,}" in (await page.until("chat.error"))["error"]
        await page.send("message", text="x" * MAX_TEXT)
        await page.until("chat.done")


async def test_what_the_page_shows_reaches_the_conversation(address: str, runner: Socket) -> None:
    async with chat(address, "desk") as page:
        for key, value in [("cart", {"items": 2}), ("page", "checkout"), ("page", None)]:
            await page.send("set_context", key=key, value=value)
        await page.send("message", text="hi")
        await page.until("chat.done")
        # the scripted model does not read its prompt, so this looks at what it would have been given
        assert _screens[page.frames[0]["session_id"]] == {"cart": {"items": 2}}


_screens: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _watch_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    from pinecall_run.voice.chat_session import ChatSession

    original = ChatSession.set_context

    def set_context(self: ChatSession, key: str, value: Any) -> None:
        original(self, key, value)
        _screens[self.id] = dict(self.conversation.screen)

    monkeypatch.setattr(ChatSession, "set_context", set_context)


@pytest.mark.parametrize("what", ["none", "forged", "used", "for an agent that has gone"])
async def test_a_token_that_is_not_good_is_an_error_and_a_close(address: str, runner: Socket, what: str) -> None:
    agent = "g" + "ñ" * 100  # the reason of a close has room for fewer bytes than that
    async with client(address, agent, llm=LOOKING):
        answer = await get(address, f"/chat/token?agent_id=g{'%C3%B1' * 100}")
        token = answer.json["token"]
        if what == "used":
            async with connect(f"ws://{address}/chat/ws?token={token}") as first:
                await first.recv()
    if what == "for an agent that has gone":
        while (await get(address, f"/chat/token?agent_id=g{'%C3%B1' * 100}")).status == 200:
            pass
    query = {"none": "", "forged": "?token=" + token[:-1] + "%C3%A9"}.get(what, f"?token={token}")
    async with connect(f"ws://{address}/chat/ws{query}") as socket:
        page = Socket(socket)
        code, reason = await page.closed()
        assert code == 1008
        (error,) = page.frames
        assert error["event"] == "error"
        assert error["error"].startswith(reason)
        assert reason


async def test_a_page_that_leaves_ends_its_conversation(address: str, runner: Socket) -> None:
    async with chat(address, "desk") as page:
        call_id = page.frames[0]["session_id"]
        page.socket.transport.abort()
    await until(lambda: any(f["event"] == "llm.chat.ended" and f["call_id"] == call_id for f in runner.frames))


async def test_a_page_that_reads_nothing_is_closed_and_holds_nothing_up(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "OUTBOX", 20)
    monkeypatch.setattr(door, "CLOSE_SECONDS", 0.05)
    chatty = scripted(otherwise="x" * 50_000)
    async with client(address, "chatty", llm=chatty) as runner:
        token = (await get(address, "/chat/token?agent_id=chatty")).json["token"]
        raw = await narrow(address)
        url = f"ws://{address}/chat/ws?token={token}"
        async with connect(url, sock=raw, max_queue=1, compression=None, close_timeout=0.1) as socket:
            async with asyncio.timeout(PATIENCE):
                for _ in range(100):
                    await socket.send('{"event":"message","text":"more"}')
                    if "llm.chat.ended" in await runner.so_far():
                        break
                else:
                    await runner.until("llm.chat.ended")
