"""One spoken call: sound in and out on its door's clock, what its runner wants, and its beginning and end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.audio.chunk import Samples
from pinecall_run.audio.mixer import Mixer
from pinecall_run.providers.contracts import LanguageModel
from pinecall_run.transports.contract import AudioOutlet, Caller
from pinecall_run.turns import inputs
from pinecall_run.voice.agent_side import AgentSide
from pinecall_run.voice.ambience import Ambience
from pinecall_run.voice.call_core import CallCore, Surroundings
from pinecall_run.voice.detector import Detector
from pinecall_run.voice.duplex_line import Duplex
from pinecall_run.voice.duplex_side import DuplexSide
from pinecall_run.voice.failure import described
from pinecall_run.voice.guest_words import GuestWords
from pinecall_run.voice.hearing import Hearing, Hears
from pinecall_run.voice.judges import Judges
from pinecall_run.voice.live_side import LiveSide
from pinecall_run.voice.loudness import Loudness
from pinecall_run.voice.page_actions import PageActions
from pinecall_run.voice.phone_side import PhoneSide
from pinecall_run.voice.phrases import Phrases
from pinecall_run.voice.speaking import Speaker
from pinecall_run.voice.stages import Stages
from pinecall_run.voice.tape import Tape
from pinecall_run.wire import call_commands, commands, events, live_events, speech_events
from pinecall_run.wire.absent import UNSET

_LOG = logging.getLogger("pinecall_run.voice")

_NOT_SHOWN = (
    events.LlmBefore, events.LlmPreparingTimeout, events.HistoryData, events.HistoryUpdated, events.SessionConfigured,
    live_events.SupervisorWhispered, live_events.CallSummary,
)  # fmt: skip
"""What is none of the caller's business, whose page is shown the rest."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What spoken calls of a server share."""

    detector: Detector
    open_stages: Callable[[Mapping[str, Any]], Stages]
    judges: Judges = field(default_factory=Judges)
    phrases: Phrases = field(default_factory=Phrases)
    open_duplexes: Callable[[Mapping[str, Any]], Sequence[Duplex]] = lambda _: ()
    """The models that hear and speak themselves, for which a call opens no stages."""


class SpokenCall:
    """One call with one agent, pinned to the configuration that it began with."""

    def __init__(
        self,
        call_id: str,
        agent_id: str,
        configuration: Mapping[str, Any],
        model: LanguageModel | None,
        outlet: AudioOutlet,
        around: Surroundings,
        *,
        caller: Caller,
        equipment: Equipment,
        metadata: Mapping[str, Any],
    ) -> None:
        self.id = call_id
        self.agent_id = agent_id
        self._core = CallCore(call_id, agent_id, configuration, model, around, metadata=metadata, tell=self._tell)
        self._outlet = outlet
        self._around = around
        self._from = caller
        self._equipment = equipment
        self._mixer = Mixer()
        duplexes = equipment.open_duplexes(configuration)
        ends: dict[str, Any] = {"clock": caller.clock, "hang_up": self.end}
        self._hearing: Hears = (
            DuplexSide(self._core, duplexes, self._guarded, **ends)
            if duplexes
            else Hearing(self._core, equipment, self._guarded, **ends)
        )
        self._caller = self._hearing.caller
        self._agent = self._caller.agent = AgentSide(
            self._core,
            lambda told: Speaker(
                self._hearing.voices, self._mixer, told, health=around.health, phrases=equipment.phrases
            ),
            self._hearing.floor,
            clock=caller.clock,
            show=outlet.event,
            has_words=not duplexes,
        )
        self._agent.speaker.follows_playing = caller.reports_playing
        self._page = PageActions(self)
        self.phone = PhoneSide(
            self._core, caller.line, played=self._agent.played, say_before=self._say_before, end=self.end
        )
        self._ambience = Ambience(self._mixer, self._core.configuration)
        self._loudness = Loudness.asked_for(self._core)
        self._tape = Tape.asked_for(self._core)
        words = GuestWords(self._core, lambda: self._hearing.ears, self._guarded)
        self.live = LiveSide(self._core, self._mixer, self, words, transport=caller.transport)
        self._is_held = self._is_over = False
        self._end_reason = ""
        self._ended = asyncio.Event()

    @property
    def heard_at(self) -> float:
        """Epoch seconds; a spoken call ends by its own limits, never for being forgotten."""
        return self._around.clock()

    @property
    def history(self) -> list[dict[str, Any]]:
        """The messages that the model is shown."""
        return self._core.conversation.messages

    def about(self) -> dict[str, Any]:
        """What a supervisor is shown who looks for a call."""
        caller, core = self._from, self._core
        return {
            "call_id": self.id,
            "agent_id": self.agent_id,
            "transport": caller.transport,
            "direction": caller.direction,
            "from": caller.from_,
            "to": caller.to,
            "started_at": core.started_at,
            "is_live": self.live.is_allowed,
            "listeners": self.live.listeners,
            "is_taken_over": core.is_taken_over,
        }

    # the door (AudioSession)

    def hear(self, chunk: Samples) -> None:
        """See :class:`AudioSession`."""
        if self._is_over:
            return
        if self._tape is not None:
            self._tape.heard(chunk)
        if self._loudness is not None:
            self._loudness.heard(chunk)
        self.live.heard(chunk)
        if not self._is_held:
            self._caller.hear(chunk)

    def take(self) -> Samples | None:
        """See :class:`AudioSession`."""
        if self._is_over:
            return None
        self._caller.pulse(self._from.clock())
        chunk = self._agent.take(may_begin=self._caller.may_agent_begin and not self._is_held)
        if self._tape is not None:
            self._tape.played(chunk)
        if self._loudness is not None:
            self._loudness.played(chunk)
        self.live.played(chunk)
        return chunk

    def act(self, action: Mapping[str, Any]) -> None:
        """See :class:`AudioSession`."""
        if not self._is_over:
            self._page.act(action)

    def end(self, reason: str) -> None:
        """End the call; the first reason counts."""
        if not self._ended.is_set():
            self._end_reason = reason
            self._ended.set()

    # the runner

    def handle(self, command: commands.Command) -> bool:
        """A runner's command about this call, applied at once; ``False`` if it means nothing here."""
        if self._core.handle(command):
            if isinstance(command, commands.SessionConfigure):
                self.reconfigured(command.configuration())
            return True
        if self.phone.handle(command):
            return True
        handler = _COMMANDS.get(type(command))
        if handler is not None and not self._is_over:
            handler(self, command)
        return handler is not None

    def announce(self) -> None:
        """Tell the runner that the call is there."""
        self._around.tell_owner(self._started())

    def owner_left(self) -> None:
        """The runner is gone."""
        self._agent.owner_left()

    def owner_returned(self) -> None:
        """A runner took the call up: the one that lost its connection, or the next to hold the agent."""
        self.announce()
        if self._core.is_taken_over:
            self._around.tell_owner(self._core.event(live_events.HandoffActive))
        self._core.desk.send_again()
        self._caller.ask_again()

    def _started(self) -> events.CallStarted:
        core = self._core
        return core.event(
            events.CallStarted,
            from_=self._from.from_ or UNSET,
            to=self._from.to or UNSET,
            direction=self._from.direction,
            transport=self._from.transport,
            metadata=core.metadata or UNSET,
            language=core.language or UNSET,
        )

    # the task

    async def run(self) -> None:
        """Serve the call until it ends; always says goodbye to both sides."""
        self._outlet.event(self._started())
        works = [asyncio.create_task(self._guarded(work)) for work in (self._agent.speaker.run, self._ambience.run)]
        self._hearing.begin()
        try:
            (self._caller.greet_later if self._from.greets_later else self._agent.greet)()
            await self._ended.wait()
        finally:
            self._is_over = True
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            await self._close()

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the border of one call
            _LOG.error("a call of %s failed: %s", self.agent_id, described(error))
            self.end("error")

    async def _close(self) -> None:
        await self.live.close()
        await self.phone.close()
        await self._hearing.close()
        await self._agent.close()
        if self._tape is not None:
            await self._tape.close()
        over = {"reason": self._end_reason or "server_stopped", **self._core.over()}
        self._around.tell_owner(self._core.event(events.CallEnded, **over))
        for kept in ("messages", "metrics"):  # what tools answered, and what it costs
            del over[kept]
        self._outlet.event(self._core.event(events.CallEnded, **over))
        self._outlet.ended(over["reason"])

    def _tell(self, event: events.CallEvent) -> bool:
        if not isinstance(event, _NOT_SHOWN):
            self._outlet.event(event)
        self.live.event(event)
        return self._around.tell_owner(event)

    # changes

    def reconfigured(self, changes: Mapping[str, Any]) -> None:
        """The configuration has changed: what hears, speaks and takes turns follows."""
        if not self._is_over:
            self._hearing.change(changes)

    def configure(self, changes: Mapping[str, Any]) -> None:
        """The caller's page changes what it may."""
        self._core.configuration.update(changes)
        self.reconfigured(changes)

    def show_screen(self, key: str, value: Any) -> None:
        """What the caller's page shows, for the model."""
        self._core.conversation.set_screen(key, value)

    def typed(self, text: str) -> None:
        """The caller's page says something for them."""
        self._caller.take(inputs.Typed(text))

    # a human in the agent's place (Agent)

    def hush(self) -> None:
        """See :class:`pinecall_run.voice.live_side.Agent`."""
        self._off_hold()
        self._core.is_taken_over = True
        self._agent.clear()
        self._hearing.change({})

    def go_on(self) -> None:
        """See :class:`pinecall_run.voice.live_side.Agent`."""
        self._core.is_taken_over = False
        self._hearing.change({})
        self._caller.go_on()

    def say(self, text: str) -> str:
        """See :class:`pinecall_run.voice.live_side.Agent`."""
        return self._agent.say_for_human(text)

    def _say_before(self, text: str, then: Callable[[], object]) -> None:
        self._off_hold()  # there nothing is said
        self._agent.say_before(text, then)

    def mute(self, _: call_commands.CallMute | None = None) -> None:
        """Nobody listens from now on; what is said is kept."""
        self._caller.take(inputs.Muted())
        self._core.tell(speech_events.CallMuted)

    def unmute(self, _: call_commands.CallUnmute | None = None) -> None:
        """Somebody listens again."""
        self._caller.take(inputs.Unmuted())

    # the runner's commands

    def _on_reply(self, command: commands.BotReply) -> None:
        if not self._core.reject(command, self._caller.latest):
            self._off_hold()
            self._agent.on_reply(command, self._caller.answered_by(command.in_reply_to))

    def _on_stream(self, command: commands.BotReplyStream) -> None:
        if command.action != "start":
            self._agent.on_stream(command, 0)
        elif not self._core.reject(command, self._caller.latest):
            self._off_hold()
            self._agent.on_stream(command, self._caller.answered_by(command.in_reply_to))

    def _on_cancel(self, command: commands.BotCancel) -> None:
        if isinstance(command.message_id, str):
            self._agent.cancel(command.message_id)
        else:
            current = self._agent.speaker.current
            if current is not None:
                self._agent.cancel(current.message_id)
            else:
                self._agent.clear()

    def _on_clear(self, command: commands.BotClear) -> None:
        self._agent.clear()

    def _on_hangup(self, command: commands.CallHangup) -> None:
        self.end("client_hangup")

    def _on_hold(self, command: call_commands.CallHold) -> None:
        if not self._is_held:
            self._is_held = True
            self._agent.clear()
            self._caller.take(inputs.Held())
            self._ambience.hold(is_held=True)
            self._core.tell(speech_events.CallHeld)

    def _off_hold(self, _: call_commands.CallUnhold | None = None) -> None:
        if self._is_held:
            self._is_held = False
            self._caller.take(inputs.Unheld())
            self._ambience.hold(is_held=False)
            self._core.tell(speech_events.CallUnheld)

    def _on_context(self, command: call_commands.SetContext) -> None:
        self.show_screen(command.key, command.value)


_COMMANDS: dict[type[commands.Command], Callable[[SpokenCall, Any], None]] = {
    commands.BotReply: SpokenCall._on_reply,
    commands.BotReplyStream: SpokenCall._on_stream,
    commands.BotCancel: SpokenCall._on_cancel,
    commands.BotClear: SpokenCall._on_clear,
    commands.CallHangup: SpokenCall._on_hangup,
    call_commands.CallHold: SpokenCall._on_hold,
    call_commands.CallUnhold: SpokenCall._off_hold,
    call_commands.CallMute: SpokenCall.mute,
    call_commands.CallUnmute: SpokenCall.unmute,
    call_commands.SetContext: SpokenCall._on_context,
}
