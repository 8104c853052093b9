"""For whom telephone calls are, whether they are taken, and who places them."""

from __future__ import annotations

import asyncio

import pytest
from tests.voice._fakes import settle
from tests.voice._stage import Client, Stage

from pinecall_run.protocol.registry import Agent
from pinecall_run.voice import phone_desk
from pinecall_run.voice.phone_desk import Verdict, configured, dialable
from pinecall_run.wire import call_commands

NUMBER, PERSON = "+15551234567", "+15550001111"


class Carrier:
    """Carries calls of numbers, once it lacks nothing."""

    def __init__(self) -> None:
        self.lacks = ""
        self.notices: list[str] = []
        self.dialed: list[call_commands.CallDial] = []
        self.cancelled: list[str] = []

    def serves(self, ref: str) -> bool:
        return not ref.startswith("sip:")

    def missing(self) -> str:
        return self.lacks

    def notes(self, ref: str) -> list[str]:
        return self.notices

    def dial(self, agent: Agent, command: call_commands.CallDial) -> None:
        self.dialed.append(command)

    def cancel(self, connection: str, call_id: str) -> None:
        self.cancelled.append(call_id)


def set_up(ringing: bool = False) -> tuple[Stage, Client, Carrier]:
    stage, carrier = Stage(), Carrier()
    stage.hub.phone.carriers.append(carrier)
    client = stage.connect("front", stt="local", voice="local")
    client.send("channel.add", agent_id="front", type="phone", ref="+1 (555) 123-4567", ringing=ringing)
    return stage, client, carrier


def test_a_channel_says_what_it_lacks() -> None:
    _, client, carrier = set_up()
    assert "served" not in client.take("channel.added")
    carrier.lacks = "it needs a key"
    client.send("channel.add", agent_id="front", type="phone", ref=NUMBER)
    added = client.take("channel.added")
    assert (added["served"], added["notes"]) == (False, ["it needs a key"])
    carrier.lacks, carrier.notices = "", ["no calls out"]
    client.send("channel.add", agent_id="front", type="phone", ref=NUMBER)
    assert "no calls out" in client.take("channel.added")["notes"]
    client.send("channel.add", agent_id="front", type="phone", ref="sip:lobby@a.example")
    added = client.take("channel.added")
    assert (added["served"], len(added["notes"])) == (False, 1)


def test_who_answers_is_found_by_the_number_however_it_is_written() -> None:
    stage, _, _ = set_up()
    agent = stage.hub.phone.answering("+15551234567", PERSON)
    assert agent is not None
    assert agent.agent_id == "front"
    assert stage.hub.phone.answering("+15551234568", PERSON) is None
    assert stage.hub.phone.answering("", "") is None


async def screened(stage: Stage) -> asyncio.Task[Verdict]:
    agent = stage.hub.registry.agents["front"]
    task = asyncio.create_task(stage.hub.phone.screen(agent, "CA1", from_=PERSON, to=NUMBER))
    await settle()
    return task


async def test_only_a_channel_that_asks_for_it_rings() -> None:
    stage, client, _ = set_up()
    assert await (await screened(stage)) == ""
    assert not client.named("call.ringing")


async def test_the_first_answer_counts_and_only_of_whose_call_it_is() -> None:
    stage, client, _ = set_up(ringing=True)
    stranger = stage.connect("other")
    ringing = await screened(stage)
    assert client.take("call.ringing")["from"] == PERSON
    stranger.send("call.reject", agent_id="front", call_id="CA1", reason="busy")
    client.send("call.reject", agent_id="front", call_id="CA2", reason="busy")
    assert not ringing.done()
    client.send("call.reject", agent_id="front", call_id="CA1", reason="rejected")
    client.send("call.accept", agent_id="front", call_id="CA1")
    assert await ringing == "rejected"
    assert client.take("call.rejected")["reason"] == "rejected"
    client.send("call.accept", agent_id="front", call_id="CA1")  # it rings no longer


async def test_a_call_that_rings_is_handed_on_by_whose_it_is() -> None:
    stage, client, _ = set_up(ringing=True)
    stranger = stage.connect("other")
    ringing = await screened(stage)
    stranger.send("call.forward", call_id="CA1", to="+15557654321")
    client.send("call.forward", call_id="CA2", to="+15557654321")
    client.send("call.forward", call_id="CA1", to="the office")
    error = client.take("error")
    assert (error["code"], "the office is no number" in error["error"]) == ("FORWARD_FAILED", True)
    assert not ringing.done()
    client.send("call.forward", call_id="CA1", to="+1 (555) 765-4321", announce=True)
    client.send("call.accept", agent_id="front", call_id="CA1")
    verdict = await ringing
    assert isinstance(verdict, call_commands.CallForward)
    assert (verdict.to, verdict.announce) == ("+1 (555) 765-4321", True)
    assert not client.named("call.rejected")
    stage.hub.phone.forwarded("front", verdict)
    assert client.take("call.forwarded")["to"] == "+1 (555) 765-4321", "as it was asked for"


async def test_what_nobody_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_desk, "RINGING_SECONDS", 0.02)
    stage, _, _ = set_up(ringing=True)
    assert await (await screened(stage)) == ""


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"agent_id": "nobody"}, "AGENT_NOT_REGISTERED"),
        ({"from": "sip:a@b.example"}, "NO_TRANSPORT"),
        ({"to": "12"}, "INVALID_NUMBER"),
        ({"to": "0049123456"}, "INVALID_NUMBER"),
        ({"to": "+1555000111122223333"}, "INVALID_NUMBER"),
    ],
)
def test_dials_that_come_to_nothing(fields: dict[str, str], code: str) -> None:
    _, client, carrier = set_up()
    client.send("call.dial", **{"agent_id": "front", "to": PERSON, "from": NUMBER, **fields})
    assert client.take("call.error")["code"] == code
    assert not carrier.dialed


def test_a_dial_and_its_end_reach_the_carrier() -> None:
    _, client, carrier = set_up()
    client.send("call.dial", **{"agent_id": "front", "to": "+1 (555) 000-1111", "from": NUMBER})
    client.send("call.hangup", call_id="CA9")
    assert ([each.to for each in carrier.dialed], carrier.cancelled) == (["+1 (555) 000-1111"], ["CA9"])
    carrier.lacks = "it needs a key"
    client.send("call.dial", **{"agent_id": "front", "to": PERSON, "from": NUMBER})
    error = client.take("call.error")
    assert (error["code"], error["error"]) == ("NO_TRANSPORT", "it needs a key")


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ("+1 (555) 000-1111", "+15550001111"),
        ("SIP:Ada@B.example", "sip:Ada@B.example"),
        ("sips:ada@b.example;x=1", "sips:ada@b.example;x=1"),
    ],
)
def test_an_address_is_called_however_it_is_written(written: str, called: str) -> None:
    assert dialable(written) == called


def test_a_dial_overrides_what_it_names() -> None:
    dial = lambda **more: call_commands.CallDial(agent_id="a", to="b", from_="c", **more)  # noqa: E731
    assert configured(dial()) == {}
    assert configured(dial(config={"language": "es", "machine_detection": True})) == {"language": "es"}
    assert configured(dial(config={"greeting": "a"}, greeting="b")) == {"greeting": "b"}
    assert configured(dial(greeting=None)) == {"greeting": None}


async def test_a_number_that_calls_too_often_and_one_too_many_hear_that_it_is_busy() -> None:
    stage, client, _ = set_up(ringing=True)
    client.send("agent.configure", agent_id="front", config={"limits": {"caller_calls_per_hour": 1}})
    agent, desk = stage.hub.registry.agents["front"], stage.hub.phone
    rung = asyncio.create_task(desk.screen(agent, "c1", from_=PERSON, to=NUMBER))
    await settle()
    client.send("call.accept", agent_id="front", call_id="c1")
    assert await rung == ""
    assert await desk.screen(agent, "c2", from_=PERSON, to=NUMBER) == "busy", "nobody was asked"
    client.send("agent.configure", agent_id="front", config={"limits": {"max_calls": 1}})
    stage.hub.capacity.take("c1", "front", ("phone", NUMBER), is_spoken=True)
    assert await desk.screen(agent, "c3", from_=PERSON, to=NUMBER) == "busy"
    assert [frame["code"] for frame in client.named("error")] == ["RATE_LIMITED", "AT_CAPACITY"]


async def test_a_full_server_is_no_busy_agent() -> None:
    stage = Stage(max_calls=1)
    stage.connect("front", stt="local", voice="local")
    stage.hub.capacity.take("c1", "other", ("webrtc", ""), is_spoken=True)
    agent = stage.hub.registry.agents["front"]
    assert await stage.hub.phone.screen(agent, "c2", from_=PERSON, to=NUMBER) == "server full"


def test_a_call_for_which_there_is_no_room_is_not_placed() -> None:
    stage, client, carrier = set_up()
    limits = {"max_calls": 2, "number_dials_per_hour": 1}
    client.send("agent.configure", agent_id="front", config={"limits": limits})
    for to in (PERSON, PERSON, "+15550002222", "+15550003333"):
        client.send("call.dial", agent_id="front", to=to, **{"from": NUMBER})
    assert [each.to for each in carrier.dialed] == [PERSON, "+15550002222"]
    assert [frame["code"] for frame in client.named("call.error")] == ["RATE_LIMITED", "AT_CAPACITY"]
    assert "2 calls are the most that the agent has" in client.named("call.error")[1]["error"]
    assert [frame["to"] for frame in client.named("call.error")] == [PERSON, "+15550003333"]
    stage.hub.phone.not_placed(carrier.dialed[1], "no ports are free", "BUSY")
    assert client.named("call.error")[2]["to"] == "+15550002222"


def test_the_place_of_a_call_that_nobody_took_or_could_be_placed_is_free_again() -> None:
    stage, client, carrier = set_up()
    client.send("agent.configure", agent_id="front", config={"limits": {"max_calls": 1}})
    agent = stage.hub.registry.agents["front"]

    def dial() -> call_commands.CallDial:
        client.send("call.dial", agent_id="front", to=PERSON, **{"from": NUMBER})
        assert stage.hub.capacity.full(agent, ("phone", NUMBER), is_spoken=True)
        return carrier.dialed[-1]

    stage.hub.phone.not_taken(dial(), "c1", "busy")
    stage.hub.phone.not_placed(dial(), "the call failed", "SIP_404", "c2")
    stage.hub.phone.not_placed(dial(), "no ports are free", "BUSY")
    assert not client.named("error")
    assert len(carrier.dialed) == 3
    assert stage.hub.capacity.full(agent, ("phone", NUMBER), is_spoken=True) is None
