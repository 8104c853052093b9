"""By which way a call goes out, and what is told of one that comes to nothing; the calls themselves are in
tests/stories/test_sip_dials.py."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.voice._stage import Client, Stage

from pinecall_run.sip.media import PCMU, Media
from pinecall_run.sip.outputs import Answered, Ended, EndReason
from pinecall_run.sip.peer import Peer
from pinecall_run.voice import sip_dials
from pinecall_run.voice.sip_calls import SipCalls
from pinecall_run.voice.sip_dials import NoWayError, SipDials, way
from pinecall_run.voice.sip_settings import SipSettings
from pinecall_run.voice.sip_trunks import Trunk, read_trunk

LOBBY, NUMBER, PERSON = "sip:lobby@acme.example", "+15551234567", "+15550001111"
CARRIER = {"host": "carrier.example", "proxy": "10.0.0.7:5080", "numbers": ["+1555*"]}
PBX = {"host": "acme.example:5070", "transport": "tls"}
PHONES = {"username": "desk", "password": "hush", "numbers": ["+34911234567"]}
SETTINGS = SipSettings(trunks=[read_trunk(each) for each in (PHONES, CARRIER, PBX)])


@pytest.mark.parametrize(
    ("from_", "to", "target", "shown", "peer"),
    [
        (NUMBER, PERSON, f"sip:{PERSON}@carrier.example", f"sip:{NUMBER}@carrier.example", ("udp", "10.0.0.7", 5080)),
        (
            "+1 (555) 123-4567",
            "+1 (555) 000-1111",
            f"sip:{PERSON}@carrier.example",
            f"sip:{NUMBER}@carrier.example",
            ("udp", "10.0.0.7", 5080),
        ),
        (LOBBY, PERSON, f"sip:{PERSON}@acme.example:5070", LOBBY, ("tls", "acme.example", 5070)),
        ("sip:a@b.example", PERSON, f"sip:{PERSON}@carrier.example", "sip:a@b.example", ("udp", "10.0.0.7", 5080)),
        (LOBBY, "sip:bob@carrier.example", "sip:bob@carrier.example", LOBBY, ("udp", "10.0.0.7", 5080)),
        (LOBBY, "sip:bob@10.0.0.9;transport=tcp", "sip:bob@10.0.0.9;transport=tcp", LOBBY, ("tcp", "10.0.0.9", 5060)),
        (LOBBY, "sips:bob@b.example?Replaces=x", "sips:bob@b.example", LOBBY, ("tls", "b.example", 5061)),
        (NUMBER, "sip:bob@b.example", "sip:bob@b.example", f"sip:{NUMBER}@127.0.0.1", ("udp", "b.example", 5060)),
    ],
)  # fmt: skip
def test_the_way_of_a_call(from_: str, to: str, target: str, shown: str, peer: tuple[str, str, int]) -> None:
    found = way(SETTINGS, to, from_)
    assert (str(found.to), str(found.from_), found.peer) == (target, shown, Peer(*peer))


@pytest.mark.parametrize(
    ("from_", "to", "code"),
    [
        ("+34911234567", PERSON, "NO_TRANSPORT"),  # its trunk calls nobody
        ("+49301234567", PERSON, "NO_TRANSPORT"),
        (LOBBY, "sip:bob@b.example;transport=sctp", "INVALID_NUMBER"),
        (LOBBY, "sip:a b", "INVALID_NUMBER"),
        ("sip:a b", PERSON, "INVALID_NUMBER"),
    ],
)
def test_no_way(from_: str, to: str, code: str) -> None:
    with pytest.raises(NoWayError) as caught:
        way(SETTINGS, to, from_)
    assert caught.value.code == code


def test_without_a_trunk_addresses_can_be_called_and_numbers_not() -> None:
    assert way(SipSettings(), "sip:bob@b.example", LOBBY).trunk is None
    with pytest.raises(NoWayError):
        way(SipSettings(), PERSON, LOBBY)


class Line:
    """A line without a call."""

    def __init__(self) -> None:
        self.id = ""
        self.is_stopped = False
        self.sound: Any = Counter()

    def stop(self) -> None:
        self.is_stopped = True


class World(SipCalls):
    """Calls without sockets."""

    def __init__(self) -> None:
        self.stage = Stage()
        super().__init__(self.stage.hub.phone, SETTINGS, Counter())
        self.asked: list[tuple[Any, ...]] = []
        self.made: list[Line] = []
        self.is_full = False
        self.dials = SipDials(self)
        self.client: Client = self.stage.connect("front", stt="local", voice="local")

    def dial(self, dial: Any, host: str) -> str:
        self.asked.append(("dial", str(dial.to)))
        self.came(name := f"c{len(self.asked)}", host)
        return name

    def hang_up(self, name: str) -> None:
        self.asked.append(("hang up", name))

    def line(self, agent_id: str, name: str, peer: Peer, trunk: Trunk | None) -> Any:
        if self.is_full:
            raise OSError(98, "Address already in use")
        self.made.append(Line())
        return self.made[-1]

    def audio(self, line: Any) -> Any:
        return None

    def place(self, **more: Any) -> None:
        command = {"agent_id": "front", "to": PERSON, "from": NUMBER, **more}
        self.dials.dial(self.stage.hub.registry.agents["front"], _command(command))


def _command(written: dict[str, Any]) -> Any:
    from pinecall_run.wire import call_commands

    return call_commands.CallDial(agent_id="front", to=written["to"], from_=written["from"])


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("reason", "status", "event", "says"),
    [
        (EndReason.BUSY, 486, "call.ended", "busy"),
        (EndReason.NO_ANSWER, 480, "call.ended", "no-answer"),
        (EndReason.FAILED, 408, "call.ended", "no-answer"),
        (EndReason.CANCELED, 0, "call.ended", "canceled"),
        (EndReason.HANGUP, 0, "call.ended", "failed"),
        (EndReason.FAILED, 404, "call.error", "the call failed: 10.0.0.7 says 404 Not Found"),
        (EndReason.FAILED, 699, "call.error", "the call failed: 10.0.0.7 says 699"),
        (EndReason.FAILED, 0, "call.error", "the call failed: nothing came back from 10.0.0.7"),
        (EndReason.FAILED, 503, "call.error", "the call failed: 10.0.0.7 has no room, or cannot be reached (503)"),
    ],
)
def test_what_becomes_of_a_call_is_told_once(
    reason: EndReason, status: int, event: str, says: str, world: World
) -> None:
    world.place()
    call_id = world.client.take("call.dialing")["call_id"]
    assert world.knows("10.0.0.7")
    assert world.dials.ended(Ended(call_id, reason, status))
    assert not world.dials.ended(Ended(call_id, reason, status))
    told = world.client.take(event)
    assert (told["call_id"], told.get("error") or told["reason"]) == (call_id, says)
    assert world.made[0].is_stopped


def test_only_whose_call_it_is_takes_it_back(world: World) -> None:
    world.place()
    call_id = world.client.take("call.dialing")["call_id"]
    stranger = world.stage.connect("other")
    world.dials.cancel(stranger.id, call_id)
    world.dials.cancel(world.client.id, "another")
    assert world.asked == [("dial", f"sip:{PERSON}@carrier.example")]
    world.dials.cancel(world.client.id, call_id)
    assert world.asked[1:] == [("hang up", call_id)]


def test_there_is_room_for_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_dials, "MOST_DIALS", 1)
    world.place()
    world.place()
    assert world.client.take("call.error")["code"] == "BUSY"


def test_without_a_port_for_sound_there_is_no_call(world: World) -> None:
    world.is_full = True
    world.place()
    error = world.client.take("call.error")
    assert (error["code"], error["error"]) == ("BUSY", "no ports are free for a call: Address already in use")
    assert not world.asked


async def test_a_call_whose_agent_left_is_hung_up(world: World) -> None:
    world.place()
    call_id = world.client.take("call.dialing")["call_id"]
    world.client.send("agent.remove", agent_id="front")
    world.dials.answered(Answered(call_id, Media("10.0.0.7", 6000, PCMU, 0, 0, 6001)))
    assert world.asked[1:] == [("hang up", call_id)]
    assert world.dials.ended(Ended(call_id, EndReason.ENDED))


def test_a_call_that_cannot_be_begun_keeps_no_ports(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(dial: Any, host: str) -> str:
        raise ValueError("broken")

    monkeypatch.setattr(world, "dial", broken)
    with pytest.raises(ValueError, match="broken"):
        world.place()
    assert [line.is_stopped for line in world.made] == [True]
