"""The emulated Deepgram serves Deepgram's own library, and each of its strictnesses bites.

The library (deepgram-sdk 7) opens the same two addresses as an adapter must, through the outdated half of websockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from tests.emulators._deepgram_session import decoded
from tests.emulators._sound import spoken
from tests.emulators.deepgram_server import DeepgramServer, deepgram_server
from tests.emulators.trouble import Trouble
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

library = pytest.mark.filterwarnings(
    "ignore:websockets.legacy is deprecated:DeprecationWarning",
    "ignore:websockets.exceptions.InvalidStatusCode is deprecated:DeprecationWarning",
)
RATE = 16_000
RAW = {"encoding": "linear16", "sample_rate": f"{RATE}"}
NOVA = {"model": "nova-3", **RAW}
FLUX = {"model": "flux-general-en", **RAW}
SAID = "Where is my order?"


def tone(words: int = 4) -> bytes:
    """Sound for so many words, of 0.3 s each."""
    return spoken(" ".join("aword" for _ in range(words)), RATE)[0].tobytes()


def quiet(seconds: float) -> bytes:
    return bytes(2 * round(RATE * seconds))


@pytest.fixture
async def server() -> AsyncIterator[DeepgramServer]:
    async with deepgram_server([SAID, "No, the other one."]) as emulated:
        yield emulated


def client_of(server: DeepgramServer, key: str = "") -> Any:
    """The library's client."""
    from deepgram import AsyncDeepgramClient
    from deepgram.environment import DeepgramClientEnvironment

    url = server.environ["DEEPGRAM_URL"]
    environment = DeepgramClientEnvironment(base=url, production=url, agent=url, agent_rest=url)
    return AsyncDeepgramClient(api_key=key or server.environ["DEEPGRAM_API_KEY"], environment=environment)


def dial(server: DeepgramServer, asked: Mapping[str, Any], path: str = "", key: str = "", **options: Any) -> connect:
    """A plain socket, to the address that the model asks for."""
    path = path or ("/v2/listen" if asked.get("model", "").startswith("flux") else "/v1/listen")
    headers = {"Authorization": f"Token {key or server.key}"}
    return connect(f"{server.url}{path}?{urlencode(asked, doseq=True)}", additional_headers=headers, **options)


async def rest(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages until it is closed."""
    found = []
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(3):
            while True:
                found.append(json.loads(await socket.recv()))
    return found


def forgive(server: DeepgramServer) -> list[str]:
    """The problems so far, which were meant."""
    found = list(server.problems)
    server.problems.clear()
    return found


async def shrinks_to(server: DeepgramServer, count: int) -> None:
    """Wait until so many connections are open."""
    for _ in range(100):
        if server.open_connections == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{server.open_connections} connections are open, not {count}")


def finals(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    """The text of each final result, and whether it ends an utterance."""
    results = [each for each in messages if each["type"] == "Results" and each["is_final"]]
    return [(each["channel"]["alternatives"][0]["transcript"], each["speech_final"]) for each in results]


def turns(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Each change of a turn, with what was said until then."""
    infos = [each for each in messages if each["type"] == "TurnInfo" and each["event"] != "Update"]
    return [(each["event"], each["transcript"]) for each in infos]


# Deepgram's own library


@library
async def test_the_library_hears_with_nova(server: DeepgramServer) -> None:
    asked = {**NOVA, "interim_results": "true", "vad_events": "true", "utterance_end_ms": 1000, "smart_format": "true"}
    async with client_of(server).listen.v1.connect(**asked, keyterm=["Deepgram", "customer service"]) as stream:
        await stream.send_media(tone())
        await stream.send_keep_alive()
        await stream.send_media(quiet(1.5))
        await stream.send_close_stream()
        messages = [message async for message in stream]
    assert [type(message).__name__ for message in messages] == [
        "ListenV1SpeechStarted",
        *["ListenV1Results"] * 5,
        "ListenV1UtteranceEnd",
        "ListenV1Metadata",
    ]
    results = messages[1:6]
    texts = ["Where", "Where is", "Where is my", SAID, SAID]
    assert [each.channel.alternatives[0].transcript for each in results] == texts
    assert [(each.is_final, each.speech_final) for each in results] == [(False, False)] * 4 + [(True, True)]
    last = results[-1].channel.alternatives[0].words[-1]
    assert (last.word, last.punctuated_word, round(last.start, 1), round(last.end, 1)) == ("order", "order?", 0.9, 1.2)
    assert messages[-2].last_word_end == pytest.approx(1.2, abs=0.01)
    assert messages[-1].duration == pytest.approx(2.7, abs=0.01)
    assert messages[-1].request_id == results[0].metadata.request_id
    assert server.requests[0].parameters["keyterm"] == ["Deepgram", "customer service"]
    assert [each["type"] for each in server.requests[0].messages] == ["KeepAlive", "CloseStream"]


@library
async def test_the_library_finalizes_and_configures_nova(server: DeepgramServer) -> None:
    from deepgram.listen.v1.types import ListenV1Configure

    async with client_of(server).listen.v1.connect(**NOVA) as stream:
        await stream.send_finalize()
        await stream.send_media(tone())
        await stream.send_finalize()
        result = await stream.recv()
        assert (result.from_finalize, result.is_final) == (True, True)
        assert result.channel.alternatives[0].transcript == "where is my order"
        await stream.send_configure(ListenV1Configure(keyterms=["Cointel"]))
        success = await stream.recv()
        assert (success.type, success.keyterms) == ("ConfigureSuccess", ["Cointel"])
        await stream.send_configure(ListenV1Configure(features={"numerals": True}))
        assert (await stream.recv()).keyterms is None


@library
async def test_the_library_hears_turns_with_flux(server: DeepgramServer) -> None:
    from deepgram.listen.v2.types import ListenV2Configure, ListenV2ConfigureThresholds

    async with client_of(server).listen.v2.connect(**FLUX, eager_eot_threshold=0.4, eot_threshold=0.8) as stream:
        first = await stream.recv()
        assert (first.type, first.sequence_id) == ("Connected", 0)
        await stream.send_media(tone() + quiet(0.6) + tone(2) + quiet(1.0))
        thresholds = ListenV2ConfigureThresholds(eot_threshold=0.5, eot_timeout_ms=900)
        await stream.send_configure(ListenV2Configure(thresholds=thresholds, keyterms=["Cointel"]))
        await stream.send_media(tone())
        await stream.send_force_end_turn()
        await stream.send_close_stream()
        messages = [message async for message in stream]
    both = f"{SAID} No, the other one."
    events = [(each.event, each.transcript) for each in messages if each.type == "TurnInfo" and each.event != "Update"]
    assert events == [
        ("StartOfTurn", "Where"),
        ("EagerEndOfTurn", SAID),
        ("TurnResumed", f"{SAID} No,"),
        ("EagerEndOfTurn", both),
        ("EndOfTurn", both),
        ("StartOfTurn", "Where"),
        ("EndOfTurn", SAID),
    ]
    ends = [each for each in messages if each.type == "TurnInfo" and each.event == "EndOfTurn"]
    assert [(each.turn_index, each.trigger) for each in ends] == [(0, "model"), (1, "manual")]
    assert ends[0].end_of_turn_confidence == 0.8
    assert [each.sequence_id for each in messages] == list(range(1, len(messages) + 1))
    (success,) = [each for each in messages if each.type == "ConfigureSuccess"]
    assert success.thresholds.dict() == {"eager_eot_threshold": 0.4, "eot_threshold": 0.5, "eot_timeout_ms": 900}
    assert success.keyterms == ["Cointel"]


@library
@pytest.mark.parametrize("status", [402, 429, 503])
async def test_the_library_is_refused(server: DeepgramServer, status: int) -> None:
    from deepgram.core.api_error import ApiError

    server.trouble = Trouble("refuse", status=status, times=1)
    with pytest.raises(ApiError) as caught:
        await client_of(server).listen.v2.connect(**FLUX).__aenter__()
    assert caught.value.status_code == status
    async with client_of(server).listen.v2.connect(**FLUX) as stream:
        assert (await stream.recv()).type == "Connected"


@library
async def test_the_library_with_a_wrong_key(server: DeepgramServer) -> None:
    from deepgram.core.api_error import ApiError

    with pytest.raises(ApiError, match="invalid credentials"):
        await client_of(server, key="wrong").listen.v1.connect(**NOVA).__aenter__()


@library
async def test_the_library_is_told_of_failures(server: DeepgramServer) -> None:
    from deepgram.core.events import EventType

    found: list[Any] = []
    server.trouble = Trouble("close", after=0.1, code=1011, reason="NET-0000", times=1)
    async with client_of(server).listen.v1.connect(**NOVA) as stream:
        stream.on(EventType.ERROR, found.append)
        await stream.send_media(tone(1))
        await stream.start_listening()
    assert "1011" in str(found[0])
    server.trouble = Trouble("error", code="INTERNAL_SERVER_ERROR", reason="out of order", times=1)
    async with client_of(server).listen.v2.connect(**FLUX) as stream:
        messages = [message async for message in stream]
    assert (messages[-1].code, messages[-1].description) == ("INTERNAL_SERVER_ERROR", "out of order")


# Nova


async def test_long_sentences_are_final_in_parts(server: DeepgramServer) -> None:
    server.segment_words = 2
    async with dial(server, NOVA) as socket:
        await socket.send(tone() + quiet(0.6))
        await socket.send('{"type": "CloseStream"}')
        messages = await rest(socket)
    assert finals(messages) == [("where is", False), ("my order", False), ("", True)]
    assert socket.close_code == 1000


@pytest.mark.parametrize(
    ("endpointing", "expected"),
    [
        ("300", [("where is my order", True)]),
        ("1000", [("where is my order", False), ("", True)]),
        ("false", [("where is my order", False)]),
    ],
)
async def test_endpointing(server: DeepgramServer, endpointing: str, expected: object) -> None:
    async with dial(server, {**NOVA, "endpointing": endpointing}) as socket:
        await socket.send(tone() + quiet(1.2))
        await socket.send('{"type": "CloseStream"}')
        assert finals(await rest(socket)) == expected


async def test_an_utterance_ends_in_quiet_only(server: DeepgramServer) -> None:
    async with dial(server, {**NOVA, "interim_results": "true", "utterance_end_ms": "1000"}) as socket:
        await socket.send(tone() + quiet(0.8) + tone())
        await socket.send('{"type": "Finalize"}')
        await socket.send(quiet(1.1))
        await socket.send('{"type": "CloseStream"}')
        messages = await rest(socket)
    assert finals(messages) == [("where is my order", True), ("no the other one", False)]
    assert [each["last_word_end"] for each in messages if each["type"] == "UtteranceEnd"] == [3.2]


async def test_silence_has_empty_interims(server: DeepgramServer) -> None:
    async with dial(server, {**NOVA, "interim_results": "true"}) as socket:
        await socket.send(quiet(2.1))
        await socket.send('{"type": "CloseStream"}')
        messages = await rest(socket)
    assert [each["type"] for each in messages] == ["Results", "Results", "Metadata"]
    assert messages[0]["channel"]["alternatives"] == [{"transcript": "", "confidence": 0.0, "words": []}]


async def test_many_languages_are_told(server: DeepgramServer) -> None:
    async with dial(server, {**NOVA, "language": "multi", "language_hint": ["en", "es"]}) as socket:
        await socket.send(tone())
        await socket.send('{"type": "CloseStream"}')
        (found,) = (await rest(socket))[0]["channel"]["alternatives"]
    assert (found["languages"], found["languages_hinted"]) == (["en"], ["en", "es"])
    assert found["words"][0]["language"] == "en"


async def test_nova_2_takes_no_keyterms_on_the_way(server: DeepgramServer) -> None:
    async with dial(server, {**NOVA, "model": "nova-2"}) as socket:
        await socket.send('{"type": "Configure", "keyterms": ["Cointel"]}')
        found = json.loads(await socket.recv())
    assert (found["type"], found["code"]) == ("ConfigureFailure", "CONFIGURE_KEYTERMS_NOT_SUPPORTED")
    assert forgive(server) == ["nova-2 does not support keyterms"]


async def test_too_many_keyterms_on_the_way(server: DeepgramServer) -> None:
    async with dial(server, NOVA) as socket:
        await socket.send(json.dumps({"type": "Configure", "keyterms": ["abcd" * 6] * 90}))
        assert json.loads(await socket.recv())["code"] == "CONFIGURE_KEYTERM_LIMIT_EXCEEDED"
    assert forgive(server)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"type": "ForceEndTurn"}', '{"type": "Configure", "keyterms": "Cointel"}']
)
async def test_nova_says_what_it_could_not_read_and_goes_on(server: DeepgramServer, text: str) -> None:
    async with dial(server, NOVA) as socket:
        await socket.send(text)
        found = json.loads(await socket.recv())
        assert (found["type"], found["variant"]) == ("Error", "SchemaError")
        await socket.send('{"type": "CloseStream"}')
        assert [each["type"] for each in await rest(socket)] == ["Metadata"]
    assert len(forgive(server)) == 1


# Flux


async def test_a_turn_without_eager_events(server: DeepgramServer) -> None:
    async with dial(server, FLUX) as socket:
        await socket.send(tone() + quiet(0.6) + tone() + quiet(0.69))
        await socket.send(quiet(0.02))
        await socket.send('{"type": "CloseStream"}')
        messages = await rest(socket)
    assert turns(messages) == [("StartOfTurn", "Where"), ("EndOfTurn", f"{SAID} No, the other one.")]
    updates = [each["audio_window_end"] for each in messages if each.get("event") == "Update"]
    assert max(np.diff(updates)) <= 0.5
    assert "trigger" not in messages[1]


async def test_no_sound_no_end(server: DeepgramServer) -> None:
    async with dial(server, FLUX) as socket:
        await socket.send(tone())
        await socket.send('{"type": "CloseStream"}')
        messages = await rest(socket)
    assert turns(messages) == [("StartOfTurn", "Where")]
    assert (messages[-1]["event"], messages[-1]["transcript"]) == ("Update", SAID)
    assert socket.close_code == 1005


async def test_a_turn_that_only_time_ends(server: DeepgramServer) -> None:
    async with dial(server, {**FLUX, "eot_threshold": "1.0", "eot_timeout_ms": "1500"}) as socket:
        await socket.send(tone() + quiet(1.6))
        await socket.send('{"type": "ForceEndTurn"}')
        await socket.send('{"type": "CloseStream"}')
        messages = await rest(socket)
    ends = [each for each in messages if each.get("event") == "EndOfTurn"]
    assert [each["trigger"] for each in ends] == ["timeout"]


async def test_languages_of_flux(server: DeepgramServer) -> None:
    asked = {**FLUX, "model": "flux-general-multi", "language_hint": ["en-GB", "es"]}
    async with dial(server, asked) as socket:
        await socket.send('{"type": "Configure", "language_hints": ["es"], "numerals": true}')
        await socket.send(tone())
        await socket.send('{"type": "CloseStream"}')
        messages = await rest(socket)
    assert (messages[1]["language_hints"], messages[1]["numerals"]) == (["es"], True)
    assert (messages[-1]["languages"], messages[-1]["languages_hinted"]) == (["en"], ["es"])


@pytest.mark.parametrize(
    "change",
    [
        {"thresholds": {"eot_threshold": 0.4}},
        {"thresholds": {"eot_timeout_ms": 100}},
        {"thresholds": {"eager_eot_threshold": 0.8}},
        {"language_hints": ["es"]},
        {"keyterms": ["a"] * 101},
    ],
)
async def test_flux_keeps_its_settings_when_it_fails_to_change_them(server: DeepgramServer, change: object) -> None:
    async with dial(server, {**FLUX, "keyterm": "Cointel"}) as socket:
        await socket.send(json.dumps({"type": "Configure", **change}))  # type: ignore[dict-item]
        await socket.send('{"type": "Configure", "thresholds": null}')
        await socket.send('{"type": "CloseStream"}')
        _, failure, success = await rest(socket)
    assert (failure["type"], success["type"]) == ("ConfigureFailure", "ConfigureSuccess")
    assert success["thresholds"] == {"eot_threshold": 0.7, "eot_timeout_ms": 5000}
    assert success["keyterms"] == ["Cointel"]
    assert len(forgive(server)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"type": "KeepAlive"}',
        '{"type": "Finalize"}',
        '{"type": "Configure", "thresholds": {"eot_threshold": "1"}}',
        '{"type": "Configure", "keyterm": ["Cointel"]}',
    ],
)
async def test_flux_ends_at_what_it_cannot_read(server: DeepgramServer, text: str) -> None:
    async with dial(server, FLUX) as socket:
        await socket.send(text)
        messages = await rest(socket)
    assert (messages[-1]["type"], messages[-1]["code"]) == ("Error", "UNPARSABLE_CLIENT_MESSAGE")
    assert socket.close_code == 1005
    assert len(forgive(server)) == 1


# what both refuse


async def refused(server: DeepgramServer, asked: Mapping[str, Any], path: str = "", key: str = "") -> tuple[int, str]:
    """The status and ``err_msg`` of a refusal."""
    with pytest.raises(InvalidStatus) as caught:
        await dial(server, asked, path, key)
    response = caught.value.response
    body = json.loads(response.body or b"")
    assert response.headers["dg-error"] == body["err_msg"]
    assert response.headers["dg-request-id"] == body["request_id"]
    assert body["err_code"]
    return response.status_code, body["err_msg"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({**NOVA, "interim_results": "True"}, "provided string was not `true` or `false`"),
        ({**NOVA, "endpointing": "-1"}, "invalid digit"),
        ({**NOVA, "utterance_end_ms": "1000"}, "interim_results"),
        ({**NOVA, "utterance_end_ms": "500", "interim_results": "true"}, "500"),
        ({**NOVA, "encoding": "pcm"}, "unknown variant `pcm`"),
        ({"model": "nova-3", "encoding": "linear16"}, "sample_rate"),
        ({**NOVA, "channels": "2"}, "channels"),
        ({**NOVA, "keywords": "Cointel"}, "Please use `keyterm` instead"),
        ({**NOVA, "keyterm": ["abcd"] * 101}, "Keyterm limit exceeded"),
        ({**NOVA, "model": ["nova-3", "nova-2"]}, "duplicate field `model`"),
        ({**FLUX, "language": "en"}, "unknown field `language`"),
        ({**FLUX, "eot_threshold": "0.4"}, "0.4 is not between 0.5 and 1.0"),
        ({**FLUX, "eot_threshold": "high"}, "invalid float"),
        ({**FLUX, "eot_timeout_ms": "5000.0"}, "invalid digit"),
        ({**FLUX, "eager_eot_threshold": "0.8"}, "eager_eot_threshold"),
        ({**FLUX, "eager_eot_threshold": "0.2"}, "0.2"),
        ({**FLUX, "keyterm": ""}, "keyterm is empty"),
        ({**FLUX, "language_hint": "es"}, "flux-general-multi"),
        ({**FLUX, "model": "flux-general-multi", "language_hint": "ar"}, "`ar`"),
        ({**FLUX, "sample_rate": "11025"}, "11025"),
    ],
)
async def test_wrong_addresses(server: DeepgramServer, asked: Mapping[str, Any], message: str) -> None:
    model = str(asked["model"])
    status, said = await refused(server, asked, "/v2/listen" if model.startswith("flux") else "/v1/listen")
    assert (status, message in said) == (400, True), said
    assert forgive(server)
    assert not server.requests


@pytest.mark.parametrize(
    "asked",
    [
        {**NOVA, "model": "nova-2", "keyterm": "Cointel"},
        {**NOVA, "utterance_end": "1000"},
        {**NOVA, "keyterm": "['Cointel', 'Deepgram']"},
        {**NOVA, "language_hint": "es"},
    ],
)
async def test_what_deepgram_reads_over_is_a_problem_too(server: DeepgramServer, asked: Mapping[str, Any]) -> None:
    async with dial(server, asked):
        assert len(forgive(server)) == 1


async def test_models_and_languages_it_does_not_have(server: DeepgramServer) -> None:
    for asked in (
        {**NOVA, "model": "nova-9"},
        {**NOVA, "language": "xx"},
        {**NOVA, "model": "nova-2", "language": "ar"},
    ):
        assert await refused(server, asked) == (400, "Bad Request: No such model/language/tier combination found.")
    assert (await refused(server, {**FLUX, "model": "flux-general-xx"}))[0] == 400
    assert (await refused(server, FLUX, "/v1/listen"))[0] == 400
    assert not server.problems
    assert (await refused(server, RAW, "/v2/listen"))[1].endswith("missing field `model`")
    assert forgive(server)


async def test_keys_and_paths(server: DeepgramServer) -> None:
    assert await refused(server, NOVA, key="wrong") == (401, "Invalid credentials.")
    assert not server.problems
    for headers in ({}, {"Authorization": f"Bearer {server.key}"}, {"Authorization": server.key}):
        with pytest.raises(InvalidStatus, match="401"):
            await connect(f"{server.url}/v1/listen?{urlencode(NOVA)}", additional_headers=headers)
    assert forgive(server) == ["no Authorization header"]
    assert (await refused(server, NOVA, "/v3/listen"))[0] == 404
    assert forgive(server) == ["there is no /v3/listen"]


async def test_too_many_streams(server: DeepgramServer) -> None:
    server.concurrency = 1
    async with dial(server, NOVA):
        assert await refused(server, NOVA) == (429, "Too many requests. Please try again later")
        await shrinks_to(server, 1)
    assert server.connections == 2


async def test_the_request_id_is_in_the_header(server: DeepgramServer) -> None:
    async with dial(server, FLUX) as socket:
        assert socket.response is not None
        assert json.loads(await socket.recv())["request_id"] == socket.response.headers["dg-request-id"]


# sound


@pytest.mark.parametrize("encoding", ["linear16", "linear32", "mulaw", "alaw"])
async def test_encodings(server: DeepgramServer, encoding: str) -> None:
    wave = np.frombuffer(tone(), "<i2")
    frames = {
        "linear16": wave.tobytes(),
        "linear32": (wave / 32_768).astype("<f4").tobytes(),
        "mulaw": np.where(wave > 500, 0x90, 0xFF).astype(np.uint8).tobytes(),
        "alaw": np.where(wave > 500, 0xBA, 0xD5).astype(np.uint8).tobytes(),
    }
    async with dial(server, {**NOVA, "encoding": encoding}) as socket:
        await socket.send(frames[encoding])
        await socket.send('{"type": "CloseStream"}')
        messages = await rest(socket)
    assert finals(messages) == [("where is my order", True)]
    assert messages[-1]["duration"] == pytest.approx(1.2, abs=0.01)


def test_laws() -> None:
    assert np.frombuffer(decoded(bytes((0xFF, 0x7F, 0x80, 0x00)), "mulaw"), "<i2").tolist() == [0, 0, 32_124, -32_124]
    assert np.frombuffer(decoded(bytes((0xD5, 0x55, 0xAA, 0x2A)), "alaw"), "<i2").tolist() == [8, -8, 32_256, -32_256]


@pytest.mark.parametrize("asked", [NOVA, FLUX])
async def test_frames_that_are_no_sound(server: DeepgramServer, asked: Mapping[str, str]) -> None:
    async with dial(server, asked) as socket:
        await socket.send(b'{"type": "KeepAlive"}!')
        await socket.send(b"\0")
        await socket.send(b"")
        await rest(socket)
    assert [problem[:20] for problem in forgive(server)] == [
        "a control message mu",
        "1 bytes are no whole",
        "an empty binary mess",
    ]


async def test_sound_of_which_nothing_is_known(server: DeepgramServer) -> None:
    async with dial(server, {"model": "nova-3"}) as socket:
        await socket.send(tone())
        assert await rest(socket) == []
    assert (socket.close_code, socket.close_reason) == (1008, "DATA-0000")
    assert forgive(server)


@pytest.mark.parametrize("asked", [NOVA, FLUX])
@pytest.mark.parametrize("late", [b"\0\0", '{"type": "CloseStream"}'])
async def test_nothing_comes_after_the_end(server: DeepgramServer, asked: Mapping[str, str], late: str | bytes) -> None:
    async with dial(server, asked) as socket:
        await socket.send('{"type": "CloseStream"}')
        await socket.send(late)
        await rest(socket)
    assert forgive(server) == ["a message after CloseStream"]


# the idle


async def test_nova_cuts_off_the_idle(server: DeepgramServer) -> None:
    server.nova_idle = 0.05
    async with dial(server, NOVA) as socket:
        await socket.send(quiet(0.1))
        assert [each["type"] for each in await rest(socket)] == ["Metadata"]
    assert (socket.close_code, "net0001" in (socket.close_reason or "")) == (1011, True)
    assert forgive(server)


async def test_keep_alives_keep_nova_once_there_was_sound(server: DeepgramServer) -> None:
    server.nova_idle = 0.3
    for sound, is_open in ((b"", False), (quiet(0.1), True)):
        async with dial(server, NOVA) as socket:
            if sound:
                await socket.send(sound)
            for _ in range(7):
                await asyncio.sleep(0.05)
                with contextlib.suppress(ConnectionClosed):
                    await socket.send('{"type": "KeepAlive"}')
            assert (socket.close_code is None) == is_open
    assert forgive(server) == ["neither audio nor a keep-alive in time"]


async def test_pings_keep_flux(server: DeepgramServer) -> None:
    server.flux_idle = 0.3
    async with dial(server, FLUX, ping_interval=0.04) as socket:
        for _ in range(7):
            await asyncio.sleep(0.05)
        assert socket.close_code is None
    async with dial(server, FLUX, ping_interval=None) as socket:
        assert [each["type"] for each in await rest(socket)] == ["Connected", "Error"]
    assert socket.close_code == 1005
    assert forgive(server)


# the troubles


@pytest.mark.parametrize("asked", [NOVA, FLUX])
async def test_it_hangs(server: DeepgramServer, asked: Mapping[str, str]) -> None:
    server.trouble = Trouble("hang", times=1)
    with pytest.raises(TimeoutError):
        await dial(server, asked, open_timeout=0.05)
    async with dial(server, asked):
        await shrinks_to(server, 1)
    assert server.connections == 2


@pytest.mark.parametrize("asked", [NOVA, FLUX])
async def test_it_drops(server: DeepgramServer, asked: Mapping[str, str]) -> None:
    server.trouble = Trouble("drop", after=0.5)
    async with dial(server, asked) as socket:
        await socket.send(tone(1))
        await socket.send(tone(1))
        await rest(socket)
    assert socket.close_code == 1006


async def test_it_stalls(server: DeepgramServer) -> None:
    server.trouble = Trouble("stall", times=1)
    async with dial(server, FLUX) as socket:
        assert json.loads(await socket.recv())["type"] == "Connected"
        await socket.send(tone() + quiet(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.05)


@pytest.mark.parametrize("asked", [NOVA, FLUX])
async def test_garbage_and_errors_come_once_a_stream(server: DeepgramServer, asked: Mapping[str, str]) -> None:
    server.trouble = Trouble("garbage", after=0.1)
    async with dial(server, asked) as socket:
        for _ in range(3):
            await socket.send(tone(1))
        await socket.send('{"type": "CloseStream"}')
        texts = [text async for text in socket]
    assert len([text for text in texts if not text.startswith("{")]) == 1


async def test_nova_goes_on_after_an_error(server: DeepgramServer) -> None:
    server.trouble = Trouble("error", code="INTERNAL", reason="out of order")
    async with dial(server, NOVA) as socket:
        found = json.loads(await socket.recv())
        assert found == {"type": "Error", "variant": "INTERNAL", "description": "out of order"}
        await socket.send('{"type": "CloseStream"}')
        assert [each["type"] for each in await rest(socket)] == ["Metadata"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "Bad Request"), (401, "INVALID_AUTH"), (402, "ASR_PAYMENT_REQUIRED"), (403, "INSUFFICIENT_PERMISSIONS"),
     (500, "Internal Server Error"), (502, "Bad Gateway"), (503, "Service Unavailable"), (504, "Gateway Timeout")],
)  # fmt: skip
async def test_statuses(server: DeepgramServer, status: int, code: str) -> None:
    server.trouble = Trouble("refuse", status=status)
    with pytest.raises(InvalidStatus) as caught:
        await dial(server, NOVA)
    response = caught.value.response
    assert (response.status_code, json.loads(response.body or b"")["err_code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/json"


async def test_retry_after(server: DeepgramServer) -> None:
    server.trouble = Trouble("refuse", status=429, headers={"Retry-After": "2"})
    with pytest.raises(InvalidStatus) as caught:
        await dial(server, NOVA)
    assert caught.value.response.headers["Retry-After"] == "2"
    assert json.loads(caught.value.response.body or b"")["err_code"] == "TOO_MANY_REQUESTS"


async def test_it_is_killed_and_revived(server: DeepgramServer) -> None:
    async with dial(server, NOVA) as socket:
        server.kill()
        await rest(socket)
        assert socket.close_code == 1006
        with pytest.raises((ConnectionError, InvalidMessage, EOFError)):
            await dial(server, NOVA)
    server.revive()
    async with dial(server, NOVA):
        assert server.open_connections == 1


async def test_problems_are_told_at_the_end() -> None:
    async def run() -> None:
        async with deepgram_server() as server, dial(server, NOVA) as socket:
            await socket.send('{"type": "CloseStream"}')
            await socket.send('{"type": "KeepAlive"}')
            await rest(socket)

    with pytest.raises(AssertionError, match="after CloseStream"):
        await run()
