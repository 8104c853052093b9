"""Places and rates: whose limit is reached, who is told, and that what goes on is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from pinecall_run.protocol.registry import Agent, Channel, normal_ref
from pinecall_run.transports.refusals import Refusals
from pinecall_run.voice.capacity import BUSY, DIALING_SECONDS, Capacity
from pinecall_run.wire import events

NUMBER, PERSON = "+15551234567", "+15550001111"
PHONE = ("phone", NUMBER)


class World:
    def __init__(self, max_calls: int | None = None, channel_limit: Any = None, **limits: Any) -> None:
        self.now, self.told, self.refused = 0.0, list[tuple[str, str]](), Refusals().at("calls")
        self.capacity = Capacity(self.tell, lambda: self.now, max_calls, self.refused)
        options = {} if channel_limit is None else {"max_calls": channel_limit, "language": "es-MX"}
        channel = Channel("phone", NUMBER, options)
        self.agent = Agent("desk", "c", {"config": {"limits": limits}}, {("phone", normal_ref(*PHONE)): channel})

    def tell(self, agent_id: str, event: events.Event) -> None:
        assert isinstance(event, events.Error)
        assert not isinstance(event.agent_id, str), "an error with an agent's name is about its registration"
        self.told.append((str(event.code), str(event.error)))

    def begin(self, *calls: str, channel: tuple[str, str] = PHONE, is_spoken: bool = True) -> None:
        for call in calls:
            self.capacity.take(call, "desk", channel, is_spoken=is_spoken)

    def whose(self, channel: tuple[str, str] = PHONE, *, is_spoken: bool = True) -> str:
        full = self.capacity.full(self.agent, channel, is_spoken=is_spoken)
        return full.whose if full else ""

    @property
    def counted(self) -> dict[str, int]:
        return {kind: count for kind, count in self.refused.items() if count}


def test_without_limits_there_is_room() -> None:
    world = World()
    world.begin(*map(str, range(500)))
    assert world.whose() == ""


def test_an_agents_limit_is_of_its_spoken_calls_on_all_channels() -> None:
    world = World(max_calls=50)
    world.agent.configuration["config"]["limits"]["max_calls"] = 2
    world.begin("c1", "c2", "c3", channel=("chat", ""), is_spoken=False)
    world.begin("a")
    assert world.whose() == ""
    world.begin("b", channel=("webrtc", ""))
    assert world.whose() == world.whose(("webrtc", "")) == "agent"
    assert world.whose(("chat", ""), is_spoken=False) == ""
    world.capacity.leave("a")
    world.capacity.leave("a")
    assert world.whose() == ""


def test_a_channels_limit_is_its_own_however_its_number_is_written() -> None:
    world = World(channel_limit=1)
    world.begin("web", channel=("webrtc", ""))
    assert world.whose() == ""
    world.begin("a", channel=("phone", "+1 (555) 123-4567"))
    assert world.whose() == "channel"
    assert world.whose(("phone", "+15559999999")) == ""


def test_the_servers_limit_is_of_all_agents() -> None:
    world = World(max_calls=2)
    world.capacity.take("x", "another", ("webrtc", ""), is_spoken=True)
    world.begin("chat", channel=("chat", ""), is_spoken=False)
    assert world.whose() == ""
    world.begin("a")
    assert world.whose() == "server"


def test_a_limit_that_is_lowered_counts_from_the_next_call_on() -> None:
    world = World(max_calls=None)
    world.begin("a", "b", "c")
    world.agent.configuration["config"] = {"limits": {"max_calls": 1}}
    assert world.whose() == "agent"
    for call in ("a", "b"):
        world.capacity.leave(call)
        assert world.whose() == "agent"
    world.capacity.leave("c")
    assert world.whose() == ""
    world.agent.configuration["config"] = {}
    world.begin("d", "e")
    assert world.whose() == ""


@pytest.mark.parametrize("written", [0, -1, True, "2", 1.5, None, [], {}])
def test_what_is_no_limit_sets_none(written: Any) -> None:
    world = World(channel_limit=written, max_calls=None)
    world.agent.configuration["config"]["limits"] = {"max_calls": written, "caller_calls_per_hour": written}
    world.begin("a", "b", "c")
    assert world.whose() == ""
    assert all(world.capacity.may_call(world.agent, PERSON) for _ in range(9))
    world.agent.configuration["config"] = written
    assert world.whose() == ""


def test_the_words_are_those_of_the_channels_language() -> None:
    words = {"en": "All busy.", "es": "Todo ocupado."}
    world = World(channel_limit=1, overflow=words)
    world.begin("a")
    full = world.capacity.full(world.agent, PHONE, is_spoken=True)
    assert full is not None
    assert (full.words, full.sentence) == ("Todo ocupado.", "Todo ocupado.")
    asked = world.capacity.full(world.agent, PHONE, is_spoken=True, language="en-GB")
    assert asked is not None
    assert asked.words == "All busy."
    silent = World(channel_limit=1)
    silent.begin("a")
    mute = silent.capacity.full(silent.agent, PHONE, is_spoken=True)
    assert mute is not None
    assert (mute.words, mute.sentence) == ("", BUSY)


def test_a_runner_is_told_of_some_and_all_are_counted() -> None:
    world = World(channel_limit=1)
    world.begin("a")
    full = world.capacity.full(world.agent, PHONE, is_spoken=True)
    assert full is not None
    for _ in range(40):
        world.capacity.turned_away(world.agent, full)
    sentence = "a conversation with desk was turned away: its channel's limit of one at a time is reached"
    assert world.told == [("AT_CAPACITY", sentence)] * 5
    assert world.counted == {"channel full": 40}
    world.now += 10
    world.capacity.turned_away(world.agent, full)
    assert len(world.told) == 6


def test_a_number_calls_so_often_and_others_are_not_kept_out_by_it() -> None:
    world = World(caller_calls_per_hour=2)
    assert [world.capacity.may_call(world.agent, PERSON) for _ in range(4)] == [True, True, False, False]
    assert world.capacity.may_call(world.agent, "+1 555 000 1111") is False
    assert world.capacity.may_call(world.agent, "+15550002222")
    assert world.capacity.may_call(world.agent, "sip:ana@acme.example")
    assert world.counted == {"caller rate": 3}
    assert PERSON not in world.told[0][1]
    world.now += 1_800
    assert [world.capacity.may_call(world.agent, PERSON) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("withheld", ["", "anonymous", "+266696687"])
def test_withheld_numbers_are_not_one_caller(withheld: str) -> None:
    world = World(caller_calls_per_hour=1)
    assert all(world.capacity.may_call(world.agent, withheld) for _ in range(5))


def test_messages_of_a_contact_have_a_rate_where_one_is_set() -> None:
    assert all(World().capacity.may_write(World().agent, "1555") for _ in range(200))
    world = World(caller_messages_per_minute=3)
    assert [world.capacity.may_write(world.agent, "1555") for _ in range(4)] == [True, True, True, False]
    assert world.capacity.may_write(world.agent, "1556")
    assert world.counted == {"message rate": 1}
    world.now += 20
    assert world.capacity.may_write(world.agent, "1555")


def test_one_number_is_called_so_often() -> None:
    world = World(number_dials_per_hour=2)
    for _ in range(2):
        assert world.capacity.may_dial(world.agent, PHONE, PERSON) == ("", "")
    assert world.capacity.may_dial(world.agent, PHONE, "+1 555 000 1111")[1] == "RATE_LIMITED"
    assert world.capacity.may_dial(world.agent, PHONE, "+15550002222") == ("", "")
    assert world.counted == {"dial rate": 1}


def test_calls_that_we_place_have_their_place_before_they_are_answered() -> None:
    world = World()
    world.agent.configuration["config"] = {"limits": {"max_calls": 2}}
    for _ in range(2):
        assert world.capacity.may_dial(world.agent, PHONE, PERSON) == ("", "")
    assert world.capacity.may_dial(world.agent, PHONE, PERSON)[1] == "AT_CAPACITY"
    assert world.whose() == "agent"
    world.capacity.dial_is_over("desk", PHONE)
    world.begin("a")
    assert world.whose() == "agent", "one is answered, one rings"
    world.now += DIALING_SECONDS
    assert world.whose() == "", "nobody answers the other one"
    world.capacity.dial_is_over("desk", PHONE)
    assert world.capacity.may_dial(world.agent, PHONE, PERSON) == ("", "")
