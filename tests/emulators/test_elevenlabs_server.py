"""The emulated ElevenLabs before the vendor's own library, and before clients that do what that library never would."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import numpy as np
import pytest
from elevenlabs import AudioFormat, CommitStrategy, RealtimeEvents, VoiceSettings
from elevenlabs.client import AsyncElevenLabs, ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.core.unchecked_base_model import construct_type
from elevenlabs.errors import UnprocessableEntityError
from elevenlabs.types.audio_output_multi import AudioOutputMulti
from tests.emulators._elevenlabs_sound import from_mu_law, to_mu_law
from tests.emulators._sound import spoken
from tests.emulators.elevenlabs_server import ElevenLabsServer, elevenlabs_server
from tests.emulators.trouble import Trouble
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

GEORGE = "JBFqnCBsd6RMkjVDRZzb"
FLASH = "eleven_flash_v2_5"
ONE_TRY: Any = {"max_retries": 0}


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabsServer]:
    async with elevenlabs_server(["where is my order", "thank you"]) as server:
        yield server


@asynccontextmanager
async def client(server: ElevenLabsServer, key: str | None = None) -> AsyncIterator[AsyncElevenLabs]:
    async with httpx.AsyncClient() as http:
        yield AsyncElevenLabs(base_url=server.url, api_key=key or server.key, httpx_client=http)


async def spoken_by_request(server: ElevenLabsServer, text: str, *, voice: str = GEORGE, **more: Any) -> bytes:
    given = {"model_id": FLASH, "output_format": "pcm_16000", **more}
    async with client(server) as library:
        stream = library.text_to_speech.stream(voice, text=text, request_options=ONE_TRY, **given)
        return b"".join([piece async for piece in stream])


def forgive(server: ElevenLabsServer, *problems: str) -> None:
    """There were exactly these."""
    assert len(server.problems) == len(problems), server.problems
    for found, wanted in zip(server.problems, problems, strict=True):
        assert wanted in found
    server.problems.clear()


def dial(server: ElevenLabsServer, place: str = "multi-stream-input", *, voice: str = GEORGE, **named: Any) -> connect:
    given = {"model_id": FLASH, "output_format": "pcm_16000", **named}
    query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
    headers = {"xi-api-key": server.key}
    url = f"{server.url.replace('http', 'ws')}/v1/text-to-speech/{voice}/{place}?{query}"
    return connect(url, additional_headers=headers)


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def read(socket: ClientConnection) -> Any:
    async with asyncio.timeout(2):
        return json.loads(await socket.recv())


async def to_final(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages until the first isFinal, which is the last of them."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["isFinal"] is not True:
        found.append(await read(socket))
    return found


def sound(messages: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(message["audio"]) for message in messages if message["audio"])


async def ending(socket: ClientConnection) -> tuple[dict[str, Any] | None, int | None, str]:
    """The last message, if there was one, and how the server closed."""
    last = None
    try:
        while True:
            last = await read(socket)
    except ConnectionClosed:
        return last, socket.close_code, socket.close_reason or ""


def expected(text: str, rate: int = 16_000) -> bytes:
    return spoken(text, rate)[0].tobytes()


# the vendor's library


async def test_the_library_speaks_by_request(server: ElevenLabsServer) -> None:
    settings = VoiceSettings(stability=0.4, speed=1.1)
    assert await spoken_by_request(server, "hello there", voice_settings=settings) == expected("hello there")
    assert server.requests[0].body["voice_settings"]["speed"] == 1.1
    assert [said.text for said in server.said] == ["hello there"]


@pytest.mark.filterwarnings("ignore:ConnectionClosed.code is deprecated:DeprecationWarning")
async def test_the_library_speaks_by_one_context(server: ElevenLabsServer) -> None:
    library = ElevenLabs(base_url=server.url, api_key=server.key).text_to_speech
    library._ws_base_url = server.url.replace("http", "ws")  # it makes wss of every base

    def text() -> Iterator[str]:
        yield "Hello there. "
        yield "Goodbye now."

    def speak() -> bytes:
        found = library.convert_realtime(GEORGE, text=text(), model_id=FLASH, output_format="pcm_16000")
        return b"".join(found)

    assert await asyncio.to_thread(speak) == expected("Hello there. Goodbye now.")


async def test_the_library_reads_a_message_of_several_contexts(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        await send(socket, text="one two ", context_id="a", flush=True)
        message = await read(socket)
    read_by_library: Any = construct_type(type_=AudioOutputMulti, object_=message)
    assert read_by_library.context_id == "a"
    assert read_by_library.alignment.chars == list("one two ")
    assert read_by_library.normalized_alignment.chars == list(" one two ")


async def test_the_library_lists_voices_and_models(server: ElevenLabsServer) -> None:
    async with client(server) as library:
        voices = await library.voices.get_all()
        assert {voice.voice_id: voice.name for voice in voices.voices} == dict(server.voices)
        assert (await library.voices.get(GEORGE)).name == "George"
        models = {model.model_id: model for model in await library.models.list()}
    assert models[FLASH].maximum_text_length_per_request == 40_000


async def test_the_library_hears(server: ElevenLabsServer) -> None:
    connection = await AsyncElevenLabs(base_url=server.url, api_key=server.key).speech_to_text.realtime.connect(
        {
            "model_id": "scribe_v2_realtime",
            "audio_format": AudioFormat.PCM_16000,
            "sample_rate": 16_000,
            "commit_strategy": CommitStrategy.VAD,
            "vad_silence_threshold_secs": 0.6,
            "include_timestamps": True,
        }
    )
    heard: asyncio.Queue[Any] = asyncio.Queue()
    for event in RealtimeEvents:
        connection.on(event, heard.put_nowait)
    pcm = np.zeros(16_000 * 5, np.int16)
    pcm[16_000:54_400] = 9_000  # 2.4 s
    for chunk in pcm.reshape(-1, 1_600):
        await connection.send({"audio_base_64": base64.b64encode(chunk.tobytes()).decode()})
    found: list[Any] = []
    async with asyncio.timeout(2):
        while not found or found[-1]["message_type"] != "committed_transcript_with_timestamps":
            found.append(await heard.get())
    await connection.close()
    assert [message["message_type"] for message in found[:2]] == ["session_started", "partial_transcript"]
    assert found[0]["config"]["vad_commit_strategy"] is True
    assert found[1]["text"] == "where is my order"
    assert found[-2] == {"message_type": "committed_transcript", "text": "where is my order"}
    assert [word["text"] for word in found[-1]["words"]] == ["where", "is", "my", "order"]
    assert found[-1]["words"][1]["start"] == pytest.approx(1.3, abs=0.01)


@pytest.mark.parametrize("kind", ["quota_exceeded", "rate_limited", "session_time_limit_exceeded"])
async def test_the_library_hears_of_an_ears_error(server: ElevenLabsServer, kind: str) -> None:
    server.trouble = Trouble("error", after=0.5, code=kind, reason="no more")
    connection = await AsyncElevenLabs(base_url=server.url, api_key=server.key).speech_to_text.realtime.connect(
        {"model_id": "scribe_v2_realtime", "audio_format": AudioFormat.ULAW_8000, "sample_rate": 8_000}
    )
    errors: asyncio.Queue[Any] = asyncio.Queue()
    closed: asyncio.Queue[Any] = asyncio.Queue()
    connection.on(RealtimeEvents.ERROR, errors.put_nowait)
    connection.on(RealtimeEvents.CLOSE, closed.put_nowait)
    await connection.send({"audio_base_64": base64.b64encode(bytes(8_000)).decode()})
    async with asyncio.timeout(2):
        assert await errors.get() == {"message_type": kind, "error": "no more"}
        assert await closed.get() == {"code": 1000, "reason": kind}
    await connection.close()


async def test_a_wrong_key_is_refused_in_each_places_own_way(server: ElevenLabsServer) -> None:
    async with client(server, "sk_wrong") as library:
        with pytest.raises(ApiError) as caught:
            await library.voices.get_all()
        assert caught.value.status_code == 401
        assert caught.value.body["detail"]["status"] == "invalid_api_key"
        connection = await library.speech_to_text.realtime.connect(
            {"model_id": "scribe_v2_realtime", "audio_format": AudioFormat.PCM_16000, "sample_rate": 16_000}
        )
        refused: asyncio.Queue[Any] = asyncio.Queue()
        connection.on(RealtimeEvents.AUTH_ERROR, refused.put_nowait)
        async with asyncio.timeout(2):
            assert (await refused.get())["error"] == "You must be authenticated to use this endpoint."
        await connection.close()


async def test_a_voices_key_comes_in_the_header_or_the_first_message(server: ElevenLabsServer) -> None:
    url = f"{server.url.replace('http', 'ws')}/v1/text-to-speech/{GEORGE}/multi-stream-input?output_format=pcm_16000"
    async with connect(url, additional_headers={"xi-api-key": "sk_wrong"}) as socket:
        assert await ending(socket) == (
            {"message": "Invalid API key", "error": "invalid_api_key", "code": 1008},
            1008,
            "Invalid API key",
        )
    async with connect(url) as socket:
        await send(socket, text=" ", context_id="a", xi_api_key=server.key)
        await send(socket, text="hello ", context_id="a", flush=True)
        assert (await read(socket))["contextId"] == "a"


@pytest.mark.parametrize("status", [400, 402, 403, 404, 429, 500, 503])
async def test_the_library_raises_each_status(server: ElevenLabsServer, status: int) -> None:
    server.trouble = Trouble("refuse", status=status, headers={"Retry-After": "7"}, reason="not now", times=2)
    async with client(server) as library:
        with pytest.raises(ApiError) as caught:
            await library.models.list(request_options=ONE_TRY)
    assert caught.value.status_code == status
    assert caught.value.headers is not None
    assert caught.value.headers["retry-after"] == "7"
    assert caught.value.body["detail"]["message"] == "not now"
    with pytest.raises(InvalidStatus) as refused:
        await dial(server)
    assert refused.value.response.status_code == status
    assert await spoken_by_request(server, "well again")


@pytest.mark.parametrize(
    ("voice", "model", "text", "status", "code"),
    [
        ("nobody", FLASH, "hi", 404, "voice_not_found"),
        (GEORGE, "eleven_x", "hi", 400, "model_not_found"),
        (GEORGE, "eleven_v3", "x" * 5_001, 400, "max_character_limit_exceeded"),
        (GEORGE, FLASH, "hello there", 401, "quota_exceeded"),
    ],
)
async def test_the_library_raises_what_a_request_lacks(
    server: ElevenLabsServer, voice: str, model: str, text: str, status: int, code: str
) -> None:
    server.credits = 5
    with pytest.raises(ApiError) as caught:
        await spoken_by_request(server, text, voice=voice, model_id=model)
    assert (caught.value.status_code, caught.value.body["detail"]["code"]) == (status, code)
    forgive(server, *["character limit"] * (len(text) > 5_000))


async def test_the_library_raises_what_a_request_gets_wrong(server: ElevenLabsServer) -> None:
    with pytest.raises(UnprocessableEntityError):
        await spoken_by_request(server, 7)  # type: ignore[arg-type]
    forgive(server, "got 7")


# contexts


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


# troubles


@pytest.mark.parametrize(
    ("trouble", "error", "code"),
    [
        (Trouble("close", after=1, code=1012), None, 1012),
        (Trouble("error", after=1, code="system_busy", reason="busy"), "system_busy", 1008),
        (Trouble("drop", after=1), None, 1006),
    ],
)
async def test_a_voice_breaks_off(server: ElevenLabsServer, trouble: Trouble, error: str | None, code: int) -> None:
    server.trouble = trouble
    async with dial(server) as socket:
        await send(socket, text="one two three ", context_id="a", flush=True)
        assert (await read(socket))["audio"]
        last, closed, _ = await ending(socket)
    assert (last and last["error"], closed) == (error, code)


async def test_a_voice_stalls_hangs_and_talks_rubbish(server: ElevenLabsServer) -> None:
    server.trouble = Trouble("garbage", times=1)
    async with dial(server) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        assert await socket.recv() == "<html>502 Bad Gateway</html>"
        assert (await read(socket))["audio"]
        server.trouble = Trouble("stall")
        await send(socket, text="two ", context_id="a", flush=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await socket.recv()
    server.trouble = Trouble("hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await dial(server)
    server.trouble = Trouble("stall", after=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await spoken_by_request(server, "one two three")
    server.trouble = Trouble("stall", after=0.1)
    async with listen(server) as socket:
        await socket.send(chunk(3_200, commit=True))
        assert (await read(socket))["message_type"] == "session_started"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await socket.recv()
    async with asyncio.timeout(1):
        while server.open_connections:  # noqa: ASYNC110  (it notices a little later that all clients left)
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("kind", ["close", "drop", "garbage"])
async def test_a_request_breaks_off(server: ElevenLabsServer, kind: Any) -> None:
    server.trouble = Trouble(kind, after=1, times=1)
    with pytest.raises(httpx.TransportError):
        await spoken_by_request(server, "one two three")
    assert await spoken_by_request(server, "one") == expected("one")


async def test_it_is_killed_and_comes_back(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        await read(socket)
        assert (server.connections, server.open_connections) == (1, 1)
        server.kill()
        assert (await ending(socket))[1] == 1006
    with pytest.raises((ConnectionError, InvalidMessage)):  # by when the reset is seen
        await dial(server)
    assert server.open_connections == 0
    server.revive()
    async with dial(server) as socket:
        await send(socket, text="one ", context_id="a", flush=True)
        assert (await read(socket))["audio"]


# what no client must do

SETTINGS = {"stability": 0.5}
NOTHING = {"text": "", "context_id": "a"}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([{"text": " ", "context_id": str(n)} for n in range(6)], "max_active_conversations: Maximum simultaneous"),
        (
            [{"text": "", "context_id": "a"}, {"text": " ", "context_id": "a", "voice_settings": SETTINGS}],
            "must be pro",
        ),
        ([{"text": " ", "voice_settings": {"speed": 2}}], "expected to be greater or equal to 0.7"),
        ([{"text": " ", "voice_settings": {"pitch": 2}}], "Unknown setting pitch"),
        ([{"text": " ", "generation_config": {"chunk_length_schedule": [20]}}], "range 50-500"),
        ([{"text": 7}], "text is 7"),
        ([{"text": "a ", "flush": "yes"}], "flush is 'yes'"),
        ([b"{}"], "not a JSON object in a text frame"),
        (["[]"], "not a JSON object in a text frame"),
    ],
)
async def test_a_socket_refuses(server: ElevenLabsServer, messages: list[Any], problem: str) -> None:
    async with dial(server) as socket:
        for message in messages:
            await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        last, code, _ = await ending(socket)
    assert last is not None
    assert code == last["code"] == 1008
    assert problem in f"{last['error']}: {last['message']}"
    assert problem in server.problems.pop()
    forgive(server, *["opened by a message without text"] * (messages[0] == NOTHING))


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([{"context_id": "a", "flush": True}], "context a was opened by a message without text"),
        ([{"text": "", "context_id": "a"}], "context a was opened by a message without text"),
        ([{"text": "a ", "language": "en"}], "an unknown field language"),
        ([{"close_socket": True}, {"text": "a "}], "a message after the last one"),
    ],
)
async def test_a_socket_minds(server: ElevenLabsServer, messages: list[Any], problem: str) -> None:
    async with dial(server) as socket:
        for message in messages:
            await send(socket, **message)
        if not messages[0].get("close_socket"):
            await send(socket, close_socket=True)
        assert (await ending(socket))[1] == 1000
    forgive(server, problem)


async def test_settings_may_be_said_again_and_keep_alives_need_no_context(server: ElevenLabsServer) -> None:
    async with dial(server) as socket:
        await send(socket, text="")
        for _ in range(2):
            await send(socket, text=" ", context_id="a", voice_settings=SETTINGS)
        await send(socket, text="", context_id="a")
        await send(socket, text="one ", context_id="a", flush=True)
        assert (await read(socket))["audio"]


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ({"inactivity_timeout": 181}, 403),
        ({"auto_mode": "yes"}, 403),
        ({"output_format": "pcm_11025"}, 403),
        ({"output_format": "mp3_44100_128"}, 403),
        ({"output_format": None}, 403),
        ({"apply_text_normalization": "always"}, 403),
        ({"place": "stream"}, 403),
    ],
)
async def test_an_upgrade_is_refused(server: ElevenLabsServer, named: dict[str, Any], status: int) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await dial(server, **named)
    assert caught.value.response.status_code == status
    assert server.problems
    server.problems.clear()


@pytest.mark.parametrize(
    ("named", "problems"),
    [
        ({"language_code": "en-US"}, ["no language en-US", "unsupported_language"]),
        ({"language": "en"}, ["unknown parameter language"]),
        ({"language_code": "xx"}, ["no language xx"]),
        ({"apply_text_normalization": "on"}, ["cannot be on for eleven_flash_v2_5"]),
    ],
)
async def test_an_upgrade_is_minded(server: ElevenLabsServer, named: dict[str, Any], problems: list[str]) -> None:
    async with dial(server, **named) as socket:
        with suppress(ConnectionClosed):
            await send(socket, close_socket=True)
        await ending(socket)
    forgive(server, *problems)


async def test_one_context_begins_with_a_space_and_ends_with_nothing(server: ElevenLabsServer) -> None:
    for first in (" ", "one "):
        async with dial(server, "stream-input") as socket:
            await send(socket, text=first)
            await send(socket, text="two ", flush=True)
            assert (await read(socket))["isFinal"] is None
            await send(socket, text="")
            assert "contextId" not in (await to_final(socket))[-1]
            assert (await ending(socket))[1] == 1000
    forgive(server, "must have the text ' '")


async def test_the_end_of_the_block_minds_what_was_wrong() -> None:
    block = elevenlabs_server()
    server = await block.__aenter__()
    server.problem("something")
    with pytest.raises(AssertionError, match="something"):
        await block.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/nothing", None, 404),
        ("GET", f"/v1/text-to-speech/{GEORGE}/stream", None, 405),
        ("POST", f"/v1/text-to-speech/{GEORGE}/stream?output_format=pcm_16000", {}, 422),
        ("POST", f"/v1/text-to-speech/{GEORGE}/stream?output_format=x", {"text": "hi"}, 403),
        ("POST", f"/v1/text-to-speech/{GEORGE}/stream", {"text": "a", "voice_settings": {"style": 2}}, 400),
    ],
)
async def test_a_request_is_refused(server: ElevenLabsServer, method: str, path: str, body: Any, status: int) -> None:
    async with httpx.AsyncClient(headers={"xi-api-key": server.key}) as http:
        answer = await http.request(method, server.url + path, json=body)
    assert answer.status_code == status
    forgive(server, f"{status}: ")


# the ear


def listen(server: ElevenLabsServer, query: str = "model_id=scribe_v2_realtime") -> connect:
    url = f"{server.url.replace('http', 'ws')}/v1/speech-to-text/realtime?{query}"
    return connect(url, additional_headers={"xi-api-key": server.key})


def chunk(samples: int, level: int = 0, **more: Any) -> str:
    audio = base64.b64encode(np.full(samples, level, "<i2").tobytes()).decode()
    message = {"message_type": "input_audio_chunk", "audio_base_64": audio, "commit": False, "sample_rate": 16_000}
    return json.dumps({**message, **more})


async def committed(socket: ClientConnection) -> str:
    while (message := await read(socket))["message_type"] != "committed_transcript":
        assert message["message_type"] == "partial_transcript"
    return str(message["text"])


async def test_an_ear_commits_when_it_is_told(server: ElevenLabsServer) -> None:
    async with listen(server) as socket:
        assert (await read(socket))["message_type"] == "session_started"
        await socket.send(chunk(24_000, 9_000, previous_text="so"))
        await socket.send(chunk(0, commit=True))
        assert await committed(socket) == "where is my order"
        await socket.send(chunk(16_000))
        await socket.send(chunk(9_600, 9_000, commit=True))
        assert await committed(socket) == "thank you"
        await socket.send(chunk(9_600, commit=True))
        assert await committed(socket) == ""


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([chunk(160, commit=True)], "commit_throttled: Commit request ignored: only 0.01s of"),
        ([chunk(160, sample_rate=8_000)], "input_error: sample_rate 8000"),
        ([chunk(160), chunk(160, previous_text="so")], "input_error: previous_text"),
        ([chunk(160, audio_base_64="%")], "input_error: audio_base_64 is not base64"),
        ([chunk(160, message_type="audio")], "input_error: not an input_audio_chunk"),
        ([chunk(160, commit=None)], "input_error: missing or wrong"),
        ([b"\0\0"], "input_error: not an input_audio_chunk"),
    ],
)
async def test_an_ear_refuses(server: ElevenLabsServer, messages: list[Any], problem: str) -> None:
    async with listen(server) as socket:
        for message in messages:
            await socket.send(message)
        last, code, reason = await ending(socket)
    assert last is not None
    assert (last["message_type"], code) == (reason, 1000)
    assert problem in f"{last['message_type']}: {last['error']}"
    forgive(server, problem)


@pytest.mark.parametrize("query", ["", "model_id=scribe_v1", "model_id=scribe_v2_realtime&language_code=en-US"])
async def test_an_ear_refuses_its_parameters(server: ElevenLabsServer, query: str) -> None:
    async with listen(server, query) as socket:
        last, code, _ = await ending(socket)
    assert last is not None
    assert (last["message_type"], code) == ("invalid_request", 1008)
    forgive(server, "invalid_request")


async def test_an_ear_gives_up_on_silence_and_suffers(server: ElevenLabsServer) -> None:
    server.silent_seconds = 0.02
    async with listen(server) as socket:
        assert (await ending(socket))[2] == "insufficient_audio_activity"
    server.silent_seconds = 5.0
    for trouble, code in [(Trouble("close", after=0.1, code=1011), 1011), (Trouble("drop", after=0.1), 1006)]:
        server.trouble = trouble
        async with listen(server) as socket:
            await socket.send(chunk(800))
            await socket.send(chunk(800))
            assert (await ending(socket))[1] == code
