"""When a model fails the next goes on with its answer; what was used and what failed is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.voice._fakes import Model, Say, tool

from pinecall_run.providers.contracts import (
    ModelFailed,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    Text,
    TokensUsed,
)
from pinecall_run.voice import models as module
from pinecall_run.voice.health import Health
from pinecall_run.voice.models import Models, OpenedModel

ASKED = ModelRequest([{"role": "user", "content": "where is it"}])


class Line:
    """Models in a row, each with its answers."""

    def __init__(self, *answers: Sequence[Sequence[Say]]) -> None:
        self.models = [Model(*each) for each in answers]
        opened = [OpenedModel(ModelSpec(f"m{n}", "big"), model) for n, model in enumerate(self.models, 1)]
        self.all = Models(opened, Health(lambda: 0.0))

    async def ask(self) -> list[ModelPiece]:
        return [piece async for piece in self.all.stream(ASKED)]


async def test_the_first_that_can_answers() -> None:
    line = Line([["It is ", "here."]], [])
    assert await line.ask() == [Text("It is "), Text("here.")]
    assert line.models[0].requests == [ASKED]


async def test_the_next_answers_for_one_that_cannot_be_asked() -> None:
    line = Line([[ProviderError("is down")]], [["It is here."]])
    assert await line.ask() == [ModelFailed("m1", "is down", "m2"), Text("It is here.")]
    assert line.models[1].requests == [ASKED]


async def test_the_next_goes_on_where_one_broke_off() -> None:
    line = Line([["It is ", ProviderError("broke off")]], [["here."]])
    assert await line.ask() == [Text("It is "), ModelFailed("m1", "broke off", "m2"), Text("here.")]
    roles = [(message["role"], message["content"]) for message in line.models[1].requests[0].messages]
    assert roles[:2] == [("user", "where is it"), ("assistant", "It is ")]
    assert "repeat nothing" in roles[2][1]


async def test_tools_are_not_asked_for_twice() -> None:
    line = Line([[tool("look"), ProviderError("broke off")]], [["here."]])
    with pytest.raises(ProviderError, match="broke off"):
        await line.ask()
    assert line.models[1].requests == []


async def test_when_all_fail_the_last_says_why() -> None:
    line = Line([[ProviderError("is down")]], [[ProviderError("is down too")]])
    with pytest.raises(ProviderError, match="is down too"):
        await line.ask()


async def test_silence_is_a_failure_where_there_is_another_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_OVER_SECONDS", 0.01)
    line = Line([["It is ", asyncio.Event()]], [["here."]])
    assert await line.ask() == [
        Text("It is "), ModelFailed("m1", "the model gave nothing for 0.01 s", "m2"), Text("here.")
    ]  # fmt: skip


async def test_one_that_is_down_is_asked_last_until_it_is_well() -> None:
    down = [ProviderError("no such key", kind="key")]
    line = Line([down, ["me again"]], [["one"], ["two"], [ProviderError("is down")], ["four"]])
    assert (await line.ask())[-1] == Text("one")
    assert await line.ask() == [Text("two")]
    assert await line.ask() == [ModelFailed("m2", "is down", "m1"), Text("me again")]
    assert len(line.models[0].requests) == 2


async def test_what_was_used_is_told_with_the_name_of_the_model() -> None:
    class Counting:
        async def stream(self, request: ModelRequest):  # type: ignore[no-untyped-def]
            yield Text("Hi.")
            yield TokensUsed(10, 2, cached=4)

    opened = OpenedModel(ModelSpec("acme", "big"), Counting())
    pieces = [piece async for piece in Models([opened], Health(lambda: 0.0)).stream(ASKED)]
    assert pieces == [Text("Hi."), TokensUsed(10, 2, 4, "acme", "big")]
