"""A spoken call and both of its ends, driven 20 ms at a time; ears, voices and detector as their contracts say."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from tests.voice._fakes import Owner, settle

from pinecall_run.audio.chunk import CHUNK_SAMPLES, CHUNK_SECONDS, SILENCE, Samples
from pinecall_run.providers.contracts import (
    Audio,
    Heard,
    LanguageModel,
    ProviderError,
    SpeechSpec,
    Spoken,
    Transcript,
    TurnSignal,
    WordTime,
)
from pinecall_run.transports.contract import Caller
from pinecall_run.voice.call_core import Surroundings
from pinecall_run.voice.duplex_line import Duplex
from pinecall_run.voice.health import Health
from pinecall_run.voice.listening import Ear
from pinecall_run.voice.speaking import Voice
from pinecall_run.voice.spoken_call import Equipment, SpokenCall
from pinecall_run.voice.stages import Stages
from pinecall_run.wire import commands, events

RATE = 16_000
LOUD: Samples = (np.sin(np.arange(CHUNK_SAMPLES) * 0.3) * 12_000).astype(np.int16)
WORD_SECONDS = 0.25
"""How long the fake voice takes for a word."""


class FakeEar:
    """Understands what it is told to, when the caller pauses. ``is_pliant``: its streams take other options."""

    def __init__(self, *, has_turns: bool = False, is_pliant: bool = False) -> None:
        self.has_turns = has_turns
        self.is_pliant = is_pliant
        self.says: list[str] = []
        """What it will have understood at the next pause."""
        self.opened = 0
        self.fails: list[Exception] = []
        """What befalls the next attempts to open it."""
        self.heard_chunks = 0
        self._streams: list[FakeStream] = []

    async def open(self) -> FakeStream:
        self.opened += 1
        if self.fails:
            raise self.fails.pop(0)
        stream = FakeStream(self)
        self._streams.append(stream)
        return stream

    @property
    def stream(self) -> FakeStream:
        return self._streams[-1]


class FakeStream:
    def __init__(self, ear: FakeEar) -> None:
        self._ear = ear
        self._out: asyncio.Queue[Heard | Exception | None] = asyncio.Queue()
        self.chunks = 0
        self.options: Mapping[str, Any] = {}
        """Those that it was to take last."""
        self.is_closed = False

    def hear(self, chunk: Samples) -> None:
        assert len(chunk) == CHUNK_SAMPLES
        self.chunks += 1

    def finish(self) -> None:
        if self._ear.says:
            self.give(Transcript(self._ear.says.pop(0), is_final=True, confidence=0.9))

    def configure(self, options: Mapping[str, Any]) -> bool:
        self.options = options
        return self._ear.is_pliant

    def give(self, what: Heard | Exception) -> None:
        self._out.put_nowait(what)

    async def heard(self) -> AsyncIterator[Heard]:
        while (what := await self._out.get()) is not None:
            if isinstance(what, Exception):
                raise what
            yield what

    async def close(self) -> None:
        self.is_closed = True


class FakeVoice:
    """Makes a tone of a quarter of a second for each word."""

    rate = RATE

    def __init__(self, *, has_times: bool = True) -> None:
        self.spoken: list[str] = []
        self.fails: list[Exception | asyncio.Event] = []
        """What befalls the next sentences: an event is waited for."""
        self._has_times = has_times

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        self.spoken.append(sentence)
        if self.fails:
            trouble = self.fails.pop(0)
            if isinstance(trouble, Exception):
                raise trouble
            await trouble.wait()
        for number, word in enumerate(sentence.split()):
            if self._has_times:
                yield WordTime(word, number * WORD_SECONDS, (number + 1) * WORD_SECONDS)
            yield Audio(np.full(round(RATE * WORD_SECONDS), 5_000, np.int16))


class FakeDetector:
    """Tells the probability that it is told, for every 512 samples."""

    def __init__(self) -> None:
        self.probability = 0.0
        self.behind = 0
        """How many samples ago the window was that it speaks of."""
        self.is_open = False
        self._tell: Callable[[float], None] = lambda _: None
        self._samples = 0

    def open(self, on_probability: Callable[[float], None]) -> FakeDetector:
        self._tell, self.is_open = on_probability, True
        return self

    def hear(self, chunk: Samples) -> None:
        self._samples += len(chunk)
        while self._samples >= 512:
            self._samples -= 512
            self._tell(self.probability)

    def reset(self) -> None:
        self._samples = 0

    def close(self) -> None:
        self.is_open = False


class FakeJudges:
    """Each judge gives the next verdict when it is asked; the model is there unless it ``is_missing``."""

    def __init__(self, *verdicts: float) -> None:
        self.verdicts = list(verdicts)
        self.is_missing = False
        self.files: list[str] = []
        """Those that were asked for."""
        self.open_judges = 0
        self.asked = 0
        self.heard_chunks = 0
        self.turns = 0

    async def open(self, model_file: str, on_verdict: Callable[[float], None]) -> FakeJudge | None:
        self.files.append(model_file)
        await asyncio.sleep(0)
        if self.is_missing:
            return None
        self.open_judges += 1
        return FakeJudge(self, on_verdict)


class FakeJudge:
    def __init__(self, judges: FakeJudges, on_verdict: Callable[[float], None]) -> None:
        self._judges = judges
        self._on_verdict = on_verdict

    def hear(self, chunk: Samples) -> None:
        self._judges.heard_chunks += 1

    def begin(self) -> None:
        self._judges.turns += 1

    def ask(self) -> None:
        self._judges.asked += 1
        if self._judges.verdicts:
            asyncio.get_running_loop().call_soon(self._on_verdict, self._judges.verdicts.pop(0))

    def close(self) -> None:
        self._judges.open_judges -= 1


class Page:
    """The door's end: what the caller's page was told."""

    def __init__(self) -> None:
        self.told: list[events.CallEvent] = []
        self.reason = ""

    def event(self, event: events.CallEvent) -> None:
        self.told.append(event)

    def ended(self, reason: str) -> None:
        self.reason = reason

    def named(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def names(self) -> list[str]:
        return [str(type(event).__struct_config__.tag) for event in self.told]


class Line:
    """A running call. Use it as an async context; ``model`` is ``None`` where the runner answers. With ``duplexes`` the
    call is theirs, by sockets: a chunk takes 1 ms."""

    def __init__(
        self,
        model: LanguageModel | None,
        configuration: Mapping[str, Any] | None = None,
        *,
        ears: Sequence[FakeEar] = (),
        voices: Sequence[FakeVoice] = (),
        specs: Sequence[SpeechSpec] = (),
        metadata: Mapping[str, Any] | None = None,
        judges: FakeJudges | None = None,
        duplexes: Sequence[Duplex] = (),
    ) -> None:
        self.owner, self.page, self.detector = Owner(), Page(), FakeDetector()
        self.ears = list(ears) or [FakeEar()]
        self.voices = list(voices) or [FakeVoice()]
        self.judges = judges or FakeJudges()
        self._is_networked = bool(duplexes)
        self.now = 0.0
        self.played: list[Samples | None] = []
        self.models: dict[str, LanguageModel] = {}
        numbers = itertools.count(1)
        around = Surroundings(
            self.owner.tell,
            lambda: f"id{next(numbers)}",
            lambda: 1_700_000_000.0 + self.now,
            5.0,
            self._open_model,
            Health(lambda: self.now),
        )
        self.specs = list(specs)
        """What the ears are made of, if anything is."""
        self.check_stages: Callable[[Mapping[str, Any]], object] = bool
        """Raises where a configuration has nobody to hear or to speak."""

        def open_stages(asked: Mapping[str, Any]) -> Stages:
            self.check_stages(asked)
            ears = zip_longest(self.ears, self.specs)
            return Stages(
                [Ear(f"ear{n}", ear, spec=spec) for n, (ear, spec) in enumerate(ears, 1)],
                [Voice(f"voice{n}", voice) for n, voice in enumerate(self.voices, 1)],
                [],
            )

        self.call = SpokenCall(
            "call-1",
            "front",
            configuration or {},
            model,
            self.page,
            around,
            caller=Caller("audio", lambda: self.now),
            equipment=Equipment(self.detector, open_stages, self.judges, open_duplexes=lambda _: duplexes),  # type: ignore[arg-type]
            metadata=metadata or {},
        )

    def _open_model(self, configuration: Mapping[str, Any]) -> LanguageModel | None:
        if str(configuration["llm"]) not in self.models:
            raise ProviderError("no such model", "look again")
        return self.models[str(configuration["llm"])]

    async def __aenter__(self) -> Line:
        self.call.announce()
        self.task = asyncio.create_task(self.call.run())
        await settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.call.end("disconnected")
        await self.task

    async def wait(self, seconds: float, *, probability: float = 0.0) -> None:
        """Time passes; the caller is silent, or makes sounds."""
        self.detector.probability = probability
        for _ in range(round(seconds / CHUNK_SECONDS)):
            self.now += CHUNK_SECONDS
            self.call.hear(LOUD if probability > 0.5 else SILENCE)
            self.played.append(self.call.take())
            await (asyncio.sleep(0.001) if self._is_networked else settle(3))

    async def says(self, text: str, seconds: float = 1.0) -> None:
        """The caller says something, and falls silent."""
        self.ears[0].says.append(text)
        await self.wait(seconds, probability=0.95)
        await self.wait(0.02)

    async def until(self, name: str, seconds: float = 10.0) -> events.CallEvent:
        """The next event of a name, the caller silent meanwhile; what came before it is forgotten."""
        for _ in range(round(seconds / CHUNK_SECONDS)):
            for number, event in enumerate(self.owner.told):
                if type(event).__struct_config__.tag == name:
                    del self.owner.told[: number + 1]
                    return event
            await self.wait(CHUNK_SECONDS)
        raise AssertionError(f"no {name} in {self.owner.names}")

    async def do(self, command: commands.Command) -> bool:
        is_known = self.call.handle(command)
        await settle()
        return is_known

    @property
    def history(self) -> list[tuple[str, Any]]:
        """Role and content of the messages; of a round of tools, the names that were called."""
        return [
            (m["role"], [c["function"]["name"] for c in m["tool_calls"]] if m.get("tool_calls") else m["content"])
            for m in self.call.history
        ]

    @property
    def is_silent(self) -> bool:
        """Whether the last chunk holds nothing to be heard."""
        last = self.played[-1]
        return last is None or not np.any(last)


def native(kind: Any, text: str = "") -> TurnSignal:
    return TurnSignal(kind, text)
