"""What the emulated Transcribe refuses: signatures, parameters and messages that AWS would not take."""

from __future__ import annotations

import datetime
import json
from collections.abc import AsyncIterator, Mapping

import pytest
from amazon_transcribe.exceptions import (
    BadRequestException,
)
from tests.emulators._aws_client import (
    AUDIO,
    PARAMETERS,
    audio_event,
    dial,
    presigned,
    raised,
    read_frame,
    say,
    sound,
)
from tests.emulators.aws_server import AwsServer, aws_server
from websockets.exceptions import ConnectionClosedOK, InvalidStatus


@pytest.fixture
async def server() -> AsyncIterator[AwsServer]:
    async with aws_server() as emulated:
        yield emulated


# the request


async def refusal(url: str, origin: str | None = "https://localhost") -> tuple[str, str]:
    """The exception that follows the upgrade at once, and that a close frame follows."""
    async with dial(url, origin) as connection:
        headers, payload = read_frame(await connection.recv())
        with pytest.raises(ConnectionClosedOK):
            await connection.recv()
    assert (headers[":message-type"], headers[":content-type"]) == ("exception", "application/json")
    return headers[":exception-type"], json.loads(payload)["Message"]


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
async def test_wrong_keys_come_after_the_upgrade(server: AwsServer, name: str) -> None:
    code, _ = await refusal(presigned({**server.environ, name: "other"}))
    assert code == "UnrecognizedClientException"
    assert server.requests == []


async def test_presigning_is_read_strictly(server: AwsServer) -> None:
    good = presigned(server.environ)
    bad = {
        "Credential should be scoped to a valid region": presigned({**server.environ, "AWS_REGION": "us-east-1"}),
        "Credential should be scoped to correct service": presigned(server.environ, service="polly"),
        "between 1 and 300": presigned(server.environ, lasts=301),
        "Missing Authentication Token": good.partition("?")[0] + "?language-code=en-US",
        "X-Amz-Date cannot be used": good.replace("X-Amz-Date=2", "X-Amz-Date=x"),
        "Date in Credential scope": good.replace("X-Amz-Date=2", "X-Amz-Date=1"),
    }
    for words, url in bad.items():
        code, message = await refusal(url)
        assert (code, words in message) == ("BadRequestException", True), message
        assert words in server.problems.pop()


@pytest.mark.parametrize("change", [("sample-rate=16000", "sample-rate=8000"), ("host", "host%3Borigin")])
async def test_what_was_not_signed_does_not_pass(server: AwsServer, change: tuple[str, str]) -> None:
    code, message = await refusal(presigned(server.environ).replace(*change))
    assert (code, "does not match the signature" in message) == ("UnrecognizedClientException", True)


@pytest.mark.parametrize(("minutes", "words"), [(-6, "Signature expired"), (6, "not yet current")])
async def test_a_url_is_good_for_its_time(
    server: AwsServer, monkeypatch: pytest.MonkeyPatch, minutes: int, words: str
) -> None:
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: then)
    assert words in (await refusal(presigned(server.environ)))[1]
    assert words in server.problems.pop()


PCM = {"media-encoding": "pcm", "sample-rate": "16000"}
REFUSED: list[Mapping[str, str]] = [
    {"language-code": "en-US", "media-encoding": "pcm"},
    {"language-code": "en-US", "sample-rate": "16000"},
    PARAMETERS | {"media-encoding": "opus"},
    PARAMETERS | {"sample-rate": "7999"},
    PARAMETERS | {"sample-rate": "48001"},
    PARAMETERS | {"session-id": "call-1"},
    PARAMETERS | {"vocabulary-name": "my words"},
    PARAMETERS | {"partial-results-stability": "highest"},
    PARAMETERS | {"enable-partial-results-stabilization": "yes"},
    PARAMETERS | {"show-speaker-label": "true", "enable-channel-identification": "true"},
    PARAMETERS | {"content-redaction-type": "PII", "content-identification-type": "PII"},
    PARAMETERS | {"pii-entity-types": "NAME"},
    PARAMETERS | {"language-options": "en-US,es-US"},
    PARAMETERS | {"identify-language": "true"},
    PCM,
    PCM | {"identify-language": "true", "language-options": "en-US"},
    PCM | {"identify-language": "true", "language-options": "en-US,es-US", "preferred-language": "fr-FR"},
]


@pytest.mark.parametrize("parameters", REFUSED)
async def test_parameters_are_read_strictly(server: AwsServer, parameters: Mapping[str, str]) -> None:
    assert (await refusal(presigned(server.environ, parameters)))[0] == "BadRequestException"
    assert server.problems.pop().startswith("BadRequestException: 1 validation error detected")


async def test_an_unknown_language_is_refused(server: AwsServer) -> None:
    assert (await refusal(presigned(server.environ, PARAMETERS | {"language-code": "tlh"})))[0] == "BadRequestException"


@pytest.mark.parametrize("parameters", [{"keyterm": "x"}, {"media-encoding": "flac"}])
async def test_what_aws_takes_in_silence_is_written_down(server: AwsServer, parameters: dict[str, str]) -> None:
    async with dial(presigned(server.environ, PARAMETERS | parameters)) as connection:
        await say(connection, b"", is_last=True)
        await connection.wait_closed()
    assert len(server.problems) == 1
    server.problems.clear()


async def test_the_request_needs_an_origin(server: AwsServer) -> None:
    async with dial(presigned(server.environ), origin=None) as connection:
        await say(connection, b"", is_last=True)
    assert server.problems.pop() == "the request has no Origin header"


async def test_there_is_one_path(server: AwsServer) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await dial(presigned(server.environ, path="/stream-transcription"))
    assert caught.value.response.status_code == 404
    assert server.problems.pop() == "no such path: /stream-transcription"


# what must not be sent

GOOD = audio_event(sound(0.1))
BAD_MESSAGES: list[tuple[str | bytes, str]] = [
    ("text", "Unexpected WebSocket frame received."),
    (b"", "could not be decoded"),
    (sound(0.1), "could not be decoded"),
    (GOOD[:8] + bytes(4) + GOOD[12:], "checksum of the prelude"),
    (GOOD[:-4] + bytes(4), "checksum of the message"),
    (GOOD + GOOD, "the message says"),
    (audio_event(b"", {}), "no AudioEvent"),
    (audio_event(sound(0.1), AUDIO | {":event-type": "Audio"}), "no AudioEvent"),
    (audio_event(sound(0.1), AUDIO | {":message-type": "exception"}), "no AudioEvent"),
    (audio_event(sound(0.1), AUDIO | {":content-type": "audio/pcm"}), "no AudioEvent"),
    (audio_event(sound(1.001)), "Your stream is too big. Reduce the frame size and try your request again."),
]


@pytest.mark.parametrize(("data", "words"), BAD_MESSAGES)
async def test_messages_are_read_strictly(server: AwsServer, data: str | bytes, words: str) -> None:
    async with dial(presigned(server.environ)) as connection:
        await connection.send(GOOD)
        await connection.send(data)
        error = await raised(connection)
    assert isinstance(error, BadRequestException)
    assert words in error.message
    assert words in server.problems.pop()


async def test_a_second_of_sound_is_not_too_big(server: AwsServer) -> None:
    async with dial(presigned(server.environ)) as connection:
        await connection.send(audio_event(sound(1)))
        assert read_frame(await connection.recv())[0][":message-type"] == "event"


async def test_half_a_sample_is_written_down(server: AwsServer) -> None:
    async with dial(presigned(server.environ)) as connection:
        await connection.send(audio_event(b"abc"))
        await say(connection, b"", is_last=True)
        await connection.wait_closed()
    assert server.problems.pop() == "half a sample: a chunk of 3 bytes"


async def test_nothing_may_follow_the_end() -> None:
    async def go_on() -> None:
        async with aws_server() as server, dial(presigned(server.environ)) as connection:
            await say(connection, sound(0.1), is_last=True)
            await say(connection, sound(0.1))
            await connection.wait_closed()

    with pytest.raises(AssertionError, match="a message after the end of the stream"):
        await go_on()


async def test_a_stream_without_sound_ends(server: AwsServer) -> None:
    server.transcribe.idle_seconds = 0.05
    async with dial(presigned(server.environ)) as connection:
        await connection.send(GOOD)
        error = await raised(connection)
    assert (type(error), str(error.message)) == (  # type: ignore[attr-defined]
        BadRequestException,
        "Your request timed out because no new audio was received for 15 seconds.",
    )
    assert "no new audio" in server.problems.pop()
