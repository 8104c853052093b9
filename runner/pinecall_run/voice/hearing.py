"""Who hears the caller, and who judges their pauses: opened when a call begins, changed as it is configured, closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pinecall_run.audio.chunk import Samples
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.turns import inputs
from pinecall_run.turns.rules import TurnRules, rules_of, smart_turn_model_of
from pinecall_run.voice.call_core import CallCore, explained
from pinecall_run.voice.caller_side import CallerSide, Judge
from pinecall_run.voice.listening import Ear, Listener
from pinecall_run.voice.speaking import Voice
from pinecall_run.wire import speech_events

if TYPE_CHECKING:
    from pinecall_run.voice.agent_side import AgentSide, Floor
    from pinecall_run.voice.spoken_call import Equipment

_OF_STAGES = frozenset(("voice", "stt", "language"))
"""Keys of the configuration that say who hears and who speaks."""

Work = Callable[[], Coroutine[Any, Any, None]]

Guarded = Callable[[Work], Coroutine[Any, Any, None]]
"""Does a work of the call's; where it fails the call ends."""


class CallerHalf(Protocol):
    """The caller's side of a call, as the call knows it."""

    agent: AgentSide
    latest: str

    def hear(self, chunk: Samples) -> None:
        """20 ms of the caller."""

    def pulse(self, now: float) -> None:
        """Time passed."""

    def greet_later(self) -> None:
        """The agent is to greet when the caller has said something, or nothing for some seconds."""

    def take(self, input: inputs.Input) -> None:
        """Something happened."""

    @property
    def may_agent_begin(self) -> bool:
        """Whether an utterance may begin."""
        ...

    def answered_by(self, in_reply_to: str) -> int:
        """The number of the message that a runner's reply answers; 0 where it answers none."""
        ...

    def go_on(self) -> None:
        """A human has handed the call back: what the caller said last is answered, unless it was."""

    def ask_again(self) -> None:
        """The runner is back: it is to answer what it has not, where that is for it to do."""


class Hears(Protocol):
    """What a call hears with. ``voices`` are those that go with it."""

    @property
    def caller(self) -> CallerHalf: ...

    @property
    def floor(self) -> Floor:
        """Whom the agent's side tells what it does."""
        ...

    @property
    def voices(self) -> Sequence[Voice]: ...

    @property
    def ears(self) -> Sequence[Ear]:
        """Who can write down what somebody says; empty where only the model hears."""
        ...

    def begin(self) -> None:
        """The call runs."""

    def change(self, changes: Mapping[str, Any]) -> None:
        """The configuration has changed in these keys."""

    async def close(self) -> None:
        """The call is over."""


class Hearing:
    """Ears, detector and judge of one call. ``clock`` is the call's, in seconds; ``hang_up`` ends it with a reason.

    Raises:
        ProviderError: nobody can hear, or nobody can speak.
    """

    def __init__(
        self,
        core: CallCore,
        equipment: Equipment,
        guarded: Guarded,
        *,
        clock: Callable[[], float],
        hang_up: Callable[[str], None],
    ) -> None:
        self._core = core
        self._equipment = equipment
        self._guarded = guarded
        self._stages = equipment.open_stages(core.configuration)
        self._opened = {key: core.configuration.get(key) for key in _OF_STAGES}
        self.caller = CallerSide(core, self._rules(), clock=clock, hang_up=hang_up)
        self.floor = self.caller
        self.caller.listener = self._listener = self._new_listener()
        self.caller.detection = equipment.detector.open(self.caller.on_probability)
        self._listening: asyncio.Task[None] | None = None
        self._judging: asyncio.Task[None] | None = None
        self._judged_by = ""
        """The file of the model that is to hear when turns are over."""

    @property
    def voices(self) -> Sequence[Voice]:
        """See :class:`Hears`."""
        return self._stages.voices

    @property
    def ears(self) -> Sequence[Ear]:
        """See :class:`Hears`."""
        return self._stages.ears

    def begin(self) -> None:
        """See :class:`Hears`."""
        self._listening = asyncio.create_task(self._guarded(self._listener.run))
        self._seat_judge()

    async def close(self) -> None:
        """See :class:`Hears`."""
        works = [work for work in (self._listening, self._judging) if work is not None]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        self.caller.detection.close()
        if self.caller.judge is not None:
            self.caller.judge.close()

    # changes

    def change(self, changes: Mapping[str, Any]) -> None:
        """See :class:`Hears`."""
        if changes.keys() & _OF_STAGES and self._open_stages(is_voice="voice" in changes):
            self.caller.agent.speaker.change_voices(self._stages.voices)
            if changes.keys() & {"stt", "language"} and not self._listener.change(self._stages.ears):
                self._listen_anew()
            if isinstance(changes.get("language"), str):
                self._core.tell(speech_events.CallUpdated, language=changes["language"])
        if self._listening is not None:
            self._seat_judge()
        self.caller.change(self._rules(self.caller.judge))

    def _listen_anew(self) -> None:
        self.caller.listener = self._listener = self._new_listener()
        if self._listening is not None:
            self._listening.cancel()
            self._listening = asyncio.create_task(self._guarded(self._listener.run))

    def _open_stages(self, *, is_voice: bool) -> bool:
        """Have others hear and speak, as it is configured now; where nobody can, all stays, and that is told."""
        configuration = self._core.configuration
        try:
            self._stages = self._equipment.open_stages(configuration)
        except ProviderError as error:
            configuration.update(self._opened)
            stage, who = ("tts", self._stages.voices) if is_voice else ("stt", self._stages.ears)
            name = who[0].provider
            self._core.tell(speech_events.ProviderFailed, stage=stage, provider=name, error=explained(error), next=name)
            return False
        self._opened = {key: configuration.get(key) for key in _OF_STAGES}
        return True

    def _rules(self, judge: Judge | None = None) -> TurnRules:
        rules = rules_of(self._core.configuration, self._stages.has_turns, has_smart_turn=judge is not None)
        return rules.patient() if self._core.is_taken_over else rules

    def _seat_judge(self) -> None:
        """Have turns judged by the model that the configuration names now; until it is loaded they end as without."""
        file = smart_turn_model_of(self._core.configuration, self._stages.has_turns)
        if file == self._judged_by:
            return
        self._judged_by = file
        if self._judging is not None:
            self._judging.cancel()
        if self.caller.judge is not None:
            self.caller.judge.close()
            self.caller.judge = None
        if file:
            self._judging = asyncio.create_task(self._guarded(lambda: self._open_judge(file)))

    async def _open_judge(self, file: str) -> None:
        self.caller.judge = await self._equipment.judges.open(file, self.caller.on_verdict)
        self.caller.change(self._rules(self.caller.judge))

    def _new_listener(self) -> Listener:
        return Listener(
            self._stages.ears,
            self.caller.on_heard,
            self._ear_failed,
            health=self._core.around.health,
            on_used=self._core.usage.heard,
        )

    def _ear_failed(self, provider: str, error: str, next: str) -> None:
        self._core.tell(speech_events.ProviderFailed, stage="stt", provider=provider, error=error, next=next)
