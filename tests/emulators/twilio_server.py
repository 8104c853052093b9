"""A server on loopback that speaks Twilio's REST API, and a telephone network behind it.

    async with twilio_server() as twilio:
        twilio.environ                    # TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_API_URL
        twilio.point("+15551234567", "http://127.0.0.1:7420/twilio/voice")
        line = twilio.call("+15550001111", "+15551234567")     # somebody calls: the webhook is asked, signed
        stream = await line.streaming()
        line.say(mu_law)                  # in real time, 20 ms at a time
        stream.played, stream.clears      # what the person heard, and when
        await line.hang_up()
        twilio.outcomes["+15552223333"] = "busy"               # what comes of calls that are placed by REST
        twilio.placed                     # the lines of those calls

Calls are the ones of ``_twilio_line.py``, their sound is in ``_twilio_stream.py``, TwiML in ``_twilio_twiml.py``. What
the real one would refuse or complain of is in ``problems`` too, which must be empty at the end of the block, unless
``expects_problems``.

Trouble: ``refuse`` (any status, in Twilio's form), ``hang`` and ``garbage`` strike REST requests.

Served: ``Calls.json`` (POST), ``Calls/SID.json`` (GET, POST Status=completed|canceled, Twiml, Url),
``IncomingPhoneNumbers.json`` (GET, in pages) and ``IncomingPhoneNumbers/SID.json`` (POST), under
``/2010-04-01/Accounts/SID/``.

Sources, read in November 2026: https://www.twilio.com/docs/voice/api/call-resource,
https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource,
https://www.twilio.com/docs/usage/twilios-response, https://www.twilio.com/docs/usage/webhooks/webhooks-security,
https://www.twilio.com/docs/voice/twiml (and /reject, /dial, /number, /stream, /connect),
https://www.twilio.com/docs/voice/media-streams/websocket-messages, https://www.twilio.com/docs/voice/answering-machine-detection,
https://www.twilio.com/docs/api/errors, and the resources of twilio 9.13.0. Signatures are that library's.
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.emulators._twilio_line import FINAL, Line
from tests.emulators._twilio_twiml import TwimlError, parse
from tests.emulators.trouble import Trouble
from tests.voice._fakes import until

E164 = re.compile(r"\+[1-9]\d{6,14}")
EVENTS = frozenset(("initiated", "ringing", "answered", "completed"))
CREATE = frozenset((
    "To", "From", "Url", "Method", "Twiml", "StatusCallback", "StatusCallbackMethod", "StatusCallbackEvent", "Timeout",
    "MachineDetection", "MachineDetectionTimeout",
))  # fmt: skip
"""The parameters of a call that are looked at; others are problems here."""
UPDATE = frozenset(("Status", "Twiml", "Url", "Method"))
PAGE = 50


class TwilioServer:
    """What a test sees of it.

    Attributes:
        outcomes: by number, what becomes of calls to it: ``answer`` (the default), ``busy``, ``no-answer``, ``failed``.
        answered_by: by number, what answering-machine detection finds, where it is asked for.
        ring_seconds: how long it rings before that.
        requests: method, path and parameters of each REST request that was let in.
    """

    def __init__(self, numbers: Sequence[str]) -> None:
        self.account_sid, self.auth_token = "AC" + secrets.token_hex(16), secrets.token_hex(16)
        self.environ: Mapping[str, str] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.problems: list[str] = []
        self.expects_problems = False
        self.trouble: Trouble | None = None
        self.numbers = {number: self._number(number) for number in numbers}
        self.lines: list[Line] = []
        self.placed: list[Line] = []
        self.outcomes: dict[str, str] = {}
        self.answered_by: dict[str, str] = {}
        self.ring_seconds = 0.02
        self.port = 0
        self._dialing: set[asyncio.Task[None]] = set()

    def _number(self, number: str) -> dict[str, Any]:
        return {
            "sid": "PN" + secrets.token_hex(16),
            "account_sid": self.account_sid,
            "friendly_name": number,
            "phone_number": number,
            "voice_url": "https://demo.twilio.com/welcome/voice/",
            "voice_method": "POST",
            "status_callback": "",
            "status_callback_method": "POST",
            "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
        }

    # the telephone network

    def point(self, number: str, url: str, status_url: str = "") -> None:
        """Set a number's webhook, as a person does in the console."""
        self.numbers[number] |= {"voice_url": url, "status_callback": status_url}

    def call(self, from_: str, to: str) -> Line:
        """Somebody calls one of the numbers."""
        number = self.numbers[to]
        line = self._line(from_, to, "inbound", number["voice_url"])
        line.status, line.status_url = "ringing", number["status_callback"]
        line.begin()
        return line

    def _line(self, from_: str, to: str, direction: str, url: str = "") -> Line:
        sid = "CA" + secrets.token_hex(16)
        line = Line(sid, from_, to, direction, self.account_sid, self.auth_token, self.problems, url)
        self.lines.append(line)
        return line

    async def _ring(self, line: Line) -> None:
        """A call that was placed, from dialling to its answer."""
        outcome = self.outcomes.get(line.to, "answer")
        await line.becomes("initiated")
        await asyncio.sleep(0)
        if outcome != "failed":
            await line.becomes("ringing")
            await asyncio.sleep(self.ring_seconds)
        if line.status in FINAL:
            return
        if outcome == "answer":
            await line.becomes("in-progress", "answered")
            line.begin()
        else:
            await line.ended(outcome)

    # REST

    async def serve(self, request: Request) -> Response:
        """One request, through the door."""
        trouble = self.trouble
        if trouble is not None and trouble.kind == "hang":
            await asyncio.sleep(3600)
        if trouble is not None and trouble.kind == "garbage":
            return Response("<html>busy</html>", 200)
        if trouble is not None:
            return error(trouble.status, int(trouble.code), trouble.reason)
        wanted = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {wanted}":
            return error(401, 20003, "Authenticate")
        form = parse_qs((await request.body()).decode(), keep_blank_values=True, strict_parsing=False)
        path = request.url.path.removeprefix(f"/2010-04-01/Accounts/{self.account_sid}/")
        self.requests.append((request.method, path, {key: " ".join(values) for key, values in form.items()}))
        match request.method, *path.removesuffix(".json").split("/"):
            case "POST", "Calls":
                return self._create(form)
            case ("POST" | "GET") as method, "Calls", sid:
                found = next((line for line in self.lines if line.sid == sid), None)
                if found is None:
                    return self._missing(request)
                return await self._update(found, form) if method == "POST" else JSONResponse(described(found))
            case "GET", "IncomingPhoneNumbers":
                return self._list(request)
            case "POST", "IncomingPhoneNumbers", sid:
                return self._configure(sid, form, request)
        return self._missing(request)

    def _missing(self, request: Request) -> Response:
        return error(404, 20404, f"The requested resource {request.url.path} was not found")

    def _create(self, form: Mapping[str, list[str]]) -> Response:
        given = {key: values[-1] for key, values in form.items()}
        problem = self._refusal(given, form)
        if problem:
            return error(400, *problem)
        line = self._line(given["From"], given["To"], "outbound-api", given.get("Url", ""))
        line.twiml = given.get("Twiml", "").encode()
        line.status_url = given.get("StatusCallback", "")
        line.status_events = form.get("StatusCallbackEvent", ["completed"])
        if given.get("MachineDetection"):
            line.answered_by = self.answered_by.get(line.to, "unknown")
        self.placed.append(line)
        task = asyncio.create_task(self._ring(line))
        self._dialing.add(task)
        task.add_done_callback(self._dialing.discard)
        return JSONResponse(described(line), 201)

    def _refusal(self, given: Mapping[str, str], form: Mapping[str, list[str]]) -> tuple[int, str] | None:
        if given.keys() - CREATE:
            self.problems.append(f"a call with {sorted(given.keys() - CREATE)}")
        if not E164.fullmatch(given.get("To", "")):
            return 21211, f"Invalid 'To' Phone Number: {given.get('To', '')}"
        if given.get("From") not in self.numbers:
            return 21210, f"Source phone number {given.get('From')} is not yet verified for your account"
        if not given.get("Url") and not given.get("Twiml"):
            return 21205, "Url parameter is required"
        for key in ("Url", "StatusCallback"):
            if given.get(key) and not urlsplit(given[key]).netloc:
                return 21205, f"{key} is not a valid URL: {given[key]}"
        if len(given.get("Twiml", "")) > 4000:
            return 21219, "Twiml has more than 4000 characters"
        if set(form.get("StatusCallbackEvent", ())) - EVENTS:
            return 21626, "The 'StatusCallbackEvent' is not valid"
        if given.get("MachineDetection", "Enable") not in ("Enable", "DetectMessageEnd"):
            return 21222, "MachineDetection is Enable or DetectMessageEnd"
        if not 0 < int(given.get("Timeout", "60")) <= 600:
            return 21216, "Timeout is 1 to 600"
        return None

    async def _update(self, line: Line, form: Mapping[str, list[str]]) -> Response:
        given = {key: values[-1] for key, values in form.items()}
        if given.keys() - UPDATE:
            self.problems.append(f"an update of a call with {sorted(given.keys() - UPDATE)}")
        if line.status in FINAL:
            return error(400, 21220, "Call is not in-progress. Cannot redirect.")
        if given.get("Status") == "canceled" and line.status not in ("queued", "initiated", "ringing"):
            return error(400, 21220, "Invalid call state: only calls that are queued or ringing can be canceled")
        if given.get("Status") in ("completed", "canceled"):
            await line.ended("canceled" if line.status != "in-progress" else "completed")
            await line.close()
            return JSONResponse(described(line))
        if "Twiml" in given or "Url" in given:
            if line.status != "in-progress":
                return error(400, 21220, "Call is not in-progress. Cannot redirect.")
            try:
                parse(given.get("Twiml", "<Response/>").encode())
            except TwimlError as problem:
                return error(400, 12100, str(problem))
            line.redirect(twiml=given.get("Twiml", "").encode(), url=given.get("Url", ""))
            return JSONResponse(described(line))
        return error(400, 21205, "nothing to update")

    def _list(self, request: Request) -> Response:
        query = request.query_params
        found = [each for each in self.numbers.values() if query.get("PhoneNumber", "") in each["phone_number"]]
        page, size = int(query.get("Page", "0")), min(int(query.get("PageSize", str(PAGE))), 1000)
        rest = found[(page + 1) * size :]
        path = f"/2010-04-01/Accounts/{self.account_sid}/IncomingPhoneNumbers.json"
        following = f"{path}?PageSize={size}&Page={page + 1}" if rest else None
        shown = found[page * size : (page + 1) * size]
        return JSONResponse(
            {"incoming_phone_numbers": shown, "page": page, "page_size": size, "next_page_uri": following, "uri": path}
        )

    def _configure(self, sid: str, form: Mapping[str, list[str]], request: Request) -> Response:
        number = next((each for each in self.numbers.values() if each["sid"] == sid), None)
        if number is None:
            return self._missing(request)
        names = {"VoiceUrl": "voice_url", "VoiceMethod": "voice_method", "StatusCallback": "status_callback"}
        names["StatusCallbackMethod"] = "status_callback_method"
        for key, values in form.items():
            if key not in names:
                self.problems.append(f"a number with {key}")
                continue
            if key.endswith(("Url", "Callback")) and values[-1] and not urlsplit(values[-1]).netloc:
                return error(400, 21502, f"{key} is not valid")
            number[names[key]] = values[-1]
        return JSONResponse(number)

    async def close(self) -> None:
        """Everybody hangs up."""
        for task in self._dialing:
            task.cancel()
        await asyncio.gather(*self._dialing, return_exceptions=True)
        for line in self.lines:
            await line.close()


def error(status: int, code: int, message: str) -> Response:
    """A refusal in Twilio's form."""
    body = {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}"}
    return JSONResponse({**body, "status": status}, status)


def described(line: Line) -> dict[str, Any]:
    """A call as the REST API shows it."""
    return {
        "sid": line.sid,
        "account_sid": line.account_sid,
        "from": line.from_,
        "to": line.to,
        "status": line.status,
        "direction": line.direction,
        "answered_by": line.answered_by or None,
        "api_version": "2010-04-01",
        "uri": f"/2010-04-01/Accounts/{line.account_sid}/Calls/{line.sid}.json",
    }


_A = TypeVar("_A")


@asynccontextmanager
async def serving(app: Starlette, it: _A) -> AsyncIterator[_A]:
    """An application on a port of loopback, which ``it`` is told as ``port``."""
    bound = socket.create_server(("127.0.0.1", 0))
    it.port = bound.getsockname()[1]  # type: ignore[attr-defined]
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    work = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        await until(lambda: server.started)
        yield it
    finally:
        server.should_exit = True
        await work


@asynccontextmanager
async def twilio_server(numbers: Sequence[str] = ("+15551234567",)) -> AsyncIterator[TwilioServer]:
    """Twilio with an account that has some numbers."""
    twilio = TwilioServer(numbers)
    app = Starlette(routes=[Route("/{path:path}", twilio.serve, methods=["GET", "POST", "DELETE"])])
    async with serving(app, twilio):
        twilio.environ = {
            "TWILIO_ACCOUNT_SID": twilio.account_sid,
            "TWILIO_AUTH_TOKEN": twilio.auth_token,
            "TWILIO_API_URL": f"http://127.0.0.1:{twilio.port}",
        }
        try:
            yield twilio
        finally:
            await twilio.close()
    if not twilio.expects_problems:
        assert not twilio.problems, twilio.problems


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the test's
