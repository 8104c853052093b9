"""One stream after the other: what is tried again, what is not, and who is told; by a model that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from tests.voice._fakes import settle

from pinecall_run.audio.chunk import SILENCE, Samples
from pinecall_run.providers.contracts import (
    Aloud,
    Audio,
    CallerBegan,
    DuplexEvent,
    ModelPiece,
    ModelRequest,
    ProviderError,
    SpokenItem,
    ToolRequest,
)
from pinecall_run.voice import duplex_line
from pinecall_run.voice.duplex_line import Duplex, DuplexLine
from pinecall_run.voice.health import Health

BROKEN = ProviderError("broke off", kind="network")
Does = str | Exception | ToolRequest | asyncio.Event


class Stream:
    def __init__(self, model: Model) -> None:
        self._model = model
        self.chunks = 0
        self.is_open = True
        self.languages: list[str] = []
        self._out: asyncio.Queue[DuplexEvent | Exception | None] = asyncio.Queue()

    def hear(self, chunk: Samples) -> None:
        self.chunks += 1

    def forget(self) -> None:
        self.chunks = 0

    def change_language(self, language: str) -> None:
        self.languages.append(language)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        self._model.requests.append(request)
        item = SpokenItem("x")
        async for piece in self._does():
            yield Aloud(item, piece) if isinstance(piece, str) else piece

    async def say(self, text: str) -> AsyncIterator[Samples]:
        self._model.requests.append(text)
        async for _ in self._does():
            yield np.ones(10, np.int16)

    async def _does(self) -> AsyncIterator[Any]:
        for what in self._model.does.pop(0):
            if isinstance(what, Exception):
                if what is BROKEN:
                    self.give(what)
                    self.is_open = False
                raise what
            if isinstance(what, asyncio.Event):
                await what.wait()
            else:
                yield what

    def give(self, what: DuplexEvent | Exception) -> None:
        self._out.put_nowait(what)

    async def events(self) -> AsyncIterator[DuplexEvent]:
        while (what := await self._out.get()) is not None:
            if isinstance(what, Exception):
                raise what
            yield what

    async def close(self) -> None:
        self.is_open = False
        self._out.put_nowait(None)


class Model:
    def __init__(self, *does: Sequence[Does], refuses: Sequence[Exception] = ()) -> None:
        self.does = list(does)
        self.refuses = list(refuses)
        self.requests: list[Any] = []
        self.streams: list[Stream] = []

    async def open(self, language: str) -> Stream:
        await asyncio.sleep(0)
        if self.refuses:
            raise self.refuses.pop(0)
        self.streams.append(Stream(self))
        return self.streams[-1]


class Held:
    """A line, and what it told."""

    def __init__(self, *models: Model) -> None:
        self.told: list[Any] = []
        self.lost = 0
        named = [Duplex(f"vendor{number}", model, "m") for number, model in enumerate(models, 1)]
        self.line = DuplexLine(
            named, self.told.append, self._failed, self._lost, language=lambda: "en", health=Health(lambda: 0.0)
        )

    def _failed(self, provider: str, error: ProviderError, next: str) -> None:
        self.told.append((provider, str(error), next))

    def _lost(self) -> None:
        self.lost += 1

    async def answer(self) -> list[ModelPiece]:
        async with asyncio.timeout(5):
            return [piece async for piece in self.line.stream(ModelRequest([{"role": "user", "content": "?"}]))]


@asynccontextmanager
async def held(*models: Model) -> AsyncIterator[Held]:
    made = Held(*models)
    task = asyncio.create_task(made.line.run())
    await settle()
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not any(stream.is_open for model in models for stream in model.streams)


def words(pieces: Sequence[ModelPiece]) -> list[str]:
    return [piece.text for piece in pieces if isinstance(piece, Aloud)]


async def test_an_answer_waits_for_a_stream_and_goes_on_when_it_breaks() -> None:
    model = Model(["It is ", BROKEN], ["here."])
    async with held(model) as line:
        assert words(await line.answer()) == ["It is ", "here."]
        assert line.told == [("vendor1", "broke off", "")]
        assert line.lost == 1
        going_on = model.requests[1].messages
        assert [message["content"] for message in going_on[:2]] == ["?", "It is "]


async def test_once_tools_were_asked_for_it_is_not_asked_again() -> None:
    async with held(Model([ToolRequest("1", "look", "{}"), BROKEN])) as line:
        with pytest.raises(ProviderError, match="broke off"):
            await line.answer()


async def test_what_is_refused_for_good_is_not_tried_again() -> None:
    model = Model([ProviderError("no credit", kind="credit")])
    async with held(model) as line:
        with pytest.raises(ProviderError, match="no credit"):
            await line.answer()
        assert len(model.requests) == 1


async def test_a_model_that_stalls_gets_another_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplex_line, "STALL_SECONDS", 0.05)
    model = Model(["It ", asyncio.Event()], ["is."])
    async with held(model) as line:
        assert words(await line.answer()) == ["It ", "is."]
        assert len(model.streams) == 2


async def test_a_sentence_that_breaks_off_is_said_anew() -> None:
    model = Model(["a", BROKEN], ["a", "b"])
    async with held(model) as line:
        async with asyncio.timeout(5):
            spoken = [piece async for piece in line.line.speak("a b", "m1")]
        assert len(spoken) == 3
        assert all(isinstance(piece, Audio) for piece in spoken)
        assert model.requests == ["a b", "a b"]


async def test_sound_without_words_is_heard_by_the_next_stream() -> None:
    model = Model()
    async with held(model) as line:
        for _ in range(3):
            line.line.hear(SILENCE)
        model.streams[0].give(CallerBegan())
        model.streams[0].give(BROKEN)
        await settle()
        assert model.streams[1].chunks == 3
        assert line.told[0] == CallerBegan()
        line.line.understood()
        line.line.hear(SILENCE)
        model.streams[1].give(CallerBegan())
        model.streams[1].give(BROKEN)
        await settle()
        assert model.streams[2].chunks == 1
        for _ in range(99):
            line.line.hear(SILENCE)
        line.line.understood(but=0.5)
        model.streams[2].give(CallerBegan())
        model.streams[2].give(BROKEN)
        await settle()
        assert model.streams[3].chunks == 25
        line.line.forget()
        line.line.change_language()
        assert (model.streams[3].chunks, model.streams[3].languages) == (0, ["en"])


async def test_one_that_cannot_be_opened_makes_way_and_the_last_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplex_line, "PAUSES", (0.0, 0.0))
    lasting = ProviderError("wrong key", kind="key")
    first, second = Model(refuses=[lasting]), Model(refuses=[BROKEN, BROKEN, BROKEN])
    line = Held(first, second)
    waiting = asyncio.create_task(line.answer())
    async with asyncio.timeout(5):
        assert await line.line.run() is False
        with pytest.raises(ProviderError, match="cannot be reached"):
            await waiting
    assert line.told == [
        ("vendor1", "wrong key", "vendor2"), ("vendor2", "broke off", ""), ("vendor2", "broke off", ""),
    ]  # fmt: skip
