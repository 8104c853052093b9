"""What is told to whoever is handed a call: by the model, in time and short, else what the caller said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.voice._fakes import Model, tool

from pinecall_run.providers.contracts import ModelPiece, ModelRequest, ProviderError, Text, TokensUsed
from pinecall_run.voice import summary as module
from pinecall_run.voice.summary import LONGEST, SPOKEN, summary
from pinecall_run.voice.usage import Usage

TALK: list[dict[str, Any]] = [
    {"role": "assistant", "content": "Acme, hello."},
    {"role": "user", "content": "My lamp is broken."},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    {"role": "tool", "tool_call_id": "1", "content": "card 4111"},
    {"role": "user", "content": "I want my money back."},
]


async def test_the_model_sums_up_what_was_said_and_sees_no_tools_results() -> None:
    model = Model(["A broken lamp; ", "she wants  her money back.\n"])
    text, source = await summary(TALK, model, Usage(), language="en")
    assert (text, source) == ("A broken lamp; she wants her money back.", "model")
    (request,) = model.requests
    assert not request.tools
    assert "(en)" in request.messages[0]["content"]
    shown = request.messages[1]["content"]
    assert "Agent: Acme, hello.\nCaller: My lamp is broken.\nCaller: I want my money back." in shown
    assert "4111" not in shown


@pytest.mark.parametrize("answer", [[ProviderError("no credit")], [ValueError("my card")], [], [tool("look")]])
async def test_a_model_that_fails_leaves_what_the_caller_said(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert await summary(TALK, Model(answer), Usage(), language="") == (
        "My lamp is broken. I want my money back.",
        "transcript",
    )
    assert "lamp" not in caplog.text
    assert "card" not in caplog.text


async def test_a_model_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.02)
    text, source = await summary(TALK, Model(["A lamp", asyncio.Event()]), Usage(), language="")
    assert (text[:4], source) == ("My l", "transcript")


async def test_nobody_is_asked_where_there_is_no_model_or_nothing_was_said() -> None:
    assert await summary(TALK, None, Usage(), language="") == (
        "My lamp is broken. I want my money back.",
        "transcript",
    )
    assert await summary([], Model(), Usage(), language="") == ("", "transcript")


async def test_all_is_bounded() -> None:
    model = Model(["word " * 1_000])
    long = [{"role": "user", "content": "x" * 30_000}]
    text, _ = await summary(long, model, Usage(), language="")
    assert LONGEST - 5 <= len(text) <= LONGEST + 2
    assert text.endswith("word …")
    assert len(model.requests[0].messages[1]["content"]) <= SPOKEN + 50
    text, _ = await summary(long, None, Usage(), language="")
    assert len(text) <= LONGEST + 2


async def test_what_it_took_is_on_the_bill_of_the_call() -> None:
    class Counting:
        async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
            yield Text("A lamp.")
            yield TokensUsed(input=100, output=5, provider="p", model="m")

    usage = Usage()
    await summary(TALK, Counting(), usage, language="")
    (line,) = usage.told({})["usage"]
    assert (line["provider"], line["input"], line["output"]) == ("p", 100, 5)
