"""One telephone call over SIP: its conversation at one end, its sound and its keys at the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.media import PCMU, Media
from pinecall_run.sip.outputs import EndReason
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.uri import Uri
from pinecall_run.transports.contract import PhoneSession
from pinecall_run.transports.metronome import Metronome
from pinecall_run.transports.rtp_session import RtpSession
from pinecall_run.transports.sip_sockets import SipSockets
from pinecall_run.transports.telephone_events import Beat, pressed
from pinecall_run.wire.events import CallEvent

_LOG = logging.getLogger("pinecall_run.transports")

REPORT_BEATS, CHECK_BEATS = 250, 25
"""Reports are told each 5 s (RFC 3550, 6.2)."""

DISCONNECTED, FAILED = "disconnected", "error"

REASONS = {EndReason.HANGUP: "hangup", EndReason.FAILED: "failed"}
"""What an end by the other side is called (protocol 7.7); any other is a line that broke."""

BY_PACKETS, BY_INFO = "packets", "INFO"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which the other side, of which nothing was heard, is taken for gone: in a call, and while it holds
    us or has said that it sends nothing."""

    silence: float = 10.0
    hold: float = 3_600.0


class SipCall:
    """A call. It is its conversation's outlet and its line. ``name`` is the user agent's, and ``id`` may be given later
    where the call is yet to be placed; ``peer`` is where its messages come from or go.

    ``sound`` opens the sockets of its sound, and is given whom to tell of keys; ``at`` gives the address of whom it is
    to be forwarded to; ``tell_failure`` is told why it could not be.

    Raises:
        OSError: no ports are free.
    """

    has_voice = False

    def __init__(
        self,
        name: str,
        peer: Peer,
        sockets: SipSockets,
        metronome: Metronome,
        sound: Callable[[Callable[[str], None]], RtpSession],
        *,
        at: Callable[[str], Uri],
        patience: Patience,
        tell_failure: Callable[[str], None],
    ) -> None:
        self.id = name
        self.peer = peer
        self._sockets = sockets
        self._at = at
        self._metronome = metronome
        self._patience = patience
        self._tell_failure = tell_failure
        self._media: Media | None = None
        self._session: PhoneSession | None = None
        self._pressing: Iterator[Beat] = iter(())
        self._keys_by = ""
        self._forwarding = ""
        self._beats = 0
        self._is_over = False
        self.sound = sound(lambda key: self._key(key, BY_PACKETS))

    # the conversation (AudioOutlet, PhoneLine)

    def event(self, event: CallEvent) -> None:
        """See :class:`AudioOutlet`: nobody watches over this line."""

    def ended(self, reason: str) -> None:
        """See :class:`AudioOutlet`: the other side hears of it as a BYE."""
        self.stop()
        self._sockets.do(lambda agent, now: agent.hang_up(self.id, now))

    def press(self, digits: str) -> None:
        """See :class:`PhoneLine`: as packets where the other side takes them, else as INFO."""
        clock_rate = self._media.dtmf_rate if self._media else PCMU.clock_rate
        self._pressing = chain(self._pressing, pressed(digits, clock_rate))

    def forward(self, to: str, *, message: str, announce: bool, summary: str = "") -> None:
        """See :class:`PhoneLine`. The other side of the call places the next one (REFER), and says who it is; that
        there was a ``message`` or a ``summary`` for it is not known to SIP."""
        try:
            target = self._at(to)
        except GrammarError:
            self._tell_failure(f"{to} is no address of SIP's and no number")
            return
        self._forwarding = self._forwarding or to  # one at a time: the next is for when the first has failed
        self._sockets.do(lambda agent, now: agent.forward(self.id, target, now))

    # the other side

    def begin(self, session: PhoneSession) -> None:
        """The conversation that this is the outlet of."""
        self._session = session

    def agreed(self, media: Media) -> None:
        """The call is up, or its sound is another."""
        if self._is_over:
            return
        self._media = media
        self.sound.agree(media, self.peer.host)
        self._metronome.join(self._beat)

    def info(self, key: str) -> None:
        """A key came as INFO."""
        self._key(key, BY_INFO)

    def forwarded(self) -> None:
        """Another one has the other side."""
        if self._session is not None:
            self._session.phone.forwarded(self._forwarding)

    def forward_failed(self, status: int) -> None:
        """The call goes on."""
        self._forwarding = ""
        self._tell_failure(f"the other side says {status}")

    def over(self, reason: EndReason) -> None:
        """The call is over."""
        self.stop()
        self._end(REASONS.get(reason, DISCONNECTED))

    def stop(self) -> None:
        """Nothing is heard or said any more."""
        self._is_over = True
        self._metronome.leave(self._beat)
        self.sound.close()

    def _end(self, reason: str) -> None:
        if self._session is not None:
            self._session.end(reason)

    def _key(self, key: str, by: str) -> None:
        """Some telephones say each key twice: the way in which the first came counts."""
        self._keys_by = self._keys_by or by
        if self._session is not None and by == self._keys_by:
            self._session.phone.key(key)

    # time

    def _beat(self, now: float) -> None:
        if self._session is None or self._media is None:
            return
        try:
            self._exchange(self._session, self._media, now)
        except Exception as error:  # noqa: BLE001 - one call must not stop the others' beat
            _LOG.error("a telephone call broke: %s", type(error).__name__)
            self.stop()
            self._end(FAILED)

    def _exchange(self, session: PhoneSession, media: Media, now: float) -> None:
        """20 ms. On hold nothing is taken: what the other side does not want to hear is not said."""
        heard = self.sound.hear(now)
        if media.direction.can_send:
            for chunk in heard:
                session.hear(chunk)
            self._speak(session)
        else:
            self.sound.skip()
        self._beats += 1
        if self._beats % REPORT_BEATS == 0:
            self.sound.report()
        if self._beats % CHECK_BEATS == 0:
            self._check(media, now)

    def _speak(self, session: PhoneSession) -> None:
        beat = next(self._pressing, None)
        if beat is None:
            self.sound.say(session.take())
            return
        self.sound.press(beat)
        if beat.key and not self.sound.can_send_keys:
            self._sockets.do(lambda agent, now: agent.press(self.id, beat.key, now))

    def _check(self, media: Media, now: float) -> None:
        is_expected = media.direction.can_send and media.direction.can_receive
        patience = self._patience.silence if is_expected else self._patience.hold
        if now - self.sound.heard_at > patience:
            self.stop()
            self._end(DISCONNECTED)
