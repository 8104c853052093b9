"""The runner's half of the wire: one connection across losses, what should be on it, and what it owes the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from pinecall_run.protocol._answers import RESEND_SECONDS, Answers
from pinecall_run.protocol._registering import Outcome, Registering
from pinecall_run.protocol.acceptance import Acceptance
from pinecall_run.protocol.keepalive import PACE, Keepalive, Pace, Verdict
from pinecall_run.protocol.outputs import (
    AgentChanged,
    AgentReady,
    AgentRefused,
    AgentStandingBy,
    AnswerDropped,
    ChannelRefused,
    Down,
    Ignored,
    Open,
    Postponed,
    Probe,
    Received,
    Refused,
    Settled,
    Shut,
    Transmit,
    Up,
)
from pinecall_run.wire import commands, events
from pinecall_run.wire.codec import EVENT_DECODER, Malformed, Unknown, encode
from pinecall_run.wire.registration import Registration

RETRY_FIRST_SECONDS, RETRY_CAP_SECONDS = 0.25, 15.0

_KEY_CODES = frozenset(("INVALID_KEY", "MISSING_KEY", "UNAUTHORIZED"))

_NOT_UNDERSTOOD = (Unknown, Malformed)
_OF_AGENTS = (events.AgentEvent, events.Error)

Output = (
    Open
    | Transmit
    | Probe
    | Shut
    | Up
    | Down
    | Refused
    | AgentReady
    | AgentRefused
    | AgentStandingBy
    | ChannelRefused
    | AgentChanged
    | Settled
    | Postponed
    | AnswerDropped
    | Received[events.Event]
    | Ignored
)


class State(Enum):
    """Where the connection is."""

    IDLE = auto()
    OPENING = auto()
    GREETING = auto()
    UP = auto()
    WAITING = auto()
    ENDED = auto()


class ClientPeer:
    """Feed it what happened, drain what to do; time and chance come from outside.

    ``random`` returns a number in [0, 1).
    """

    def __init__(self, api_key: str, random: Callable[[], float], pace: Pace = PACE) -> None:
        self.state = State.IDLE
        self.epoch = 0
        self.random = random
        self._api_key = api_key
        self._pace = pace
        self._registering = Registering(lambda: self.random())
        self._acceptance = Acceptance()
        self._answers = Answers()
        self._keepalive = Keepalive.since(0.0, pace)
        self._outputs: list[Output] = []
        self._deadline: float | None = None
        """Of the state; while the connection is up there is the keepalive's instead."""
        self._resends: dict[str, float] = {}
        """When the answers of an agent's calls are sent a second time; those of no agent are under ""."""
        self._attempt = 0
        self._up_since = 0.0

    @property
    def desired(self) -> Mapping[str, Registration]:
        """The agents that should be registered."""
        return self._registering.desired

    @property
    def waiting_answers(self) -> int:
        """Answers to tool calls that are kept until the server has shown that it has them."""
        return len(self._answers)

    # inputs

    def start(self, now: float) -> None:
        """Begin to connect."""
        if self.state is State.IDLE:
            self._open(now)

    def opened(self, now: float) -> None:
        """The socket is open."""
        if self.state is State.OPENING:
            self.state = State.GREETING
            self._deadline = now + self._pace.open
            self._transmit(commands.Connect(api_key=self._api_key))

    def heard(self, now: float) -> None:
        """The server gave a sign of life that is no message."""
        self._keepalive.heard(now)

    def receive(self, message: str | bytes, now: float) -> None:
        """A text message arrived."""
        if self.state not in (State.GREETING, State.UP):
            return
        self._keepalive.heard(now)
        frame = EVENT_DECODER.decode(message)
        if isinstance(frame, _NOT_UNDERSTOOD):
            self._outputs.append(Ignored(frame))
            return
        if isinstance(frame, _OF_AGENTS) and frame.agent_id:
            frame.agent_id = self._registering.own_name(frame.agent_id)
        handler = _HANDLERS.get(type(frame))
        if handler is not None:
            handler(self, frame, now)
        else:
            if isinstance(frame, events.CallEvent):
                self._answers.heard(frame)
            self._outputs.append(Received(frame))
        if self._acceptance.is_open and isinstance(frame, _OF_AGENTS):
            if isinstance(frame, events.AgentEvent):
                self._acceptance.heard(frame, now)
            self._outputs += self._acceptance.drain()

    def lost(self, reason: str, now: float) -> None:
        """The socket is gone, or never opened."""
        if self.state in (State.IDLE, State.WAITING, State.ENDED):
            return
        if self.state is not State.OPENING and "displaced" in reason.casefold():
            self._end(f"another process, or an operator, took the agents over: {reason}")
            return
        was_steady = self.state is State.UP and now - self._up_since >= self._pace.steady
        if was_steady:
            self._attempt = 0
        ceiling = min(RETRY_FIRST_SECONDS * 2**self._attempt, RETRY_CAP_SECONDS)
        delay = self.random() * ceiling
        self._attempt = min(self._attempt + 1, 16)
        self.state = State.WAITING
        self._deadline = now + delay
        self._registering.end()
        self._resends.clear()
        self._acceptance.postpone()
        self._outputs += self._acceptance.drain()
        self._outputs.append(Down(reason or "connection lost", delay, was_steady))

    def stop(self) -> None:
        """Close for good."""
        if self.state in (State.GREETING, State.UP, State.OPENING):
            self._outputs.append(Shut(1000, "client_disconnect"))
        self._finish()

    def want(
        self, desired: Mapping[str, Registration], changes: Sequence[commands.Command] = (), *, now: float
    ) -> None:
        """From now on these agents should be registered.

        ``changes`` lead from what was desired to what is; they are sent when there is a connection. Without
        one the next connection registers ``desired`` anyway. What the server has not taken yet, or has refused,
        is registered again as it is desired now.
        """
        if self.state is not State.UP:
            self._registering.desired = dict(desired)
            return
        self._carry_out(self._registering.want(desired, changes))
        self._release_orphans(now)

    def propose(self, desired: Mapping[str, Registration], changes: Sequence[commands.Command], *, now: float) -> None:
        """:meth:`want`, and tell what the server says of it: ``AgentChanged`` of each agent that has what is desired,
        ``Settled`` in the end. Of what was proposed before and is not settled, both are told together."""
        if self.state is State.UP:
            outcomes = list(self._registering.want(desired, changes))
            self._acceptance.expect(outcomes, now)
            self._carry_out(outcomes)
            self._release_orphans(now)
        else:
            self._registering.desired = dict(desired)
            self._acceptance.expect(changes, now)
            self._acceptance.postpone()
        self._outputs += self._acceptance.drain()

    def send(self, command: commands.Command) -> bool:
        """Send a command about a call. ``False`` says that it was dropped: without a connection only the answers to
        tool calls are kept, because nothing else is of use later.

        An answer is kept until its call goes on or ends, and sent again after a loss (see :mod:`._answers`).
        """
        if self.state is State.ENDED:
            return False
        if isinstance(command, commands.LlmToolResult):
            self._answer(command)
            return True
        if self.state is not State.UP:
            return False
        if isinstance(command, commands.BotReply | commands.BotReplyStream):
            self._answers.says(command.message_id)
        self._transmit(command)
        return True

    def tick(self, now: float) -> None:
        """Time passed."""
        if self.state is State.UP:
            self._check_keepalive(now)
            self._carry_out(self._registering.tick(now))
            self._acceptance.tick(now)
            self._outputs += self._acceptance.drain()
            for agent_id in [agent_id for agent_id, at in self._resends.items() if now >= at]:
                del self._resends[agent_id]
                self._send_answers(agent_id, again=True)
        elif self._deadline is not None and now >= self._deadline:
            self._deadline = None
            if self.state is State.WAITING:
                self._open(now)
            else:
                what = "open" if self.state is State.OPENING else "accept the key"
                self._give_up(f"the server did not {what} within {self._pace.open:g} s", now)

    # outputs

    def drain(self) -> list[Output]:
        """What came of the inputs, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def deadline(self) -> float | None:
        """When :meth:`tick` should be called next."""
        if self.state is not State.UP:
            return self._deadline
        deadline = self._keepalive.deadline()
        for other in (self._registering.deadline(), self._acceptance.deadline()):
            if other is not None and other < deadline:
                deadline = other
        return min(deadline, *self._resends.values()) if self._resends else deadline

    # inner life

    def _open(self, now: float) -> None:
        self.state = State.OPENING
        self._deadline = now + self._pace.open
        self._outputs.append(Open())

    def _check_keepalive(self, now: float) -> None:
        match self._keepalive.tick(now):
            case Verdict.ASK:
                self._transmit(commands.Ping())
                self._outputs.append(Probe())
            case Verdict.GONE:
                self._give_up(f"the server has been silent for {self._pace.silence:g} s", now)

    def _give_up(self, reason: str, now: float) -> None:
        self._outputs.append(Shut(1000, "timeout"))
        self.lost(reason, now)

    def _transmit(self, command: commands.Command) -> None:
        self._outputs.append(Transmit(encode(command)))

    def _carry_out(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, commands.Command):
                self._transmit(outcome)
            else:
                self._outputs.append(outcome)

    def _end(self, sentence: str) -> None:
        self._outputs.append(Shut(1000, "client_disconnect"))
        self._outputs.append(Refused(sentence))
        self._finish()

    def _finish(self) -> None:
        self.state = State.ENDED
        self._deadline = None
        self._registering.end()
        self._resends.clear()
        self._acceptance = Acceptance()
        self._answers = Answers()

    # answers

    def _answer(self, command: commands.LlmToolResult) -> None:
        data = encode(command)
        is_sent = self.state is State.UP and not self._must_wait(self._answers.agent_of(command.call_id))
        key = command.call_id, command.msg_id
        for call_id, msg_id in self._answers.keep(key, data, self.epoch if is_sent else 0):
            self._outputs.append(AnswerDropped(call_id, msg_id))
        if is_sent:
            self._outputs.append(Transmit(data))

    def _must_wait(self, agent_id: str) -> bool:
        """Whether a server would not know yet whose answer it is: calls belong to agents that are registered."""
        return self._registering.knows(agent_id) and not self._registering.is_ready(agent_id)

    def _release(self, agent_id: str, now: float) -> None:
        """From now on the server listens to what is said in the calls of an agent."""
        self._send_answers(agent_id, again=False)
        if len(self._answers):
            self._resends[agent_id] = now + RESEND_SECONDS

    def _release_orphans(self, now: float) -> None:
        """Answers in calls of agents that are not, or no more, to be registered wait for nobody."""
        for agent_id in self._answers.agents():
            if not self._registering.knows(agent_id):
                self._release(agent_id, now)

    def _send_answers(self, agent_id: str, *, again: bool) -> None:
        for data in self._answers.to_send(agent_id, self.epoch, again=again):
            self._outputs.append(Transmit(data))

    # what the server says

    def _on_connected(self, event: events.Connected, now: float) -> None:
        if self.state is State.UP:
            return
        self.state = State.UP
        self.epoch += 1
        self._up_since = now
        self._deadline = None
        self._keepalive = Keepalive.since(now, self._pace)
        self._outputs.append(Up(self.epoch))
        self._carry_out(self._registering.begin())
        self._release_orphans(now)
        self._acceptance.resume(registration.create for registration in self.desired.values())
        self._outputs += self._acceptance.drain()

    def _on_ping(self, event: events.ServerPing, now: float) -> None:
        self._transmit(commands.Pong())

    def _on_pong(self, event: events.ServerPong, now: float) -> None:
        pass

    def _on_created(self, event: events.AgentEvent, now: float) -> None:
        if not self._registering.knows(event.agent_id):
            self._outputs.append(Ignored(Malformed("an agent we did not register", "agent.created", event.agent_id)))
            return
        was_ready = self._registering.is_ready(event.agent_id)
        outcomes = list(self._registering.created(event.agent_id))
        self._carry_out(outcomes)
        self._acceptance.follow(outcomes, event.agent_id, now)
        if not was_ready:
            self._release(event.agent_id, now)

    def _on_channel_added(self, event: events.ChannelAdded, now: float) -> None:
        self._registering.added(event)
        self._outputs.append(Received(event))

    def _on_error(self, event: events.Error, now: float) -> None:
        if self.state is State.GREETING and event.code in _KEY_CODES:
            self._end(f"the server refused the key: {event.sentence}")
            return
        was_standing = self._registering.is_standing(event.agent_id or "")
        refusal = self._registering.refused(event, now)
        if isinstance(refusal, AgentStandingBy):
            self._acceptance.deferred(refusal.agent_id)
            if was_standing:
                return  # the server was only reminded
            self._release(refusal.agent_id, now)  # of calls that we had before: it knows whose answers they are
        else:
            is_tried_again = refusal is not None and refusal.retry_in is not None
            if self._acceptance.refused(event, is_tried_again=is_tried_again):
                return
        self._outputs.append(Received(event) if refusal is None else refusal)
        if isinstance(refusal, AgentRefused) and self._registering.is_hopeless():
            self._end(f"another process holds {refusal.agent_id}, and the server keeps it there: {refusal.sentence}")


_HANDLERS: dict[type[events.Event], Callable[[ClientPeer, Any, float], None]] = {
    events.Connected: ClientPeer._on_connected,
    events.ServerPing: ClientPeer._on_ping,
    events.ServerPong: ClientPeer._on_pong,
    events.AgentCreated: ClientPeer._on_created,
    events.AgentResumed: ClientPeer._on_created,
    events.ChannelAdded: ClientPeer._on_channel_added,
    events.Error: ClientPeer._on_error,
}
