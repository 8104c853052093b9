"""A conversation from the person's side: answers, tools, greetings, hang-ups, and what is said when one is missing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pinecall_run.testing.chat import Reply
from pinecall_run.testing.clock import virtual_time
from pinecall_run.testing.failures import Unexpected
from pinecall_run.testing.stage import running, talking_to


@virtual_time
async def test_an_answer_has_its_tools_and_what_they_answered(desk: Path) -> None:
    async with talking_to(desk, metadata={"user": "Ada"}) as chat:
        reply = await chat.say("look at order")
        assert reply == Reply("order of Ada", [("look", {"what": "order"})], ["order of Ada"])
        assert (await chat.say("hm")).tools == []
        assert chat.tools == [("look", {"what": "order"})]
        assert chat.heard == ["Welcome.", "order of Ada", "I see."]
        assert [(said.who, said.text) for said in chat.transcript] == [
            ("agent", "Welcome."), ("user", "look at order"), ("agent", "order of Ada"), ("user", "hm"),
            ("agent", "I see."),
        ]  # fmt: skip
        assert (chat.call.agent, chat.call.channel, chat.call.metadata) == ("desk", "chat", {"user": "Ada"})
        assert [message["role"] for message in await chat.call.history.get()][:2] == ["assistant", "user"]


@virtual_time
async def test_what_is_said_unasked_is_heard_beside_answers(desk: Path) -> None:
    async with talking_to(desk) as chat:
        assert await chat.hear() == "Welcome."
        assert (await chat.say("remark")).text == "Done."
        assert await chat.hear() == "One moment."
        with pytest.raises(Unexpected, match=r"^desk said nothing unasked within 5 s$"):
            await chat.hear(within=5)


@virtual_time
async def test_a_tool_that_hangs_up_ends_the_conversation(desk: Path) -> None:
    async with talking_to(desk) as chat:
        reply = await chat.say("bye")
        assert (reply.ended, chat.ended, reply.tools) == ("client_hangup", "client_hangup", [("leave", {})])
        assert chat.call.agent == "desk"  # it is over, and still known
        with pytest.raises(Unexpected, match=r"the conversation is over \(client_hangup\), so that nobody hears 'hi'"):
            await chat.say("hi")
        assert await chat.hear() == "Welcome."
        with pytest.raises(Unexpected, match="before the conversation ended"):
            await chat.hear()


@virtual_time
async def test_waiting_takes_virtual_time_and_has_an_end(desk: Path) -> None:
    async with talking_to(desk) as chat:
        assert (await chat.say("wait")).seconds == pytest.approx(10)
        with pytest.raises(Unexpected, match=r"^desk did not answer 'wait' within 3 s; wait had not answered yet$"):
            await chat.say("wait", within=3)


@virtual_time
async def test_a_model_that_fails_is_told_with_its_reason(desk: Path) -> None:
    async with talking_to(desk) as chat:
        with pytest.raises(Unexpected, match=r"did not answer 'break': the agent cannot .*division by zero"):
            await chat.say("break")
        assert (await chat.say("hm")).text == "I see."


@virtual_time
async def test_without_a_connection_there_is_nobody_to_talk_to(desk: Path) -> None:
    async with running(desk, model=[]) as stage:
        stage.network.is_down = True
        stage.network.cut()
        await asyncio.sleep(0.1)
        with pytest.raises(Unexpected, match="desk does not take the conversation: Agent 'desk' is not online"):
            async with stage.chat("desk"):
                pass
