"""What two sides agree on about their sound: codecs, payload types, addresses, directions and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from pinecall_run.sip.sdes import Crypto
from pinecall_run.sip.sdp import Direction


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to write sound into packets.

    Attributes:
        name: as descriptions have it, in upper case.
        clock_rate: of the packets' timestamps; G.722's is 8,000, that of its sound 16,000 (RFC 3551, 4.5.2).
        payload_type: RFC 3551's number, or the one that we use where nobody has given another.
        parameters: for an attribute ``fmtp``.
    """

    name: str
    clock_rate: int
    payload_type: int
    channels: int = 1
    parameters: str = ""

    @property
    def is_static(self) -> bool:
        """Whether its number says it all (RFC 3551, 6)."""
        return self.payload_type < 96

    @property
    def rtpmap(self) -> str:
        """Its name in descriptions."""
        name = "opus" if self is OPUS else self.name
        return f"{name}/{self.clock_rate}" + (f"/{self.channels}" if self.channels > 1 else "")


PCMU = Codec("PCMU", 8_000, 0)
PCMA = Codec("PCMA", 8_000, 8)
G722 = Codec("G722", 8_000, 9)
OPUS = Codec("OPUS", 48_000, 96, 2, "maxplaybackrate=16000;sprop-maxcapturerate=16000")
"""Its clock and channels are always these (RFC 7587, 7); what we hear and say of it has 16 kHz and one."""

CODECS = (OPUS, G722, PCMU, PCMA)
"""What we can do, the best one first."""


class Encryption(Enum):
    """Whether sound is encrypted, its keys in the description (RFC 4568)."""

    NEVER = auto()
    WELCOME = auto()
    """If the other side offers it; of ourselves we offer it not."""
    OFFERED = auto()
    """By us, too, without insisting on it (RFC 8643)."""
    REQUIRED = auto()


@dataclass(frozen=True, slots=True)
class LocalAudio:
    """What the door has to offer for one call.

    Attributes:
        host: the address that the other side is told to send to.
        port: of RTP; RTCP is told to be one above, unless the other side wants both in one.
        codecs: the best one first. An offer is answered with the first of its own that is among them.
        ptime: milliseconds of sound in a packet that we would like.
    """

    host: str
    port: int
    codecs: tuple[Codec, ...] = CODECS
    ptime: int = 20
    encryption: Encryption = Encryption.NEVER


@dataclass(frozen=True, slots=True)
class Media:
    """What both sides agreed on.

    Attributes:
        host: where the other side wants to be sent to. Behind a translator of addresses its packets may come from
            elsewhere; then they are answered there (symmetric RTP, RFC 4961), which is the door's to judge.
        port: of RTP; ``rtcp_port`` of its reports, the same where ``is_rtcp_mux``.
        sends: the payload type of our packets; ``receives``: of theirs. ``also`` has further codecs that they may
            change to in the middle of the sound, by their payload types (RFC 3264, 6.1).
        dtmf_sends: the payload type of our telephone-events (RFC 4733), ``None`` where they want none;
            ``dtmf_receives``: of theirs. ``dtmf_rate`` is the clock rate of both.
        ptime: milliseconds of sound in a packet that they would like, 20 where they do not say.
        direction: as we see it: ``can_send`` for us.
        send_key: encrypts what we send, ``receive_key`` what they send; both ``None`` where nothing is encrypted.
    """

    host: str
    port: int
    codec: Codec
    sends: int
    receives: int
    rtcp_port: int
    is_rtcp_mux: bool = False
    dtmf_sends: int | None = None
    dtmf_receives: int | None = None
    dtmf_rate: int = 8_000
    ptime: int = 20
    direction: Direction = Direction.SENDRECV
    send_key: Crypto | None = None
    receive_key: Crypto | None = None
    also: Mapping[int, Codec] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether the other side does not want to be heard or to hear."""
        return not self.direction.can_send

    @property
    def is_encrypted(self) -> bool:
        """Whether it is SRTP."""
        return self.send_key is not None
