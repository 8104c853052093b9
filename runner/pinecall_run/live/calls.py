"""The calls that are going on, each with the deployment that it began with."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.live.driver import CallDriver, Wire
from pinecall_run.live.lifespan import State
from pinecall_run.live.transcript import Transcript
from pinecall_run.tools.call import Call
from pinecall_run.wire.commands import LlmToolResult
from pinecall_run.wire.events import Event

UNKNOWN = "unknown"
"""The channel of a call whose server did not say."""

ANSWERS = 32
"""Answers of one call that can be repeated."""

KNOWN, PAST = 10_000, 1000
"""Tool calls of one call that are known to have run, calls that are over of which this is known; beyond that the oldest
is forgotten."""


@dataclass(slots=True)
class LiveCall:
    """One call, pinned to the agent as it was deployed when the call began, and to the lifespan that was open then.

    ``answered`` holds, by ``msg_id``, what was answered to tool calls, ``None`` while the tools run and once the answer
    is too old to be repeated (a server asks again only for what it waits for): what is in it is never run again.
    """

    call: Call
    agent: DeployedAgent
    driver: CallDriver
    transcript: Transcript
    state: State = field(default_factory=State)
    is_over: bool = False
    answered: dict[str, LlmToolResult | None] = field(default_factory=dict)
    _repeatable: deque[str] = field(default_factory=deque)
    is_announced: bool = False
    """Whether the server told that it began: a tool call may come before that."""
    own_prompt: str | None = None
    """Its own prompt, once that is rendered, or could not be."""
    is_prepared: bool = False
    """Whether nothing is to be done about its own prompt any more: the server has it, or it cannot be had."""
    told: tuple[str, str] = ("", "")
    """Id and text of the message that hooks were told of last."""

    def handle(self, event: Event, now: float) -> None:
        """Take note of an event; ``now`` in epoch seconds."""
        self.transcript.handle(event, now)
        self.driver.handle(event)

    def answer(self, reply: LlmToolResult) -> None:
        """Take note of an answer."""
        self.answered[reply.msg_id] = reply
        self._repeatable.append(reply.msg_id)
        if len(self._repeatable) > ANSWERS:
            self.answered[self._repeatable.popleft()] = None
        if len(self.answered) > KNOWN:
            del self.answered[next(iter(self.answered))]


class Calls:
    """All live calls by id."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._calls: dict[str, LiveCall] = {}
        self._heard: set[str] = set()
        self._past: dict[str, dict[str, LlmToolResult | None]] = {}
        """What was answered in calls that are over: a server may not know, or repeat itself."""

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter([live.call for live in self._calls.values()])

    def count_by_revision(self) -> Counter[str]:
        """How many calls go on with each revision."""
        return Counter(live.call.revision for live in self._calls.values())

    def begin(
        self, call_id: str, agent: DeployedAgent, revision: str, state: State | None = None, **known: Any
    ) -> tuple[LiveCall, bool]:
        """The call of an id, and whether it is new. A call that is announced again keeps what it began with.

        ``known`` is what a :class:`Call` is made with beside these: channel (always), metadata, ….
        """
        self._heard.add(call_id)
        live = self._calls.get(call_id)
        if live is not None:
            is_told_now = live.call.channel == UNKNOWN != known["channel"]  # a tool call was there before its beginning
            if is_told_now:
                for name, value in known.items():
                    setattr(live.call, name, value)
            return live, False
        driver = CallDriver(self._wire)
        call = _call(driver, call_id, agent, revision, **known)
        answered = self._past.pop(call_id, {})
        state = state or State()
        live = self._calls[call_id] = LiveCall(call, agent, driver, Transcript(call), state, answered=answered)
        state.hold()
        return live, True

    def before(self, call_id: str, agent: DeployedAgent, revision: str, **known: Any) -> Call:
        """A call that has not begun, and perhaps never will."""
        return _call(CallDriver(self._wire), call_id, agent, revision, **known)

    def again(self, call_id: str) -> LiveCall | None:
        """The call of an id that the server has spoken of once more, if it is known."""
        live = self._calls.get(call_id)
        if live is not None:
            self._heard.add(call_id)
        return live

    def get(self, call_id: str) -> LiveCall | None:
        """The call of an id."""
        return self._calls.get(call_id)

    def end(self, call_id: str, reason: str) -> LiveCall | None:
        """Forget a call; returns it if there was one."""
        self._heard.discard(call_id)
        live = self._calls.pop(call_id, None)
        if live is None:
            return None
        live.is_over = True
        live.driver.cut(reason)
        live.state.release()
        if live.answered:
            self._past[call_id] = live.answered
            if len(self._past) > PAST:
                del self._past[next(iter(self._past))]
        return live

    def disconnected(self, *, was_steady: bool) -> list[LiveCall]:
        """A connection is lost: forget, and return, the calls that nothing was heard of while it was up.

        Their server has ended them without our knowing: it speaks of a call that goes on when we register again. A
        connection that did not last says nothing about that. Of no call is it known what becomes of what was asked for
        over the connection.
        """
        for live in self._calls.values():
            live.driver.cut("connection_lost")
        if not was_steady:
            return []
        silent = [live for call_id, live in self._calls.items() if call_id not in self._heard]
        for live in silent:
            self.end(live.call.id, "connection_lost")
        self._heard.clear()
        return silent


def _call(driver: CallDriver, call_id: str, agent: DeployedAgent, revision: str, **known: Any) -> Call:
    variables: Mapping[str, Any] = agent.config.prompt.vars
    call = Call(driver, id=call_id, agent=agent.config.name, revision=revision, vars=variables, **known)
    call.prompt = agent.prompt
    return call
