"""The runner's peer against a server that does as it likes: what holds whatever happens, in whatever order."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pinecall_run.protocol.client import ClientPeer, State
from pinecall_run.protocol.keepalive import PACE
from pinecall_run.protocol.outputs import (
    AgentReady,
    AgentRefused,
    AgentStandingBy,
    AnswerDropped,
    ChannelRefused,
    Open,
    Refused,
    Shut,
    Transmit,
    Up,
)
from pinecall_run.wire import commands
from pinecall_run.wire.registration import Registration

AGENTS = ("a", "b", "c")
CALLS = ("c1", "c2")
CONFLICTS = st.fixed_dictionaries(
    {},
    optional={"retry_after_s": st.sampled_from([0, 3, 500]), "holder_alive": st.booleans(), "standby": st.booleans()},
)


def _registration(agent_id: str) -> Registration:
    number = commands.ChannelAdd(agent_id=agent_id, type="phone", ref=f"+1{AGENTS.index(agent_id)}")
    return Registration(commands.AgentCreate(agent_id=agent_id), (number,))


class Model(RuleBasedStateMachine):
    """A scripted server's memory of what it was sent, and of what it owes an answer to."""

    @initialize(agents=st.sets(st.sampled_from(AGENTS), min_size=1), seed=st.integers(0, 99))
    def begin(self, agents: set[str], seed: int) -> None:
        self.now = 1000.0
        self.peer = ClientPeer("k", random.Random(seed).random)
        self.peer.want({agent: _registration(agent) for agent in sorted(agents)}, now=self.now)
        self.opening = self.open = False
        self.is_over = False
        self.taken: set[str] = set()
        self.asked: set[str] = set()
        self.standing: set[str] = set()
        """Those that the server gives us when it likes."""
        self.refusals: dict[str, float | None] = {}
        self.numbers: dict[str, float | None] = {}
        self.asks: Counter[tuple[str, str]] = Counter()
        self.owed: dict[tuple[str, str], str] = {}
        self.sent: Counter[tuple[str, str]] = Counter()
        self.count = 0
        self.peer.start(self.now)
        self.carry_out()

    # what happens

    @precondition(lambda self: self.opening)
    @rule()
    def socket_opens(self) -> None:
        self.opening, self.open = False, True
        self.peer.opened(self.now)
        self.carry_out()

    @precondition(lambda self: self.opening or self.open)
    @rule(reason=st.sampled_from(["", "restart"]))
    def socket_is_lost(self, reason: str) -> None:
        self.opening = self.open = False
        self.peer.lost(reason, self.now)
        self.carry_out()

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.0, 5.0, 11.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            deadline = self.peer.deadline()
            self.now = min(end, max(self.now, deadline)) if deadline is not None else end
            self.peer.tick(self.now)
            self.carry_out()
            if self.peer.state is State.UP and self.peer.deadline() == deadline:
                break

    @precondition(lambda self: self.open)
    @rule()
    def key_is_accepted(self) -> None:
        self.say(event="connected")

    @rule()
    def all_is_well(self) -> None:
        """What happens most: the server is there, and takes every agent that it is asked for."""
        while self.peer.state is not State.UP:
            if self.opening:
                self.socket_opens()
                self.key_is_accepted()
            else:
                self.now = self.peer.deadline() or self.now
                self.peer.tick(self.now)
                self.carry_out()
        for agent in sorted(self.asked - self.taken):
            self.taken.add(agent)
            self.say(event="agent.created", agent_id=agent)

    @precondition(lambda self: (self.asked | self.standing) - self.taken)
    @rule(data=st.data())
    def agent_is_taken(self, data: st.DataObject) -> None:
        agent = data.draw(st.sampled_from(sorted((self.asked | self.standing) - self.taken)))
        self.taken.add(agent)
        self.standing.discard(agent)
        self.refusals.pop(agent, None)
        self.say(event="agent.created", agent_id=agent)

    @precondition(lambda self: self.asked - self.taken)
    @rule(data=st.data(), more=CONFLICTS, code=st.sampled_from(["AGENT_CONFLICT", "REGISTRATION_ERROR"]))
    def agent_is_refused(self, data: st.DataObject, more: dict[str, Any], code: str) -> None:
        agent = data.draw(st.sampled_from(sorted(self.asked - self.taken)))
        self.asked.discard(agent)
        if code == "AGENT_CONFLICT":
            (self.standing.add if more.get("standby") else self.standing.discard)(agent)
        self.say(event="error", code=code, agent_id=agent, error="no", **more)

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), more=CONFLICTS)
    def number_is_refused(self, data: st.DataObject, more: dict[str, Any]) -> None:
        agent = data.draw(st.sampled_from(sorted(self.taken)))
        phone = f"+1{AGENTS.index(agent)}"
        self.say(event="error", code="PHONE_IN_USE", agent_id=agent, phone=phone, error="no", **more)

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), call=st.sampled_from(CALLS))
    def tool_is_asked_for(self, data: st.DataObject, call: str) -> None:
        """One at a time in a call, as a model does: the last answer is settled by the next question."""
        self.count += 1
        agent = data.draw(st.sampled_from(sorted(self.taken)))
        self.settle(call)
        self.ask(call, f"m{self.count}", agent)

    def ask(self, call: str, msg_id: str, agent: str) -> None:
        self.asks[call, msg_id] += 1
        tools = [{"id": "t", "name": "look", "arguments": "{}"}]
        self.say(event="llm.tool_call", agent_id=agent, call_id=call, msg_id=msg_id, tool_calls=tools)
        self.pending = (call, msg_id, agent)

    @precondition(lambda self: getattr(self, "pending", None))
    @rule()
    def tool_answers(self) -> None:
        """Whenever it is ready: the connection may be gone, or another one."""
        call, msg_id, agent = self.pending
        self.pending = None
        if self.peer.state is not State.ENDED:
            self.owed[call, msg_id] = agent
            assert self.peer.send(commands.LlmToolResult(call_id=call, msg_id=msg_id, results=[]))
            self.carry_out()

    @precondition(lambda self: self.taken and self.owed)
    @rule(data=st.data())
    def model_goes_on(self, data: st.DataObject) -> None:
        """It may be without the answer: it waits no longer."""
        call = data.draw(st.sampled_from(sorted({call for call, _ in self.owed})))
        self.settle(call)
        self.say(event="chat.response", agent_id=sorted(self.taken)[0], call_id=call, text="x")

    @precondition(lambda self: self.taken)
    @rule(call=st.sampled_from(CALLS))
    def call_ends(self, call: str) -> None:
        self.settle(call)
        self.say(event="call.ended", agent_id=sorted(self.taken)[0], call_id=call)

    @rule(agents=st.sets(st.sampled_from(AGENTS)))
    def other_agents_are_wanted(self, agents: set[str]) -> None:
        gone = [agent for agent in self.peer.desired if agent not in agents]
        changes = [commands.AgentRemove(agent_id=agent) for agent in gone]
        for agent in gone:
            for known in (self.taken, self.asked, self.standing):
                known.discard(agent)
            self.refusals.pop(agent, None)
        self.peer.want({agent: _registration(agent) for agent in sorted(agents)}, changes, now=self.now)
        self.carry_out()

    # the server's side

    def settle(self, call: str) -> None:
        self.owed = {key: agent for key, agent in self.owed.items() if key[0] != call}

    def say(self, **frame: Any) -> None:
        self.peer.receive(json.dumps(frame), self.now)
        self.carry_out()

    def carry_out(self) -> None:
        for output in self.peer.drain():
            assert not self.is_over, f"{output} came after the end"
            match output:
                case Open():
                    assert not self.open, "a second connection"
                    assert not self.opening, "a second try"
                    self.opening = True
                case Transmit(data):
                    assert self.open, "sent without a connection"
                    self.received(json.loads(data))
                case Shut():
                    self.opening = self.open = False
                case Refused():
                    self.is_over = True
                case AgentRefused(agent_id, _, _, retry_in):
                    self.refusals[agent_id] = None if retry_in is None else self.now + retry_in
                case AnswerDropped():
                    raise AssertionError("nothing was too much")
                case AgentStandingBy(agent_id):
                    assert agent_id in self.standing
                case AgentReady() | ChannelRefused() | Up():
                    pass
            if not self.open:
                for memory in (self.taken, self.asked, self.standing, self.refusals, self.sent, self.asks):
                    memory.clear()

    def received(self, frame: dict[str, Any]) -> None:
        match frame["event"]:
            case "agent.create":
                assert frame["agent_id"] in self.peer.desired
                self.asked.add(frame["agent_id"])
                self.refusals.pop(frame["agent_id"], None)
            case "llm.tool_result":
                key = frame["call_id"], frame["msg_id"]
                self.sent[key] += 1
                assert self.sent[key] <= max(self.asks[key], 1), "sent twice, though nobody asked for it twice"

    # what always holds

    @invariant()
    def deadlines_are_finite_and_come(self) -> None:
        deadline = self.peer.deadline()
        if self.peer.state in (State.OPENING, State.GREETING, State.WAITING, State.UP):
            assert deadline is not None
            assert math.isfinite(deadline)
            assert deadline > self.now - 1e-6, "a deadline that passed was not seen"
            assert deadline <= self.now + max(15.0, PACE.open, PACE.ping)
        else:
            assert deadline is None

    @invariant()
    def every_agent_is_there_or_asked_for_or_has_a_reason(self) -> None:
        if self.peer.state is State.UP:
            for agent in self.peer.desired:
                assert agent in self.taken | self.asked | self.standing or agent in self.refusals, (
                    f"{agent} is forgotten"
                )

    def teardown(self) -> None:
        """In the end the server is well: it takes every agent, and gets every answer that it still waits for."""
        if not hasattr(self, "peer") or self.peer.state is State.ENDED:
            return
        if self.open or self.opening:
            self.socket_is_lost("")
        self.all_is_well()
        self.time_passes(1.0)
        assert self.taken == set(self.peer.desired)
        assert set(self.owed) <= set(self.sent), "an answer is lost"
        self.peer.stop()
        assert self.peer.drain() is not None
        self.peer.tick(self.now + 100)
        assert self.peer.drain() == []


Model.TestCase.settings = settings(
    max_examples=120,
    stateful_step_count=30,
    deadline=None,
    phases=set(Phase) - {Phase.shrink},  # it would take minutes; add it to look closer
)
TestModel = Model.TestCase
