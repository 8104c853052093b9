"""The emulated Twilio, driven by its own library, and by what the library would never send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from tests.emulators._twilio_twiml import TwimlError, parse
from tests.emulators.trouble import Trouble
from tests.emulators.twilio_server import TwilioServer, serving, twilio_server
from tests.voice._fakes import until
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

NUMBER, PERSON = "+15551234567", "+15550001111"
HERE = "https://app.example/answered"


def library(twilio: TwilioServer, token: str = "") -> Client:
    client = Client(twilio.account_sid, token or twilio.auth_token)
    client.api.base_url = twilio.environ["TWILIO_API_URL"]
    return client


async def asked(work: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(work)


async def refused(work: Callable[[], Any]) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(work)
    return caught.value.status, caught.value.code


async def test_numbers_are_listed_in_pages_and_configured() -> None:
    async with twilio_server([f"+1555123{n:04}" for n in range(7)]) as twilio:
        numbers = library(twilio).incoming_phone_numbers
        listed = await asked(lambda: numbers.list(page_size=3))
        assert [each.phone_number for each in listed] == list(twilio.numbers)
        await asked(lambda: numbers(listed[0].sid).update(voice_url=HERE, voice_method="POST"))
        assert twilio.numbers["+15551230000"]["voice_url"] == HERE
        assert await refused(lambda: numbers("PN0").update(voice_url=HERE)) == (404, 20404)
        assert await refused(lambda: numbers(listed[0].sid).update(voice_url="nonsense")) == (400, 21502)


async def test_what_a_call_may_not_be_is_refused_as_twilio_does() -> None:
    async with twilio_server([NUMBER]) as twilio:
        calls = library(twilio).calls
        create = lambda **more: lambda: calls.create(**{"to": PERSON, "from_": NUMBER, "url": HERE, **more})  # noqa: E731
        assert await refused(create(to="12")) == (400, 21211)
        assert await refused(create(from_=PERSON)) == (400, 21210)
        assert await refused(create(url="nowhere")) == (400, 21205)
        assert await refused(create(status_callback_event=["gone"])) == (400, 21626)
        assert await refused(create(machine_detection="yes")) == (400, 21222)
        assert await refused(lambda: library(twilio, "wrong").calls.create(to=PERSON, from_=NUMBER, url=HERE)) == (
            401, 20003
        )  # fmt: skip
        assert await refused(lambda: calls("CA0").fetch()) == (404, 20404)
        twilio.trouble = Trouble("refuse", status=429, code=20429, reason="Too Many Requests")
        assert await refused(create()) == (429, 20429)
        assert not twilio.lines


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
async def test_a_call_that_nobody_takes(outcome: str) -> None:
    async with application() as app, twilio_server([NUMBER]) as twilio:
        twilio.outcomes[PERSON] = outcome
        events = ["initiated", "ringing", "answered", "completed"]
        call = await asked(
            lambda: library(twilio).calls.create(
                to=PERSON, from_=NUMBER, url=app.url("/voice"), status_callback=app.url("/status"),
                status_callback_event=events,
            )
        )  # fmt: skip
        assert await twilio.placed[0].over() == outcome
        reports = [form for path, form in app.asked if path == "/status"]  # they overtake each other, as Twilio's may
        told = [form["CallStatus"] for form in sorted(reports, key=lambda form: int(form["SequenceNumber"]))]
        assert (told[0], told[-1]) == ("initiated", outcome)
        assert (await asked(lambda: library(twilio).calls(call.sid).fetch())).status == outcome
        again = lambda: library(twilio).calls(call.sid).update(status="completed")  # noqa: E731
        assert await refused(again) == (400, 21220)


async def test_a_stream_keeps_marks_and_clears_and_is_signed() -> None:
    async with application() as app, twilio_server([NUMBER]) as twilio:
        app.twiml = f"<Response><Connect><Stream url='{app.url('/stream', 'ws')}'><Parameter name='a' value='b'/>"
        app.twiml += "</Stream></Connect></Response>"
        app.sends = [
            {"event": "media", "media": {"payload": "AAAA" * 40 * 4}},  # 60 ms
            {"event": "mark", "mark": {"name": "one"}},
            {"event": "media", "media": {"payload": "AAAA" * 8000}},  # 3 s
            {"event": "mark", "mark": {"name": "two"}},
        ]
        twilio.point(NUMBER, app.url("/voice"))
        line = twilio.call(PERSON, NUMBER)
        stream = await line.streaming()
        await until(lambda: stream.marks)
        assert len(stream.played) >= 3
        await app.say({"event": "clear"})
        await until(lambda: stream.cleared)
        assert (stream.marks, stream.cleared, stream.buffered_seconds) == (["one"], ["two"], 0)
        await line.hang_up()
        assert line.log == ["in-progress", "completed"]
        heard = [message["event"] for message in app.heard]
        assert heard[:3] == ["connected", "start", "media"]
        assert heard[-1] == "stop"
        assert app.heard[1]["start"]["customParameters"] == {"a": "b"}
        assert [message["mark"]["name"] for message in app.heard if message["event"] == "mark"] == ["one", "two"]
        validator = RequestValidator(twilio.auth_token)
        assert all(validator.validate(url, form, signature) for url, form, signature in line.webhooks)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"\x00", "a binary message"),
        ("{", "31950"),
        ({"event": "stop"}, "'stop' is not one"),
        ({"event": "clear", "streamSid": "MZ1"}, "of another stream"),
        ({"event": "media", "media": {"payload": "?"}}, "not base64"),
        ({"event": "media", "media": {"payload": ""}}, "not mu-law"),
        ({"event": "media"}, "without its own object"),
        ({"event": "mark", "mark": {"name": "a"}, "more": 1}, "more than it has"),
    ],
)
async def test_what_a_stream_may_not_be_sent_is_a_problem(message: Any, problem: str) -> None:
    async with application() as app, twilio_server([NUMBER]) as twilio:
        app.twiml = f"<Response><Connect><Stream url='{app.url('/stream', 'ws')}'/></Connect></Response>"
        app.sends = [message]
        twilio.expects_problems = True
        twilio.point(NUMBER, app.url("/voice"))
        line = twilio.call(PERSON, NUMBER)
        await line.streaming()
        await until(lambda: twilio.problems)
        assert problem in twilio.problems[0]
        await line.hang_up()


@pytest.mark.parametrize(
    "document",
    [
        "", "<Response>", "<Answer/>", "<Response><Sing/></Response>", "<Response><Reject reason='no'/></Response>",
        "<Response><Connect><Stream url='wss://a/?b=c'/></Connect></Response>",
        "<Response><Connect><Stream url='https://a/'/></Connect></Response>",
        "<Response><Dial><Queue/></Dial></Response>", "<Response><Say tone='dull'>a</Say></Response>",
    ],
)  # fmt: skip
def test_documents_that_cannot_be_carried_out(document: str) -> None:
    with pytest.raises(TwimlError):
        parse(document.encode())


class Application:
    """An application of somebody's: TwiML, callbacks and a stream."""

    def __init__(self) -> None:
        self.twiml = "<Response><Say>Hello</Say></Response>"
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.heard: list[dict[str, Any]] = []
        self.sends: list[Any] = []
        self.port = 0
        self._sid = ""
        self._socket: WebSocket | None = None

    def url(self, path: str, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    async def say(self, message: Any) -> None:
        assert self._socket is not None
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            text = message if isinstance(message, str) else json.dumps({"streamSid": self._sid, **message})
            await self._socket.send_text(text)

    async def answer(self, request: Request) -> Response:
        from urllib.parse import parse_qsl

        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        self.asked.append((request.url.path, form))
        return Response(self.twiml, media_type="text/xml")

    async def stream(self, socket: WebSocket) -> None:
        await socket.accept()
        self._socket = socket
        async for text in socket.iter_text():
            self.heard.append(json.loads(text))
            if self.heard[-1]["event"] == "start":
                self._sid = self.heard[-1]["streamSid"]
                for message in self.sends:
                    await self.say(message)


def application() -> Any:
    app = Application()
    routes = [
        Route("/voice", app.answer, methods=["POST"]),
        Route("/status", app.answer, methods=["POST"]),
        WebSocketRoute("/stream", app.stream),
    ]
    return serving(Starlette(routes=routes), app)
