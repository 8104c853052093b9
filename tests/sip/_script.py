"""Scripts that read like a trace: ``>>`` is what happens to a user agent, ``<<`` what must come of it, in order.

    assert line >> line.invite() << 100 << IncomingCall >> line.answer << 200 << Answered >> line.ack()

A number is a response that is sent, a text the method of a request, a class an output of that kind; anything else is
compared. The other side's messages are written here by hand, without the code under test. ``assert`` makes the end of a
script check that nothing else came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from pinecall_run.sip.agent import UserAgent
from pinecall_run.sip.core import Settings
from pinecall_run.sip.media import PCMA, PCMU, LocalAudio
from pinecall_run.sip.message import Request, Response
from pinecall_run.sip.outputs import Answered, IncomingCall, Send
from pinecall_run.sip.parser import read_datagram
from pinecall_run.sip.peer import Peer

PEER = Peer("udp", "198.51.100.7", 5060)
AUDIO = LocalAudio("192.0.2.1", 40_000, (PCMU, PCMA))
OFFER = (
    "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    "m=audio 30000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
)


class after(float):
    """Seconds that pass."""


class Dice:
    """Bytes that nobody can guess but a test: the same ones each time."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._seed}{self._count}".encode()).digest(size)


def settings(**given: Any) -> Settings:
    return Settings(**{"host": "192.0.2.1", "ports": {"udp": 5060, "tcp": 5060, "tls": 5061}, **given})


class Line:
    """A user agent, a clock, and a telephone at the other end of one call. ``call`` is the call's name on our side."""

    def __init__(self, peer: Peer = PEER, *, is_trusted: bool = True, **given: Any) -> None:
        self.agent = UserAgent(settings(**given), Dice())
        self.now = 1000.0
        self.peer = peer
        self.is_trusted = is_trusted
        self.seen: list[Any] = []
        self.call = ""
        self.sent: Request | Response
        self.sent_to = peer
        self.our_tag, self.call_id, self.their_tag = "", "c1@198.51.100.7", "theirs"
        self.us, self.them = "<sip:desk@192.0.2.1>", "<sip:ana@198.51.100.7>"
        self.number = 0
        self.branch = 0

    # the script

    def __rshift__(self, happens: bytes | str | after | Callable[[Line], object]) -> Line:
        assert not self.seen, f"nobody expected {self.seen[0]}"
        if isinstance(happens, after):
            self.now += happens
            self.agent.tick(self.now)
        elif isinstance(happens, bytes | str):
            data = happens.encode() if isinstance(happens, str) else happens
            self.agent.receive(data, self.peer, self.now, is_trusted=self.is_trusted)
        else:
            happens(self)
        self.seen += self.agent.drain()
        for output in self.seen:
            self.call = self.call or getattr(output, "call", "")
        return self

    def __lshift__(self, expected: object) -> Line:
        assert self.seen, f"nothing came where this was expected: {expected}"
        found = self.seen.pop(0)
        if isinstance(expected, int | str):
            self._take(found, expected)
        elif isinstance(expected, type):
            assert isinstance(found, expected), f"{found} came instead of {expected}"
        else:
            assert found == expected
        return self

    def __bool__(self) -> bool:
        assert not self.seen, f"nobody expected {self.seen[0]}"
        return True

    def _take(self, found: object, expected: int | str) -> None:
        assert isinstance(found, Send), f"{found} came instead of {expected}"
        self.sent, self.sent_to = read_datagram(found.data), found.peer
        if isinstance(self.sent, Response):
            assert self.sent.status == expected
            self.our_tag = self.sent.to.tag or self.our_tag
        else:
            assert self.sent.method == expected
            if self.sent.method == "INVITE" and not self.sent.to.tag:
                self.our_tag, self.call_id = self.sent.from_.tag, self.sent.call_id
                self.us, self.them = f"<{self.sent.from_.uri}>", f"<{self.sent.to.uri}>"

    # what we do

    def ring(self, _: Line) -> None:
        self.agent.ring(self.call, self.now)

    def answer(self, _: Line) -> None:
        self.agent.answer(self.call, AUDIO, self.now)

    def hang_up(self, _: Line) -> None:
        self.agent.hang_up(self.call, self.now)

    def lost(self, _: Line) -> None:
        self.agent.lost(self.peer, self.now)

    # what the other side sends

    def request(
        self,
        method: str,
        *extra: str,
        body: str = "",
        kind: str = "application/sdp",
        number: int = 0,
        branch: str = "",
        uri: str = "sip:desk@192.0.2.1",
        is_inside: bool = True,
    ) -> str:
        """A request of theirs, inside of the dialog if there is one."""
        if not branch:
            self.branch += 1
            branch = f"b{self.branch}"
        if not number:
            self.number += 1
            number = self.number
        tag = f";tag={self.our_tag}" if self.our_tag and is_inside else ""
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.peer.transport.upper()} {self.peer.host}:{self.peer.port};branch=z9hG4bK{branch}",
            f"From: {self.them};tag={self.their_tag}",
            f"To: {self.us}{tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
            "Contact: <sip:ana@198.51.100.7:5060>",
            "Max-Forwards: 70",
            *extra,
            *([f"Content-Type: {kind}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", body])

    def invite(self, *extra: str, body: str = OFFER, **given: Any) -> str:
        return self.request("INVITE", *extra, body=body, **given)

    def ack(self, body: str = "", **given: Any) -> str:
        return self.request("ACK", body=body, number=given.pop("number", self.number), **given)

    def response(self, status: int, *extra: str, body: str = "", tag: str = "theirs", request: Any = None) -> str:
        """A response of theirs to what we have sent last, or to another request of ours."""
        asked = request or self.sent
        to = asked.headers.get("To")
        lines = [
            f"SIP/2.0 {status} Whatever",
            *(f"Via: {value}" for value in asked.headers.all("Via")),
            f"From: {asked.headers.get('From')}",
            f"To: {to}" + (f";tag={tag}" if tag and "tag=" not in to else ""),
            f"Call-ID: {asked.call_id}",
            f"CSeq: {asked.headers.get('CSeq')}",
            *extra,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", body])

    def taken(self, *extra: str, body: str = OFFER, **given: Any) -> str:
        """A 2xx to an INVITE."""
        return self.response(200, "Contact: <sip:ana@198.51.100.7:5060>", *extra, body=body, **given)


def up(**given: Any) -> Line:
    """A call that came to us and is up."""
    line = Line(**given)
    assert line >> line.invite() << 100 << IncomingCall >> line.answer << 200 << Answered >> line.ack()
    return line
