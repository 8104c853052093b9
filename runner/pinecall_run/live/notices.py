"""What a runner tells whoever watches it. Only fields named ``content`` hold what people or tools said.

What is about a call names its ``agent``, its ``call`` id, and the ``revision`` that the call began with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pinecall_run.deploy.changes import Change
from pinecall_run.live.load import Checked
from pinecall_run.tools.invoke import Failure
from pinecall_run.tools.usage import Usage


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person may want to read as one line."""


@dataclass(frozen=True, slots=True)
class Connected(Notice):
    """The server accepted the key; agents are being registered. ``count`` counts the connections."""

    count: int


@dataclass(frozen=True, slots=True)
class Disconnected(Notice):
    """The link is down; tried again in ``retry_in`` seconds."""

    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class AgentUp(Notice):
    """The server took an agent; from another process, if this one ``took_over``."""

    agent: str
    took_over: bool = False


@dataclass(frozen=True, slots=True)
class AgentRefused(Notice):
    """The server did not take an agent; ``retry_in`` is ``None`` when it is not asked again."""

    agent: str
    reason: str
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class StandingBy(Notice):
    """Another process holds an agent; this one has it (:class:`AgentUp`) as soon as that one leaves."""

    agent: str


@dataclass(frozen=True, slots=True)
class ChannelUp(Notice):
    """A channel is open; not ``served`` means that this server keeps it without a transport.

    ``notes`` say how calls will be heard and spoken.
    """

    agent: str
    type: str
    ref: str
    served: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelRefused(Notice):
    """The server did not open a channel; ``retry_in`` is ``None`` when it is not asked again."""

    agent: str
    ref: str
    reason: str
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class CallBegan(Notice):
    """A conversation began."""

    agent: str
    call: str
    channel: str
    revision: str


@dataclass(frozen=True, slots=True)
class Said(Notice):
    """Somebody said something: ``who`` is ``person`` or ``agent``."""

    agent: str
    call: str
    who: str
    content: str = field(repr=False)
    revision: str = ""


@dataclass(frozen=True, slots=True)
class TurnAnswered(Notice):
    """A caller began to hear the answer to a turn: milliseconds since the end of their voice, by stage."""

    agent: str
    call: str
    stages: Mapping[str, float]
    revision: str = ""


@dataclass(frozen=True, slots=True)
class ProviderFailed(Notice):
    """A vendor of ``stage`` failed in a call; ``next`` goes on in its place, nobody where that is empty."""

    agent: str
    call: str
    stage: str
    provider: str
    text: str
    next: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class ToolBegan(Notice):
    """A tool call is about to run. Told, as its end is, in the task and context that the tool then runs in.

    ``tool_call_id`` is the model's id of the tool call: unique in its call, not in the process.
    """

    agent: str
    call: str
    tool: str
    tool_call_id: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class ToolRan(Notice):
    """A tool call ended."""

    agent: str
    call: str
    tool: str
    milliseconds: float
    failure: Failure | None
    content: str = field(repr=False)
    """The arguments, as JSON."""
    revision: str = ""
    tries: int = 1
    """How often the function was called; those that failed before the last were told of."""
    is_repeated: bool = False
    """Whether it was not run, because the journal says that an earlier process had."""


@dataclass(frozen=True, slots=True)
class ToolRetried(Notice):
    """A try of a tool failed, the ``tried``-th; it is tried again in ``retry_in`` seconds."""

    agent: str
    call: str
    tool: str
    tried: int
    failure: Failure
    retry_in: float
    revision: str = ""


@dataclass(frozen=True, slots=True)
class FunctionFailed(Notice):
    """A function of the user's that is no tool failed. ``what`` is what it is for: ``on call.started``, ``context``,
    ``model``."""

    agent: str
    call: str
    what: str
    path: str
    failure: Failure
    revision: str = ""


@dataclass(frozen=True, slots=True)
class CallOver(Notice):
    """A conversation is over. ``usage`` is what it used of vendors, and what that costs; ``None`` where the server does
    not say."""

    agent: str
    call: str
    reason: str
    seconds: float
    revision: str = ""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Trouble(Notice):
    """The server reported an error."""

    text: str
    agent: str = ""
    call: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class FrameIgnored(Notice):
    """The server sent a message that nothing comes of. ``frame`` is its name, empty where it has none; ``detail`` says
    more than ``reason`` and quotes nothing; ``is_first`` is the first with that name and reason: worth a word."""

    frame: str
    reason: str
    detail: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Reloaded(Notice):
    """A changed project is live. ``older`` counts the calls that go on with each older revision; ``is_postponed`` when
    there is no connection, so that the server takes it with the next one."""

    revision: str
    changes: Sequence[Change]
    older: Mapping[str, int]
    restart_for: Sequence[str] = ()
    is_postponed: bool = False


@dataclass(frozen=True, slots=True)
class ReloadRejected(Notice):
    """The server did not take a changed project, for each of these agents and reasons; the old one goes on."""

    refusals: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ReloadFailed(Notice):
    """A changed project could not be made live, for a reason that is neither in its files nor the server's."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReloadRefused(Notice):
    """A changed project has errors; the old one goes on."""

    checked: Checked = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoopBlocked(Notice):
    """A line of a tool kept everything else waiting, which only a coroutine can."""

    file: str
    line: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Draining(Notice):
    """No new calls are taken; so many calls, and tools that run, may still end within ``seconds``."""

    calls: int
    tools: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Stopped(Notice):
    """The runner ended; ``reason`` is empty when it was asked to, else it says why it will not try again."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Missed(Notice):
    """This reader was too slow: the oldest ``count`` notices that waited for it were dropped here."""

    count: int
