"""One call between a conversation and a line, both of which keep what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.transports._phones import PhoneSession
from tests.voice._fakes import until

from pinecall_run.audio.chunk import SILENCE, Samples
from pinecall_run.sip.media import PCMU, Media
from pinecall_run.sip.outputs import EndReason
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.sdp import Direction
from pinecall_run.sip.uri import read_uri, sip_uri
from pinecall_run.transports.contract import Caller
from pinecall_run.transports.metronome import Metronome
from pinecall_run.transports.sip_call import Patience, SipCall

MEDIA = Media("192.0.2.1", 6000, PCMU, 0, 0, 6001, dtmf_sends=101, dtmf_receives=101)


class Sound:
    """The line's sound."""

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self.on_key = on_key
        self.can_send_keys = True
        self.heard_at = asyncio.get_running_loop().time()
        self.said: list[Any] = []
        self.pressed: list[bytes] = []
        self.agreements: list[Media] = []
        self.is_closed = False

    def agree(self, media: Media, origin: str) -> None:
        assert origin == "192.0.2.9"
        self.agreements.append(media)

    def hear(self, now: float) -> list[Samples]:
        return [SILENCE]

    def say(self, chunk: Samples | None) -> None:
        self.said.append("sound")

    def press(self, beat: Any) -> None:
        self.said.append(beat.key or "key")
        self.pressed += beat.payloads

    def skip(self) -> None:
        self.said.append("nothing")

    def report(self) -> None:
        self.said.append("report")

    def close(self) -> None:
        self.is_closed = True


class Agent:
    """What a user agent was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def do(self, what: Callable[[Any, float], None]) -> None:
        what(self, 0.0)

    def hang_up(self, call: str, now: float) -> None:
        self.asked.append(("hang up", call))

    def forward(self, call: str, to: Any, now: float) -> None:
        self.asked.append(("forward", str(to)))

    def press(self, call: str, digit: str, now: float) -> None:
        self.asked.append(("press", digit))


class Line:
    def __init__(self, patience: Patience) -> None:
        self.agent, self.failures = Agent(), list[str]()
        self.call = SipCall(
            "call-1",
            Peer("udp", "192.0.2.9", 5060),
            self.agent,  # type: ignore[arg-type]
            Metronome(),
            Sound,  # type: ignore[arg-type]
            at=lambda to: read_uri(to) if ":" in to else sip_uri(to, "carrier.example"),
            patience=patience,
            tell_failure=self.failures.append,
        )
        self.sound: Sound = self.call.sound  # type: ignore[assignment]
        self.session = PhoneSession(self.call, Caller("phone", asyncio.get_running_loop().time))
        self.call.begin(self.session)


@contextmanager
def line(patience: Patience | None = None, *, is_up: bool = True) -> Iterator[Line]:
    it = Line(patience or Patience())
    if is_up:
        it.call.agreed(MEDIA)
    try:
        yield it
    finally:
        it.call.stop()


async def test_sound_flows_once_it_is_agreed_on() -> None:
    with line(is_up=False) as it:
        await asyncio.sleep(0.05)
        assert not it.session.heard
        it.call.agreed(MEDIA)
        await until(lambda: len(it.session.heard) > 2)
        assert it.sound.said[:2] == ["sound", "sound"]
        assert it.session.taken >= len(it.session.heard) - 1


async def test_on_hold_nothing_is_taken() -> None:
    with line() as it:
        await until(lambda: it.session.taken)
        it.call.agreed(replace(MEDIA, direction=Direction.INACTIVE))
        taken, heard = it.session.taken, len(it.session.heard)
        await until(lambda: it.sound.said.count("nothing") > 3)
        assert (it.session.taken, len(it.session.heard)) == (taken, heard)
        it.call.agreed(MEDIA)
        await until(lambda: it.session.taken > taken)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (EndReason.HANGUP, "hangup"),
        (EndReason.LOST, "disconnected"),
        (EndReason.FAILED, "failed"),
    ],
)
async def test_the_other_side_ends_it(reason: EndReason, told: str) -> None:
    with line() as it:
        it.call.over(reason)
        assert (it.session.reason, it.sound.is_closed, it.agent.asked) == (told, True, [])
        it.call.agreed(MEDIA)
        await asyncio.sleep(0.05)
        assert not it.sound.said, "what comes after the end begins nothing"


async def test_the_conversation_ends_it() -> None:
    with line() as it:
        it.call.ended("client_hangup")
        assert (it.sound.is_closed, it.agent.asked) == (True, [("hang up", "call-1")])


@pytest.mark.parametrize(
    ("direction", "is_gone"),
    [(Direction.SENDRECV, True), (Direction.RECVONLY, False), (Direction.SENDONLY, False)],
)
async def test_who_is_not_heard_of_is_gone_unless_on_hold(direction: Direction, is_gone: bool) -> None:
    with line(Patience(silence=0.1, hold=60)) as it:
        it.call.agreed(replace(MEDIA, direction=direction))
        await asyncio.sleep(0.7)
        assert it.session.reason == ("disconnected" if is_gone else "")
        assert it.sound.is_closed is is_gone


async def test_a_hold_that_does_not_end_ends_the_call() -> None:
    with line(Patience(silence=60, hold=0.1)) as it:
        it.call.agreed(replace(MEDIA, direction=Direction.INACTIVE))
        await until(lambda: it.session.reason == "disconnected")


async def test_keys_are_told_by_the_first_way_that_they_come() -> None:
    with line() as it:
        it.sound.on_key("1")
        it.call.info("1")
        it.sound.on_key("2")
        assert it.session.phone.keys == "12"
    with line() as it:
        it.call.info("1")
        it.sound.on_key("1")
        assert it.session.phone.keys == "1"


async def test_keys_are_pressed_one_after_another_instead_of_sound() -> None:
    with line() as it:
        it.call.press("1")
        it.call.press("2")
        await until(lambda: "2" in it.sound.said)
        between = it.sound.said[it.sound.said.index("1") + 1 : it.sound.said.index("2")]
        assert set(between) == {"key"}
        assert it.agent.asked == []


async def test_keys_go_by_the_clock_that_was_agreed_on() -> None:
    with line() as it:
        it.call.agreed(replace(MEDIA, dtmf_rate=48_000))
        it.call.press("1")
        await until(lambda: it.sound.pressed)
        assert int.from_bytes(it.sound.pressed[0][2:]) == 960


async def test_who_takes_no_keys_in_packets_is_told_of_them() -> None:
    with line() as it:
        it.sound.can_send_keys = False
        it.call.press("4#")
        await until(lambda: len(it.agent.asked) == 2)
        assert it.agent.asked == [("press", "4"), ("press", "#")]


async def test_forwarding() -> None:
    with line() as it:
        it.call.forward("+15551234567", message="", announce=False)
        it.call.forward_failed(603)
        assert "603" in it.failures[0]
        it.call.forward("sip:bob@b.example", message="", announce=True, summary="A lamp.")
        it.call.forward("sip:<", message="", announce=True)
        assert len(it.failures) == 2
        assert [to for _, to in it.agent.asked] == [
            "sip:+15551234567@carrier.example",
            "sip:bob@b.example",
        ]
        it.call.forwarded()
        assert it.session.phone.forwarded_to == "sip:bob@b.example", "the first that has not failed"


async def test_a_conversation_that_breaks_takes_only_its_own_line_down() -> None:
    with line() as it:
        it.session.hear = lambda chunk: 1 / 0  # type: ignore[method-assign,assignment,return-value]
        await until(lambda: it.session.reason == "error")
        assert it.sound.is_closed
