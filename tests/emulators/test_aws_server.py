"""The emulated Polly with boto3 as its client, and with requests that boto3 would never send."""

from __future__ import annotations

import asyncio
import datetime
import functools
import json
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import boto3
import httpx
import numpy as np
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from tests.emulators._sound import spoken
from tests.emulators.aws_server import AwsServer, aws_server
from tests.emulators.trouble import Trouble

HELLO = {"OutputFormat": "pcm", "SampleRate": "16000", "Text": "Mary had a little lamb.", "VoiceId": "Joanna"}
MARKS = {"OutputFormat": "json", "SpeechMarkTypes": ["word"], "Text": "Mary had a little lamb.", "VoiceId": "Joanna"}

AT_HAND = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
}
"""Nothing of this machine is looked at, and nothing but loopback."""


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AwsServer]:
    async with aws_server() as emulated:
        for name, value in {**emulated.environ, **AT_HAND}.items():
            monkeypatch.setenv(name, value)
        yield emulated


def client(**changes: str) -> Any:
    """boto3's, which takes keys and endpoint from the environment. The region it takes from another name."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1)
    keys = {"region_name": os.environ["AWS_REGION"], **changes}
    return boto3.client("polly", config=config, **keys)


async def speak(**body: Any) -> tuple[dict[str, Any], bytes]:
    def work() -> tuple[dict[str, Any], bytes]:
        polly = client()
        answer = polly.synthesize_speech(**body)
        return answer, answer["AudioStream"].read()

    return await asyncio.to_thread(work)


async def refused(work: Callable[[], Any]) -> tuple[int, str, str]:
    """Status, name and words of the error that boto3 raises."""
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(work)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


# a real use


@pytest.mark.parametrize("rate", ["8000", "16000"])
async def test_text_becomes_pcm(server: AwsServer, rate: str) -> None:
    answer, audio = await speak(**HELLO | {"SampleRate": rate})
    assert np.array_equal(np.frombuffer(audio, "<i2"), spoken(HELLO["Text"], int(rate))[0])
    assert (answer["ContentType"], answer["RequestCharacters"]) == ("audio/pcm", 23)
    assert server.polly.requests == server.requests == [HELLO | {"SampleRate": rate}]


async def test_pcm_without_a_rate_is_16000(server: AwsServer) -> None:
    _, audio = await speak(OutputFormat="pcm", Text="one", VoiceId="Ruth", Engine="generative")
    assert len(audio) == 2 * 16_000 * 0.3


async def test_words_have_times_and_places_in_bytes(server: AwsServer) -> None:
    answer, marks = await speak(**MARKS | {"Text": "¿Qué tal, José?", "VoiceId": "Lucia", "Engine": "neural"})
    assert answer["ContentType"] == "application/x-json-stream"
    assert [json.loads(line) for line in marks.splitlines()] == [
        {"time": 0, "type": "word", "start": 2, "end": 6, "value": "Qué"},
        {"time": 300, "type": "word", "start": 7, "end": 10, "value": "tal"},
        {"time": 600, "type": "word", "start": 12, "end": 17, "value": "José"},
    ]


async def test_all_marks_of_ssml(server: AwsServer) -> None:
    text = '<speak>Mary <mark name="animal"/>had.</speak>'
    every = ["sentence", "ssml", "viseme", "word"]
    answer, marks = await speak(**MARKS | {"Text": text, "TextType": "ssml", "SpeechMarkTypes": every})
    found = [json.loads(line) for line in marks.splitlines()]
    assert [mark["type"] for mark in found] == ["sentence", "word", "viseme", "ssml", "word", "viseme"]
    assert found[3] == {"time": 300, "type": "ssml", "start": 12, "end": 33, "value": "animal"}
    assert answer["RequestCharacters"] == len("Mary had.")


async def test_voices_are_told_in_pages(server: AwsServer) -> None:
    server.polly.page = 2

    def work() -> list[dict[str, Any]]:
        pages = client().get_paginator("describe_voices").paginate(Engine="generative", LanguageCode="en-US")
        return [voice for page in pages for voice in page["Voices"]]

    assert [voice["Id"] for voice in await asyncio.to_thread(work)] == ["Matthew", "Ruth"]
    hindi = {"LanguageCode": "hi-IN", "IncludeAdditionalLanguageCodes": True}
    (aditi,) = (await asyncio.to_thread(lambda: client().describe_voices(**hindi)))["Voices"]
    assert (aditi["LanguageCode"], aditi["AdditionalLanguageCodes"]) == ("en-IN", ["hi-IN"])
    assert (await refused(lambda: client().describe_voices(NextToken="x")))[1] == "InvalidNextTokenException"
    assert server.problems.pop().startswith("InvalidNextTokenException")


async def test_temporary_keys_need_their_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the keys of the first client
    async with aws_server(token="temporary") as server:
        for name, value in {**server.environ, **AT_HAND}.items():
            monkeypatch.setenv(name, value)
        assert len((await speak(**HELLO))[1]) > 0
        monkeypatch.delenv("AWS_SESSION_TOKEN")
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        assert (await refused(lambda: client().describe_voices()))[1] == "UnrecognizedClientException"


# refusals


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aws_access_key_id": "OTHER"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "other"}, "InvalidSignatureException"),
    ],
)
async def test_wrong_keys(server: AwsServer, changes: dict[str, str], code: str) -> None:
    keys = {
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
    }
    status, found, words = await refused(lambda: client(**keys | changes).describe_voices())
    assert (status, found) == (403, code)
    assert "token included in the request is invalid" in words or "does not match the signature you provided" in words
    assert server.requests == []


async def test_the_wrong_region_is_a_fault(server: AwsServer) -> None:
    assert await refused(lambda: client(region_name="us-east-1").describe_voices()) == (
        403,
        "InvalidSignatureException",
        "Credential should be scoped to a valid region. ",
    )
    assert server.problems.pop() == "InvalidSignatureException: Credential should be scoped to a valid region. "


FAULTS: list[tuple[dict[str, Any], int, str]] = [
    (HELLO | {"SampleRate": "24000"}, 400, "InvalidSampleRateException"),
    (HELLO | {"Text": "a" * 3001}, 400, "TextLengthExceededException"),
    (HELLO | {"SpeechMarkTypes": ["word"]}, 400, "MarksNotSupportedForFormatException"),
    (MARKS | {"SpeechMarkTypes": []}, 400, "ValidationException"),
    (MARKS | {"SpeechMarkTypes": ["ssml"]}, 400, "SsmlMarksNotSupportedForTextTypeException"),
    (MARKS | {"VoiceId": "Ruth", "Engine": "generative"}, 400, "ValidationException"),
    (HELLO | {"TextType": "ssml"}, 400, "InvalidSsmlException"),
    (HELLO | {"TextType": "ssml", "Text": "<speak>a & b</speak>"}, 400, "InvalidSsmlException"),
    (
        HELLO | {"TextType": "ssml", "Engine": "neural", "Text": "<speak>a <emphasis>b</emphasis></speak>"},
        400,
        "InvalidSsmlException",
    ),
    (HELLO | {"Engine": "best"}, 400, "ValidationException"),
    (HELLO | {"OutputFormat": "wav"}, 400, "ValidationException"),
]
ANSWERS: list[tuple[dict[str, Any], int, str]] = [
    (HELLO | {"VoiceId": "Nobody"}, 400, "ValidationException"),
    (HELLO | {"VoiceId": "vc-0a1b"}, 404, "ResourceNotFoundException"),
    (HELLO | {"VoiceId": "Ruth"}, 400, "ValidationException"),
    (HELLO | {"LanguageCode": "es-ES"}, 400, "LanguageNotSupportedException"),
    (HELLO | {"LexiconNames": ["mine"]}, 404, "LexiconNotFoundException"),
]


async def test_what_is_wrong_is_refused_and_written_down(server: AwsServer) -> None:
    polly = client()
    for body, status, code in FAULTS:
        found = await refused(functools.partial(polly.synthesize_speech, **body))
        assert (found[:2], server.problems.pop().partition(":")[0]) == ((status, code), code), body


async def test_what_is_unknown_is_refused(server: AwsServer) -> None:
    polly = client()
    for body, status, code in ANSWERS:
        found = await refused(functools.partial(polly.synthesize_speech, **body))
        assert found[:2] == (status, code), body


async def test_the_engine_is_named_in_words_that_people_report(server: AwsServer) -> None:
    words = (await refused(lambda: client().synthesize_speech(**HELLO | {"VoiceId": "Ruth"})))[2]
    assert words == "This voice does not support the selected engine: standard"


# troubles

ERRORS = {
    "ThrottlingException": 400,
    "ServiceFailureException": 500,
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "ServiceQuotaExceededException": 402,
}


async def test_errors_on_demand(server: AwsServer) -> None:
    polly = client()
    for code, status in ERRORS.items():
        server.trouble = Trouble("error", code=code, reason="Rate exceeded", times=1)
        assert await refused(lambda: polly.synthesize_speech(**HELLO)) == (status, code, "Rate exceeded")
        assert server.polly.trouble is None
    assert len((await speak(**HELLO))[1]) > 0


async def test_a_status_on_demand_keeps_its_headers(server: AwsServer) -> None:
    server.trouble = Trouble("refuse", status=503, headers={"Retry-After": "2"})
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(lambda: client().synthesize_speech(**HELLO))
    metadata = caught.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["HTTPHeaders"]["retry-after"]) == (503, "2")


@pytest.mark.parametrize("kind", ["close", "drop", "garbage"])
async def test_broken_answers(server: AwsServer, kind: Any) -> None:
    server.polly.trouble = Trouble(kind, after=2)
    with pytest.raises((ResponseStreamingError, ConnectionClosedError, HTTPClientError)):
        await speak(**HELLO)


@pytest.mark.parametrize("kind", ["hang", "stall"])
async def test_answers_that_do_not_come(server: AwsServer, kind: Any) -> None:
    server.polly.trouble = Trouble(kind, times=1)

    def work() -> None:
        config = Config(retries={"total_max_attempts": 1}, read_timeout=0.05)
        polly = boto3.client("polly", region_name=os.environ["AWS_REGION"], config=config)
        polly.synthesize_speech(**HELLO)["AudioStream"].read()

    with pytest.raises(ReadTimeoutError):
        await asyncio.to_thread(work)


async def test_a_killed_server_comes_back(server: AwsServer) -> None:
    server.polly.kill()
    with pytest.raises(ConnectionClosedError):
        await speak(**HELLO)
    server.polly.revive()
    assert len((await speak(**HELLO))[1]) > 0
    assert server.polly.connections == 2


# what boto3 would never send


async def ask(server: AwsServer, body: bytes, *, method: str = "POST", path: str = "/v1/speech", **changes: str) -> str:
    """The name of the error of a signed request; headers are changed after signing."""
    request = AWSRequest(method, server.polly.url + path, data=body, headers={"Content-Type": "application/json"})
    keys = Credentials(server.keys.key, server.keys.secret)
    SigV4Auth(keys, "polly", server.keys.region).add_auth(request)
    headers = {name: value for name, value in {**dict(request.headers), **changes}.items() if value}
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.request(method, server.polly.url + path, content=body, headers=headers)
    return str(answer.headers.get("x-amzn-errortype", "")).partition(":")[0]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "SerializationException"),
        (b"[]", "SerializationException"),
        (b'{"OutputFormat": "pcm", "Text": 1, "VoiceId": "Joanna"}', "SerializationException"),
        (b'{"OutputFormat": "pcm", "VoiceId": "Joanna"}', "ValidationException"),
    ],
)
async def test_bodies_are_read_strictly(server: AwsServer, body: bytes, code: str) -> None:
    assert await ask(server, body) == code
    assert server.problems.pop().startswith(code)


async def test_unknown_fields_are_served_and_written_down(server: AwsServer) -> None:
    assert await ask(server, json.dumps(HELLO | {"Speed": 2}).encode()) == ""
    assert server.problems.pop() == "no such field: Speed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Authorization": ""}, "MissingAuthenticationTokenException"),
        ({"Authorization": "Bearer x"}, "IncompleteSignatureException"),
        ({"X-Amz-Date": "20200101T000000Z"}, "InvalidSignatureException"),
        ({"X-Amz-Content-SHA256": "0" * 64}, "InvalidSignatureException"),
    ],
)
async def test_signatures_are_read_strictly(server: AwsServer, changes: dict[str, str], code: str) -> None:
    assert await ask(server, json.dumps(HELLO).encode(), **changes) == code
    assert server.problems.pop().startswith(code)


async def test_another_content_type_than_the_signed_one_does_not_pass(server: AwsServer) -> None:
    found = await ask(server, json.dumps(HELLO).encode(), **{"Content-Type": "application/json; charset=utf-8"})
    assert found == "InvalidSignatureException"


async def test_an_old_signature_has_expired(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=6)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: then)
    assert await ask(server, json.dumps(HELLO).encode()) == "InvalidSignatureException"
    assert "Signature expired" in server.problems.pop()


async def test_other_paths_have_no_operation(server: AwsServer) -> None:
    assert await ask(server, b"{}", path="/v1/synthesisStream") == "UnknownOperationException"
    assert server.problems.pop().startswith("UnknownOperationException")


async def test_the_block_fails_with_the_problems() -> None:
    with pytest.raises(AssertionError, match="no such field: Speed"):
        async with aws_server() as server:
            await ask(server, json.dumps(HELLO | {"Speed": 2}).encode())
