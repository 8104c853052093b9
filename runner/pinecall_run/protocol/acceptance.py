"""Changes that the server was asked for: what it has yet to say of them, and what it said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pinecall_run.protocol._registering import is_alike
from pinecall_run.protocol.outputs import AgentChanged, ChangeRefused, Postponed, Settled
from pinecall_run.wire import commands, events
from pinecall_run.wire.absent import UNSET

SILENCE_SECONDS = 2.0
"""A server need not acknowledge changes (protocol 1.5): what it says nothing of within this time since it last said
something counts as taken."""

_ANSWERS: dict[type[commands.Command], tuple[type[events.AgentEvent], ...]] = {
    commands.AgentCreate: (events.AgentCreated, events.AgentResumed),
    commands.AgentConfigure: (events.AgentConfigured,),
    commands.AgentRemove: (events.AgentRemoved,),
    commands.ChannelAdd: (events.ChannelAdded,),
    commands.ChannelConfigure: (events.ChannelConfigured,),
    commands.ChannelRemove: (events.ChannelRemoved,),
}

_OF_THE_AGENT = (commands.AgentCreate, commands.AgentConfigure)


@dataclass(slots=True)
class Acceptance:
    """The changes of one plan, by agent.

    When the connection is lost, what is left is registered by the next one, which is asked about the agents alone and
    has no time limit: an agent is of no use before the server said that it took it.
    """

    is_open: bool = False
    """Whether something was asked for that is not settled."""
    _awaited: dict[str, list[commands.Command]] = field(default_factory=dict)
    _refusals: list[ChangeRefused] = field(default_factory=list)
    _outputs: list[AgentChanged | Settled | Postponed] = field(default_factory=list)
    _deadline: float | None = None
    _is_down: bool = False
    _is_again: bool = False
    """Whether this is not the connection on which all was asked for."""

    def expect(self, sent: Iterable[object], now: float) -> None:
        """These commands, among other things, were sent."""
        self.is_open = True
        for command in sent:
            if isinstance(command, commands.Command) and type(command) in _ANSWERS:
                self._awaited.setdefault(getattr(command, "agent_id", ""), []).append(command)
        if not self._is_down:
            self._deadline = now + SILENCE_SECONDS

    def follow(self, sent: Iterable[object], agent_id: str, now: float) -> None:
        """An agent was created, and its channels were sent after it."""
        if not self._is_again and agent_id in self._awaited:
            self.expect(sent, now)

    def heard(self, event: events.AgentEvent, now: float) -> None:
        """The server said something."""
        awaited = self._awaited.get(event.agent_id, [])
        command = next((command for command in awaited if _answers(event, command)), None)
        if command is None:
            return
        awaited.remove(command)
        if not awaited:
            del self._awaited[event.agent_id]
        if self._deadline is not None:
            self._deadline = now + SILENCE_SECONDS
        is_removal = isinstance(command, commands.AgentRemove)
        if isinstance(command, _OF_THE_AGENT) or not (awaited or is_removal):
            self._outputs.append(AgentChanged(event.agent_id))

    def refused(self, error: events.Error, *, is_tried_again: bool) -> bool:
        """Whether an error is a refusal of a change. Then nothing more is awaited of its agent.

        A new connection may find an agent still held by the one that was lost; that passes.
        """
        agent_id = error.agent_id or ""
        if agent_id not in self._awaited or (self._is_again and is_tried_again):
            return False
        del self._awaited[agent_id]
        self._refusals.append(ChangeRefused(agent_id, error.code or "", error.sentence))
        return True

    def deferred(self, agent_id: str) -> None:
        """The server will take an agent when the process that has it leaves: nothing is awaited of it until then."""
        self._awaited.pop(agent_id, None)

    def postpone(self) -> None:
        """There is no connection."""
        if self.is_open:
            self._is_down = self._is_again = True
            self._deadline = None
            self._outputs.append(Postponed())

    def resume(self, desired: Iterable[commands.AgentCreate]) -> None:
        """There is a connection again, on which what is desired was asked for."""
        self._awaited = {create.agent_id: [create] for create in desired if create.agent_id in self._awaited}
        self._is_down = False

    def tick(self, now: float) -> None:
        """Time passed."""
        if self._deadline is not None and now >= self._deadline:
            self._awaited.clear()

    def deadline(self) -> float | None:
        """When :meth:`tick` should be called next."""
        return self._deadline if self._awaited else None

    def drain(self) -> list[AgentChanged | Settled | Postponed]:
        """What there is to tell."""
        outputs, self._outputs = self._outputs, []
        if self.is_open and not self._awaited and not self._is_down:
            outputs.append(Settled(tuple(self._refusals)))
            self.is_open, self._is_again, self._refusals, self._deadline = False, False, [], None
        return outputs


def _answers(event: events.AgentEvent, command: commands.Command) -> bool:
    if not isinstance(event, _ANSWERS[type(command)]):
        return False
    said, meant = getattr(event, "ref", UNSET), getattr(command, "ref", UNSET)
    if isinstance(event, events.ChannelAdded) and event.type != getattr(command, "type", ""):
        return False
    return not isinstance(meant, str) or is_alike(meant, said)
