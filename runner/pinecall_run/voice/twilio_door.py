"""HTTP: what Twilio asks and tells (https://www.twilio.com/docs/usage/webhooks), and its media streams."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.websockets import WebSocket

from pinecall_run.protocol.registry import Agent
from pinecall_run.transports import twiml
from pinecall_run.transports.contract import NotAdmittedError, PhoneSession
from pinecall_run.transports.twilio_rest import STATUS_PATH, VOICE_PATH
from pinecall_run.transports.twilio_signature import is_signed
from pinecall_run.voice.call_reception import MISSING
from pinecall_run.voice.phone_desk import BUSY, PHONE, SERVER_FULL, dialable
from pinecall_run.voice.token_door import refusal
from pinecall_run.voice.twilio_calls import ANNOUNCE_PATH, ANSWERED_PATH, TwilioCalls
from pinecall_run.wire import call_commands

if TYPE_CHECKING:  # needs an extra, which typed conversations do without
    from pinecall_run.transports.metronome import Metronome
    from pinecall_run.transports.twilio_media import Start
    from pinecall_run.transports.twilio_stream import StreamCall

_LOG = logging.getLogger("pinecall_run.voice")

MAX_OPENING = 200
"""Sockets that have not said yet whose stream they are."""

INTERNAL_ERROR, TRY_AGAIN = 1011, 1013

_OVER = frozenset(("completed", "busy", "no-answer", "failed", "canceled"))


class TwilioDoor:
    """The routes under ``/twilio``. Each request is refused that Twilio has not signed for this account and address."""

    def __init__(self, calls: TwilioCalls) -> None:
        self._calls = calls
        self._desk = calls.desk
        self._metronome: Metronome | None = None
        self._opening: set[WebSocket] = set()

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [
            Route(VOICE_PATH, self._voice, methods=["POST"]),
            Route(STATUS_PATH, self._status, methods=["POST"]),
            Route(f"{STATUS_PATH}/{{key}}", self._dial_status, methods=["POST"]),
            Route(f"{ANSWERED_PATH}/{{key}}", self._answered, methods=["POST"]),
            Route(f"{ANNOUNCE_PATH}/{{key}}", self._announce, methods=["POST"]),
        ]

    async def serve_stream(self, socket: WebSocket) -> None:
        """A socket at ``/twilio/stream``."""
        if len(self._opening) >= MAX_OPENING:
            self._calls.refused["floods"] += 1
            await socket.accept()
            await socket.close(TRY_AGAIN, "too many streams begin at once")
            return
        try:
            from pinecall_run.transports.metronome import Metronome
            from pinecall_run.transports.twilio_stream import serve_stream
        except ModuleNotFoundError:  # numpy
            await socket.accept()
            await socket.close(INTERNAL_ERROR, MISSING)
            return
        metronome = self._metronome = self._metronome or Metronome()
        self._opening.add(socket)

        def admit(start: Start, stream: StreamCall) -> PhoneSession:
            self._opening.discard(socket)
            return self._calls.admit(start, stream)

        try:
            await serve_stream(socket, admit, metronome, self._calls.refused)
        finally:
            self._opening.discard(socket)

    # requests

    async def _form(self, request: Request) -> Mapping[str, str] | Response:
        """What was posted, where Twilio signed it; else the refusal."""
        if self._calls.missing() or self._calls.account is None:
            return refusal(503, self._calls.missing())
        pairs = parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        query = f"?{request.url.query}" if request.url.query else ""
        address = f"{self._calls.public_url}{request.url.path}{query}"
        given = request.headers.get("x-twilio-signature", "")
        form = dict(pairs)
        if not is_signed(self._calls.account.token, address, pairs, given):
            return self._refused("signatures", 403, "the signature is not Twilio's for this account and address")
        if form.get("AccountSid") != self._calls.account.sid or not form.get("CallSid"):
            return self._refused("signatures", 403, "the request is for another account, or about no call")
        return form

    def _refused(self, what: str, status: int, sentence: str) -> Response:
        self._calls.refused[what] += 1
        _LOG.debug("refused at Twilio's door: %s", what)
        return refusal(status, sentence)

    async def _voice(self, request: Request) -> Response:
        """Somebody calls one of the numbers."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        call_sid, from_, to = form["CallSid"], form.get("From", ""), form.get("To", "")
        if not self._calls.is_new(call_sid):
            return self._refused("replays", 403, "this call was answered before")
        agent = self._desk.answering(to, from_)
        if agent is None:
            _LOG.warning("a call came in to a number that no agent has: it was turned away")
            return _twiml(twiml.reject(is_busy=False))
        verdict = await self._desk.screen(agent, call_sid, from_=from_, to=to)
        if isinstance(verdict, call_commands.CallForward):
            return self._handed_on(verdict, agent, from_=from_, to=to)
        if verdict:
            return _twiml(twiml.reject(is_busy=verdict in (BUSY, SERVER_FULL)))
        if words := self._desk.no_room(agent, to):
            return _twiml(twiml.farewell(words, _language(agent, to)))
        caller = {"from_": from_, "to": to, "channel": ("phone", to)}
        return _connected(lambda: self._calls.connect(agent, call_sid, caller))

    def _handed_on(self, command: call_commands.CallForward, agent: Agent, *, from_: str, to: str) -> Response:
        """A call that rang goes to somebody else."""
        language = _language(agent, to)
        summary = command.summary if isinstance(command.summary, str) else ""
        whisper = twiml.whispered(from_ if command.announce else "", summary, language)
        self._desk.forwarded(agent.agent_id, command)
        return _twiml(
            self._calls.handing_on(dialable(command.to), message=command.message, language=language, whisper=whisper)
        )

    async def _status(self, request: Request) -> Response:
        """What became of a call to one of the numbers; told where the number is set up so."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        if form.get("CallStatus") in _OVER:
            self._desk.gave_up(form["CallSid"])
        return Response(status_code=204)

    async def _dial_status(self, request: Request) -> Response:
        """What became of a call that we placed."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        status = form.get("CallStatus", "")
        if status in _OVER:
            self._calls.ended(request.path_params["key"], form["CallSid"], status)
        return Response(status_code=204)

    async def _answered(self, request: Request) -> Response:
        """Somebody, or a machine, took a call that we placed."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        key, call_sid, answered_by = request.path_params["key"], form["CallSid"], form.get("AnsweredBy", "")
        try:
            document = self._calls.taken(key, call_sid, answered_by)
        except NotAdmittedError:
            return _twiml(twiml.EMPTY)
        if document is None:
            return self._refused("replays", 403, "no call of this address is being placed")
        return _twiml(document)

    async def _announce(self, request: Request) -> Response:
        """The other side of a call that is forwarded hears who comes."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        document = self._calls.announced(request.path_params["key"])
        if document is None:
            return self._refused("replays", 403, "nothing is announced at this address")
        return _twiml(document)


def _connected(connect: Callable[[], str]) -> Response:
    try:
        return _twiml(connect())
    except NotAdmittedError:
        return _twiml(twiml.reject(is_busy=True))


def _language(agent: Agent, number: str) -> str:
    language = agent.configured(PHONE, number).get("language")
    return language if isinstance(language, str) else ""


def _twiml(document: str) -> Response:
    return Response(document, media_type="text/xml")
