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
        ("message", {"text": " \n"}),
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


# threads


def _session(page: Socket) -> str:
    return str(page.frames[0]["session_id"])


async def test_a_later_connection_goes_on_and_is_told_what_was_said(address: str, runner: Socket) -> None:
    async with chat(address, "desk") as page:
        thread = page.frames[0]["thread"]
        await page.send("message", text="look")
        await page.until("chat.done")
        assert "chat.history" not in [frame["event"] for frame in page.frames]
    await runner_heard_the_end(runner, _session(page))
    async with chat(address, "desk", thread=thread) as again:
        connected, history = again.frames[0], await again.read()
        assert connected["thread"] == thread
        assert connected["session_id"] != page.frames[0]["session_id"]
        said = [{"role": "user", "content": "look"}, {"role": "assistant", "content": "It is here."}]
        assert history == {
            "event": "chat.history", "session_id": connected["session_id"], "thread": thread, "messages": said
        }  # fmt: skip
        await again.send("message", text="hi")
        await again.until("chat.done")
        assert [frame["event"] for frame in again.frames].count("chat.history") == 1
    async with chat(address, "desk", thread="of-my-own") as stranger:
        assert stranger.frames[0]["thread"] not in (thread, "of-my-own")
        assert (await stranger.read())["messages"] == [], "who asks is told, also that there is nothing"


async def test_what_was_sent_before_the_network_broke_is_answered_after_it(address: str) -> None:
    """The server does not know that the first connection is dead when the second comes."""
    looking = scripted({"when": "look", "call": {"look": {}}, "reply": "It is {{ look.error or look }}."})
    async with client(address, "slow", llm=looking, tools=TOOLS) as runner, chat(address, "slow") as page:
        for text in ("look", "hi", "hello"):
            await page.send("message", text=text)
        await runner.until("llm.tool_call", call_id=_session(page))
        async with chat(address, "slow", thread=page.frames[0]["thread"]) as again:
            history = await again.read()
            assert [said["content"] for said in history["messages"]] == ["look", "hi", "hello"]
            answers = [(await again.until("chat.done"))["text"] for _ in range(3)]
            assert (
                answers[0] == "It is the connection was lost before look had answered: it may have been done, or not."
            )
            assert answers[1:] == ["I heard you.", "I heard you."]
            told = [frame["text"] for frame in [*runner.frames, await runner.until("chat.response", text=answers[0])]
                    if frame["event"] == "chat.message"]  # fmt: skip
            assert told == ["look"], "it is told once of each message, when its turn comes"
        assert await page.closed() == (1000, "")
        assert page.frames[-1]["reason"] == "resumed_elsewhere"


async def runner_heard_the_end(runner: Socket, call_id: str) -> None:
    await until(lambda: any(f["event"] == "llm.chat.ended" and f["call_id"] == call_id for f in runner.frames))


# how much


async def test_more_messages_than_anybody_types_are_refused_and_the_others_answered(
    address: str, runner: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MESSAGES", 3)
    async with chat(address, "desk") as page:
        for number in range(5):
            await page.send("message", text=f"hi {number}")
        for _ in range(3):
            await page.until("chat.done")
        await until_errors(page, 2)
        sentence = "more than 2 messages a second, after 3 at once: this one was not taken; send it again in a moment"
        assert [frame["error"] for frame in page.frames if frame["event"] == "chat.error"] == [sentence] * 2
        taken = [frame for frame in runner.frames if frame["event"] == "chat.message"]
        said = [frame["text"] for frame in taken if frame["call_id"] == _session(page)]
        assert said == ["hi 0", "hi 1", "hi 2"]
        await asyncio.sleep(0.6)
        await page.send("message", text="hi again")
        assert (await page.until("chat.done"))["text"] == "I heard you."


async def until_errors(page: Socket, count: int) -> None:
    while [frame["event"] for frame in page.frames].count("chat.error") < count:
        await page.read()


async def test_a_flood_is_read_no_sooner_than_it_may_come_and_nobody_else_waits(address: str, runner: Socket) -> None:
    async with chat(address, "desk") as flood, chat(address, "desk") as page:
        for number in range(200):
            await flood.send("set_context", key="n", value=number)
        await flood.send("message", text="hi")
        await page.send("message", text="hi")
        async with asyncio.timeout(1):
            await page.until("chat.done")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await flood.socket.recv()
        await flood.until("chat.done")
        assert _screens[_session(flood)] == {"n": 199}, "late, and nothing is lost"
