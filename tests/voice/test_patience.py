"""A model that falls silent is given up."""

from __future__ import annotations

import asyncio

import pytest
from tests.voice._fakes import Model

from pinecall_run.providers.contracts import ModelRequest, ProviderError, Text
from pinecall_run.voice.patience import Patient


async def test_an_answer_passes_as_it_comes() -> None:
    pieces = [piece async for piece in Patient(Model(["Hel", "lo"])).stream(ModelRequest([]))]
    assert pieces == [Text("Hel"), Text("lo")]


async def test_silence_is_a_failure_with_what_was_said_before_it() -> None:
    pieces = Patient(Model(["Hel", asyncio.Event()]), 0.01).stream(ModelRequest([]))
    assert await anext(pieces) == Text("Hel")
    with pytest.raises(ProviderError, match=r"gave nothing for 0\.01 s"):
        await anext(pieces)
