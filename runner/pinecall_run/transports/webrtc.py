"""Calls from browsers (WebRTC): an offer comes in, an answer goes out, and a call lives until one side leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiortc import RTCCertificate, RTCDtlsTransport, RTCSctpCapabilities, RTCSctpTransport

from pinecall_run.transports.contract import AdmittedCall, AudioSession, Caller, CallReception
from pinecall_run.transports.data_channel import BoundedSctp, EventsChannel, allowed
from pinecall_run.transports.ice import IceConnection, IcePort, media_addresses
from pinecall_run.transports.metronome import Metronome
from pinecall_run.transports.sdp import Offer, OurSide, read_offer, write_answer
from pinecall_run.transports.webrtc_media import Ear, Mouth
from pinecall_run.wire.events import CallEvent

_LOG = logging.getLogger("pinecall_run.transports")

CONNECT_SECONDS = 15.0
"""From the answer to media; whoever has not come by then does not."""

SILENCE_SECONDS = 8.0
"""Without any datagram: browsers send at least their consent every 5 s (RFC 7675, 5.1), and ours say ``ping``."""

MAX_WAITING = 100
"""Answered offers whose media has not come yet."""

AMPLE_SECONDS = 4.0
"""What a browser takes at most that is really there."""

REPORT_BEATS = 125
CHECK_BEATS = 25

CLOSE_SECONDS = 2.0
STOP_SECONDS = 6.0

DISCONNECTED, STOPPED, FAILED = "disconnected", "server_stopped", "error"


class BusyError(Exception):
    """Too many calls begin at once."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a page posts. ``is_here`` when its browser is on this machine."""

    sdp: str
    token: str
    config: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page gets."""

    sdp: str
    pc_id: str
    session_id: str


class Calls:
    """Every browser call of a server. ``host`` is the address that it listens on; ``ice_servers`` have the form of
    RTCConfiguration's ``iceServers``."""

    def __init__(self, reception: CallReception, *, host: str, ice_servers: Sequence[Mapping[str, Any]] = ()) -> None:
        self._reception = reception
        self._host = host
        self._ice_servers = ice_servers
        self._metronome = Metronome()
        self._calls: dict[Call, asyncio.Task[None]] = {}
        self._is_closed = False

    async def answer(self, request: Request) -> Answer:
        """Begin a call.

        Raises:
            BadOfferError: the offer is not one that can be answered; the token is still good.
            NotAdmittedError: see :class:`CallReception`.
            BusyError: too many others wait for their media.
        """
        offer = read_offer(request.sdp)
        clock = asyncio.get_running_loop().time
        self._make_room(clock())
        addresses = media_addresses(self._host, is_caller_here=request.is_here)
        call = Call(offer, IceConnection(addresses, self._ice_servers, clock), self._metronome)
        caller = Caller("webrtc", clock, allowed(request.config), request.metadata)
        admitted = self._reception.open_call("webrtc", request.token, call, caller)
        call.begin(admitted)
        prepared: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._calls[call] = asyncio.create_task(call.run(prepared))
        self._calls[call].add_done_callback(lambda _: self._calls.pop(call))
        return Answer(await prepared, secrets.token_hex(8), admitted.session.id)

    def _make_room(self, now: float) -> None:
        """The longest waiting one makes room, so that those who never come keep nobody out."""
        waiting = [call for call in self._calls if call.is_waiting]
        if len(waiting) >= MAX_WAITING and waiting and now - waiting[0].began > AMPLE_SECONDS:
            waiting.pop(0).leave(DISCONNECTED)
        if self._is_closed or len(waiting) >= MAX_WAITING:
            raise BusyError("too many calls begin at once; try again in a moment")

    async def close(self) -> None:
        """End every call in good order."""
        self._is_closed = True
        for call in self._calls:
            call.leave(STOPPED)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*self._calls.values(), return_exceptions=True)


class Call:
    """One call: the way, the sound, the channel, and the conversation at their end. It is the conversation's outlet."""

    def __init__(self, offer: Offer, ice: IceConnection, metronome: Metronome) -> None:
        self.is_connected = False
        self.began = asyncio.get_running_loop().time()
        self._offer = offer
        self._ice = ice
        self._metronome = metronome
        port = IcePort(ice, is_dtls_server=offer.is_dtls_server)
        self._dtls = RTCDtlsTransport(port, [RTCCertificate.generateCertificate()])  # type: ignore[arg-type]
        self._dtls.on("statechange", self._dtls_changed)
        self._sctp = BoundedSctp(self._dtls, self._overrun) if offer.data else None
        self._channel = EventsChannel(on_overrun=self._overrun)
        if self._sctp:
            self._sctp.on("datachannel", self._channel.open)
        self._session: AudioSession | None = None
        self._ear: Ear | None = None
        self._mouth: Mouth | None = None
        self._ssrc = secrets.randbits(32)
        self._beats = 0
        self._over = asyncio.Event()
        self._reason = ""
        self._is_ended = False

    @property
    def is_waiting(self) -> bool:
        """Whether its media may still come."""
        return not self.is_connected and not self._over.is_set()

    def begin(self, admitted: AdmittedCall) -> None:
        """The conversation that this is the outlet of."""
        self._session = admitted.session
        self._channel.begin(admitted.session.act, shows_results=admitted.is_developer)

    def event(self, event: CallEvent) -> None:
        """See :class:`AudioOutlet`."""
        self._channel.event(event)

    def ended(self, reason: str) -> None:
        """See :class:`AudioOutlet`."""
        self._is_ended = True
        self.leave(reason)

    def leave(self, reason: str) -> None:
        """The call is to end; the first reason counts."""
        if not self._over.is_set():
            self._reason = reason
            self._over.set()

    async def run(self, prepared: asyncio.Future[str]) -> None:
        """The call from its answer, which goes into ``prepared``, to its end."""
        try:
            prepared.set_result(await self._answer())
            await self._until_over()
        except Exception as error:  # noqa: BLE001 - the border of a call
            if not prepared.done():
                prepared.set_exception(error)
            else:
                _LOG.error("a browser call broke: %s", type(error).__name__)
            self.leave(FAILED)
        finally:
            self.leave(DISCONNECTED)
            await self._shut()

    async def _answer(self) -> str:
        await self._ice.gather_candidates()
        self._ice.remote_username, self._ice.remote_password = self._offer.ufrag, self._offer.password
        self._ice.ice_controlling = self._ice.remote_is_lite = self._offer.is_lite
        await self._ice.offer(self._offer.candidates)
        prints = self._dtls.getLocalParameters().fingerprints
        ours = OurSide(
            ufrag=self._ice.local_username,
            password=self._ice.local_password,
            candidates=self._ice.local_candidates,
            fingerprints=[(each.algorithm, each.value) for each in prints],
            ssrc=self._ssrc,
            sctp_port=self._sctp.port if self._sctp else 0,
            max_message_size=RTCSctpTransport.getCapabilities().maxMessageSize,
        )
        return write_answer(self._offer, ours)

    async def _until_over(self) -> None:
        connecting = asyncio.create_task(self._connect())
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([connecting, over], timeout=CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if connecting.done() and not connecting.exception():
                self._metronome.join(self._beat)
                await over
        finally:
            self._metronome.leave(self._beat)
            for task in (connecting, over):
                task.cancel()
            await asyncio.gather(connecting, over, return_exceptions=True)

    async def _connect(self) -> None:
        await self._ice.connect()
        await self._dtls.start(self._offer.dtls)
        if self._dtls.state != "connected":
            raise ConnectionError("DTLS failed")
        kind, clock = self._offer.payload_type, asyncio.get_running_loop().time
        # Private to aiortc: docs/decisions/webrtc-parts.md
        self._ear = Ear(kind, self._dtls._rx_srtp, clock)
        self._mouth = Mouth(kind, self._dtls._tx_srtp, self._ice.send_now, ssrc=self._ssrc)
        self._ice.on_media = self._ear.receive
        self.is_connected = True
        if self._sctp and self._offer.data:
            data = self._offer.data
            await self._sctp.start(RTCSctpCapabilities(data.max_message_size), data.port)

    def _say_goodbye(self) -> None:
        if self._session is None or self._is_ended:
            return
        try:
            self._session.end(self._reason)
        except Exception as error:  # noqa: BLE001 - the sockets are to be closed whatever becomes of it
            _LOG.error("a conversation broke as it ended: %s", type(error).__name__)

    def _beat(self, now: float) -> None:
        assert self._session is not None
        assert self._ear is not None
        assert self._mouth is not None
        if self._over.is_set():
            return
        try:
            for chunk in self._ear.chunks(now):
                self._session.hear(chunk)
            self._mouth.say(self._session.take())
            self._beats += 1
            if self._beats % REPORT_BEATS == 0:
                self._mouth.report(self._ear.incoming)
            if self._beats % CHECK_BEATS == 0 and now - self._ice.last_heard > SILENCE_SECONDS:
                self.leave(DISCONNECTED)
        except Exception as error:  # noqa: BLE001 - one call must not stop the others' beat
            _LOG.error("a browser call broke: %s", type(error).__name__)
            self.leave(FAILED)

    def _dtls_changed(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            self.leave(DISCONNECTED)

    def _overrun(self) -> None:
        if not self._over.is_set():
            _LOG.warning("a page reads too slowly, or sends too much: its call ends")
        self.leave(DISCONNECTED)

    async def _shut(self) -> None:
        """Let go of everything, whatever state it is in; a page that is there still gets what was told it."""
        self._say_goodbye()
        if self._reason != DISCONNECTED and self._dtls.state == "connected":
            await self._channel.close()
        self._ice.on_media = None
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._sctp:
                    await self._sctp.stop()
                await self._dtls.stop()
        await self._ice.close()
        _LOG.debug(
            "ignored in a call: %d messages, %d datagrams", self._channel.ignored, self._ear.ignored if self._ear else 0
        )
        self._dtls.remove_all_listeners()
        if self._sctp:
            self._sctp.remove_all_listeners()
