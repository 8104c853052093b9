"""Editing while it runs: the next conversation has the change, the open one goes on, a mistake changes nothing."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest
from tests.stories._stage import chatting, copy_project, edit, get, running
from websockets.asyncio.client import connect

NIGHT = """
  night:
    prompt: You are the night desk.
    model: scripted:examples/shop/intake.script.yaml
    channels: [chat]
"""


async def test_an_edit_is_for_the_next_conversation(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    script = project / "examples/shop/support.script.yaml"
    async with running(project) as program, chatting(program.url, "support") as open_one:
        assert (await open_one.ask("hello")).text.startswith("Hello, this is Acme support.")
        edit(script, lambda text: text.replace("Hello, this is Acme support.", "Good day from Acme."))
        await program.until("reloaded: revision .* 1 live call stays on")
        async with chatting(program.url, "support") as next_one:
            assert (await next_one.ask("hello")).text.startswith("Good day from Acme.")
        assert (await open_one.ask("hello")).text.startswith("Hello, this is Acme support.")


async def test_an_open_conversation_keeps_a_tool_that_is_taken_away(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project) as program, chatting(program.url, "support") as chat:
        await chat.ask("hello")
        edit(
            project / "pinecall.yaml",
            lambda text: text.replace("      lookup_order: examples.shop.orders.lookup_order\n", ""),
        )
        await program.until("support: tools")
        assert "shipped" in (await chat.ask("ORD-1001")).text
        async with chatting(program.url, "support") as next_one:
            answer = await next_one.ask("ORD-1001")
            assert answer.results == [{"error": "Unknown tool: lookup_order"}]


async def test_a_mistake_is_shown_and_changes_nothing(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project) as program:
        edit(project / "pinecall.yaml", lambda text: text.replace("language: en", "language: english please", 1))
        await program.until(r"not reloaded; what ran before goes on")
        await program.until(r"pinecall.yaml:10:15: error\[PCR104\] `english please` is not a language tag")
        async with chatting(program.url, "support") as chat:
            assert "shipped" in (await chat.ask("ORD-1001")).text
        seen = len(program.lines)
        edit(project / "prompts/support.md.j2", lambda text: text + "{{ compnay }}")
        await program.until("not reloaded", after=seen)
        edit(project / "pinecall.yaml", lambda text: text.replace("language: english please", "language: es", 1))
        await program.until(r"prompts/support.md.j2:7:4: error\[PCR302\]", after=seen)
        edit(project / "prompts/support.md.j2", lambda text: text.replace("{{ compnay }}", "Speak Spanish."))
        await program.until("support: language, prompt", after=seen)


async def test_an_agent_comes_and_goes_while_others_talk(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    config = project / "pinecall.yaml"
    before = config.read_text()
    async with running(project) as program, chatting(program.url, "sales") as chat:
        await chat.ask("a kettle?")
        edit(config, lambda text: text + NIGHT)
        await program.until("night: agent added")
        async with chatting(program.url, "night") as night:
            assert "lobby" in (await night.ask("hello")).text
        edit(config, lambda text: before)
        await program.until("night: agent removed")
        assert "sold out" in (await chat.ask("a kettle?")).text


async def test_sighup_loads_the_project_again(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project) as program:
        before = len(program.lines)
        program.process.send_signal(signal.SIGHUP)
        edit(project / "pinecall.yaml", lambda text: text.replace("version: 1", "version: 2"))
        program.process.send_signal(signal.SIGHUP)
        await program.until("`version` must be 1", after=before)
        edit(project / "pinecall.yaml", lambda text: text.replace("version: 2", "version: 1"))
        program.process.send_signal(signal.SIGHUP)
        async with chatting(program.url, "support") as chat:
            assert (await chat.ask("hello")).text
        assert await program.interrupt() == 0


async def test_an_edit_of_a_tool_is_for_the_next_conversation(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project) as program, chatting(program.url, "support") as open_one:
        assert "shipped" in (await open_one.ask("ORD-1001")).text
        orders = project / "examples/shop/orders.py"
        edit(orders, lambda text: text.replace("def lookup_order(", "def lookup_order(:", 1))
        await program.until(r"error\[PCR404\]")
        edit(orders, lambda text: text.replace("def lookup_order(:", "def lookup_order(", 1) + "\nEDITED = True\n")
        await program.until(r"support: code \(next call\)")
        assert "shipped" in (await open_one.ask("ORD-1001")).text
        async with chatting(program.url, "support") as next_one:
            assert "shipped" in (await next_one.ask("ORD-1001")).text
        assert not list(project.rglob("__pycache__"))


async def test_a_limit_is_for_the_next_conversation_and_ends_none(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    config = project / "pinecall.yaml"
    chat = '[webrtc, chat, "+15557654321"]'
    limited = chat.replace("chat", "{type: chat, max_calls: 1}")
    busy = "    limits: {overflow: The shop is full.}\n    interruption: {min_words: 3}"
    async with running(project) as program, chatting(program.url, "sales") as first:
        async with chatting(program.url, "sales") as second:
            edit(config, lambda text: text.replace(chat, limited).replace("    interruption: {min_words: 3}", busy))
            await program.until("reloaded: revision .* 2 live calls stay on")
            for each in (first, second):
                assert "sold out" in (await each.ask("a kettle?")).text
            with pytest.raises(AssertionError, match=r"The shop is full\."):
                await _begin(program.url)
        await program.until("a conversation with sales was turned away: its channel's limit of one at a time")
        seen = len(program.lines)
        edit(config, lambda text: text.replace("max_calls: 1", "max_calls: 2"))
        await program.until("reloaded: revision", after=seen)
        async with chatting(program.url, "sales") as third:
            assert "sold out" in (await third.ask("a kettle?")).text
        assert "sold out" in (await first.ask("a kettle?")).text


async def _begin(url: str) -> None:
    """Begin a conversation that is refused, and say how."""
    token = (await asyncio.to_thread(get, f"{url}/chat/token?agent_id=sales"))["token"]
    async with connect(f"{url.replace('http', 'ws', 1)}/chat/ws?token={token}") as socket:
        frame = json.loads(await socket.recv())
        assert frame["event"] == "chat.connected", frame
