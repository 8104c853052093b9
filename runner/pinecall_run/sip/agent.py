"""The user agent: feed it what arrived, tell it what to do, drain what comes of it; time is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pinecall_run.sip.admission import Admission, Admitted, Reply
from pinecall_run.sip.call import Call
from pinecall_run.sip.core import Core, Settings
from pinecall_run.sip.digest import Chance
from pinecall_run.sip.inbound import InboundCall
from pinecall_run.sip.media import LocalAudio
from pinecall_run.sip.message import Field, Request, Response, check_fields, respond
from pinecall_run.sip.outbound import Dial, OutboundCall
from pinecall_run.sip.outputs import Close, EndReason, Ignored, IncomingCall, Output, Refused
from pinecall_run.sip.parser import BadMessageError, StreamReader, read_datagram
from pinecall_run.sip.peer import Peer, answered_at, received
from pinecall_run.sip.registration import Registrar, Registration
from pinecall_run.sip.sdp import Direction
from pinecall_run.sip.uri import Uri, read_uri


class UserAgent:
    """All calls and registrations of one place in the network.

    A driver hands over what arrives (:meth:`receive`, :meth:`lost`), says what is to be done, then carries out what
    :meth:`drain` gives, in order, and arms one timer for :meth:`deadline`, at which it calls :meth:`tick`. It does the
    last two after every other call. ``now`` is any clock that does not go back.

    ``chance`` gives so many bytes that nobody can guess. A call is named by the text that :class:`IncomingCall` or
    :meth:`dial` gave; what is asked of one that is over, or that does not fit where it is, does nothing.
    """

    def __init__(self, settings: Settings, chance: Chance) -> None:
        self._core = Core(settings, chance)
        self._admission = Admission(self._core)
        self._readers: dict[Peer, StreamReader] = {}
        self._registrations: dict[str, Registration] = {}

    def __len__(self) -> int:
        """How many calls there are, those too that are being ended."""
        return len(self._core.calls)

    # what arrives

    def receive(self, data: bytes, peer: Peer, now: float, *, is_trusted: bool = False) -> None:
        """A datagram, or a piece of a connection's stream, came from ``peer``. Whether its sender may call without a
        password is the driver's to say; it does not matter to what belongs to a call that there is."""
        if peer.is_reliable:
            self._read_stream(data, peer, now, is_trusted=is_trusted)
        elif data.strip(b"\r\n\0 "):  # anything else keeps a translator of addresses from forgetting
            try:
                self._take(read_datagram(data), peer, now, is_trusted=is_trusted)
            except BadMessageError as error:
                self._refuse(error, peer)

    def lost(self, peer: Peer, now: float) -> None:
        """A connection is closed, by whomever, or something could not be sent."""
        self._readers.pop(peer, None)
        self._core.transactions.lost(peer, now)

    # calls

    def ring(self, call: str, now: float) -> None:
        """Tell whoever calls that it rings."""
        if isinstance(found := self._core.calls.get(call), InboundCall):
            found.ring(now)

    def answer(self, call: str, audio: LocalAudio, now: float) -> None:
        """Take a call. ``Answered`` follows, or ``Ended`` if there is no codec that both know."""
        if isinstance(found := self._core.calls.get(call), InboundCall):
            found.answer(audio, now)

    def reject(self, call: str, now: float, *, status: int = 486, fields: Sequence[Field] = ()) -> None:
        """Do not take a call: 486 we are busy, 603 we do not want to, 404 nobody has this name, 480 nobody is there.

        Raises:
            ValueError: a field is none, or the status is no refusal.
        """
        check_fields(fields)
        if not 400 <= status < 700:
            raise ValueError("a refusal has a status from 400 to 699")
        if isinstance(found := self._core.calls.get(call), InboundCall):
            found.refuse(status, EndReason.REJECTED, now, fields)

    def redirect(self, call: str, to: Uri, now: float) -> None:
        """Let whoever calls call ``to`` instead (302): a forward before the call is taken."""
        if isinstance(found := self._core.calls.get(call), InboundCall):
            found.redirect(to, now)

    def dial(self, dial: Dial, now: float) -> str:
        """Place a call; returns its name. ``Ringing``, then ``Answered`` or ``Ended`` follow.

        Raises:
            GrammarError: there is no way to the address.
        """
        name = self._core.token()
        OutboundCall(self._core, name, dial, now=now)
        return name

    def hang_up(self, call: str, now: float) -> None:
        """End a call, or stop trying: ``Ended`` follows at once, what the protocol still wants afterwards."""
        if found := self._core.calls.get(call):
            found.hang_up(now)

    def turn(self, call: str, wish: Direction, now: float) -> None:
        """Let sound go another way: ``SENDONLY`` holds the other side with music, ``INACTIVE`` in silence, ``SENDRECV``
        takes it back. ``MediaChanged`` follows, or ``ChangeRefused``."""
        if found := self._up(call):
            found.changes.turn(wish, now)

    def press(self, call: str, digit: str, now: float, *, milliseconds: int = 160) -> None:
        """Send a key as INFO, for the other sides that do not take telephone-events.

        Raises:
            ValueError: there is no such key.
        """
        if len(digit) != 1 or digit not in "0123456789*#ABCD":
            raise ValueError("a key is one of 0-9, *, #, A-D")
        if found := self._up(call):
            found.press(digit, now, milliseconds)

    def forward(self, call: str, to: Uri, now: float) -> None:
        """Send the other side to ``to`` (REFER). ``Forwarded`` and ``Ended`` follow, or ``ForwardFailed``."""
        if found := self._up(call):
            found.forwarding.start(to, now)

    # registrations

    def register(self, registrar: Registrar, now: float) -> str:
        """Register an account and keep it so; returns the registration's name.

        Raises:
            GrammarError: there is no way to the registrar.
        """
        name = self._core.token()
        self._registrations[name] = Registration(self._core, name, registrar, now=now)
        return name

    def unregister(self, registration: str, now: float) -> None:
        """Give a registration back; ``Unregistered`` follows."""
        if found := self._registrations.pop(registration, None):
            found.leave(now)

    # outputs and time

    def drain(self) -> list[Output]:
        """What is to be sent and told, in order; each once."""
        outputs, self._core.outputs = self._core.outputs, []
        return outputs

    def deadline(self) -> float | None:
        """When :meth:`tick` should be called next; ``None`` while nothing is waited for."""
        return self._core.agenda.deadline()

    def tick(self, now: float) -> None:
        """Time passed."""
        self._core.agenda.tick(now)

    def _up(self, call: str) -> Call | None:
        found = self._core.calls.get(call)
        return found if found and found.is_up and not found.is_over else None

    def _read_stream(self, data: bytes, peer: Peer, now: float, *, is_trusted: bool) -> None:
        reader = self._readers.setdefault(peer, StreamReader())
        try:
            for message in reader.feed(data):
                if message is None:
                    self._core.transmit(b"\r\n", peer)
                else:
                    self._take(message, peer, now, is_trusted=is_trusted)
        except BadMessageError as error:
            self._refuse(error, peer)
            self._readers.pop(peer, None)
            self._core.emit(Close(peer))

    def _refuse(self, error: BadMessageError, peer: Peer) -> None:
        if error.request is None:
            self._core.emit(Ignored(peer, str(error)))
        else:
            self._reply(error.request, peer, Reply(error.status))

    def _take(self, message: Request | Response, peer: Peer, now: float, *, is_trusted: bool) -> None:
        if isinstance(message, Response):
            if not self._core.transactions.answered(message, now):
                self._core.emit(Ignored(peer, "an answer to nothing that was asked"))
            return
        request = received(message, peer)
        if self._core.transactions.repeated(request, now):
            return
        if request.method == "CANCEL":
            self._cancel(request, peer, now)
        elif request.to.tag:
            self._in_dialog(request, peer, now)
        elif request.method == "ACK":
            self._core.emit(Ignored(peer, "an ACK of nothing that was answered"))
        else:
            self._from_outside(request, peer, now, is_trusted=is_trusted)

    def _cancel(self, request: Request, peer: Peer, now: float) -> None:
        invite = self._core.transactions.cancelled(request)
        if invite is None:
            self._reply(request, peer, Reply(481))
            return
        call = next((found for found in self._inbound() if found.server is invite), None)
        tag = call.dialog.local.tag if call else self._core.tag_of(request)
        self._core.transactions.open(request, peer).respond(respond(request, 200, tag=tag), now)
        if call is not None:
            call.cancelled(now)

    def _in_dialog(self, request: Request, peer: Peer, now: float) -> None:
        call = self._core.dialogs.get((request.call_id, request.to.tag, request.from_.tag))
        if request.method == "ACK":
            if call is not None:
                call.acknowledged(request, now)
        elif call is None:
            self._reply(request, peer, Reply(481))
        else:
            call.receive(self._core.transactions.open(request, peer), now)

    def _from_outside(self, request: Request, peer: Peer, now: float, *, is_trusted: bool) -> None:
        look = self._admission.look(request, now, is_trusted=is_trusted)
        if isinstance(look, Reply):
            self._reply(request, peer, look)
            return
        server = self._core.transactions.open(request, peer)
        server.respond(respond(request, 100), now)
        name = self._core.token()
        InboundCall(self._core, name, server)
        self._core.emit(_incoming(name, request, peer, look))

    def _reply(self, request: Request, peer: Peer, reply: Reply) -> None:
        """Answer and forget it: what is asked again is answered again (8.2.7)."""
        fields = [*reply.fields, ("Server", self._core.settings.product)]
        response = respond(request, reply.status, tag=self._core.tag_of(request), fields=fields)
        self._core.transmit(bytes(response), answered_at(request, peer))
        if reply.status >= 300:
            self._core.emit(Refused(peer, request.method, reply.status))

    def _inbound(self) -> Iterable[InboundCall]:
        return (call for call in self._core.calls.values() if isinstance(call, InboundCall))


def _incoming(name: str, request: Request, peer: Peer, look: Admitted) -> IncomingCall:
    return IncomingCall(
        call=name,
        call_id=request.call_id,
        uri=read_uri(request.uri),
        from_=request.from_,
        to=request.to,
        peer=peer,
        username=look.username,
        headers=request.headers,
    )
