"""What a conversation is to the door it came through, and the door to the conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pinecall_run.wire.events import CallEvent, NamedResult, ToolCall

if TYPE_CHECKING:  # needs an extra, which typed conversations do without
    from pinecall_run.audio.chunk import Samples


class Outlet(Protocol):
    """Where a conversation's output goes. Calls never block and never fail; a slow reader is the door's concern."""

    def token(self, text: str) -> None:
        """A piece of the answer."""

    def done(self, text: str, *, is_asked: bool = True) -> None:
        """The answer is complete."""

    def tool_calls(self, calls: Sequence[ToolCall]) -> None:
        """The model called tools."""

    def tool_results(self, results: Sequence[NamedResult]) -> None:
        """The tools answered."""

    def error(self, sentence: str, *, is_refusal: bool = False) -> None:
        """There is no answer this time, or what came was not even taken; the conversation goes on."""

    def ended(self, reason: str) -> None:
        """The conversation is over."""


class TextSession(Protocol):
    """A conversation as its door sees it."""

    @property
    def id(self) -> str:
        """The call id."""

    def post(self, text: str) -> None:
        """The person said ``text``."""

    def set_context(self, key: str, value: Any) -> None:
        """What the person's page shows, for the model; ``None`` takes the key away."""

    def end(self, reason: str) -> None:
        """The person left, or the conversation is to end."""


class NotAdmittedError(Exception):
    """A session cannot begin; the message is one sentence for the person."""


class BusyError(NotAdmittedError):
    """There is no room for a session now. ``is_servers``: for none of anybody's."""

    def __init__(self, sentence: str, *, is_servers: bool = False) -> None:
        super().__init__(sentence)
        self.is_servers = is_servers


@dataclass(frozen=True, slots=True)
class Admitted:
    """A conversation that begins on the next turn of the event loop.

    Attributes:
        is_developer: whether its person may see tools' results.
        thread: by which a later connection goes on with it.
        earlier: what was said in the thread before, as ``role`` (``user``, ``assistant``) and ``content``.
    """

    session: TextSession
    is_developer: bool
    thread: str = ""
    earlier: Sequence[Mapping[str, str]] = ()


class AudioOutlet(Protocol):
    """Where the events of a spoken conversation go beside its sound. Calls never block and never fail."""

    def event(self, event: CallEvent) -> None:
        """Something happened: the same events that the runner is told."""

    def ended(self, reason: str) -> None:
        """The conversation is over; nothing more is to be heard or taken."""


class AudioSession(Protocol):
    """A spoken conversation as its door sees it. All calls come from the event loop and return at once.

    The door's clock is the conversation's: it calls :meth:`take` once for each 20 ms that it plays, on its own time.
    """

    @property
    def id(self) -> str:
        """The call id."""

    def hear(self, chunk: Samples) -> None:
        """20 ms of what the person says, silence where nothing is said. As a rule once for each 20 ms; what is held up
        in the middle of a word comes later, and then faster."""

    def take(self) -> Samples | None:
        """The next 20 ms for the person; ``None`` is silence. Time passes for the conversation with each call."""

    def act(self, action: Mapping[str, Any]) -> None:
        """What the person's page asks for (protocol: data channel): ``{"action": "mute"}`` and its like."""

    def end(self, reason: str) -> None:
        """The person left, or the conversation is to end."""


class PhoneSide(Protocol):
    """What only a telephone line tells its conversation."""

    def played(self, chunks: int) -> None:
        """So many chunks of all that were taken, silence not counted, have been played."""

    def key(self, digit: str) -> None:
        """The person pressed a key."""

    def forwarded(self, to: str) -> None:
        """The line was handed on: the conversation is over."""


class PhoneSession(AudioSession, Protocol):
    """A spoken conversation over a telephone line."""

    @property
    def phone(self) -> PhoneSide:
        """Where the line tells what happens on it."""


class PhoneLine(Protocol):
    """What an agent's runner can have done with a telephone line. Calls return at once."""

    has_voice: bool
    """Whether it says what is to be said before a call is forwarded; else the agent does."""

    def forward(self, to: str, *, message: str, announce: bool, summary: str = "") -> None:
        """Hand the person on to a number; ``message`` is said to them before, ``announce`` tells the other side who
        comes, and ``summary`` what it was about, where the line can tell it anything. What comes of it is told by
        :meth:`PhoneSide.forwarded`, or to the runner as an error."""

    def press(self, digits: str) -> None:
        """Press keys: ``0-9``, ``*``, ``#``, ``A-D``; ``w`` is half a second of waiting."""


class Supervisor(Protocol):
    """Somebody who listens to a call, as the call sees them. Calls never block and never fail: who is slow loses
    sound, and the call nothing."""

    def sound(self, piece: bytes) -> None:
        """50 ms of both sides: s16le, mono."""

    def event(self, event: CallEvent) -> None:
        """Something happened."""

    def ended(self) -> None:
        """The call is over."""


class Supervised(Protocol):
    """A spoken conversation, as it is listened to and taken over. All calls come from the event loop and return at
    once."""

    @property
    def rate(self) -> int:
        """Samples a second of what is heard, and of what is spoken into it."""
        ...

    def join(self, supervisor: Supervisor) -> None:
        """Let somebody listen.

        Raises:
            NotAdmittedError: too many do, or the call is over.
        """

    def leave(self, supervisor: Supervisor) -> None:
        """They are gone. Who had the call in hand may come back, for a while."""

    def act(self, supervisor: Supervisor, action: Mapping[str, Any]) -> str:
        """What they want: ``{"action": "take_over"}`` and its like. Gives why it is not done in a sentence, or none."""
        ...

    def speak(self, supervisor: Supervisor, sound: bytes) -> bool:
        """What they say: s16le, mono, of any length; ``False`` where they do not have the call in hand."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """How a spoken conversation comes about.

    Attributes:
        transport: ``webrtc``, ``audio``, ``phone``: what ``call.started`` says.
        clock: seconds on the door's own time; only differences count.
        config: what the person's page asks for, as it came (protocol: data channel allow-list).
        metadata: what the page says of the call; never over what a token seals.
        channel: type and address of the agent's channel that the call is on.
        direction: ``outbound`` where we called.
        greets_later: the agent greets when the other side has said something, or nothing for some seconds.
        line: the telephone line, where there is one.
        reports_playing: the door says by :meth:`PhoneSide.played` what was heard; otherwise all that is taken counts.
    """

    transport: str
    clock: Callable[[], float]
    config: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    from_: str = ""
    to: str = ""
    channel: tuple[str, str] = ("webrtc", "")
    direction: str = "inbound"
    greets_later: bool = False
    line: PhoneLine | None = None
    reports_playing: bool = False


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """A spoken conversation, whose agent begins to speak with the next turn of the event loop, and whether its person
    is a developer, who may see tools' results."""

    session: AudioSession
    is_developer: bool


class Reception(Protocol):
    """Begins conversations."""

    def open_chat(self, token: str, outlet: Outlet, thread: str = "") -> Admitted:
        """A conversation for the bearer of a chat token, which goes on with a thread if it may.

        Raises:
            NotAdmittedError: the token is not good, or the agent is gone.
        """
        ...


class CallReception(Protocol):
    """Begins spoken conversations."""

    def open_call(self, kind: str, token: str, outlet: AudioOutlet, caller: Caller) -> AdmittedCall:
        """A spoken conversation for the bearer of a token of ``kind`` (``webrtc``, ``stream``).

        Raises:
            NotAdmittedError: the token is not good, the agent is gone, or it cannot hear or speak.
        """
        ...
