"""Tests of the shop's agents: the configuration, prompts and tools as they are, without a network, a key or a model."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from examples.shop.orders import order_number
from pinecall_run.testing import running, talking_to, virtual_time

PROJECT = Path(__file__).parents[2] / "pinecall.yaml"


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.sqlite3"))
    monkeypatch.delenv("PINECALL_MODEL", raising=False)


@virtual_time
async def test_an_order_is_looked_up() -> None:
    async with talking_to(PROJECT, agent="support") as chat:
        reply = await chat.say("Where is order ORD-1001?")
        assert reply.tools == [("lookup_order", {"order_id": "ORD-1001"})]
        assert reply.results[0]["status"] == "shipped"
        assert "should arrive on Tuesday" in reply.text


@virtual_time
async def test_an_order_is_looked_up_by_its_number_as_it_is_said() -> None:
    async with talking_to(PROJECT, agent="support") as chat:
        for said in ("where is order one thousand and one", "what about order number one zero zero one please"):
            reply = await chat.say(said)
            assert reply.results[0]["id"] == "ORD-1001"
            assert "should arrive on Tuesday" in reply.text


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (" ord-1003 ", "ORD-1003"),
        ("ORD 0042", "ORD-0042"),
        ("1001", "ORD-1001"),
        ("one thousand and one", "ORD-1001"),
        ("order number one zero zero one", "ORD-1001"),
        ("ten oh one", "ORD-1001"),
        ("ten twenty-three", "ORD-1023"),
        ("one thousand two hundred and twelve", "ORD-1212"),
        ("hundred", "ORD-100"),
        ("my kettle", "MY KETTLE"),
        ("", ""),
    ],
)
def test_a_number_is_known_however_it_is_said(said: str, number: str) -> None:
    assert order_number(said) == number


@virtual_time
async def test_what_callers_say_besides_is_answered() -> None:
    async with talking_to(PROJECT, agent="support") as chat:
        assert "ORD-1001" in (await chat.say("show me the orders of ada please")).text
        assert "I found no orders for nobody at all." in (await chat.say("orders of nobody at all, please")).text
        assert (await chat.say("goodbye")).text == "You are welcome. Goodbye!"


@virtual_time
async def test_a_message_is_taken_by_the_agent_that_was_called() -> None:
    async with talking_to(PROJECT, agent="intake") as chat:
        reply = await chat.say("My name is Ada and I call about the espresso machine.")
        assert reply.results == [{"number": 1, "taken_by": "intake"}]
        assert [said.who for said in chat.transcript] == ["user", "agent"]


@virtual_time
async def test_a_tool_that_fails_or_hangs_does_not_end_the_conversation() -> None:
    async def hang(order_id: str) -> dict[str, Any]:
        await asyncio.sleep(3600)  # takes no time here
        return {}

    for tool, error in [
        (hang, "lookup_order did not answer within 30 s"),
        (ConnectionError("no database"), "no database"),
    ]:
        async with talking_to(PROJECT, agent="support", tools={"lookup_order": tool}) as chat:
            assert (await chat.say("ORD-1001?")).text == f"I am sorry, {error}."
            assert (await chat.say("Thanks!")).text == "You are welcome. Goodbye!"


@virtual_time
async def test_whatever_a_model_makes_of_it_the_tools_hold() -> None:
    """The model is this test's: it asks for an order in a way that the real one might."""
    model = [{"when": "kettle", "call": {"lookup_order": {"order_id": " ord-1003 "}}, "reply": "{{ lookup_order }}"}]
    async with talking_to(PROJECT, agent="support", model=model) as chat:
        assert (await chat.say("Where is my kettle?")).results[0]["item"] == "gooseneck kettle"


@virtual_time
async def test_an_answer_survives_a_broken_connection() -> None:
    async def slowly(order_id: str) -> dict[str, Any]:
        await asyncio.sleep(5)
        return {"id": order_id, "item": "grinder", "status": "shipped"}

    async with running(PROJECT, tools={"lookup_order": slowly}) as stage, stage.chat("support") as chat:
        asking = asyncio.create_task(chat.say("ORD-7?"))
        await asyncio.sleep(1)
        stage.network.cut()
        assert (await asking).text == "Order ORD-7, the grinder, is shipped."
