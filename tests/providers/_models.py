"""What tests of language models share: questions, histories as calls leave them, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from tests.emulators.trouble import Trouble

from pinecall_run.providers.contracts import LanguageModel, ModelPiece, ModelRequest, Text, ToolRequest

SAID = "my card is 4111"
ASKED: list[dict[str, Any]] = [
    {"role": "system", "content": "You are the front desk."},
    {"role": "user", "content": "¿Dónde está el pedido 42?"},
]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "lookup_order",
        "description": "Looks an order up.",
        "parameters": {
            "type": "object",
            "properties": {"id": {"type": ["string", "null"]}},
            "additionalProperties": False,
        },
    },
}

TROUBLES = [
    (Trouble("refuse", status=429, headers={"Retry-After": "7"}), "rate_limit"),
    (Trouble("refuse", status=402), "credit"),
    (Trouble("refuse", status=403), "key"),
    (Trouble("refuse", status=400, reason=SAID), "request"),
    (Trouble("refuse", status=500), "unavailable"),
    (Trouble("refuse", status=503, reason=SAID), "unavailable"),
    (Trouble("hang"), "timeout"),
    (Trouble("drop"), "network"),
    (Trouble("close", after=2), "network"),
    (Trouble("stall", after=2), "timeout"),
    (Trouble("garbage"), "garbage"),
    (Trouble("error", after=2, reason=SAID), "unavailable"),
]
"""What may go wrong with a vendor, and the kind of error that it comes to."""


def calling(
    identifier: str, arguments: str = '{"id":"42"}', result: str = '{"ships":"Tuesday"}'
) -> list[dict[str, Any]]:
    """A round of one tool call."""
    function = {"name": "lookup_order", "arguments": arguments}
    return [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": identifier, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": identifier, "content": result},
    ]


def round_of(requests: Sequence[ModelPiece]) -> list[dict[str, Any]]:
    """The round that answers what a model asked."""
    asked = [one for one in requests if isinstance(one, ToolRequest)]
    called = [
        {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}} for one in asked
    ]
    return [
        {"role": "assistant", "content": None, "tool_calls": called},
        *({"role": "tool", "tool_call_id": one.id, "content": f"result of {one.name}"} for one in asked),
    ]


USER, AGENT = {"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "One moment."}
LATE = {"role": "system", "content": "# UI Context\nThe order page is open."}
HISTORIES: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "a prompt alone": ASKED[:1],
    "a greeting first": [ASKED[0], AGENT, USER],
    "the agent last": [*ASKED, AGENT],
    "a user twice": [*ASKED, USER],
    "a round": [*ASKED, *calling("call_0_lookup_order")],
    "a round after what was said ahead of it": [*ASKED, AGENT, *calling("toolu_01")],
    "a round, and what was said meanwhile": [*ASKED, *calling("call_1"), AGENT],
    "a round, and an interruption": [*ASKED, *calling("call_1"), USER],
    "two rounds with one id": [*ASKED, *calling("call_0"), *calling("call_0")],
    "ids of another form": [*ASKED, *calling("a b/ñ")],
    "arguments that are none": [*ASKED, *calling("call_1", "{ no json"), USER],
    "arguments that are no object": [*ASKED, *calling("call_1", "[1]"), USER],
    "a result that is empty": [*ASKED, *calling("call_1", result="")],
    "a call without a result": [*ASKED, calling("call_1")[0], USER],
    "a result without a call": [*ASKED, calling("call_1")[1], USER],
    "a system message later": [*ASKED, AGENT, LATE, USER],
    "a system message last": [*ASKED, *calling("call_1"), LATE],
    "content in parts": [{"role": "user", "content": [{"type": "text", "text": "Hello?"}, {"type": "image_url"}]}],
    "white space": [*ASKED, {"role": "assistant", "content": " \n"}, USER],
    "a name": [{"role": "user", "name": "ada", "content": "Hello?"}],
}


async def answer(
    model: LanguageModel, messages: Sequence[dict[str, Any]] = ASKED, tools: Sequence[dict[str, Any]] = ()
) -> list[ModelPiece]:
    """All pieces of an answer."""
    return [piece async for piece in model.stream(ModelRequest(messages, tools))]


def told(pieces: Sequence[ModelPiece]) -> str:
    """The text of an answer."""
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for something that nobody tells."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
