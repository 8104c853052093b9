"""Calls that are placed: answered, refused, given up, or lost with the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.live._projects import project

from pinecall_run.live.dialing import DialError
from pinecall_run.testing import ScriptedServer, scripted_server, virtual_time
from pinecall_run.tools.call import Call

ADA = "+15550000001"
CONFIG = """
version: 1
server: {url: "wss://voice.example", api_key: "${KEY:-k}"}
agents:
  desk: {prompt: Hi., model: gpt-4.1-mini, channels: [chat, "sip:a@b.example", "+15551234567", "+15557654321"]}
  back: {prompt: Hi., model: gpt-4.1-mini, channels: [chat]}
"""


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[ScriptedServer]:
    async with scripted_server(project(folder, CONFIG), agent_id="desk") as server:
        yield server


def _dial(server: ScriptedServer, to: str = ADA) -> asyncio.Task[Call]:
    return asyncio.create_task(server.runner.dial("desk", to=to, metadata={"lead": 7}))


@virtual_time
async def test_the_call_that_is_answered_comes_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        dial = _dial(server)
        await server.play("""
            > call.dial {"agent_id": "desk", "to": "+15550000001", "from": "+15551234567", "metadata": {"lead": 7}}
            < call.dialing {"call_id": "CA1", "to": "+15550000001"}
            . 20
            < call.started {"call_id": "CA1", "to": "+15550000001", "direction": "outbound", "metadata": {"lead": 7}}
        """)
        call = await dial
        assert (call.id, call.agent, call.to, call.direction, call.metadata) == (
            "CA1", "desk", ADA, "outbound", {"lead": 7},
        )  # fmt: skip
        assert server.runner.calls == (call,)
        call.hangup()
        await server.play('> call.hangup {"call_id": "CA1"}\n< call.ended {"call_id": "CA1", "reason": "hangup"}')
        assert server.runner.calls == ()


CALLING_BACK = """
version: 1
server: {url: "wss://voice.example", api_key: "${KEY:-k}"}
agents:
  desk:
    prompt: Hi.
    model: gpt-4.1-mini
    channels: [chat, "+15551234567"]
    tools: {call_back: dialtools.call_back, call_nobody: dialtools.call_nobody}
"""
DIALTOOLS = """
from pinecall_run import Call, CallError

async def call_back(number: str, call: Call) -> str:
    "Call back."
    return f"talking to {(await call.dial(number, metadata={'for': call.id})).to}"

def call_nobody(call: Call) -> str:
    "Call nobody."
    try:
        call.dial("+15550000009", agent="nobody").wait(5)
    except CallError as error:
        return str(error)
"""


@virtual_time
async def test_a_tool_places_another_call(tmp_path: Path) -> None:
    root = project(tmp_path, CALLING_BACK, dialtools_DOT_py=DIALTOOLS)
    async with scripted_server(root, agent_id="desk") as server:
        await server.play("""
            < llm.chat.started {"call_id": "chat-1"}
            < llm.tool_call {"call_id": "chat-1", "msg_id": "m1", "tool_calls": [{"id": "t", "name": "call_back", "arguments": "{\\"number\\": \\"+15550000001\\"}"}]}
            > call.dial {"agent_id": "desk", "to": "+15550000001", "from": "+15551234567", "metadata": {"for": "chat-1"}}
            < call.started {"call_id": "CA1", "to": "+15550000001", "direction": "outbound"}
            > llm.tool_result {"msg_id": "m1", "results": [{"tool_call_id": "t", "result": "talking to +15550000001"}]}
            < llm.tool_call {"call_id": "chat-1", "msg_id": "m2", "tool_calls": [{"id": "t", "name": "call_nobody", "arguments": "{}"}]}
            > llm.tool_result {"msg_id": "m2", "results": [{"tool_call_id": "t", "result": "there is no agent nobody; there are desk"}]}
        """)  # noqa: E501 - a frame is a line


@pytest.mark.parametrize(
    ("answer", "reason", "code"),
    [
        ('< call.error {"error": "no transport", "code": "NO_TRANSPORT"}', "no transport", "NO_TRANSPORT"),
        ('< call.ended {"call_id": "CA1", "reason": "busy"}', "busy", ""),
        (". 31", "nobody answered within 30 s", "TIMEOUT"),
        ("x", "the connection was lost; whether it rings over there is not known", "CONNECTION_LOST"),
    ],
)
def test_what_keeps_a_call_from_coming_about_is_told(tmp_path: Path, answer: str, reason: str, code: str) -> None:
    @virtual_time
    async def run() -> None:
        async with serving(tmp_path) as server:
            dial = _dial(server)
            await server.play("> call.dial\n" + answer)
            with pytest.raises(DialError) as failed:
                await dial
            assert (str(failed.value), failed.value.code) == (reason, code)
            await asyncio.sleep(1)  # after a loss the runner is back by then
            # One that is taken after all is a call like any other, and no other dial's answer.
            again = _dial(server, "+15550000002")
            await server.play("""
                > call.dial
                < call.started {"call_id": "CA1", "to": "+15550000001", "direction": "outbound"}
            """)
            assert [call.id for call in server.runner.calls] == ["CA1"]
            assert not again.done()
            again.cancel()

    run()


@virtual_time
async def test_what_cannot_be_dialled_is_told_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        with pytest.raises(DialError, match=r"there is no agent dsk; did you mean desk\?"):
            await server.runner.dial("dsk", to=ADA)
        with pytest.raises(DialError, match="back has no phone channel to call from"):
            await server.runner.dial("back", to=ADA)
        server.network.is_down = True
        server.network.cut()
        await asyncio.sleep(0.01)
        with pytest.raises(DialError, match="there is no connection"):
            await server.runner.dial("desk", to=ADA)


@virtual_time
async def test_one_that_is_being_placed_does_not_outlive_the_runner(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        dial = _dial(server)
        await server.play("> call.dial")
    began = asyncio.get_running_loop().time()
    with pytest.raises(DialError, match="connection was lost"):
        await dial
    assert asyncio.get_running_loop().time() == began


@virtual_time
async def test_two_at_once_each_get_their_own(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        ada, grace = _dial(server), _dial(server, "+15550000002")
        await server.play("""
            > call.dial {"to": "+15550000001"}
            > call.dial {"to": "+15550000002"}
            < call.started {"call_id": "CA2", "to": "+15550000002", "direction": "outbound"}
            < call.started {"call_id": "CA9", "from": "+15550000009", "to": "+15551234567"}
            < call.started {"call_id": "CA1", "to": "+15550000001", "direction": "outbound"}
        """)
        assert [(await ada).id, (await grace).id] == ["CA1", "CA2"]


@virtual_time
async def test_a_greeting_may_wait_for_the_other_side(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        dial = asyncio.create_task(server.runner.dial("desk", to=ADA, detect_turn_end=True))
        await server.play("""
            > call.dial {"agent_id": "desk", "to": "+15550000001", "from": "+15551234567", "detect_turn_end": true}
            < call.started {"call_id": "CA1", "to": "+15550000001", "direction": "outbound"}
        """)
        assert (await dial).id == "CA1"
