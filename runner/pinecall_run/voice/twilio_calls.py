"""Telephone calls by Twilio: which streams are awaited, which calls are being placed, and what becomes of both."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pinecall_run.protocol.registry import Agent
from pinecall_run.transports import twiml
from pinecall_run.transports.contract import Caller, NotAdmittedError, PhoneSession
from pinecall_run.transports.refusals import Tally
from pinecall_run.transports.twilio_rest import (
    ACCOUNT,
    MISSING,
    STATUS_PATH,
    TOKEN,
    Account,
    TwilioError,
    TwilioRest,
    account_of,
    is_installed,
)
from pinecall_run.voice.failure import described
from pinecall_run.voice.phone_desk import PhoneDesk, dialable, placed
from pinecall_run.voice.sip_settings import is_address
from pinecall_run.voice.twilio_line import TwilioLine
from pinecall_run.wire import call_commands

if TYPE_CHECKING:  # needs an extra, which typed conversations do without
    from pinecall_run.transports.twilio_media import Start
    from pinecall_run.transports.twilio_stream import StreamCall

_LOG = logging.getLogger("pinecall_run.voice")

STREAM_SECONDS = 30.0
"""From the answer to a webhook to the stream that it asks for."""

REMEMBERED = 20_000
"""Calls whose webhook was answered: who comes with the same call once more comes with a copy."""

MOST_WAITING = 1_000
"""Streams that are awaited, and calls that are being placed."""

DIAL_SECONDS = 600.0
"""After which a call that we placed, and of which nothing more was heard, is forgotten."""

CANCELED = "canceled"

MOST_ASKING = 8
"""Requests to the REST API at once. They have threads of their own: when Twilio does not answer, the names of vendors
are still looked up."""

STREAM_PATH, ANSWERED_PATH, ANNOUNCE_PATH = "/twilio/stream", "/twilio/answered", "/twilio/announce"

_DETECTION = {True: "Enable", "enable": "Enable", "message_end": "DetectMessageEnd"}
"""What ``machine_detection`` of a dial's ``config`` may be, and what Twilio calls it."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A stream that a call was told to open."""

    call_sid: str
    agent_id: str
    expires: float
    caller: Mapping[str, Any]
    """What is known of its other side: fields of :class:`Caller`."""
    dial: Dialed | None = None


@dataclass(slots=True, eq=False)
class Dialed:
    """A call that is being placed."""

    command: call_commands.CallDial
    expires: float
    key: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    call_sid: str = ""
    is_decided: bool = False
    """Somebody took it, or nobody will."""
    is_unwanted: bool = False
    """The runner took it back. Somebody may pick up in that moment: Twilio cancels no more then, and the call begins
    unless it is refused here."""


class TwilioCalls:
    """A :class:`pinecall_run.voice.phone_desk.Carrier`. ``public_url`` is where Twilio reaches this server."""

    def __init__(
        self, desk: PhoneDesk, environ: Mapping[str, str], public_url: str, *, refused: Counter[str] | None = None
    ) -> None:
        self.account: Account | None = account_of(environ)
        self.public_url = public_url.rstrip("/")
        self.refused: Counter[str] = Tally("twilio") if refused is None else refused
        self.desk = desk
        self._rest = TwilioRest(self.account) if self.account else None
        self._awaited: dict[str, Awaited] = {}
        self._dials: dict[str, Dialed] = {}
        self._answered: dict[str, None] = {}
        self._whispers: dict[str, tuple[str, float]] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(MOST_ASKING, "twilio")

    # what is there (Carrier)

    def serves(self, ref: str) -> bool:
        """See :class:`Carrier`: telephone numbers."""
        return not is_address(ref)

    def missing(self) -> str:
        """See :class:`Carrier`."""
        lacking = [] if self.account else [ACCOUNT, TOKEN]
        if urlsplit(self.public_url).scheme not in ("https", "http"):
            lacking.append("PINECALL_PUBLIC_URL")
        names = " and ".join(", ".join(lacking).rsplit(", ", 1))
        return f"telephone calls need {names} where the voice server runs" if lacking else ""

    def notes(self, ref: str) -> list[str]:
        """See :class:`Carrier`."""
        return [] if is_installed() else [MISSING]

    # streams

    def connect(self, agent: Agent, call_sid: str, caller: Mapping[str, Any], *, dial: Dialed | None = None) -> str:
        """What a call is told that an agent takes: to open a stream, with a token that is good once and for it alone.

        Raises:
            NotAdmittedError: too many are awaited.
        """
        now = time.monotonic()
        self._awaited = {token: each for token, each in self._awaited.items() if each.expires > now}
        if len(self._awaited) >= MOST_WAITING:
            raise NotAdmittedError("too many calls begin at once")
        token = secrets.token_urlsafe(24)
        self._awaited[token] = Awaited(call_sid, agent.agent_id, now + STREAM_SECONDS, caller, dial)
        address = self.public_url.replace("http", "ws", 1) + STREAM_PATH
        return twiml.stream(address, {"token": token})

    def is_new(self, call_sid: str) -> bool:
        """Whether a call asks for the first time what to do."""
        if call_sid in self._answered:
            return False
        self._answered[call_sid] = None
        if len(self._answered) > REMEMBERED:
            del self._answered[next(iter(self._answered))]
        return True

    def admit(self, start: Start, stream: StreamCall) -> PhoneSession:
        """Begin the conversation of a stream.

        Raises:
            NotAdmittedError: its token is not this call's, or was used; the call was taken back, or is over; or the
                agent is gone, or cannot take it.
        """
        awaited = self._awaited.pop(start.token, None)
        is_good = awaited is not None and awaited.call_sid == start.call_sid and awaited.expires > time.monotonic()
        if awaited is None or not is_good or self.account is None or start.account_sid != self.account.sid:
            self.refused["tokens"] += 1
            raise NotAdmittedError("no stream of this call is awaited")
        dial = awaited.dial
        if dial is not None and (dial.is_unwanted or dial.key not in self._dials):
            raise NotAdmittedError("the call was taken back, or its end was told before its stream came")
        agent = self.desk.agent(awaited.agent_id)
        if agent is None:
            raise NotAdmittedError("the agent is not online")
        caller = Caller("phone", asyncio.get_running_loop().time, reports_playing=True, **awaited.caller)
        spoken = {**agent.configured(*caller.channel), **caller.config}.get("language")
        line = TwilioLine(
            self,
            stream,
            call_sid=start.call_sid,
            agent_id=agent.agent_id,
            language=spoken if isinstance(spoken, str) else "",
            person=caller.from_ if caller.direction == "inbound" else caller.to,
        )
        caller = replace(caller, line=line)
        session = self.desk.begin(agent, start.call_sid, stream, caller)
        if dial is not None:
            del self._dials[dial.key]
        return session

    # calls that we place

    def dial(self, agent: Agent, command: call_commands.CallDial) -> None:
        """See :class:`Carrier`."""
        now = time.monotonic()
        self._dials = {key: dial for key, dial in self._dials.items() if dial.expires > now}
        if len(self._dials) >= MOST_WAITING:
            self.desk.not_placed(command, "too many calls are being placed", "BUSY")
            return
        dial = Dialed(command, now + DIAL_SECONDS)
        self._dials[dial.key] = dial
        self.start(self._place(dial))

    async def _place(self, dial: Dialed) -> None:
        command, own = dial.command, dial.command.config if isinstance(dial.command.config, dict) else {}
        try:
            dial.call_sid = await self._ask(
                lambda rest: rest.place(
                    dialable(command.to),
                    dialable(command.from_),
                    answer_url=f"{self.public_url}{ANSWERED_PATH}/{dial.key}",
                    status_url=f"{self.public_url}{STATUS_PATH}/{dial.key}",
                    machine_detection=_DETECTION.get(own.get("machine_detection", ""), ""),
                )
            )
        except TwilioError as error:
            self._dials.pop(dial.key, None)
            code = f"TWILIO_{error.code}" if error.code else "TWILIO"
            self.desk.not_placed(command, str(error), code)
            return
        if not dial.is_decided:  # Twilio may tell what came of it before it answers us
            self.desk.dialing(command, dial.call_sid)

    def taken(self, key: str, call_sid: str, answered_by: str) -> str | None:
        """What a call is told that we placed and somebody took; ``None`` where it is none of ours.

        Raises:
            NotAdmittedError: its agent is gone, or it was taken back.
        """
        dial = self._dials.get(key)
        if dial is None or dial.is_decided or dial.call_sid not in ("", call_sid):
            return None
        dial.is_decided, dial.call_sid = True, call_sid
        agent = self.desk.agent(dial.command.agent_id)
        if agent is None or dial.is_unwanted:
            raise NotAdmittedError("the agent is not online, or does not want it any more")
        caller = placed(dial.command, **({"answered_by": answered_by} if answered_by else {}))
        return self.connect(agent, call_sid, caller, dial=dial)

    def ended(self, key: str, call_sid: str, status: str) -> None:
        """A call that we placed is over. What became a conversation knows it by its stream, and is none of these."""
        dial = self._dials.pop(key, None)
        if dial is None:
            return
        dial.is_decided = True
        self.desk.not_taken(dial.command, call_sid, CANCELED if dial.is_unwanted else status)

    def cancel(self, connection: str, call_id: str) -> None:
        """See :class:`Carrier`; ``canceled`` is told when Twilio says so."""
        for dial in self._dials.values():
            if not call_id or dial.call_sid != call_id or not self.desk.is_of(dial.command.agent_id, connection):
                continue
            dial.is_unwanted = True
            if not dial.is_decided:
                self.start(self._cancel(call_id))

    async def _cancel(self, call_id: str) -> None:
        try:
            await self._ask(lambda rest: rest.cancel(call_id))
        except TwilioError as error:
            _LOG.warning("a call could not be taken back: %s", error.code or type(error).__name__)

    # forwarding

    def handing_on(self, to: str, *, message: str, language: str, whisper: str) -> str:
        """What connects a call with a number, and tells the other side ``whisper`` before, where there is one."""
        url = ""
        if whisper:
            now = time.monotonic()
            self._whispers = {key: each for key, each in self._whispers.items() if each[1] > now}
            key = secrets.token_urlsafe(18)
            self._whispers[key] = whisper, now + DIAL_SECONDS
            url = f"{self.public_url}{ANNOUNCE_PATH}/{key}"
        return twiml.forward(to, message=message, language=language, whisper=url)

    async def redirect(self, call_sid: str, document: str) -> None:
        """Have Twilio do something else with a call.

        Raises:
            TwilioError: it stays as it is.
        """
        await self._ask(lambda rest: rest.redirect(call_sid, document))

    def announced(self, key: str) -> str | None:
        """What the other side of a forwarded call is told, once; ``None`` where nothing is."""
        document, expires = self._whispers.pop(key, ("", 0.0))
        return document if expires > time.monotonic() else None

    # work

    async def _ask(self, work: Callable[[TwilioRest], Any]) -> Any:
        if self._rest is None:
            raise TwilioError(self.missing())
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, self._rest)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the calls."""
        task = asyncio.create_task(_guarded(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def close(self) -> None:
        """Wait for nothing more."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - the border of what goes on beside calls
        _LOG.error("asking Twilio failed: %s", described(error))
