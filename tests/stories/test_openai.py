"""The same conversation with a language model: the ``openai`` library against a compatible server on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.emulators.openai_server import Answer, calls, openai_server, says
from tests.stories._stage import chatting, copy_project, edit, running


def _model(body: dict[str, Any]) -> Answer:
    """A model that looks an order up and says what it was told about it."""
    last = body["messages"][-1]
    if last["role"] == "tool":
        return says(f"The order's record is {last['content']}.")
    if "ORD-1001" in last["content"]:
        return calls(("lookup_order", {"order_id": "ORD-1001"}))
    return says(body["messages"][0]["content"])


async def test_a_model_calls_the_tool_and_answers(tmp_path: Path) -> None:
    async with openai_server(_model) as server:
        environment = {
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": server.key,
            "PINECALL_MODEL": "gpt-4.1-mini",
        }
        async with running(copy_project(tmp_path), **environment) as program:
            assert any("model gpt-4.1-mini" in line for line in program.lines)
            async with chatting(program.url, "support") as chat:
                answer = await chat.ask("Where is order ORD-1001?")
            await program.until(rf"tool lookup_order\(.*pid {program.pid}")
            assert answer.tools == ["lookup_order"]
            assert '"status":"shipped"' in answer.text
            assert server.key not in "\n".join(program.lines)
        first = server.requests[0]
        assert [message["role"] for message in first["messages"]] == ["system", "user"]
        assert {tool["function"]["name"] for tool in first["tools"]} == {"lookup_order", "orders_of"}
        assert "{{" not in first["messages"][0]["content"], "what is known per request is filled in"


async def test_an_edited_prompt_is_for_the_next_conversation(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with openai_server(_model) as server:
        environment = {
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": server.key,
            "PINECALL_MODEL": "gpt-4.1-mini",
        }
        async with running(project, **environment) as program, chatting(program.url, "support") as open_one:
            assert "Always rhyme." not in (await open_one.ask("What were you told?")).text
            edit(project / "prompts/support.md.j2", lambda text: text + "Always rhyme.\n")
            await program.until("support: prompt")
            async with chatting(program.url, "support") as next_one:
                assert "Always rhyme." in (await next_one.ask("What were you told?")).text
            assert "Always rhyme." not in (await open_one.ask("What were you told?")).text
