"""Spoken calls to a project that runs in this process, on the clock of the caller's samples: faster than real.

Everything is what it is in production, the voice detector, turn taking, voice, runner and tools, but for the ear: one
that knows what is said stands in for a vendor's where the offline one would be the limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.stories._callers import Passage, Tape
from tests.stories._stage import copy_project

from pinecall_run.audio.chunk import CHUNK_SAMPLES, CHUNK_SECONDS, RATE, SILENCE, Samples
from pinecall_run.providers import speech_catalogue
from pinecall_run.providers.contracts import Heard, SpeechSpec, SpeechToText, Transcript
from pinecall_run.providers.opening import close_providers
from pinecall_run.testing.stage import Stage, running
from pinecall_run.transports.contract import AudioSession, Caller
from pinecall_run.voice import detector
from pinecall_run.voice.spoken_call import SpokenCall
from pinecall_run.wire import events, speech_events

TOOL_SECONDS, VOICE_SECONDS = 5.0, 0.5
"""Real time that a tool, or the first sound of a sentence, may take, for which the clock of a call stands still."""


class KnowingEar:
    """Understands each passage of a tape once the caller pauses after it, if half of its sound arrived."""

    has_turns = False

    def __init__(self, passages: Sequence[Passage], *, has_partials: bool = False) -> None:
        self.passages = passages
        self.has_partials = has_partials

    async def open(self) -> KnowingStream:
        return KnowingStream(self)


class KnowingStream:
    def __init__(self, ear: KnowingEar) -> None:
        self._left = deque(ear.passages)
        self._has_partials = ear.has_partials
        self._chunks: list[bool] = []
        self._out: asyncio.Queue[Heard] = asyncio.Queue()
        self._partial = ""

    def hear(self, chunk: Samples) -> None:
        self._chunks.append(bool(np.abs(chunk).max() > 50))
        if self._has_partials and len(self._chunks) % 5 == 0 and (text := self._so_far()) != self._partial:
            self._partial = text
            self._out.put_nowait(Transcript(text, is_final=False))

    def finish(self) -> None:
        self._partial = ""
        done: list[str] = []
        while self._left and self._left[0].end <= self._at + RATE // 10:
            passage = self._left.popleft()
            sound = self._chunks[passage.start // CHUNK_SAMPLES : passage.end // CHUNK_SAMPLES]
            if sum(sound) >= len(sound) / 2:
                done.append(passage.text)
        self._out.put_nowait(Transcript(" ".join(done), is_final=True, confidence=0.9))

    @property
    def _at(self) -> int:
        return len(self._chunks) * CHUNK_SAMPLES

    def _so_far(self) -> str:
        """The words that have sounded, 0.2 s later, as vendors have them."""
        found: list[str] = []
        for passage in self._left:
            words = passage.text.split()
            share = (self._at - RATE // 5 - passage.start) / (passage.end - passage.start)
            found += words[: max(0, int(len(words) * min(share, 1.0)))]
        return " ".join(found)

    async def heard(self) -> AsyncIterator[Heard]:
        while True:
            yield await self._out.get()

    async def close(self) -> None:
        pass


class Call:
    """One caller, who hears and says 20 ms at a time."""

    def __init__(self) -> None:
        self.is_in_real_time = False
        """Whether others than the call have their own time: vendors, processes, limits of the runner."""
        self.now = 0.0
        self.log: list[tuple[float, events.CallEvent]] = []
        self.played: list[Samples] = []
        self.reason = ""
        self.session: AudioSession

    # its door (AudioOutlet)

    def event(self, event: events.CallEvent) -> None:
        self.log.append((self.now, event))

    def ended(self, reason: str) -> None:
        self.reason = reason

    # what it came to

    def named(self, kind: type[Any]) -> list[Any]:
        return [event for _, event in self.log if isinstance(event, kind)]

    def at(self, kind: type[Any]) -> float:
        """When the last event of a class came."""
        return [time for time, event in self.log if isinstance(event, kind)][-1]

    @property
    def names(self) -> list[str]:
        return [str(type(event).__struct_config__.tag) for _, event in self.log]

    @property
    def turns(self) -> list[str]:
        """What was answered, in order."""
        return [turn.text for turn in self.named(events.TurnEnd)]

    @property
    def heard(self) -> list[str]:
        """What the caller heard, as far as they did."""
        return [message.text for message in self.named(speech_events.MessageConfirmed)]

    @property
    def tools(self) -> list[Any]:
        """What the tools answered."""
        return [result.result for told in self.named(speech_events.ToolsAnswered) for result in told.results]

    def loudness(self, start: float, end: float) -> int:
        """The loudest sample that was played between two moments."""
        chunks = self.played[round(start / CHUNK_SECONDS) : round(end / CHUNK_SECONDS)]
        return int(max(np.abs(chunk).max() for chunk in chunks))

    # time

    async def listen(self, tape: Tape, *, bunch: int = 1) -> None:
        """Play what the caller says. ``bunch`` chunks come at once, and the next ones only when they would have all
        been due."""
        clock = asyncio.get_running_loop().time
        due = clock()
        chunks = tape.sound.reshape(-1, CHUNK_SAMPLES)
        for start in range(0, len(chunks), bunch):
            for chunk in chunks[start : start + bunch]:
                self.now += CHUNK_SECONDS
                self.session.hear(chunk)
                taken = self.session.take()
                self.played.append(SILENCE if taken is None else taken)
            due += bunch * CHUNK_SECONDS
            if self.is_in_real_time:
                await asyncio.sleep(due - clock())
            else:
                await self._keep_up()

    async def silence(self, seconds: float) -> None:
        """The caller says nothing."""
        await self.listen(Tape(np.zeros(round(seconds / CHUNK_SECONDS) * CHUNK_SAMPLES, np.int16)))

    async def until(self, kind: type[Any], *, within: float = 10.0) -> None:
        """The caller waits for an event that has not come yet."""
        seen = len(self.named(kind))
        end = self.now + within
        while len(self.named(kind)) == seen:
            assert self.now < end, f"no {kind.__name__} in {self.names}"
            await self.silence(CHUNK_SECONDS)

    async def _keep_up(self) -> None:
        """Let everything happen that has no time of its own."""
        assert isinstance(self.session, SpokenCall)
        ear, desk, speaker = self.session._caller.detection, self.session._core.desk, self.session._agent.speaker
        clock = asyncio.get_running_loop().time
        began = clock()
        for _ in range(4):
            await asyncio.sleep(0)
        while (ear._has_window or ear._is_awaited or desk._open) and clock() < began + TOOL_SECONDS:  # noqa: ASYNC110
            await asyncio.sleep(0)
        while (made := speaker._made) and not made.has_sound and clock() < began + VOICE_SECONDS:  # noqa: ASYNC110
            await asyncio.sleep(0)


@dataclass
class House:
    """A project that answers calls."""

    stage: Stage
    folder: Path

    @asynccontextmanager
    async def call(self, *, ear: SpeechToText | None = None, is_in_real_time: bool = False) -> AsyncIterator[Call]:
        """A call with support, which ends with the block. ``ear`` stands in for the offline one."""
        hub, it, agent = self.stage.hub, Call(), "support"
        it.is_in_real_time = is_in_real_time
        token = hub.tokens.mint("stream", agent, hub.clock(), scope="supervise", metadata={})
        with heard_by(ear):
            it.session = hub.calls.open_call("stream", token, it, Caller("audio", lambda: it.now)).session
        await asyncio.sleep(0)
        try:
            yield it
        finally:
            it.session.end("disconnected")
            await until(lambda: it.reason)

    @asynccontextmanager
    async def conversation(self, tape: Tape, *, has_partials: bool = False, bunch: int = 1) -> AsyncIterator[Call]:
        """A caller who says what is on a tape, with an ear that knows it."""
        async with self.call(ear=KnowingEar(tape.passages, has_partials=has_partials)) as call:
            await call.listen(tape, bunch=bunch)
            yield call


@contextmanager
def heard_by(ear: SpeechToText | None) -> Iterator[None]:
    """Calls that begin in this block have an ear in place of the offline one."""
    real = speech_catalogue.open_stt

    def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SpeechToText:
        return real(spec, environ) if ear is None or spec.provider != "local" else ear

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pinecall_run.voice.stages.open_stt", open_stt)
        yield


@asynccontextmanager
async def house(folder: Path, change: Callable[[str], str] = str, **more: Any) -> AsyncIterator[House]:
    """The root project, its file changed, on a server in this process; every trace of it has to go with it."""
    project = copy_project(folder / "project")
    file = project / "pinecall.yaml"
    file.write_text(change(file.read_text()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_DATABASE", str(project / "shop.sqlite3"))
        patch.setattr(detector, "_SPACING", 0.0)  # a call that is faster than real has more windows a second
        async with running(project, environ={}, **more) as stage:
            try:
                yield House(stage, project)
            finally:
                await stage.hub.close()
                await close_providers()


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that another process or the world brings about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


# leaks


@dataclass(frozen=True)
class Holdings:
    """What this process holds. The threads that the event loop keeps for its own use count for nothing."""

    tasks: frozenset[str]
    threads: frozenset[str]
    children: frozenset[int]
    files: frozenset[str]

    @classmethod
    def now(cls) -> Holdings:
        return cls(
            frozenset(
                task.get_name() + str(task.get_coro()) for task in asyncio.all_tasks() - {asyncio.current_task()}
            ),
            frozenset(thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")),
            frozenset(_children()),
            frozenset(_open_files()),
        )

    def __sub__(self, before: Holdings) -> Holdings:
        """What is held now and was not."""
        return Holdings(
            self.tasks - before.tasks,
            self.threads - before.threads,
            self.children - before.children,
            self.files - before.files,
        )

    def __bool__(self) -> bool:
        return bool(self.tasks or self.threads or self.children or self.files)


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended
            yield from map(int, (task / "children").read_text().split())


def _open_files() -> Iterator[str]:
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the folder's own
            yield f"{descriptor}: {os.readlink(f'/proc/self/fd/{descriptor}')}"


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """What is held at the end was held at the beginning: tasks, threads, processes, open files."""
    before = Holdings.now()
    yield
    left = Holdings.now() - before
    for _ in range(100):
        if not left:
            return
        await asyncio.sleep(0.02)
        gc.collect(0)
        left = Holdings.now() - before
    raise AssertionError(f"this is left: {left}")
