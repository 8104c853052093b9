"""Twilio's door on a real server: what it lets in, and what it does not."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.emulators._twilio_twiml import Verb, parse
from tests.emulators.speech import emulated
from tests.voice._door import Answer, Socket, client, get, server
from tests.voice._stage import LOOKING
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.voice.surface import MAX_FORM as MAX_BODY

PUBLIC = "https://voice.example.com/phones"
SID, TOKEN = "AC" + "1" * 32, "hush"
ENVIRON = {"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_API_URL": "http://127.0.0.1:9"}
NUMBER, PERSON = "+15551234567", "+15550001111"


@asynccontextmanager
async def door(**settings: Any) -> AsyncIterator[tuple[str, Socket]]:
    own = {"llm": LOOKING, "stt": "emulated", "voice": "emulated"}
    with emulated():
        async with (
            server(**{"environ": ENVIRON, "public_url": PUBLIC + "/", **settings}) as address,
            client(address, "desk", **own) as runner,
        ):
            await runner.send("channel.add", agent_id="desk", type="phone", ref=NUMBER)
            await runner.until("channel.added")
            yield address, runner


def form(call: str = "CA1", **more: str) -> dict[str, str]:
    return {"AccountSid": SID, "CallSid": call, "From": PERSON, "To": NUMBER, "CallStatus": "ringing", **more}


async def post(
    address: str, path: str, fields: Mapping[str, str], *, signed: str | None = None, token: str = TOKEN
) -> Answer:
    given = RequestValidator(token).compute_signature(PUBLIC + path, fields) if signed is None else signed
    return await get(
        address,
        path,
        method="POST",
        body=urlencode(fields).encode(),
        content_type="application/x-www-form-urlencoded",
        **({"x_twilio_signature": given} if given else {}),
    )


def stream_of(answer: Answer) -> Verb:
    (verb,) = parse(answer.body)
    return verb.nouns[0]


async def opened(address: str, token: str, call: str = "CA1", account: str = SID) -> tuple[int, str] | None:
    """Open a stream, and say how the server closed it; ``None`` where it did not."""
    kind = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start = {"streamSid": "MZ1", "callSid": call, "accountSid": account, "mediaFormat": kind}
    async with connect(f"ws://{address}/twilio/stream") as socket:
        try:
            await socket.send(json.dumps({"event": "start", "start": {**start, "customParameters": {"token": token}}}))
            async with asyncio.timeout(0.3):
                await socket.recv()
        except TimeoutError:
            await socket.send('{"event":"stop"}')
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")
    return None


async def test_a_call_that_twilio_signed_is_told_to_open_a_stream() -> None:
    async with door() as (address, runner):
        answer = await post(address, "/twilio/voice", form())
        assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, "text/xml")
        noun = stream_of(answer)
        assert noun.attributes["url"] == "wss://voice.example.com/phones/twilio/stream"
        token = noun.nouns[0].attributes["value"]
        assert await opened(address, token) is None
        assert (await runner.until("call.started"))["call_id"] == "CA1"
        assert (await runner.until("call.ended"))["reason"] == "hangup"


async def test_forged_requests_are_refused() -> None:
    async with door() as (address, runner):
        fields = form()
        right = RequestValidator(TOKEN).compute_signature(PUBLIC + "/twilio/voice", fields)
        http = RequestValidator(TOKEN).compute_signature(f"http://{address}/twilio/voice", fields)
        for signed in ("", "nonsense", right[:-2] + "A=", http):
            assert (await post(address, "/twilio/voice", fields, signed=signed)).status == 403
        assert (await post(address, "/twilio/voice", fields, token="another")).status == 403
        assert (await post(address, "/twilio/voice", {**fields, "To": "+1555"}, signed=right)).status == 403
        assert (await post(address, "/twilio/status", fields, signed=right)).status == 403
        other = {**fields, "AccountSid": "AC2"}
        assert (await post(address, "/twilio/voice", other)).status == 403
        for path in ("/twilio/status/x", "/twilio/answered/x", "/twilio/announce/x"):
            assert (await post(address, path, fields, signed="nonsense")).status == 403
        assert await runner.so_far() == []


async def test_a_copy_of_a_request_opens_nothing() -> None:
    async with door() as (address, _):
        assert (await post(address, "/twilio/voice", form())).status == 200
        again = await post(address, "/twilio/voice", form())
        assert (again.status, again.json["detail"]) == (403, "this call was answered before")
        assert (await post(address, "/twilio/answered/never", form())).status == 403
        assert (await post(address, "/twilio/announce/never", form())).status == 403
        assert (await post(address, "/twilio/status/never", form(CallStatus="completed"))).status == 204


async def test_a_stream_is_opened_once_and_by_its_own_call() -> None:
    async with door() as (address, runner):
        tokens = {}
        for call in ("CA1", "CA2", "CA3"):
            answer = await post(address, "/twilio/voice", form(call))
            tokens[call] = stream_of(answer).nouns[0].attributes["value"]
        refused = (1008, "no stream of this call is awaited")
        assert await opened(address, "guess") == refused
        assert await opened(address, "") == refused
        assert await opened(address, tokens["CA2"], "CA1") == refused
        assert await opened(address, tokens["CA2"], "CA2") == refused, "whoever tried it has used it up"
        assert await opened(address, tokens["CA3"], "CA3", account="AC2") == refused
        assert await opened(address, tokens["CA1"]) is None
        assert await opened(address, tokens["CA1"]) == refused
        await runner.until("call.ended", call_id="CA1")
        assert [frame["call_id"] for frame in runner.frames if frame["event"] == "call.started"] == ["CA1"]


async def test_a_form_that_is_too_large_is_not_read() -> None:
    async with door() as (address, _):
        answer = await post(address, "/twilio/voice", form(Note="x" * MAX_BODY))
        assert answer.status == 413


@pytest.mark.parametrize("lacking", [{"environ": {}}, {"public_url": ""}, {"public_url": "voice.example.com"}])
async def test_without_its_settings_nothing_is_served(lacking: dict[str, Any]) -> None:
    async with door(**lacking) as (address, runner):
        added = next(frame for frame in runner.frames if frame["event"] == "channel.added")
        assert added["served"] is False
        answer = await post(address, "/twilio/voice", form())
        assert (answer.status, [answer.json["detail"]]) == (503, added["notes"])
        assert ("TWILIO_AUTH_TOKEN" in answer.body.decode()) is ("environ" in lacking)
        assert ("PINECALL_PUBLIC_URL" in answer.body.decode()) is ("public_url" in lacking)


async def test_without_the_extra_a_stream_is_closed_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pinecall_run.transports.twilio_stream", raising=False)
    monkeypatch.setitem(sys.modules, "pinecall_run.transports.twilio_media", None)
    async with door() as (address, _):
        code, reason = await opened(address, "t") or (0, "")
        assert (code, "pip install" in reason) == (1011, True)


async def test_requests_of_no_form_are_refused() -> None:
    async with door() as (address, _):
        for fields in ({}, {"AccountSid": SID}, {"AccountSid": SID, "CallSid": ""}):
            assert (await post(address, "/twilio/voice", fields)).status == 403
        assert (await get(address, "/twilio/voice")).status == 405


async def test_only_so_many_sockets_may_think_about_whose_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecall_run.voice.twilio_door.MAX_OPENING", 1)
    async with door() as (address, runner):
        answer = await post(address, "/twilio/voice", form())
        token = stream_of(answer).nouns[0].attributes["value"]
        async with connect(f"ws://{address}/twilio/stream") as silent:
            await silent.ping()
            assert await opened(address, token) == (1013, "too many streams begin at once")
        assert await opened(address, token) is None
        await runner.until("call.ended")


async def crowded(address: str, runner: Socket, **limits: Any) -> Answer:
    """The second call to an agent that takes one."""
    config = {"limits": {"max_calls": 1, **limits}}
    await runner.send("agent.configure", agent_id="desk", config=config)
    await runner.until("agent.configured")
    token = stream_of(await post(address, "/twilio/voice", form("CA1"))).nouns[0].attributes["value"]
    kind = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start = {"streamSid": "MZ1", "callSid": "CA1", "accountSid": SID, "mediaFormat": kind}
    async with connect(f"ws://{address}/twilio/stream") as socket:
        await socket.send(json.dumps({"event": "start", "start": {**start, "customParameters": {"token": token}}}))
        await runner.until("call.started", call_id="CA1")
        answer = await post(address, "/twilio/voice", form("CA2"))
        if b"<Stream" in answer.body:
            token = stream_of(answer).nouns[0].attributes["value"]
            assert await listened(address, {**start, "callSid": "CA2", "customParameters": {"token": token}})
        await runner.send("ping")
        await runner.until("pong")
        assert "call.ended" not in [frame["event"] for frame in runner.frames], "who talks is not disturbed"
    return answer


async def listened(address: str, start: dict[str, Any]) -> tuple[int, int]:
    """How many messages of sound a stream gets, played as they come, and how it is closed."""
    sounds = 0
    async with connect(f"ws://{address}/twilio/stream") as socket:
        await socket.send(json.dumps({"event": "start", "start": start}))
        try:
            async with asyncio.timeout(10):
                async for message in socket:
                    told = json.loads(message)
                    sounds += told["event"] == "media"
                    if told["event"] == "mark":
                        await socket.send(json.dumps({"event": "mark", "mark": told["mark"]}))
        except ConnectionClosed:
            pass
        return sounds, socket.close_code or 0


async def test_one_caller_too_many_hears_the_agent_say_so_and_the_other_talks_on() -> None:
    async with door() as (address, runner):
        answer = await crowded(address, runner, overflow="All lines are busy.")
        assert b"<Connect><Stream" in answer.body
        assert "AT_CAPACITY" in [frame.get("code") for frame in runner.frames]
        assert [frame["call_id"] for frame in runner.frames if frame["event"] == "call.started"] == ["CA1"]


async def test_without_words_it_is_busy() -> None:
    async with door() as (address, runner):
        assert b'<Reject reason="busy"/>' in (await crowded(address, runner)).body


async def test_without_a_voice_of_ours_twilio_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecall_run.voice.call_reception.CallReception.can_speak", lambda *_: False)
    async with door() as (address, runner):
        await runner.send("agent.configure", agent_id="desk", language="es")
        answer = await crowded(address, runner, overflow={"en": "All busy.", "es": "Todo ocupado & más."})
        said = '<Response><Say language="es-ES">Todo ocupado &amp; más.</Say></Response>'
        assert said in answer.body.decode()
