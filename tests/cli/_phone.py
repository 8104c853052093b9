"""A server of spoken calls for the verbs: its agent greets, beeps, and answers each beep after a tool. Its time is the
caller's, so what the verbs print is the same every time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.stories._stage import clean_environment, command
from tests.transports._calls import DEVELOPERS, Reception, line

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, Samples
from pinecall_run.audio.wav import write_wav
from pinecall_run.transports.contract import AudioOutlet, Caller
from pinecall_run.wire import events as e
from pinecall_run.wire import speech_events as s


class ToolResult(e.CallEvent, tag="llm.tool_result", kw_only=True):
    msg_id: str
    results: list[dict[str, Any]]


def tone(seconds: float, hertz: float = 440.0) -> Samples:
    at = np.arange(round(seconds * RATE)) / RATE
    return (np.sin(2 * np.pi * hertz * at) * 8000).astype(np.int16)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.int16)


def recording(*parts: Samples) -> bytes:
    """A WAV file."""
    return write_wav(np.concatenate(parts))


class Beeper:
    """The agent's side of one call."""

    def __init__(self, outlet: AudioOutlet, caller: Caller) -> None:
        self.id = "call-1"
        self.heard: list[Samples] = []
        self.ends: list[str] = []
        self._outlet = outlet
        self._plan: dict[int, list[Callable[[], None]]] = {}
        self._sounding: list[Samples] = []
        self._voice = 0
        self._pause = 0
        self._message = ""
        self._tell(e.CallStarted, transport=caller.transport)
        self._speak("Acme, hello.", 1.0)

    def hear(self, chunk: Samples) -> None:
        self.heard.append(chunk)
        for step in self._plan.pop(len(self.heard), []):
            step()
        if chunk.any():
            self._voice, self._pause = self._voice + 1, 0
            if self._voice == 10:
                self._tell(s.SpeechStarted, turn_id=1)
                self._interrupt()
        elif self._voice >= 10:
            self._pause += 1
            if self._pause == 15:
                self._answer()
                self._voice = 0

    def take(self) -> Samples | None:
        return self._sounding.pop(0) if self._sounding else None

    def act(self, action: Mapping[str, Any]) -> None:
        raise AssertionError(action)

    def end(self, reason: str) -> None:
        self.ends.append(reason)
        if len(self.ends) == 1:
            self._tell(e.CallEnded, reason=reason)
            self._outlet.ended(reason)

    def _answer(self) -> None:
        call = e.ToolCall(id="t", name="look", arguments='{"order": "ORD-1001"}')
        result = {"tool_call_id": "t", "result": {"status": "shipped"}}
        self._tell(s.SpeechEnded, turn_id=1)
        self._tell(e.UserMessage, message_id=f"u{len(self.heard)}", text="where is it")
        self._later(0.1, lambda: self._tell(e.LlmToolCall, msg_id="m", tool_calls=[call]))
        self._later(0.3, lambda: self._tell(ToolResult, msg_id="m", results=[result]))
        self._later(0.5, lambda: self._speak("It is shipped.", 0.6))

    def _speak(self, text: str, seconds: float) -> None:
        self._message, words = f"m{len(self.heard)}", text.split()
        self._tell(e.BotSpeaking, message_id=self._message)
        samples = tone(seconds, 880)
        self._sounding = list(samples[: len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES))
        for number, word in enumerate(words):
            self._later(seconds * number / len(words), self._saying(word, number, self._message))
        self._later(seconds, self._finish(text, self._message))

    def _saying(self, word: str, number: int, message: str) -> Callable[[], None]:
        def say() -> None:
            if self._message == message:
                self._tell(s.BotWord, message_id=message, word=word, word_index=number)

        return say

    def _finish(self, text: str, message: str) -> Callable[[], None]:
        def finish() -> None:
            if self._message == message:
                self._tell(s.MessageConfirmed, message_id=message, text=text)
                self._tell(e.BotFinished, message_id=message)

        return finish

    def _interrupt(self) -> None:
        if self._sounding:
            played = 1000 - 20 * len(self._sounding)
            self._sounding = []
            self._tell(s.BotInterrupted, message_id=self._message, played_ms=played, reason="user_spoke")
            self._message = ""

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        self._plan.setdefault(len(self.heard) + 1 + round(seconds * 50), []).append(step)

    def _tell(self, kind: Any, **fields: Any) -> None:
        self._outlet.event(kind(agent_id="desk", call_id=self.id, **fields))


@asynccontextmanager
async def phone(folder: Path, reception: Any = None) -> AsyncIterator[Reception]:
    """A server, and in ``folder`` a project that is on it; the calls it has."""
    reception = reception or Reception(Beeper)

    async def token(request: Request) -> Response:
        return JSONResponse({"token": DEVELOPERS, "expires_in": 60})

    async with line(reception, Route("/stream/token", token), Route("/chat/token", token)) as address:
        project(folder, address)
        yield reception


def project(folder: Path, address: str) -> None:
    """A project in ``folder`` that is on the server at ``address``."""
    (folder / "pinecall.yaml").write_text(
        f'version: 1\nserver: {{url: "ws://{address}", api_key: "${{PINECALL_API_KEY:-k}}"}}\n'
        "agents:\n  desk: {prompt: You are the desk., model: gpt-4.1-mini, channels: [chat]}\n"
    )


async def start(folder: Path, *words: str, **environment: str) -> asyncio.subprocess.Process:
    """A verb as a program."""
    return await asyncio.create_subprocess_exec(
        *command(*words), cwd=folder, env=clean_environment(**environment),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def run(folder: Path, *words: str, said: bytes = b"", **environment: str) -> tuple[int, str, str]:
    """A verb to its end: exit code, output, errors."""
    process = await start(folder, *words, **environment)
    async with asyncio.timeout(30):
        out, err = await process.communicate(said)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
