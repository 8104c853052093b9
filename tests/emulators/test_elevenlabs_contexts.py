"""The emulated ElevenLabs' voices: contexts, time-outs, limits, times of characters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from tests.emulators._elevenlabs_dial import dial, ending, expected, forgive, read, send, sound, to_final
from tests.emulators._elevenlabs_sound import from_mu_law, to_mu_law
from tests.emulators.elevenlabs_server import ElevenLabsServer, elevenlabs_server
from websockets.exceptions import InvalidStatus


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabsServer]:
    async with elevenlabs_server(["where is my order", "thank you"]) as server:
        yield server


async def test_a_flush_is_spoken_but_only_a_close_is_final(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        await send(socket, text=" ", context_id="a", voice_settings={"stability": 0.5})
        await send(socket, text="one two. ", context_id="a")
        await send(socket, context_id="a", flush=True)
        await send(socket, text="three. ", context_id="a", flush=True)
        first = [await read(socket) for _ in range(3)]
        assert sound(first) == expected("one two.") + expected("three.")
        assert [message["isFinal"] for message in first] == [None] * 3
        await send(socket, context_id="a", close_context=True)
        assert await to_final(socket) == [
            {"audio": None, "isFinal": True, "alignment": None, "normalizedAlignment": None, "contextId": "a"}
        ]
        await send(socket, close_socket=True)
        assert (await ending(socket))[1] == 1000
    assert [(said.context, said.text) for said in server.said] == [("a", "one two."), ("a", "three.")]


async def test_a_closed_context_speaks_what_was_flushed_and_loses_the_rest(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        await send(socket, text="one two. ", context_id="a", flush=True)
        await send(socket, text="lost. ", context_id="a")
        await send(socket, context_id="a", close_context=True)
        assert sound(await to_final(socket)) == expected("one two.")
        await send(socket, text="again. ", context_id="a", flush=True)
        assert sound([await read(socket)]) == expected("again.")
    assert server.unsaid == ["lost."]


async def test_contexts_speak_at_once(server: ElevenLabsServer) -> None:
    server.pace = 0.001
    async with dial(server) as socket:
        for name in "ab":
            await send(socket, text="one two three four ", context_id=name, flush=True)
            await send(socket, context_id=name, close_context=True)
        found = await to_final(socket) + await to_final(socket)
    names = [message["contextId"] for message in found]
    assert names != sorted(names)
    for name in "ab":
        assert sound([one for one in found if one["contextId"] == name]) == expected("one two three four")


async def test_the_last_of_several_contexts_is_closed_with_the_socket(server: ElevenLabsServer) -> None:
    server.pace = 0.001
    async with dial(server) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        await send(socket, text="two ", context_id="b", flush=True)
        await send(socket, close_socket=True)
        found = await to_final(socket) + await to_final(socket)
        assert (await ending(socket))[1] == 1000
    assert len(sound(found)) == 2 * len(expected("one"))


async def test_text_waits_for_its_schedule_or_not_at_all(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        config = {"chunk_length_schedule": [50]}
        await send(socket, text=" ", context_id="a", generation_config=config)
        await send(socket, text="a word ", context_id="a")
        await asyncio.sleep(0.02)
        assert not server.said
        await send(socket, text="word " * 10, context_id="a")
        await read(socket)
    async with dial(server, auto_mode="true") as socket:
        await send(socket, text=" ", context_id="a")
        await send(socket, text="At once. ", context_id="a")
        await read(socket)
    assert [said.text for said in server.said][1:] == ["At once."]


async def test_alignment_is_of_a_text_or_of_a_piece(server: ElevenLabsServer) -> None:
    async def pieces(sync: str) -> list[dict[str, Any]]:
        async with dial(server, sync_alignment=sync) as socket:
            await send(socket, text="hello there ", context_id="a", flush=True)
            return [await read(socket) for _ in range(2)]

    whole, rest = await pieces("false")
    assert rest["alignment"] is None
    assert rest["normalizedAlignment"] is None
    assert "".join(whole["alignment"]["chars"]) == "hello there "
    starts = whole["alignment"]["charStartTimesMs"]
    assert (starts[0], starts[6]) == (0, 300)
    assert starts[-1] + whole["alignment"]["charDurationsMs"][-1] == 600
    first, second = await pieces("true")
    assert "".join(first["alignment"]["chars"] + second["alignment"]["chars"]) == "hello there "
    assert not first["alignment"]["chars"][-1].isspace()
    assert second["alignment"]["charStartTimesMs"][0] < 50


@pytest.mark.parametrize("sync", ["false", "true"])
async def test_quiet_can_come_after_the_last_character(server: ElevenLabsServer, sync: str) -> None:
    server.tail_seconds = 0.01
    async with dial(server, sync_alignment=sync) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        word, tail = [await read(socket) for _ in range(2)]
    assert word["alignment"]["chars"] == list("one ")
    assert (sound([tail]), tail["alignment"], tail["normalizedAlignment"]) == (bytes(320), None, None)


@pytest.mark.parametrize(("form", "rate"), [("pcm_24000", 24_000), ("ulaw_8000", 8_000)])
async def test_each_format_has_its_bytes(server: ElevenLabsServer, form: str, rate: int) -> None:
    async with dial(server, output_format=form) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        got = sound([await read(socket)])
    if form.startswith("pcm"):
        assert got == expected("one", rate)
        return
    back, true = np.frombuffer(from_mu_law(got), "<i2"), np.frombuffer(expected("one", rate), "<i2")
    assert np.corrcoef(back, true)[0, 1] > 0.999


def test_mu_law_is_that_of_the_standard() -> None:
    known = {0: 0xFF, 8: 0xFE, -8: 0x7E, 32_767: 0x80, -32_768: 0x00}
    assert list(to_mu_law(np.array(list(known), np.int16))) == list(known.values())
    every = bytes(range(256))
    assert to_mu_law(np.frombuffer(from_mu_law(every), "<i2")) == every.replace(b"\x7f", b"\xff")


async def test_idle_contexts_and_sockets_are_closed(server: ElevenLabsServer) -> None:
    server.idle_seconds = 0.15
    async with dial(server) as socket:
        await send(socket, text="left ", context_id="a")
        await asyncio.sleep(0.04)
        await send(socket, text=" ", context_id="b")
        assert (await to_final(socket))[-1]["contextId"] == "a"
        await send(socket, text="", context_id="b")
        last, code, reason = await ending(socket)
    assert last is not None
    assert (last["error"], code) == ("input_timeout_exceeded", 1008)
    assert reason.startswith("Have not received a new text input within the timeout of")
    assert server.unsaid == ["left"]


async def test_a_closed_context_counts_until_it_is_final(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        for count in range(20):
            await send(socket, text="one ", context_id=f"c{count}")
            await send(socket, context_id=f"c{count}", close_context=True)
            await to_final(socket)
    assert server.requests[0].peak == 1
    server.closing_seconds = 1.0
    async with dial(server) as socket:
        for count in range(6):
            await send(socket, text="one ", context_id=f"c{count}")
            await send(socket, context_id=f"c{count}", close_context=True)
        last, code, reason = await ending(socket)
    assert last is not None
    assert (last["error"], code) == ("max_active_conversations", 1008)
    assert reason.startswith("Maximum simultaneous contexts per WebSocket connection exceeded (5).")
    forgive(server, "max_active_conversations")


async def test_a_context_closed_before_its_sound_can_stay_silent(server: ElevenLabsServer) -> None:
    server.is_racing, server.pace = True, 0.01
    async with dial(server) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        await send(socket, text="two ", context_id="a", flush=True)
        await send(socket, context_id="a", close_context=True)
        assert len(sound(await to_final(socket))) < len(expected("one two"))
        await send(socket, text="one ", context_id="b", flush=True)
        await send(socket, text="two ", context_id="b", flush=True)
        begun = [await read(socket)]
        await send(socket, context_id="b", close_context=True)
        assert sound(begun + await to_final(socket)) == expected("one") + expected("two")
    assert server.unsaid


async def test_voices_and_models_that_are_not_there(server: ElevenLabsServer) -> None:
    async with dial(server, voice="nobody") as socket:
        await send(socket, text=" ", context_id="a")
        last, code, reason = await ending(socket)
    assert last == {
        "message": "A voice with voice_id nobody does not exist.",
        "error": "voice_id_does_not_exist",
        "code": 1008,
    }
    assert (code, reason) == (1008, last["message"])
    for model, name in [("eleven_v3", "unsupported_model"), ("eleven_x", "model_not_found")]:
        with pytest.raises(InvalidStatus) as caught:
            await dial(server, model_id=model)
        assert caught.value.response.status_code == 400
        assert json.loads(caught.value.response.body)["detail"]["code"] == name


async def test_credits_end_in_the_middle(server: ElevenLabsServer) -> None:
    server.credits = 5
    async with dial(server) as socket:
        await send(socket, text="four ", context_id="a", flush=True)
        await send(socket, text="too much ", context_id="a", flush=True)
        last, code, _ = await ending(socket)
    assert last is not None
    assert (last["error"], code) == ("quota_exceeded", 1008)
    assert last["message"].startswith("This request exceeds your quota")
