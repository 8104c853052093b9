"""What comes of a user agent: what is to be sent, and what happened to its calls and registrations."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pinecall_run.sip.media import Media
from pinecall_run.sip.message import Headers
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.uri import NameAddr, Uri


class EndReason(StrEnum):
    """Why a call is over. The four that never began have the words of the wire (protocol 7.7)."""

    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"
    """Whoever called gave up before anybody answered."""
    REJECTED = "rejected"
    """We did not take it."""
    HANGUP = "hangup"
    """The other side ended it."""
    ENDED = "ended"
    """We ended it."""
    FORWARDED = "forwarded"
    """Another one has the other side now."""
    LOST = "lost"
    """The other side was there, and is no more: no ACK, no sign of life, no transport."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send the bytes: one datagram, or a piece of a connection, which is opened if there is none. If that cannot be
    done, tell :meth:`UserAgent.lost`."""

    data: bytes = field(repr=False)
    peer: Peer


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection: what came over it cannot be understood. What was to be sent before is sent."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """Somebody calls and waits: ring, answer, reject or redirect it.

    Attributes:
        call: names the call from now on.
        call_id: how the other side names it (Call-ID), for comparing logs; not to be shown to people.
        uri: whom they want: the request's target.
        peer: where it came from.
        username: who has shown a password; empty for a peer that is trusted without.
        headers: all that the INVITE says.
    """

    call: str
    call_id: str
    uri: Uri
    from_: NameAddr
    to: NameAddr
    peer: Peer
    username: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class Ringing:
    """A call of ours got as far as ``status`` (180, 183…). With ``media`` there is sound before anybody answers: a tone
    or an announcement. It may come several times."""

    call: str
    status: int
    media: Media | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The call is up, whoever placed it, and its sound may flow."""

    call: str
    media: Media


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """Something about the sound of a call that is up is different: held or not, its address, its codec, its keys."""

    call: str
    media: Media


@dataclass(frozen=True, slots=True)
class ChangeRefused:
    """The other side did not take a change of ours, such as a hold; everything is as it was."""

    call: str
    status: int


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key was pressed, as an INFO tells it; ``milliseconds`` is 0 where it does not say for how long."""

    call: str
    digit: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class ForwardProgress:
    """The other side of a call follows our :meth:`UserAgent.forward`, and the new call got as far as ``status``."""

    call: str
    status: int


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The other side of a call has been answered elsewhere; ``Ended`` follows."""

    call: str


@dataclass(frozen=True, slots=True)
class ForwardFailed:
    """The other side did not follow, or nobody answered there: 603 and its like, 408 if we heard nothing. The call goes
    on."""

    call: str
    status: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over; nothing more is told of it. ``status`` is the response that ended it, 0 if it was none."""

    call: str
    reason: EndReason
    status: int = 0


@dataclass(frozen=True, slots=True)
class Registered:
    """Calls for an account come to us, for so many seconds; it is told again with each renewal."""

    registration: str
    seconds: int


@dataclass(frozen=True, slots=True)
class RegistrationFailed:
    """An account cannot be registered; it is tried again after so many seconds. 408 and 503 are of our own making: no
    answer, no transport."""

    registration: str
    status: int
    retry_seconds: float


@dataclass(frozen=True, slots=True)
class Unregistered:
    """Calls for an account do not come to us any more, as we asked."""

    registration: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A request from outside of any call was answered with a failure. It is for counters: scanners are many. A 401 is
    the usual beginning for whoever has a password."""

    peer: Peer
    method: str
    status: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something arrived that nothing is answered to; ``why`` holds nothing of it."""

    peer: Peer
    why: str


Output = (
    Send
    | Close
    | IncomingCall
    | Ringing
    | Answered
    | MediaChanged
    | ChangeRefused
    | Dtmf
    | ForwardProgress
    | Forwarded
    | ForwardFailed
    | Ended
    | Registered
    | RegistrationFailed
    | Unregistered
    | Refused
    | Ignored
)
