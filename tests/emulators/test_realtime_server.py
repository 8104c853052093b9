"""The emulated Realtime API serves the vendor's own library, and bites whoever breaks its rules."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI
from tests.emulators._realtime_sound import RATES, decoded, encoded
from tests.emulators._sound import spoken
from tests.emulators.openai_server import Answer, calls, fails, says
from tests.emulators.realtime_server import RealtimeServer, realtime_server
from tests.emulators.trouble import Trouble
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidMessage, InvalidStatus

MODEL = "gpt-realtime"
PCM = {"type": "audio/pcm", "rate": 24_000}
TOOL = {"type": "function", "name": "lookup_order", "description": "Find it.", "parameters": {"type": "object"}}
MANUAL = {"input": {"turn_detection": None}}


def said(words: int = 3, quiet: float = 0.6, kind: str = "audio/pcm") -> list[str]:
    """Somebody speaks for 0.3 s a word, then is quiet: pieces of 0.1 s in base64."""
    rate = RATES[kind]
    sound = np.concatenate([spoken("word " * words, rate)[0], np.zeros(round(rate * quiet), np.int16)])
    pieces = np.split(sound, range(rate // 10, len(sound), rate // 10))
    return [base64.b64encode(encoded(piece, kind)).decode() for piece in pieces]


@asynccontextmanager
async def library(server: RealtimeServer, model: str = MODEL, **headers: str) -> AsyncIterator[Any]:
    """The vendor's library, connected."""
    url = server.environ["OPENAI_REALTIME_URL"]
    client = AsyncOpenAI(api_key=server.environ["OPENAI_API_KEY"], websocket_base_url=url, max_retries=0)
    async with client, client.realtime.connect(model=model, extra_headers=headers) as connection:
        yield connection


async def until(connection: Any, kind: str) -> list[Any]:
    """Events of the library up to the first of a kind."""
    events: list[Any] = []
    async with asyncio.timeout(5):
        while not events or events[-1].type != kind:
            event = await connection.recv()
            type(event).model_validate(event.to_dict())  # by itself the library takes anything
            assert not event.model_extra, event
            assert kind == "error" or event.type != "error", event
            events.append(event)
    return events


async def begun(connection: Any, **session: Any) -> None:
    """The session is there, and configured."""
    await until(connection, "session.created")
    if session:
        await connection.session.update(session={"type": "realtime", **session})
        await until(connection, "session.updated")


async def speak(connection: Any, pieces: Sequence[str]) -> None:
    for piece in pieces:
        await connection.input_audio_buffer.append(audio=piece)


def kinds(events: Sequence[Any]) -> list[str]:
    """Their types, those in a row once."""
    names = [event.type for event in events]
    return [name for index, name in enumerate(names) if not index or names[index - 1] != name]


def audio(events: Sequence[Any]) -> bytes:
    return b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")


# conversations with the vendor's library


async def test_a_spoken_conversation_with_a_tool() -> None:
    script = [replace(calls(("lookup_order", {"id": "42"})), text="One moment."), says("It ships on Tuesday.")]
    async with realtime_server(script, sentences=["Where is my order?"]) as server, library(server) as connection:
        hears = {"format": PCM, "transcription": {"model": "gpt-4o-mini-transcribe", "language": "en"}}
        speaks = {"format": PCM, "voice": "cedar", "speed": 1.0}
        await begun(connection, instructions="Be kind.", tools=[TOOL], audio={"input": hears, "output": speaks})
        await speak(connection, said())
        heard = await until(connection, "response.created")
        assert kinds(heard) == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
            "response.created",
        ]
        assert heard[0].audio_start_ms == 0
        assert heard[1].audio_end_ms == 1_400  # 0.9 s of words and 0.5 s of silence
        assert [event.delta for event in heard if event.type.endswith("transcription.delta")] == [
            "Where", " is", " my", " order?",
        ]  # fmt: skip
        assert heard[-2].transcript == "Where is my order?"
        first = await until(connection, "response.done")
        assert kinds(first)[:6] == [
            "rate_limits.updated",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio_transcript.delta",
            "response.output_audio.delta",
        ]
        assert len(audio(first)) == 2 * 0.6 * 24_000 * 1
        done = first[-1].response
        assert (done.status, [item.type for item in done.output]) == ("completed", ["message", "function_call"])
        assert done.output[0].content[0].transcript == "One moment."
        wanted = next(event for event in first if event.type == "response.function_call_arguments.done")
        assert (wanted.name, json.loads(wanted.arguments)) == ("lookup_order", {"id": "42"})
        output = {"type": "function_call_output", "call_id": wanted.call_id, "output": "Tuesday"}
        await connection.conversation.item.create(item=output)
        await until(connection, "conversation.item.done")
        await connection.response.create()
        second = await until(connection, "response.done")
        assert second[-1].response.output[0].content[0].transcript == "It ships on Tuesday."
        usage = second[-1].response.usage
        assert usage.output_token_details.audio_tokens == 4 * 300 // 50
        assert usage.input_token_details.cached_tokens == done.usage.input_tokens
        assert usage.input_tokens > done.usage.input_tokens
    items = server.requests[1]["items"]
    assert [item.get("role", item["type"]) for item in items] == [
        "user", "assistant", "function_call", "function_call_output",
    ]  # fmt: skip
    assert server.requests[1]["session"]["instructions"] == "Be kind."


async def test_telephone_sound_goes_both_ways() -> None:
    for kind in ("audio/pcmu", "audio/pcma"):
        async with realtime_server([says("Good day.")]) as server, library(server) as connection:
            await begun(connection, audio={"input": {"format": {"type": kind}}, "output": {"format": {"type": kind}}})
            await speak(connection, said(kind=kind))
            sound = audio(await until(connection, "response.done"))
            assert len(sound) == 0.6 * 8_000
            samples, wanted = decoded(sound, kind).astype(float), spoken("Good day.", 8_000)[0].astype(float)
            assert np.corrcoef(samples, wanted)[0, 1] > 0.99


def test_bytes_of_g711_mean_what_the_standard_says() -> None:
    assert decoded(bytes([0xFF, 0x7F, 0x00, 0x80]), "audio/pcmu").tolist() == [0, 0, -32124, 32124]
    assert decoded(bytes([0xD5, 0x55, 0x2A, 0xAA]), "audio/pcma").tolist() == [8, -8, -32256, 32256]
    for kind in ("audio/pcmu", "audio/pcma"):
        every = decoded(bytes(range(256)), kind)
        assert (decoded(encoded(every, kind), kind) == every).all()


async def test_speed_shortens_what_is_said() -> None:
    async with realtime_server([says("Good day.")]) as server, library(server) as connection:
        await begun(connection, audio={"output": {"speed": 1.5}})
        await speak(connection, said())
        assert len(audio(await until(connection, "response.done"))) == 2 * 0.4 * 24_000


async def test_semantic_turns_wait_for_the_rest_of_a_sentence() -> None:
    sentences = ["I would like…", "Two please."]
    async with realtime_server(says_of_items, sentences=sentences) as server, library(server) as connection:
        await begun(connection, audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
        await speak(connection, said(quiet=1.0))
        await until(connection, "input_audio_buffer.speech_started")
        assert not server.requests
        await speak(connection, said(words=0, quiet=1.1))
        stopped = (await until(connection, "response.done"))[0]
        assert stopped.audio_end_ms == 900 + 2_000
        await speak(connection, said(quiet=0.4))
        assert (await until(connection, "response.done"))[1].audio_end_ms == 3_000 + 900 + 300


def says_of_items(request: dict[str, Any]) -> Answer:
    return says(f"That was {len(request['items'])}.")


async def test_speech_interrupts_and_what_was_not_heard_is_forgotten() -> None:
    script = [replace(says("one two three four five six seven"), each_after=5.0), says("Yes?")]
    async with realtime_server(script, sentences=["Count.", "Stop!"]) as server, library(server) as connection:
        await begun(connection)
        await speak(connection, said())
        spoken_item = (await until(connection, "response.output_audio.delta"))[-1].item_id
        await speak(connection, said(quiet=0))
        stopped = await until(connection, "response.done")
        assert "input_audio_buffer.speech_started" in kinds(stopped)
        assert kinds(stopped)[-6:] == [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        response = stopped[-1].response
        assert (response.status, response.status_details.reason) == ("cancelled", "turn_detected")
        assert response.output[0].status == "incomplete"
        await connection.conversation.item.truncate(item_id=spoken_item, content_index=0, audio_end_ms=180)
        assert (await until(connection, "conversation.item.truncated"))[-1].audio_end_ms == 180
        await speak(connection, said(words=0))
        assert (await until(connection, "response.done"))[-1].response.status == "completed"
    heard = next(item for item in server.requests[1]["items"] if item["role"] == "assistant")
    assert heard["audio_ms"] == 180
    assert heard["content"] == [{"type": "output_audio"}]


async def test_words_run_ahead_of_their_sound() -> None:
    async with realtime_server([says("one two three four")]) as server, library(server) as connection:
        await begun(connection)
        await speak(connection, said())
        events = await until(connection, "response.output_audio.delta")
        assert sum(event.type == "response.output_audio_transcript.delta" for event in events) == 2
        await until(connection, "response.done")


async def test_a_client_may_decide_about_turns() -> None:
    turns = {"type": "server_vad", "create_response": False, "interrupt_response": False, "silence_duration_ms": 200}
    script = [replace(says("one two three four"), each_after=0.02)]
    async with realtime_server(script) as server, library(server) as connection:
        await begun(connection, audio={"input": {"turn_detection": turns}})
        await speak(connection, said(quiet=0.2))
        await until(connection, "conversation.item.done")
        assert not server.requests
        await connection.response.create(response={"instructions": "Only now.", "metadata": {"turn": "1"}})
        created = (await until(connection, "response.created"))[-1].response
        assert created.metadata == {"turn": "1"}
        await speak(connection, said(quiet=0.2))
        assert (await until(connection, "response.done"))[-1].response.status == "completed"
    assert server.requests[0]["response"]["instructions"] == "Only now."


async def test_sound_is_committed_and_dropped_by_hand() -> None:
    async with realtime_server([says("Yes.")]) as server, library(server) as connection:
        await begun(connection, audio=MANUAL)
        await speak(connection, said())
        await connection.input_audio_buffer.clear()
        await until(connection, "input_audio_buffer.cleared")
        server.expected.add("input_audio_buffer_commit_empty")
        await connection.input_audio_buffer.commit()
        error = (await until(connection, "error"))[-1].error
        assert "buffer only has 0.00ms" in error.message
        await speak(connection, said(quiet=0))
        await connection.input_audio_buffer.commit()
        assert kinds(await until(connection, "conversation.item.done"))[0] == "input_audio_buffer.committed"
        await connection.response.create()
        await until(connection, "response.done")
    assert server.requests[0]["items"][0]["audio_ms"] == 900


async def test_a_client_cancels() -> None:
    script = [replace(says("one two three"), each_after=1.0)]
    async with realtime_server(script) as server, library(server) as connection:
        await begun(connection, audio=MANUAL)
        await connection.response.create()
        await until(connection, "response.output_audio.delta")
        await connection.response.cancel()
        response = (await until(connection, "response.done"))[-1].response
        assert (response.status, response.status_details.reason) == ("cancelled", "client_cancelled")
        await connection.response.cancel(event_id="mine")
        error = (await until(connection, "error"))[-1].error
        assert (error.code, error.event_id) == ("response_cancel_not_active", "mine")


async def test_typed_conversations_and_answers_apart() -> None:
    async with realtime_server([says("Hello there."), says("A greeting.")]) as server, library(server) as connection:
        await begun(connection, output_modalities=["text"])
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
        await connection.conversation.item.create(item=item)
        added = (await until(connection, "conversation.item.done"))[0]
        assert (added.previous_item_id, added.item.content[0].text) == (None, "Hi")
        await connection.response.create()
        events = await until(connection, "response.done")
        assert [event.delta for event in events if event.type == "response.output_text.delta"] == ["Hello", " there."]
        apart = {"conversation": "none", "input": [{"type": "item_reference", "id": added.item.id}]}
        await connection.response.create(response=apart)
        events = await until(connection, "response.done")
        assert events[-1].response.conversation_id is None
        assert "conversation.item.added" not in kinds(events)
    assert [item["id"] for item in server.requests[1]["items"]] == [added.item.id]


async def test_items_are_inserted_read_and_deleted() -> None:
    async with realtime_server([says("Ok.")]) as server, library(server) as connection:
        await begun(connection, audio=MANUAL)
        for item_id, after in (("late", None), ("early", "root"), ("middle", "early")):
            item = {
                "id": item_id,
                "type": "message",
                "role": "system",
                "content": [{"type": "input_text", "text": "x"}],
            }
            place = {} if after is None else {"previous_item_id": after}
            await connection.conversation.item.create(item=item, **place)
            await until(connection, "conversation.item.done")
        await connection.conversation.item.retrieve(item_id="middle")
        assert (await until(connection, "conversation.item.retrieved"))[-1].item.id == "middle"
        await connection.conversation.item.delete(item_id="early")
        await until(connection, "conversation.item.deleted")
        await connection.response.create()
        await until(connection, "response.done")
    assert [item["id"] for item in server.requests[0]["items"]] == ["middle", "late"]


async def test_silence_is_answered_after_a_while() -> None:
    async with realtime_server([says("Are you there?")]) as server, library(server) as connection:
        await begun(connection, audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
        await connection.response.create(response={"instructions": "Greet."})
        server.answers = [says("Hello."), says("Are you there?")]
        await until(connection, "response.done")
        await speak(connection, said(words=0, quiet=6.0))
        events = await until(connection, "response.done")
        assert kinds(events)[0] == "input_audio_buffer.timeout_triggered"
        assert events[0].audio_end_ms - events[0].audio_start_ms == 5_000
        assert events[0].audio_start_ms == 300  # the greeting was a word


async def test_transcripts_come_late_or_fail() -> None:
    async with realtime_server([says("Yes."), says("No.")]) as server, library(server) as connection:
        server.transcribed_after = 0.05
        await begun(connection, audio={"input": {"transcription": {"model": "whisper-1"}}})
        await speak(connection, said())
        events = await until(connection, "conversation.item.input_audio_transcription.completed")
        assert "response.done" in kinds(events)
        assert events[-1].usage.type == "duration"
        server.transcription_error = "Input transcription failed."
        await speak(connection, said())
        events = await until(connection, "conversation.item.input_audio_transcription.failed")
        assert events[-1].error.message == "Input transcription failed."


# failures


async def answered(answer: Answer, **session: Any) -> Any:
    async with realtime_server([answer]) as server, library(server) as connection:
        await begun(connection, audio=MANUAL, **session)
        await connection.response.create()
        return (await until(connection, "response.done"))[-1].response


async def test_answers_fail_as_they_are_scripted() -> None:
    quota = await answered(fails(429, "You exceeded your current quota.", "insufficient_quota"))
    assert (quota.status, quota.status_details.error.code) == ("failed", "insufficient_quota")
    assert (quota.status_details.error.type, quota.output) == ("insufficient_quota", [])
    assert (await answered(fails(500, "oops"))).status_details.error.type == "server_error"
    late = await answered(replace(says("one two"), stream_error="The server had an error."))
    assert (late.status, late.output[0].content[0].transcript) == ("failed", "one two")
    cut = await answered(says("one two three four five six"), max_output_tokens=6)
    assert (cut.status, cut.status_details.reason) == ("incomplete", "max_output_tokens")


async def test_an_answer_breaks_the_connection() -> None:
    script = [replace(says("one two three"), cut_after=1)]
    async with realtime_server(script) as server, library(server) as connection:
        await begun(connection, audio=MANUAL)
        await connection.response.create()
        with pytest.raises(ConnectionClosedError):
            await until(connection, "response.done")


@pytest.mark.parametrize(
    ("headers", "model", "code", "closed"),
    [
        ({"Authorization": "Bearer sk-wrong"}, MODEL, "invalid_api_key", 3000),
        ({}, "gpt-4.1", "invalid_model", 4000),
    ],
)
async def test_wrong_keys_and_models_are_refused_after_the_upgrade(
    headers: dict[str, str], model: str, code: str, closed: int
) -> None:
    async with realtime_server() as server, library(server, model, **headers) as connection:
        assert (await until(connection, "error"))[-1].error.code == code
        with pytest.raises(ConnectionClosedError) as caught:
            await connection.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (closed, f"invalid_request_error.{code}")


async def test_sessions_expire() -> None:
    async with realtime_server() as server:
        server.session_seconds = 0.03
        async with library(server) as connection:
            server.expected.add("session_expired")
            assert (await until(connection, "error"))[-1].error.code == "session_expired"
            with pytest.raises(ConnectionClosed) as caught:
                await connection.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1001


async def test_upgrades_are_refused() -> None:
    async with realtime_server() as server:
        server.trouble = Trouble("refuse", status=429, headers={"Retry-After": "2"}, reason="slow down", times=1)
        with pytest.raises(InvalidStatus) as caught:
            async with library(server):
                pass
        response = caught.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (429, "2")
        assert json.loads(response.body or b"")["error"]["message"] == "slow down"
        async with library(server) as connection:
            await begun(connection)
        assert server.trouble is None


async def test_silence_of_two_kinds() -> None:
    async with realtime_server([says("Yes.")]) as server:
        server.trouble = Trouble("hang", times=1)
        async with library(server) as connection:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.recv(), 0.03)
        server.trouble = Trouble("stall", after=0.5)
        async with library(server) as connection:
            await begun(connection)
            await speak(connection, said())
            await until(connection, "input_audio_buffer.speech_started")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.recv(), 0.03)
        assert server.connections == 2


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(Trouble("close", after=0.2, code=1011, reason="bad"), 1011), (Trouble("drop", after=0.2), None)],
)
async def test_connections_are_lost(trouble: Trouble, code: int | None) -> None:
    async with realtime_server() as server, library(server) as connection:
        server.trouble = trouble
        await begun(connection)
        await speak(connection, said(words=1, quiet=0))
        with pytest.raises(ConnectionClosedError) as caught:
            await until(connection, "response.done")
        assert (caught.value.rcvd and caught.value.rcvd.code) == code


async def test_garbage_and_errors_out_of_the_blue() -> None:
    async with realtime_server([says("Yes.")]) as server, library(server) as connection:
        await begun(connection)
        server.trouble = Trouble("garbage", times=1)
        await connection.input_audio_buffer.clear()
        with pytest.raises(ValueError, match="Expecting value"):
            await until(connection, "response.done")
        server.trouble = Trouble("error", code="server_error", reason="The server had an error.", times=1)
        await connection.input_audio_buffer.clear()
        error = (await until(connection, "error"))[-1].error
        assert (error.type, error.code, error.message) == ("server_error", "server_error", "The server had an error.")
        await speak(connection, said())
        await until(connection, "response.done")


async def test_a_server_dies_and_comes_back() -> None:
    async with realtime_server() as server:
        async with library(server) as connection:
            await begun(connection)
            assert server.open_connections == 1
            server.kill()
            with pytest.raises(ConnectionClosedError):
                await connection.recv()
            with pytest.raises((OSError, InvalidMessage)):
                async with library(server):
                    pass
        server.revive()
        async with library(server) as connection:
            await begun(connection)


# strictness, with a bare socket


@asynccontextmanager
async def bare(server: RealtimeServer) -> AsyncIterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {server.key}"}
    async with connect(f"{server.url}/realtime?model={MODEL}", additional_headers=headers) as socket:
        await socket.recv()
        yield socket


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def hearing(**fields: Any) -> dict[str, Any]:
    return session(audio={"input": fields})


def turns(**fields: Any) -> dict[str, Any]:
    return hearing(turn_detection={"type": "server_vad", **fields})


def created(**item: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": item}


def message(role: str, **part: Any) -> dict[str, Any]:
    return created(type="message", role=role, content=[part])


def respond(**fields: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": fields}


WRONG: list[tuple[Any, str | None, str | None]] = [
    ("not json", "invalid_json", None),
    (b"\x00\x01", "invalid_json", None),
    ([], "missing_required_parameter", "type"),
    ({"type": "input_audio.append"}, "invalid_value", "type"),
    ({"type": "session.update"}, "missing_required_parameter", "session"),
    ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
    (session(modalities=["audio"]), "unknown_parameter", "session.modalities"),
    (session(voice="alloy"), "unknown_parameter", "session.voice"),
    (session(temperature=0.8), "unknown_parameter", "session.temperature"),
    (session(output_modalities=["text", "audio"]), "invalid_value", "session.output_modalities"),
    (session(model="gpt-realtime-2"), "cannot_update_model", "session.model"),
    (session(max_output_tokens=5000), "integer_above_max_value", "session.max_output_tokens"),
    (session(instructions=None), "invalid_type", "session.instructions"),
    (session(audio={"output": {"speed": 2}}), "decimal_above_max_value", "session.audio.output.speed"),
    (session(audio={"output": {"format": "pcm16"}}), "invalid_type", "session.audio.output.format"),
    (hearing(format={"type": "audio/pcm"}), "missing_required_parameter", "session.audio.input.format.rate"),
    (hearing(format={**PCM, "rate": 16_000}), "integer_below_min_value", "session.audio.input.format.rate"),
    (hearing(format={"type": "audio/wav"}), "invalid_value", "session.audio.input.format.type"),
    (hearing(transcription={"model": "nova-3"}), "invalid_value", "session.audio.input.transcription.model"),
    (turns(threshold=1.5), "decimal_above_max_value", "session.audio.input.turn_detection.threshold"),
    (turns(eagerness="low"), "unknown_parameter", "session.audio.input.turn_detection.eagerness"),
    (turns(idle_timeout_ms=100), "integer_below_min_value", "session.audio.input.turn_detection.idle_timeout_ms"),
    (turns(create_response="no"), "invalid_type", "session.audio.input.turn_detection.create_response"),
    (session(tools=[{"type": "function", "function": TOOL}]), "missing_required_parameter", "session.tools[0].name"),
    (session(tools=[{**TOOL, "strict": True}]), "unknown_parameter", "session.tools[0].strict"),
    (session(tools=[{**TOOL, "name": "two words"}]), "invalid_value", "session.tools[0].name"),
    (session(tool_choice="any"), "invalid_value", "session.tool_choice"),
    ({"type": "input_audio_buffer.append", "audio": "?"}, "invalid_value", "audio"),
    ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "audio"),
    ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
    (created(type="message", role="user"), "missing_required_parameter", "item.content"),
    (created(type="message", role="tool", content=[]), "invalid_value", "item.role"),
    (message("user", type="text", text="Hi"), "invalid_value", "item.content[0].type"),
    (message("assistant", type="output_audio", transcript="Hi"), "missing_required_parameter", "item.content[0].text"),
    (created(type="function_call_output", call_id="call_x", output="1"), "invalid_tool_call_id", "item.call_id"),
    (created(type="function_call_output", output="1"), "missing_required_parameter", "item.call_id"),
    (
        created(id="x" * 33, type="message", role="user", content=[]),
        "string_above_max_length",
        "item.id",
    ),
    (
        {**message("user", type="input_text", text="Hi"), "previous_item_id": "item_x"},
        "item_create_invalid_previous_item_id",
        "item_id",
    ),
    ({"type": "conversation.item.delete", "item_id": "item_x"}, "item_delete_invalid_item_id", "item_id"),
    ({"type": "conversation.item.retrieve", "item_id": "item_x"}, "item_retrieve_invalid_item_id", "item_id"),
    ({"type": "conversation.item.truncate", "item_id": "x"}, "missing_required_parameter", "content_index"),
    (respond(modalities=["audio"]), "unknown_parameter", "response.modalities"),
    (respond(conversation="other"), "invalid_value", "response.conversation"),
    (respond(audio={"output": {"speed": 1.0}}), "unknown_parameter", "response.audio.output.speed"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "code", "param"), WRONG)
async def test_what_the_api_refuses_is_refused_and_written_down(event: Any, code: str, param: str | None) -> None:
    async with realtime_server() as server:
        async with bare(server) as socket:
            await socket.send(event if isinstance(event, str | bytes) else json.dumps(event))
            reply = json.loads(await socket.recv())
        assert (reply["type"], reply["error"]["code"], reply["error"]["param"]) == ("error", code, param)
        assert reply["error"]["type"] == "invalid_request_error"
        assert [problem.split(":")[0] for problem in server.problems] == [code]
        server.problems.clear()


async def ask_for_what_is_unknown() -> None:
    async with realtime_server() as server, bare(server) as socket:
        await socket.send(json.dumps(session(voice="alloy")))
        await socket.recv()


async def test_problems_fail_the_block() -> None:
    with pytest.raises(AssertionError, match="unknown_parameter"):
        await ask_for_what_is_unknown()


async def test_voices_that_are_not_there_are_only_an_answer() -> None:
    async with realtime_server() as server, library(server) as connection:
        await begun(connection)
        await connection.session.update(session={"type": "realtime", "audio": {"output": {"voice": "nobody"}}})
        error = (await until(connection, "error"))[-1].error
        assert (error.code, error.param) == ("invalid_value", "session.audio.output.voice")


async def test_what_an_answer_in_progress_forbids() -> None:
    script = [replace(says("one two three four"), each_after=5.0)]
    async with realtime_server(script) as server, library(server) as connection:
        await begun(connection, audio=MANUAL)
        await connection.response.create()
        item = (await until(connection, "response.output_audio.delta"))[-1].item_id
        faster = {"type": "realtime", "audio": {"output": {"speed": 1.2}}}
        other = {"type": "realtime", "audio": {"output": {"voice": "ash"}}}
        for wrong, code in (
            (connection.response.create(), "conversation_already_has_active_response"),
            (connection.session.update(session=faster), "cannot_update_speed"),
            (connection.session.update(session=other), "cannot_update_voice"),
            (
                connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=9999),
                "invalid_value",
            ),
        ):
            server.expected.add(code)
            await wrong
            error = (await until(connection, "error"))[-1].error
            assert error.code == code
        assert error.message == "Audio content of 300ms is already shorter than 9999ms"
        await connection.response.cancel()
        await until(connection, "response.done")


async def test_only_what_was_said_aloud_is_truncated() -> None:
    async with realtime_server() as server, library(server) as connection:
        await begun(connection)
        server.expected.add("unsupported_content_type")
        item = {"id": "typed", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
        await connection.conversation.item.create(item=item)
        await connection.conversation.item.truncate(item_id="typed", content_index=0, audio_end_ms=0)
        error = (await until(connection, "error"))[-1].error
        assert error.message == "Only model output audio messages can be truncated"


async def test_scripts_are_checked_too() -> None:
    async with realtime_server([calls(("lookup_order", {}))]) as server, library(server) as connection:
        await begun(connection, audio=MANUAL)
        for _ in range(2):
            await connection.response.create()
            await until(connection, "response.done")
        assert ["not given" in server.problems[0], "one response more" in server.problems[1]] == [True, True]
        server.problems.clear()


async def first_message(url: str, headers: Mapping[str, str]) -> Any:
    async with connect(url, additional_headers=headers) as socket:
        return json.loads(await socket.recv())


async def test_upgrades_are_looked_at() -> None:
    async with realtime_server() as server:
        right = {"Authorization": f"Bearer {server.key}"}
        for url, headers, status in (
            (f"{server.url}/realtime?model={MODEL}", {}, 401),
            (f"{server.url}/audio?model={MODEL}", right, 404),
        ):
            with pytest.raises(InvalidStatus) as caught:
                await first_message(url, headers)
            assert caught.value.response.status_code == status
        beta = {**right, "OpenAI-Beta": "realtime=v1"}
        error = (await first_message(f"{server.url}/realtime?model={MODEL}", beta))["error"]
        assert error["code"] == "beta_api_shape_disabled"
        assert (await first_message(f"{server.url}/realtime", right))["error"]["code"] == "missing_model"
        session_created = await first_message(f"{server.url}/realtime?model={MODEL}&intent=x", right)
        assert session_created["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        assert len(server.problems) == 5
        server.problems.clear()
