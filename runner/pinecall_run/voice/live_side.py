"""What supervisors have of a spoken call: they listen, and one of them may speak to the caller in the agent's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pinecall_run.audio.blend import Blend
from pinecall_run.audio.chunk import CHUNK_SECONDS, RATE, Samples, from_bytes
from pinecall_run.audio.guest import Guest
from pinecall_run.audio.mixer import Mixer
from pinecall_run.audio.resample import Resampler
from pinecall_run.transports.contract import NotAdmittedError, Supervisor
from pinecall_run.transports.live_socket import MEANS_NOTHING
from pinecall_run.voice.call_core import CallCore
from pinecall_run.voice.guest_words import GuestWords
from pinecall_run.wire import events, live_events

MOST = 10
"""Supervisors of one call."""

TELEPHONE_RATE = 8_000
"""What a telephone carries (protocol: live listening)."""

GONE_SECONDS = 5.0
"""How long the caller waits for a supervisor whose socket broke; then the agent has the call again."""

MAX_TEXT = 8_000
"""Characters of what is said or whispered."""

HANDED_BACK, LOST = "handed_back", "lost"

TAKEN = "another supervisor has this call"
OVER = "the call is over"
NOT_TAKEN = "take this call over first"
WHISPERED = "A supervisor who listens to this conversation tells you, and the person does not hear it: {}"


class Agent(Protocol):
    """What a human who takes a call over needs of it."""

    def hush(self) -> None:
        """The agent falls silent, and says nothing by itself."""

    def go_on(self) -> None:
        """The agent has the call again; it answers what nobody has."""

    def say(self, text: str) -> str:
        """Have the agent's voice say something; the id of the message."""
        ...

    def end(self, reason: str) -> None:
        """Hang up."""


class LiveSide:
    """See :class:`pinecall_run.transports.contract.Supervised`. It costs nothing while nobody listens."""

    def __init__(self, core: CallCore, mixer: Mixer, agent: Agent, words: GuestWords, *, transport: str) -> None:
        self.rate = TELEPHONE_RATE if transport == "phone" else RATE
        self._core = core
        self._mixer = mixer
        self._agent = agent
        self._words = words
        self._supervisors: list[Supervisor] = []
        self._blend: Blend | None = None
        self._own: Blend | None = None
        """What the one hears who has the call: all but themselves. It is hard to speak while one's voice comes back."""
        self._holder: Supervisor | None = None
        """Who has the call in hand. ``None`` with the call in human hands: they are gone, and may come back."""
        self._patience = 0
        """Chunks that are waited for them."""
        self._to_call: Resampler | None = None
        self._is_over = False

    @property
    def is_allowed(self) -> bool:
        """Whether the project lets people listen (protocol: media)."""
        media = self._core.configuration.get("media")
        return isinstance(media, dict) and media.get("live") is True

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._supervisors)

    # the call

    def heard(self, chunk: Samples) -> None:
        """20 ms of the caller."""
        for blend in (self._blend, self._own):
            if blend is not None:
                blend.heard(chunk)

    def played(self, chunk: Samples | None) -> None:
        """20 ms for the caller."""
        if self._blend is not None:
            for piece in self._blend.played(chunk):
                for supervisor in self._supervisors:
                    if supervisor is not self._holder:
                        supervisor.sound(piece)
        if self._own is not None and self._holder is not None:
            for piece in self._own.played(self._mixer.without_guest):
                self._holder.sound(piece)
        self._words.pulse()
        if self._core.is_taken_over and self._holder is None:
            self._wait()

    def event(self, event: events.CallEvent) -> None:
        """Something happened in the call."""
        for supervisor in self._supervisors:
            supervisor.event(event)

    async def close(self) -> None:
        """The call is over."""
        self._is_over = True
        for supervisor in self._supervisors:
            supervisor.ended()
        self._supervisors = []
        self._blend = self._own = self._holder = None
        await self._words.close()

    # supervisors (Supervised)

    def join(self, supervisor: Supervisor) -> None:
        """See the contract."""
        if self._is_over:
            raise NotAdmittedError(OVER)
        if len(self._supervisors) >= MOST:
            raise NotAdmittedError(f"{MOST} listen to this call: no more can")
        if self._blend is None:
            self._blend = Blend(self.rate)
        self._supervisors.append(supervisor)

    def leave(self, supervisor: Supervisor) -> None:
        """See the contract."""
        self._supervisors = [each for each in self._supervisors if each is not supervisor]
        if not self._supervisors:
            self._blend = None
        if self._holder is supervisor:
            self._holder = self._own = None
            self._patience = round(GONE_SECONDS / CHUNK_SECONDS)

    def act(self, supervisor: Supervisor, action: Mapping[str, Any]) -> str:
        """See the contract."""
        name, text = action.get("action"), action.get("text")
        if self._is_over:
            return OVER
        if name in ("say", "whisper"):
            if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT:
                return f"{name} needs a text of at most {MAX_TEXT:,} characters"
            if name == "whisper":
                return self._whisper(text)
            return self._say(supervisor, text)
        does = _ACTIONS.get(name) if isinstance(name, str) else None
        return does(self, supervisor) if does is not None else MEANS_NOTHING

    def speak(self, supervisor: Supervisor, sound: bytes) -> bool:
        """See the contract."""
        if self._holder is not supervisor or self._mixer.guest is None or self._to_call is None:
            return False
        samples = self._to_call.feed(from_bytes(sound))
        self._mixer.guest.add(samples)
        self._words.hear(samples)
        return True

    # taking over

    def _take_over(self, supervisor: Supervisor) -> str:
        if self._holder is supervisor:
            return ""
        if self._holder is not None:
            return TAKEN
        self._holder = supervisor
        self._mixer.guest = Guest()
        self._own = Blend(self.rate)
        self._to_call = Resampler(self.rate, RATE)
        if not self._core.is_taken_over:
            self._agent.hush()
            self._core.tell(live_events.HandoffActive)
        return ""

    def _hand_back(self, supervisor: Supervisor) -> str:
        if self._holder is not supervisor:
            return NOT_TAKEN
        self._release(HANDED_BACK)
        return ""

    def _wait(self) -> None:
        self._patience -= 1
        if self._patience <= 0:
            self._release(LOST)

    def _release(self, reason: str) -> None:
        self._holder = self._own = self._mixer.guest = self._to_call = None
        self._core.tell(live_events.HandoffReleased, reason=reason)
        self._agent.go_on()

    def _hang_up(self, supervisor: Supervisor) -> str:
        if self._holder is not supervisor:
            return NOT_TAKEN
        self._agent.end("hangup")
        return ""

    # words

    def _say(self, supervisor: Supervisor, text: str) -> str:
        if self._holder is not supervisor:
            return NOT_TAKEN
        message_id = self._agent.say(text)
        self._core.tell(live_events.SupervisorSaid, text=text, message_id=message_id)
        return ""

    def _whisper(self, text: str) -> str:
        self._core.conversation.notes.append(WHISPERED.format(text))
        self._core.tell(live_events.SupervisorWhispered, text=text)
        return ""


_ACTIONS: dict[str, Callable[[LiveSide, Supervisor], str]] = {
    "take_over": LiveSide._take_over,
    "hand_back": LiveSide._hand_back,
    "hangup": LiveSide._hang_up,
}
