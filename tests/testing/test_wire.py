"""Scripts played against the real runner: what it must send, in order, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pinecall_run.testing.clock import virtual_time
from pinecall_run.testing.failures import Unexpected
from pinecall_run.testing.wire import scripted_server

CALL = """
    < llm.chat.started {}
    < llm.tool_call {"msg_id": "m1", "tool_calls": [
        {"id": "t1", "name": "look", "arguments": "{\\"what\\": \\"it\\"}"}]}
    > llm.tool_result {"call_id": "c1", "msg_id": "m1", "results": [{"result": "it of nobody"}]}
"""
WAITS = """
    < llm.chat.started
    < llm.tool_call {"msg_id": "m1", "tool_calls": [{"id": "t1", "name": "wait", "arguments": "{}"}]}
"""


@virtual_time
async def test_a_tool_call_is_answered_and_a_repeated_one_with_the_same_answer(desk: Path) -> None:
    async with scripted_server(desk, agent_id="desk", call_id="c1") as server:
        assert server.registered["desk"]["greeting"] == "Welcome."
        await server.play(CALL)
        await server.play(CALL)
        assert [call.id for call in server.runner.calls] == ["c1"]


@virtual_time
async def test_an_answer_that_was_made_without_a_connection_comes_with_the_next_one(desk: Path) -> None:
    async with scripted_server(desk, agent_id="desk", call_id="c1") as server:
        await server.play(WAITS + '    . 1\n    x\n    > llm.tool_result {"results": [{"result": "waited"}]}')
        assert server.connections == 2
        server.network.is_down = True
        server.network.cut()
        with pytest.raises(Unexpected, match="line 1 of the script, `< ping`: there is no connection"):
            await server.play("< ping")


@virtual_time
async def test_what_differs_or_does_not_come_is_told(desk: Path) -> None:
    async with scripted_server(desk, agent_id="desk", call_id="c1") as server:
        with pytest.raises(Unexpected) as other:
            await server.play(CALL.replace("it of nobody", "it of Ada"))
        assert str(other.value).startswith("line 5 of the script, `> llm.tool_result")
        assert 'results[0].result is "it of nobody", not "it of Ada", in llm.tool_result {' in str(other.value)
        with pytest.raises(Unexpected, match=r"line 1 .*: bot\.reply was expected, and nothing came within 60 s"):
            await server.play("> bot.reply")
        with pytest.raises(Unexpected, match=r"line 5 .*: bot\.reply was expected, and llm\.tool_result \{.* came"):
            await server.play(CALL.replace("> llm.tool_result", "> bot.reply").replace("m1", "m2"))


@virtual_time
async def test_what_comes_beside_the_script_is_told(desk: Path) -> None:
    async with scripted_server(desk, agent_id="desk", call_id="c1") as server:
        without = "\n".join(CALL.splitlines()[:4])
        with pytest.raises(Unexpected, match=r"after the script: llm\.tool_result \{.*\} came, which nothing expects"):
            await server.play(without)
        with pytest.raises(Unexpected, match=r"line 1 .*, `\. 1`: llm\.tool_result .* came"):
            await server.play(". 1")
