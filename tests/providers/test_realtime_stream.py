"""A session of OpenAI's Realtime API: what is heard, answered and said, and every way in which it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.emulators._sound import spoken
from tests.emulators.openai_server import Answer, calls, fails, says
from tests.emulators.realtime_server import RealtimeServer, realtime_server
from tests.emulators.trouble import Trouble

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Chunker
from pinecall_run.providers import realtime_stream
from pinecall_run.providers.catalogue import open_duplex
from pinecall_run.providers.contracts import (
    Aloud,
    CallerBegan,
    CallerSaid,
    CallerStopped,
    DuplexStream,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    SecondsHeard,
    TokensUsed,
    ToolRequest,
)

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@asynccontextmanager
async def session(
    answers: Any = (), sentences: Sequence[str] = ("Where is my order?",), **options: Any
) -> AsyncIterator[tuple[DuplexStream, RealtimeServer]]:
    async with realtime_server(answers, sentences=sentences) as server:
        spec = ModelSpec("openai-realtime", "gpt-realtime", options)
        stream = await open_duplex(spec, server.environ).open("en")
        try:
            yield stream, server
        finally:
            await stream.close()
            await stream.close()
            assert len(asyncio.all_tasks()) == 1 or not [
                task for task in asyncio.all_tasks() if "RealtimeStream" in repr(task)
            ]


def talk(stream: DuplexStream, words: int = 3, quiet: float = 0.7) -> None:
    sound = np.concatenate([spoken("word " * words, 16_000)[0], np.zeros(round(16_000 * quiet), np.int16)])
    for chunk in Chunker().feed(sound):
        assert len(chunk) == CHUNK_SAMPLES
        stream.hear(chunk)


async def until(stream: DuplexStream, kind: type[Any]) -> list[Any]:
    found: list[Any] = []
    async with asyncio.timeout(5):
        async for event in stream.events():
            found.append(event)
            if isinstance(event, kind):
                return found
    raise AssertionError(found)


async def answered(stream: DuplexStream, *messages: dict[str, Any], tools: Sequence[Any] = ()) -> list[ModelPiece]:
    async with asyncio.timeout(5):
        return [piece async for piece in stream.stream(ModelRequest(messages, tools))]


def text_of(pieces: Sequence[ModelPiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Aloud))


def sound_of(pieces: Sequence[ModelPiece]) -> np.ndarray[Any, Any]:
    return np.concatenate([p.samples for p in pieces if isinstance(p, Aloud) and p.samples is not None])


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


async def test_a_caller_is_heard_put_into_words_and_answered_by_sound() -> None:
    async with session([says("It ships on Tuesday.")]) as (stream, server):
        talk(stream)
        heard = await until(stream, SecondsHeard)
        assert isinstance(heard[0], CallerBegan)
        stopped = next(event for event in heard if isinstance(event, CallerStopped))
        assert stopped.quiet == 0.5
        partial = [event.text for event in heard if isinstance(event, CallerSaid)]
        assert partial[0] == "Where"
        said = (await until(stream, CallerSaid))[-1]
        assert (said.text, said.is_final, said.item) == ("Where is my order?", True, stopped.item)
        stopped.item.message = question = user("Where is my order?")
        pieces = await answered(stream, system("Be kind."), question)
        assert text_of(pieces) == "It ships on Tuesday."
        sound, wanted = sound_of(pieces).astype(float), spoken("It ships on Tuesday.", 16_000)[0].astype(float)
        assert abs(len(sound) - len(wanted)) < 100
        length = min(len(sound), len(wanted)) - 40
        assert max(np.corrcoef(sound[lag : lag + length], wanted[:length])[0, 1] for lag in range(40)) > 0.99
        used = (await until(stream, TokensUsed))[-1]
        assert (used.audio_output, used.model, used.input > 0) == (24, "gpt-realtime", True)
    assert server.requests[0]["session"]["instructions"] == "Be kind."
    assert [item["role"] for item in server.requests[0]["items"]] == ["user"], "and it was not told it again as text"


async def test_tools_are_asked_for_and_their_results_are_known_to_the_next_answer() -> None:
    script = [replace(calls(("look", {"id": 7})), text="One moment."), says("Here.")]
    async with session(script) as (stream, server):
        question = user("look")
        first = await answered(stream, question, tools=[TOOL])
        wanted = next(piece for piece in first if isinstance(piece, ToolRequest))
        assert (wanted.name, wanted.arguments) == ("look", '{"id": 7}')
        spoke = next(piece.item for piece in first if isinstance(piece, Aloud))
        spoke.message = moment = {"role": "assistant", "content": "One moment."}
        call = {"id": wanted.id, "type": "function", "function": {"name": "look", "arguments": wanted.arguments}}
        round_ = [{"role": "assistant", "content": None, "tool_calls": [call]}]
        result = {"role": "tool", "tool_call_id": wanted.id, "content": "seven"}
        assert text_of(await answered(stream, question, moment, *round_, result, tools=[TOOL])) == "Here."
        updates = [event for event in server.events if event["type"] == "session.update"]
        assert len(updates) == 2, "what it is told and may call has not changed"
    items = server.requests[1]["items"]
    assert [item.get("role", item["type"]) for item in items] == [
        "user", "assistant", "function_call", "function_call_output",
    ]  # fmt: skip
    assert items[3]["output"] == "seven"


async def test_an_answer_that_nobody_wants_is_cancelled_and_the_next_one_follows_it() -> None:
    script = [replace(says("one two three four five six"), each_after=0.05), says("Yes?")]
    async with session(script) as (stream, server):
        question, then = user("count"), user("stop")
        async with aclosing(stream.stream(ModelRequest([question]))) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if isinstance(piece, Aloud) and piece.samples is not None:
                    piece.item.message = heard = {"role": "assistant", "content": "one"}
                    piece.item.heard_seconds = 0.1
                    break
        assert text_of(await answered(stream, question, heard, then)) == "Yes?"
    assert [event["type"] for event in server.events].count("response.cancel") == 1
    assistant = server.requests[1]["items"][1]
    assert assistant["audio_ms"] == 100
    assert "transcript" not in assistant["content"][0]


async def test_an_answer_that_is_given_up_before_it_began_is_waited_out_all_the_same() -> None:
    script = [replace(says("one two three four five six"), each_after=0.05), says("Yes?")]
    async with session(script) as (stream, server):
        waiting = asyncio.create_task(answered(stream, user("count")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert text_of(await answered(stream, user("stop"))) == "Yes?"
    assert len(server.requests) == 2


async def test_a_text_is_said_beside_the_conversation() -> None:
    async with session([says("Good day."), says("Yes.")]) as (stream, server):
        async with asyncio.timeout(5):
            sound = np.concatenate([piece async for piece in stream.say("Good day.")])
        assert 0.59 < len(sound) / 16_000 < 0.61
        greeting = {"role": "assistant", "content": "Good day."}
        await answered(stream, greeting, user("hello"))
    asked = server.requests[0]["response"]
    assert (asked["conversation"], asked["input"]) == ("none", [])
    assert asked["instructions"].endswith("\n\nGood day.")
    assert [item["content"][0] for item in server.requests[1]["items"]] == [
        {"type": "output_text", "text": "Good day."}, {"type": "input_text", "text": "hello"},
    ]  # fmt: skip


async def test_what_was_being_said_may_be_forgotten() -> None:
    async with session() as (stream, _):
        talk(stream, quiet=0.1)
        stream.forget()
        talk(stream)
        events = await until(stream, CallerStopped)
        assert [type(event) for event in events] == [CallerBegan, CallerBegan, CallerStopped]


async def test_another_language_is_told() -> None:
    async with session([says("Si.")]) as (stream, server):
        stream.change_language("it")
        await answered(stream, user("?"))
    assert server.requests[0]["session"]["audio"]["input"]["transcription"]["language"] == "it"
    assert server.requests[0]["session"]["audio"]["input"]["turn_detection"]["create_response"] is False


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (fails(429, "slow down", "rate_limit_exceeded"), "rate_limit"),
        (fails(429, "no money", "insufficient_quota"), "credit"),
        (fails(500, "sorry"), "unavailable"),
        (replace(says("It is"), stream_error="sorry"), "unavailable"),
    ],
)
async def test_an_answer_that_fails_leaves_the_session(answer: Answer, kind: str) -> None:
    async with session([answer, says("Yes.")]) as (stream, _):
        with pytest.raises(ProviderError) as caught:
            await answered(stream, user("?"))
        assert caught.value.kind == kind
        assert stream.is_open
        assert text_of(await answered(stream, user("?"))) == "Yes."


async def test_a_refused_answer_fails_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session([says("Yes.")]) as (stream, server):
        server.expected.add("unknown_parameter")
        monkeypatch.setattr(realtime_stream.wire, "verbatim", lambda text: {"voice": "marin"})
        with pytest.raises(ProviderError) as caught:
            [piece async for piece in stream.say("x")]
        assert caught.value.kind == "request"
        assert text_of(await answered(stream, user("?"))) == "Yes."


@pytest.mark.parametrize("kind", ["drop", "close", "garbage"])
async def test_a_session_that_breaks_fails_whoever_waits(kind: Any) -> None:
    script = [replace(says("one two three four"), each_after=0.2)]
    async with session(script) as (stream, server):
        server.trouble = Trouble(kind, after=0.5)
        waiting = asyncio.create_task(answered(stream, user("?")))
        await asyncio.sleep(0.1)
        talk(stream)
        with pytest.raises(ProviderError):
            await until(stream, type(None))
        with pytest.raises(ProviderError):
            await waiting
        assert not stream.is_open
        with pytest.raises(ProviderError):
            await answered(stream, user("?"))


async def test_an_error_of_the_vendor_s_is_survived_and_an_old_session_is_not() -> None:
    async with session([says("Yes.")]) as (stream, server):
        server.trouble = Trouble("error", after=0.1, times=1, reason="hiccup")
        talk(stream)
        await until(stream, CallerStopped)
        assert text_of(await answered(stream, user("?"))) == "Yes."
    async with realtime_server() as server:
        server.session_seconds = 0.1
        stream = await open_duplex(ModelSpec("openai-realtime", "gpt-realtime"), server.environ).open("")
        with pytest.raises(ProviderError, match="session"):
            await until(stream, type(None))
        await stream.close()


async def test_a_transcript_that_fails_is_an_empty_one() -> None:
    async with session() as (stream, server):
        server.transcription_error = "unintelligible"
        talk(stream)
        said = (await until(stream, CallerSaid))[-1]
        assert (said.text, said.is_final) == ("", True)


async def test_of_sound_that_is_not_read_the_oldest_is_dropped() -> None:
    async with session() as (stream, _):
        sending: Any = stream
        sending._sending.cancel()
        for _ in range(1_000):
            stream.hear(np.zeros(CHUNK_SAMPLES, np.int16))
        stream.forget()
        assert len(sending._to_send) == round(15 / 0.04) + 1
        assert sending._to_send[-1][0] is False
