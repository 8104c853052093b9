"""sipp, which is not ours, calls and is called over real datagrams: what we write and read is SIP to others, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK, SCENARIOS, Driver, driver, needs_sipp, sipp

from pinecall_run.sip.digest import Account
from pinecall_run.sip.media import LocalAudio
from pinecall_run.sip.outbound import Dial
from pinecall_run.sip.outputs import (
    Answered,
    Dtmf,
    Ended,
    EndReason,
    Forwarded,
    IncomingCall,
    MediaChanged,
    Refused,
    Registered,
    Ringing,
    Unregistered,
)
from pinecall_run.sip.peer import Peer
from pinecall_run.sip.registration import Registrar
from pinecall_run.sip.sdp import Direction
from pinecall_run.sip.uri import NameAddr, read_uri

pytestmark = needs_sipp

AUDIO = LocalAudio(LOOPBACK, 40_000)


def answering(agent: Driver, output: Any) -> None:
    if isinstance(output, IncomingCall):
        agent.agent.ring(output.call, agent.now)
        agent.agent.answer(output.call, AUDIO, agent.now)


def ringing(agent: Driver, output: Any) -> None:
    if isinstance(output, IncomingCall):
        agent.agent.ring(output.call, agent.now)


def of(agent: Driver, kind: type) -> list[Any]:
    return [output for output in agent.outputs if isinstance(output, kind)]


async def test_its_own_caller_calls_twenty_times(tmp_path: Path) -> None:
    async with driver(answering) as agent:
        await sipp(tmp_path, "-sn", "uac", "-m", "20", "-r", "20", f"{LOOPBACK}:{agent.port}")
    assert [ended.reason for ended in of(agent, Ended)] == [EndReason.HANGUP] * 20
    assert len(agent.agent) == 0


async def test_calls_come_through_a_loss_of_a_fifth(tmp_path: Path) -> None:
    async with driver(answering) as agent:
        await sipp(tmp_path, "-sn", "uac", "-m", "10", "-r", "10", "-lost", "20", f"{LOOPBACK}:{agent.port}")
    assert len(of(agent, Answered)) == 10


async def test_a_caller_holds_and_presses_a_key(tmp_path: Path) -> None:
    async with driver(answering) as agent:
        await sipp(tmp_path, "-sf", str(SCENARIOS / "caller.xml"), "-m", "3", f"{LOOPBACK}:{agent.port}")
    assert [changed.media.direction for changed in of(agent, MediaChanged)] == [Direction.RECVONLY] * 3
    assert {(press.digit, press.milliseconds) for press in of(agent, Dtmf)} == {("#", 250)}


async def test_a_password_is_asked_for_and_understood(tmp_path: Path) -> None:
    async with driver(answering, users={"ana": "secret"}, algorithms=("MD5",)) as agent:
        agent.is_trusted = False
        await sipp(tmp_path, "-sf", str(SCENARIOS / "password.xml"), "-m", "3", f"{LOOPBACK}:{agent.port}")
    assert [call.username for call in of(agent, IncomingCall)] == ["ana"] * 3
    assert {refused.status for refused in of(agent, Refused)} == {401}


async def test_who_does_not_know_the_password_is_refused(tmp_path: Path) -> None:
    async with driver(answering, users={"ana": "another"}, algorithms=("MD5",)) as agent:
        agent.is_trusted = False
        with pytest.raises(AssertionError):
            await sipp(
                tmp_path, "-sf", str(SCENARIOS / "password.xml"), "-m", "1", f"{LOOPBACK}:{agent.port}", seconds=4
            )
    assert of(agent, IncomingCall) == []


async def test_a_caller_gives_up(tmp_path: Path) -> None:
    async with driver(ringing) as agent:
        await sipp(tmp_path, "-sf", str(SCENARIOS / "giving_up.xml"), "-m", "5", f"{LOOPBACK}:{agent.port}")
    assert [ended.reason for ended in of(agent, Ended)] == [EndReason.CANCELED] * 5


async def test_a_cancel_that_crosses_the_answer(tmp_path: Path) -> None:
    async with driver(answering) as agent:
        await sipp(tmp_path, "-sf", str(SCENARIOS / "too_late.xml"), "-m", "5", f"{LOOPBACK}:{agent.port}")
    assert [ended.reason for ended in of(agent, Ended)] == [EndReason.HANGUP] * 5


Step = Callable[[Driver, Any], None]


async def called(folder: Path, scenario: list[str], on_output: Step, **given: Any) -> Driver:
    """A sipp that is called by us once."""
    port = free_port()
    async with driver(on_output) as agent:
        running = asyncio.create_task(sipp(folder, *scenario, "-m", "1", "-p", str(port)))
        to = read_uri(f"sip:bob@{LOOPBACK}:{port}")
        agent.agent.dial(Dial(to, NameAddr(read_uri(f"sip:ana@{LOOPBACK}")), AUDIO, **given), agent.now)
        agent.flush()
        await running
    return agent


async def test_we_call_its_own_answerer_and_hang_up(tmp_path: Path) -> None:
    def step(agent: Driver, output: Any) -> None:
        if isinstance(output, Answered):
            agent.agent.hang_up(output.call, agent.now)

    agent = await called(tmp_path, ["-sn", "uas"], step)
    assert [type(output) for output in agent.outputs] == [Ringing, Answered, Ended]


async def test_we_call_with_a_password_hold_and_forward(tmp_path: Path) -> None:
    def step(agent: Driver, output: Any) -> None:
        match output:
            case Answered():
                agent.agent.turn(output.call, Direction.SENDONLY, agent.now)
            case MediaChanged():
                agent.agent.forward(output.call, read_uri(f"sip:sales@{LOOPBACK}"), agent.now)

    scenario = ["-sf", str(SCENARIOS / "asking.xml")]
    agent = await called(tmp_path, scenario, step, account=Account("ana", "secret"))
    assert [type(output) for output in agent.outputs] == [Ringing, Answered, MediaChanged, Forwarded, Ended]
    assert agent.outputs[-1].reason is EndReason.FORWARDED


async def test_whom_we_call_is_busy(tmp_path: Path) -> None:
    agent = await called(tmp_path, ["-sf", str(SCENARIOS / "busy.xml")], lambda *_: None)
    assert [(output.reason, output.status) for output in agent.outputs] == [(EndReason.BUSY, 486)]


async def test_whom_we_call_does_not_answer(tmp_path: Path) -> None:
    agent = await called(tmp_path, ["-sf", str(SCENARIOS / "ringing.xml")], lambda *_: None, ring_seconds=2)
    assert agent.outputs[-1].reason is EndReason.NO_ANSWER


async def test_we_register_renew_and_leave(tmp_path: Path) -> None:
    def step(agent: Driver, output: Any) -> None:
        if len(of(agent, Registered)) == 2 and isinstance(output, Registered):
            agent.agent.unregister(output.registration, agent.now)

    port = free_port()
    async with driver(step) as agent:
        arguments = ["-sf", str(SCENARIOS / "registrar.xml"), "-m", "1", "-p", str(port)]
        running = asyncio.create_task(sipp(tmp_path, *arguments))
        peer = Peer("udp", LOOPBACK, port)
        registrar = Registrar(read_uri("sip:ana@example.com"), Account("ana", "secret"), peer)
        agent.agent.register(registrar, agent.now)
        agent.flush()
        await running
    assert [type(output) for output in agent.outputs] == [Registered, Registered, Unregistered]
