"""The emulated Gladia, driven by the vendor's own library."""

from __future__ import annotations

import json

import pytest
from gladiaio_sdk.network.http_client import HttpError
from tests.emulators._gladia_caller import CONFIG, SAID, SOUND, Caller, eventually
from tests.emulators.gladia_server import gladia_server
from tests.emulators.trouble import Kind, Trouble


async def test_the_library_hears_a_sentence() -> None:
    async with gladia_server([SAID]) as server, Caller(server) as caller:
        await caller.say(SOUND)
        await eventually(lambda: [m for m in caller.of("transcript") if m.data.is_final])
        caller.session.stop_recording()
        end = await caller.over()
        texts = [message.data.utterance.text for message in caller.of("transcript")]
        assert texts == ["where", "where is", "where is my", SAID, SAID]
        assert {message.data.id for message in caller.of("transcript")} == {"00-00000000"}
        final = caller.of("transcript")[-1].data.utterance
        assert [word.word for word in final.words] == SAID.split()
        assert (final.language, final.channel) == ("es", 0)
        assert [caller.of(kind)[0].data.time for kind in ("speech_start", "speech_end")] == [0.001, 1.7]
        assert caller.of("post_final_transcript")[0].data.transcription.full_transcript == SAID
        assert [bool(caller.of(kind)) for kind in ("start_session", "start_recording", "end_recording", "end_session")]
        assert end.code == 1000
        assert bytes(server.sessions[0].heard) == SOUND
        assert server.requests[0]["model"] == "solaria-1"


@pytest.mark.parametrize("kind", ["close", "drop"])
async def test_the_library_comes_back_to_its_session(kind: Kind) -> None:
    async with gladia_server([SAID]) as server, Caller(server) as caller:
        server.trouble = Trouble(kind, after=0.5, times=1)
        await caller.say(SOUND)
        (session,) = server.sessions
        await eventually(lambda: len(session.heard) >= len(SOUND))
        await eventually(lambda: caller.of("speech_end"))
        # A reset takes along acknowledgements on their way, and what they were for is said twice.
        assert kind == "drop" or bytes(session.heard) == SOUND
        assert (session.attached, server.connections) == (2, 2)
        assert [m.data.utterance.text for m in caller.of("transcript") if m.data.is_final] == [SAID]
        assert caller.session.status == "connected"


@pytest.mark.parametrize(("status", "words"), [(401, "gladia key not found"), (402, "pay"), (429, "slow"), (503, "no")])
async def test_refusals_of_the_post_are_the_librarys_errors(status: int, words: str) -> None:
    async with gladia_server() as server:
        if status != 401:
            server.trouble = Trouble("refuse", status=status, reason=words, headers={"Retry-After": "2"})
        async with Caller(server, key="" if status != 401 else "wrong") as caller:
            await caller.over()
            error = caller.errors[0]
            assert isinstance(error, HttpError)
            assert (error.status, words in str(error)) == (status, True)
            assert error.request_id is not None
            assert status == 401 or error.response_headers["retry-after"] == "2"
            assert not server.sessions


async def test_a_wrong_parameter_is_named_as_the_library_expects() -> None:
    async with gladia_server() as server:
        async with Caller(server, config={**CONFIG, "endpointing": 11, "bit_dept": 16}) as caller:
            await caller.over()
            error = caller.errors[0]
            assert isinstance(error, HttpError)
            assert error.validation_errors == [
                "endpointing must not be greater than 10",
                "property bit_dept should not exist",
            ]
            assert error.invalid_parameters == ["endpointing"]
        assert len(server.problems) == 1
        server.problems.clear()


@pytest.mark.parametrize(("code", "comes_back"), [(1011, True), (4403, False), (4500, True)])
async def test_the_library_tells_closes_apart(code: int, comes_back: bool) -> None:
    async with gladia_server([SAID]) as server, Caller(server) as caller:
        server.trouble = Trouble("close", code=code, times=1)
        await caller.say(SOUND)
        if comes_back:
            await eventually(lambda: [m for m in caller.of("transcript") if m.data.is_final])
        else:
            assert (await caller.over()).code == code
        assert server.connections == 1 + comes_back


async def test_a_vendor_that_hangs_times_out_in_the_library() -> None:
    async with gladia_server() as server:
        server.trouble = Trouble("hang")
        async with Caller(server, http_timeout=0.04) as caller:
            await caller.over()
            assert "timed out" in str(caller.errors[0])
        server.strikes_at = "socket"
        async with Caller(server, ws_timeout=0.04) as caller:
            assert (await caller.over()).code == 3008


async def test_garbage_is_an_error_of_the_library() -> None:
    async with gladia_server([SAID]) as server, Caller(server) as caller:
        server.trouble = Trouble("garbage", times=1)
        await caller.say(SOUND)
        await eventually(lambda: caller.errors)
        assert isinstance(caller.errors[0], json.JSONDecodeError)


async def test_a_dead_vendor_and_its_return() -> None:
    async with gladia_server([SAID]) as server:
        async with Caller(server) as caller:
            await eventually(lambda: server.open_connections)
            server.kill()
            assert (await caller.over()).code == 1006
        async with Caller(server) as caller:
            await caller.over()
            assert "HTTP request failed" in str(caller.errors[0])
        server.revive()
        async with Caller(server) as caller:
            await caller.say(SOUND)
            await eventually(lambda: caller.of("speech_end"))
