"""A project on the stage: its own model or the test's, several conversations, broken connections, refusals."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pinecall_run.live import notices
from pinecall_run.live.library import ProjectError
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.testing.chat import Reply
from pinecall_run.testing.clock import virtual_time
from pinecall_run.testing.failures import Unexpected
from pinecall_run.testing.stage import running, talking_to

LOOKS = [{"call": {"look": {"what": "{{ said }}"}}, "reply": "So: {{ look }}"}]


@virtual_time
async def test_a_model_of_the_test_answers_for_every_agent(desk: Path) -> None:
    async with running(desk, model=LOOKS) as stage:
        async with stage.chat("desk") as chat:
            assert (await chat.say("door")).text == "So: door of nobody"
        async with stage.chat("back") as chat:
            assert await chat.say("door") == Reply("")  # it has no tools
    async with talking_to(desk, model={"rules": [], "otherwise": "What?"}) as chat:
        assert (await chat.say("door")).text == "What?"
    async with talking_to(desk, model=[{"when": "x"}]) as chat:
        assert (await chat.say("x")).text == ""
        assert (await chat.say("y")).text == "No rule of this test's model matches: y"
    with pytest.raises(ProviderError, match="cannot be used"):
        async with talking_to(desk, model=[{"when": "("}]):
            pass


@virtual_time
async def test_conversations_go_on_beside_each_other(desk: Path) -> None:
    async with running(desk, model=LOOKS) as stage, stage.chat() as one, stage.chat(metadata={"user": "Ada"}) as two:
        both = await asyncio.gather(one.say("a"), two.say("b"))
        assert [reply.text for reply in both] == ["So: a of nobody", "So: b of Ada"]
        assert {call.id for call in stage.runner.calls} == {one.call.id, two.call.id}


@virtual_time
async def test_a_tool_answers_across_a_broken_connection(desk: Path) -> None:
    async with running(desk, model=[{"call": {"wait": {}}, "reply": "{{ wait }}"}]) as stage, stage.chat() as chat:
        events = stage.runner.events()
        asking = asyncio.create_task(chat.say("go"))
        await asyncio.sleep(2)
        stage.network.is_down = True
        stage.network.cut()
        await asyncio.sleep(12)  # the tool is done meanwhile
        assert not stage.runner.is_connected
        stage.network.is_down = False
        assert (await asking).text == "waited"
        ran = [event for event in events.waiting() if isinstance(event, notices.ToolRan)]
        assert len(ran) == 1


async def test_it_works_in_real_time_too(desk: Path) -> None:
    async with running(desk, model=LOOKS) as stage, stage.chat("desk") as chat:
        assert (await chat.say("door")).text == "So: door of nobody"


@virtual_time
async def test_agents_that_are_not_there_and_models_without_a_key_are_told(desk: Path) -> None:
    with pytest.raises(Unexpected, match=r"there is no agent dek; did you mean desk\?"):
        async with talking_to(desk, "dek", model=[]):
            pass
    with pytest.raises(Unexpected, match=r"the voice server refused back: .*OPENAI_API_KEY.*`model=` answers"):
        async with talking_to(desk, "back", environ={}):
            pass
    async with talking_to(desk, "desk", environ={}) as chat:  # what is wrong with another does not matter
        assert (await chat.say("hm")).text == "I see."


@virtual_time
async def test_a_project_with_errors_is_told_like_validate_does(desk: Path) -> None:
    (desk / "pinecall.yaml").write_text("version: 1\nagents: {desk: {promt: Hi}}\n")
    with pytest.raises(ProjectError, match=r"pinecall.yaml:2:17: error\[PCR101\]"):
        async with talking_to(desk):
            pass
