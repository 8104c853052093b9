"""Several runners that want the same agents: none is without a holder while somebody waits for it."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.protocol._script import agent
from tests.protocol._world import World, as_registered, calm_down, pass_time

from pinecall_run.protocol.client import State
from pinecall_run.wire.registration import Registration

RUNNERS = 3
NUMBERS = {"a": "+1555", "b": "+1666"}

DESIRES = st.fixed_dictionaries(
    {},
    optional={name: st.tuples(st.booleans(), st.booleans(), st.sampled_from(["v", "w"])) for name in NUMBERS},
)
"""Each agent with or without its number and a chat, and with a voice."""


def _registrations(desires: dict[str, tuple[bool, bool, str]]) -> dict[str, Registration]:
    return {
        name: agent(name, *([NUMBERS[name]] * has_number), *(["chat"] * has_chat), voice=voice)
        for name, (has_number, has_chat, voice) in desires.items()
    }


class HandOver(RuleBasedStateMachine):
    """Processes come, drain, lose their connections and change their minds, in any order."""

    @initialize(desires=DESIRES)
    def begin(self, desires: dict[str, Any]) -> None:
        self.runners = [World(random.Random(1).random)]
        self.runners += [World(random.Random(n).random, beside=self.runners[0]) for n in range(2, RUNNERS + 1)]
        self.registry = self.runners[0].registry
        for runner in self.runners:
            runner.want(_registrations(desires))
            runner.act(lambda client: client.start(self.runners[0].now))

    @rule(number=st.integers(0, RUNNERS - 1), desires=DESIRES)
    def want(self, number: int, desires: dict[str, Any]) -> None:
        self.runners[number].want(_registrations(desires))

    @rule(number=st.integers(0, RUNNERS - 1))
    def drain(self, number: int) -> None:
        self.runners[number].want({})

    @rule(number=st.integers(0, RUNNERS - 1), arrives=st.integers(0, 3), after=st.sampled_from([0.0, 1.0, 40.0]))
    def lose(self, number: int, arrives: int, after: float) -> None:
        if self.runners[number].current is not None:
            self.runners[number].lose(arrives=arrives, noticed_after=after)

    @rule(number=st.integers(0, RUNNERS - 1))
    def open(self, number: int) -> None:
        if self.runners[number].wants_socket:
            self.runners[number].open()

    @rule(number=st.integers(0, RUNNERS - 1), times=st.integers(1, 8))
    def deliver(self, number: int, times: int) -> None:
        for _ in range(times):
            self.runners[number].deliver()

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 21.0]))
    def pass_time(self, seconds: float) -> None:
        pass_time(*self.runners, seconds=seconds)

    @rule(number=st.integers(0, RUNNERS - 1), desires=DESIRES)
    def settle_and_want(self, number: int, desires: dict[str, Any]) -> None:
        """What happens most: all is well when something changes."""
        calm_down(*self.runners, seconds=1.0)
        self.want(number, desires)

    @invariant()
    def who_is_waited_for_is_held_by_somebody_else(self) -> None:
        if not hasattr(self, "registry"):
            return
        for agent_id, line in self.registry._standing.items():
            assert line
            assert self.registry.agents[agent_id].connection not in line

    @invariant()
    def nothing_is_held_or_waited_for_by_a_connection_that_is_closed(self) -> None:
        if not hasattr(self, "registry"):
            return
        closed = {connection.id for connection in self.runners[0].connections if not connection.is_open}
        assert closed.isdisjoint(held.connection for held in self.registry.agents.values())
        assert closed.isdisjoint(each for line in self.registry._standing.values() for each in line)

    @invariant()
    def numbers_are_claimed_by_the_agent_that_has_them(self) -> None:
        if not hasattr(self, "registry"):
            return
        channels = {(key, held.agent_id) for held in self.registry.agents.values() for key in held.channels}
        assert set(self.registry._claims.items()) == {(key, name) for key, name in channels if key[1]}
        assert {(key, name) for name, key in self.registry._inherited} <= channels

    def teardown(self) -> None:
        """Once it is calm, every agent that somebody wants is held, as its holder wants it, and the others wait."""
        if not hasattr(self, "registry"):
            return
        calm_down(*self.runners, seconds=45.0)  # less than until a reminder, which would hide what was not told
        holders = {held.agent_id: held.connection for held in self.registry.agents.values()}
        assert set(holders) == {name for runner in self.runners for name in runner.desired}
        assert all(runner.client.state is State.UP for runner in self.runners)
        for runner in self.runners:
            assert runner.current is not None
            own = {name: wanted for name, wanted in runner.desired.items() if holders[name] == runner.current.id}
            registered = self.runners[0].registered()
            assert {name: registered[name] for name in own} == as_registered(own)
            for name in set(runner.desired) - set(own):
                assert self.registry._standing[name][runner.current.id] == runner.desired[name].create


HandOver.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    phases=set(Phase) - {Phase.shrink},  # it would take minutes; add it to look closer
)
TestHandOver = HandOver.TestCase
