"""The emulated Transcribe, with botocore's presigning and frames and amazon-transcribe's streams as its client.

amazon-transcribe itself speaks to another endpoint, `/stream-transcription` over HTTP/2 by awscrt, which has no server
and takes no HTTP/2 without TLS; its serializer, signer and parser are used here over the WebSocket. What is refused
is in test_aws_transcribe_refusals.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from amazon_transcribe.auth import StaticCredentialResolver
from amazon_transcribe.client import TranscribeStreamingClient
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.exceptions import (
    BadRequestException,
    ConflictException,
    HTTPException,
    InternalFailureException,
    LimitExceededException,
    ServiceException,
    ServiceUnavailableException,
)
from amazon_transcribe.handlers import TranscriptResultStreamHandler
from amazon_transcribe.model import TranscriptEvent, TranscriptResultStream
from awscrt.auth import AwsCredentialsProvider, AwsSignatureType, AwsSigningConfig, aws_sign_request
from awscrt.http import HttpHeaders, HttpRequest
from botocore.eventstream import ChecksumMismatch
from tests.emulators._aws_client import (
    PARAMETERS,
    PATH,
    audio_event,
    chunks,
    credentials,
    dial,
    presigned,
    raised,
    read_frame,
    say,
    silence,
    sound,
    transcripts,
    vendor_streams,
)
from tests.emulators.aws_server import AwsServer, aws_server
from tests.emulators.trouble import Trouble
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

SENTENCE = "where is my order?"
GOOD = audio_event(sound(0.1))


@pytest.fixture
async def server() -> AsyncIterator[AwsServer]:
    async with aws_server(sentences=[SENTENCE, "thank you"]) as emulated:
        yield emulated


class Notes(TranscriptResultStreamHandler):
    """What amazon-transcribe hands to its user."""

    def __init__(self, results: TranscriptResultStream) -> None:
        super().__init__(results)
        self.heard: list[tuple[bool, str]] = []

    async def handle_transcript_event(self, transcript_event: TranscriptEvent) -> None:
        for result in transcript_event.transcript.results:
            (alternative,) = result.alternatives or []
            self.heard.append((bool(result.is_partial), alternative.transcript))


# a real use


async def test_sound_becomes_transcripts(server: AwsServer) -> None:
    async with dial(presigned(server.environ)) as connection:
        assert connection.response is not None
        assert all(name in connection.response.headers for name in ("x-amzn-RequestId", "x-amzn-SessionId"))
        await say(connection, silence(0.2) + sound(1.2) + silence(0.6) + sound(0.3), is_last=True)
        found = await transcripts(connection)
    results = [result for event in found for result in event["Transcript"]["Results"]]
    said = [(result["IsPartial"], result["Alternatives"][0]["Transcript"]) for result in results]
    partial = [(True, " ".join(SENTENCE.split()[:count])) for count in (1, 2, 3, 4)]
    assert said == [*partial, (False, SENTENCE), (False, "thank you")]
    assert {"Transcript": {"Results": []}} in found
    assert len({result["ResultId"] for result in results}) == 2
    assert (connection.close_code, server.requests) == (1000, [PARAMETERS])


async def test_items_have_times_marks_and_confidence(server: AwsServer) -> None:
    stable = {"enable-partial-results-stabilization": "true", "partial-results-stability": "high"}
    async with dial(presigned(server.environ, PARAMETERS | stable)) as connection:
        await say(connection, silence(0.2) + sound(1.3), is_last=True)
        (*_, partial, final) = [event["Transcript"]["Results"] for event in await transcripts(connection)]
    items = final[0]["Alternatives"][0]["Items"]
    assert [(item["Content"], item["Type"]) for item in items[-2:]] == [
        ("order", "pronunciation"),
        ("?", "punctuation"),
    ]
    assert (items[1]["StartTime"], items[1]["EndTime"]) == pytest.approx((0.5, 0.8), abs=0.02)
    assert ("Confidence" in items[0], items[0]["Stable"]) == (True, True)
    early = partial[0]["Alternatives"][0]["Items"][0]
    assert ("Confidence" in early, early["Stable"]) == (False, False)
    assert final[0]["EndTime"] == items[-1]["EndTime"]


async def test_amazon_transcribe_signs_its_messages_and_reads_ours(server: AwsServer) -> None:
    url = presigned(server.environ)
    async with dial(url) as connection:
        socket, ears, results = vendor_streams(connection, server.environ, dict(parse_qsl(url))["X-Amz-Signature"])
        notes = Notes(results)
        for chunk in chunks(sound(1.0) + silence(0.6)):
            await ears.send_audio_event(chunk)
        await ears.end_stream()
        await socket.flush()
        await notes.handle_events()
    assert notes.heard[-1] == (False, SENTENCE)
    assert notes.heard[0] == (True, "where")


async def test_amazon_transcribe_s_own_client_wants_http_2(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    keys = credentials(server.environ)
    vendor = TranscribeStreamingClient(
        region=server.keys.region,
        endpoint_resolver=StaticEndpointResolver(server.transcribe.url.replace("ws:", "http:")),
        credential_resolver=StaticCredentialResolver(keys.access_key, keys.secret_key),
    )
    with pytest.raises(HTTPException, match=r"HTTP/2 could not be negotiated"):
        await vendor.start_stream_transcription(
            language_code="en-US", media_sample_rate_hz=16_000, media_encoding="pcm"
        )


@pytest.mark.parametrize("token", [None, "temporary/+="])
async def test_awscrt_signs_as_botocore_does(token: str | None) -> None:
    async with aws_server(token=token) as server:
        base = server.transcribe.url
        headers = HttpHeaders([("host", urlsplit(base).netloc)])
        request = HttpRequest("GET", f"{PATH}?{urlencode(PARAMETERS)}", headers)
        provider = AwsCredentialsProvider.new_static(server.keys.key, server.keys.secret, token)
        config = AwsSigningConfig(
            signature_type=AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
            credentials_provider=provider,
            region=server.keys.region,
            service="transcribe",
            expiration_in_seconds=300,
        )
        await asyncio.wrap_future(aws_sign_request(request, config))
        async with dial(base + request.path) as connection:
            await say(connection, sound(0.4), is_last=True)
            assert await transcripts(connection)


async def test_an_empty_audio_event_within_a_signed_message_is_the_end_too(server: AwsServer) -> None:
    url = presigned(server.environ)
    async with dial(url) as connection:
        socket, ears, results = vendor_streams(connection, server.environ, dict(parse_qsl(url))["X-Amz-Signature"])
        for chunk in (sound(0.4), b""):
            await ears.send_audio_event(chunk)
        await socket.flush()
        assert [event.transcript.results[0].is_partial async for event in results if event.transcript.results] == [
            True,
            False,
        ]


@pytest.mark.parametrize("change", ["another seed", "order", "unsigned after signed"])
async def test_signed_messages_are_a_chain(server: AwsServer, change: str) -> None:
    url = presigned(server.environ)
    seed = "00" * 32 if change == "another seed" else dict(parse_qsl(url))["X-Amz-Signature"]
    async with dial(url) as connection:
        socket, ears, _ = vendor_streams(connection, server.environ, seed)
        for chunk in (sound(0.1), sound(0.2)):
            await ears.send_audio_event(chunk)
        if change == "order":
            socket.written.reverse()
        if change == "unsigned after signed":
            socket.written[1] = audio_event(sound(0.1))
        await socket.flush()
        assert isinstance(await raised(connection), BadRequestException)
    assert "sign" in server.problems.pop()


async def test_languages_are_identified(server: AwsServer) -> None:
    given = {"identify-language": "true", "language-options": "es-US,en-US", "preferred-language": "en-US"}
    parameters = {name: value for name, value in PARAMETERS.items() if name != "language-code"} | given
    async with dial(presigned(server.environ, parameters)) as connection:
        await say(connection, sound(0.4), is_last=True)
        final = (await transcripts(connection))[-1]["Transcript"]["Results"][0]
    assert final["LanguageCode"] == "es-US"


async def test_a_temporary_key_has_its_token_in_the_url() -> None:
    async with aws_server(token="temporary/+=") as server:
        async with dial(presigned(server.environ)) as connection:
            await say(connection, sound(0.4), is_last=True)
            assert await transcripts(connection)
        without = {**server.environ}
        del without["AWS_SESSION_TOKEN"]
        async with dial(presigned(without)) as connection:
            headers, payload = read_frame(await connection.recv())
        assert headers[":exception-type"] == "UnrecognizedClientException"
        assert json.loads(payload) == {"Message": "The security token included in the request is invalid."}


# limits and troubles


async def test_too_many_streams(server: AwsServer) -> None:
    server.transcribe.max_streams = 1
    async with dial(presigned(server.environ)) as first:
        await first.send(GOOD)
        await first.recv()
        async with dial(presigned(server.environ)) as second:
            assert isinstance(await raised(second), LimitExceededException)
        await first.send(audio_event(b""))
        await first.wait_closed()
    async with dial(presigned(server.environ)) as third:
        await say(third, sound(0.4), is_last=True)
        assert await transcripts(third)


async def test_a_stream_of_the_same_session_replaces_the_first(server: AwsServer) -> None:
    session = "01234567-89ab-cdef-0123-456789abcdef"
    url = presigned(server.environ, PARAMETERS | {"session-id": session})
    async with dial(url) as first:
        await first.send(GOOD)
        await first.recv()
        async with dial(url) as second:
            assert isinstance(await raised(first), ConflictException)
            assert second.response is not None
            assert second.response.headers["x-amzn-SessionId"] == session
            await say(second, sound(0.4), is_last=True)
            assert await transcripts(second)


@pytest.mark.parametrize(
    "kind",
    [
        BadRequestException,
        ConflictException,
        InternalFailureException,
        LimitExceededException,
        ServiceUnavailableException,
    ],
)
async def test_exceptions_on_demand(server: AwsServer, kind: type[ServiceException]) -> None:
    server.trouble = Trouble("error", after=0.5, code=kind.__name__, reason="try later", times=1)
    async with dial(presigned(server.environ)) as connection:
        await say(connection, sound(0.6))
        error = await raised(connection)
    assert type(error) is kind
    assert error.message == "try later"  # type: ignore[attr-defined]
    assert server.transcribe.trouble is None


async def test_garbage_has_a_wrong_checksum(server: AwsServer) -> None:
    server.trouble = Trouble("garbage")
    async with dial(presigned(server.environ)) as connection:
        await say(connection, silence(0.1))
        with pytest.raises(ChecksumMismatch):
            read_frame(await connection.recv())


@pytest.mark.parametrize(("kind", "code"), [("close", 1013), ("drop", 1006)])
async def test_streams_that_break(server: AwsServer, kind: Any, code: int) -> None:
    server.trouble = Trouble(kind, after=0.2, code=1013)
    async with dial(presigned(server.environ)) as connection:
        await say(connection, sound(0.3))
        with contextlib.suppress(ConnectionClosed):
            await transcripts(connection)
    assert connection.close_code == code


async def test_a_stalled_stream_says_nothing_more(server: AwsServer) -> None:
    server.trouble = Trouble("stall", times=1)
    async with dial(presigned(server.environ)) as connection:
        await say(connection, sound(1), is_last=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.recv(), 0.05)


async def test_a_hung_connection_is_never_upgraded(server: AwsServer) -> None:
    server.trouble = Trouble("hang", times=1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(dial(presigned(server.environ)), 0.05)
    async with dial(presigned(server.environ)):
        assert server.connections == 2


async def test_a_status_in_place_of_the_upgrade(server: AwsServer) -> None:
    server.trouble = Trouble("refuse", status=429, headers={"Retry-After": "2"}, times=1)
    with pytest.raises(InvalidStatus) as caught:
        await dial(presigned(server.environ))
    response = caught.value.response
    assert (response.status_code, response.headers["Retry-After"]) == (429, "2")


async def test_a_killed_server_comes_back(server: AwsServer) -> None:
    async with dial(presigned(server.environ)) as connection:
        await connection.send(GOOD)
        await connection.recv()
        assert server.open_connections == 1
        server.kill()
        with pytest.raises(ConnectionClosed):
            await transcripts(connection)
    with pytest.raises(InvalidMessage):
        await dial(presigned(server.environ))
    server.revive()
    async with dial(presigned(server.environ)) as connection:
        await say(connection, sound(0.4), is_last=True)
        assert await transcripts(connection)
    assert (server.connections, urlsplit(server.transcribe.url).hostname) == (3, "127.0.0.1")
