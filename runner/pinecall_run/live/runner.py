"""The running project: one link, the live calls, and the road from a changed file to what runs."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from pinecall_run.deploy.deployment import Deployment
from pinecall_run.link.link import Link, Opener, open_socket
from pinecall_run.live import notices
from pinecall_run.live.calls import UNKNOWN, Calls, LiveCall
from pinecall_run.live.dialing import Dialer
from pinecall_run.live.dispatch import Dispatcher
from pinecall_run.live.driver import Wire
from pinecall_run.live.ignored import Ignored
from pinecall_run.live.journal_file import JournalFile
from pinecall_run.live.lifespan import LifespanError, Lifespans
from pinecall_run.live.load import Checked
from pinecall_run.live.reload import Reloads
from pinecall_run.live.screening import RINGING
from pinecall_run.live.stalls import StallWatch
from pinecall_run.live.telling import Around, notice_of
from pinecall_run.live.user_functions import UserFunctions
from pinecall_run.protocol import outputs, whatsapp
from pinecall_run.protocol.client import ClientPeer
from pinecall_run.protocol.keepalive import PACE, Pace
from pinecall_run.source.secrets import Secrets
from pinecall_run.tools.usage import usage_in
from pinecall_run.wire import commands, events, speech_events
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.commands import AgentRemove

_LOG = logging.getLogger("pinecall_run.live")

DRAIN_SECONDS = 45.0
"""How long live calls may go on when the process is asked to end."""
TOOL_SECONDS = 30.0
"""How long tools may run then, after their calls, too: what they began to write they should finish."""
LEAVE_SECONDS = 1.0
"""How long the server may take to confirm that our agents are off it: a call may have begun until then. Not all do."""

Notify = Callable[[notices.Notice], None]


class RefusedError(Exception):
    """The server will not have this runner; the message says why."""


class Runner:
    """Runs a deployment against a voice server until it is stopped.

    ``checked`` is the project as it was loaded, ``environ`` what its variables are replaced from on a reload.
    ``watches`` is whether an edit makes it reload. ``opener`` and ``clock`` (monotonic seconds) are the network and the
    time that it lives in.
    """

    def __init__(
        self,
        checked: Checked,
        deployment: Deployment,
        *,
        url: str,
        api_key: str,
        notify: Notify,
        environ: Mapping[str, str],
        pace: Pace = PACE,
        watches: bool = True,
        opener: Opener = open_socket,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets: tuple[Checked | None, Secrets] = None, Secrets()
        self._watcher = notify
        peer = ClientPeer(api_key, random.random, pace)
        peer.want(deployment.registrations, now=clock())
        self._clock = clock
        self._link = Link(url, peer, self._on_output, clock, opener)
        self.dialer = Dialer(self._link.send, lambda: self.calls, lambda: self.deployment.agents)
        self._wire = Wire(self._link.send, self.dialer.place)
        self.calls = Calls(self._wire)
        self._functions = UserFunctions(self._link.send, self._notify)
        self._lifespans = Lifespans(self._lifespan_failed)
        self._reloads = Reloads(
            checked,
            deployment,
            environ,
            self._lifespans,
            self._link.propose,
            self._notify,
            self.calls.count_by_revision,
            watches=watches,
        )
        journal = deployment.config.journal
        journal_file = None if journal is None else JournalFile(checked.project.root / journal)
        self._dispatcher = Dispatcher(self._link.send, self._notify, clock, self._hide, journal_file)
        self._stopping = asyncio.Event()
        self._call_ended = asyncio.Event()
        self._ignored = Ignored(self._notify)
        self._leaving: set[str] = set()
        self._standing_by: set[str] = set()
        self._has_left = asyncio.Event()
        self._refusal: str | None = None

    @property
    def deployment(self) -> Deployment:
        """What should run: after a reload the new one, whether or not the server has taken it yet."""
        return self._reloads.deployment

    async def run(self) -> None:
        """Serve until :meth:`stop`.

        Raises:
            LifespanError: the project's lifespan cannot be entered.
            RefusedError: the key is wrong, or another process took the agents over or keeps them.
            JournalError: the journal cannot be used.
        """
        self._wire.attach()
        try:
            await self._dispatcher.open()
            if await self._until_stopped(self._reloads.open()):
                await self._serve()
        finally:
            await self._end()
        if self._refusal is not None:
            raise RefusedError(self._refusal)

    async def _serve(self) -> None:
        reloading = asyncio.create_task(self._reloads.run(self._stopping))
        try:
            with StallWatch(lambda *stall: self._notify(notices.LoopBlocked(*stall))):
                await self._link.run()
        finally:
            self._end_reloads()
            self.dialer.disconnected()
            await reloading

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether some work was done before :meth:`stop`."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            working.cancel()  # says nothing to what is done
        if not working.done():
            return False
        await working
        return True

    async def _end(self) -> None:
        """End what runs of the user's, what it stands on last."""
        for part in (self._wire, self._functions, self._dispatcher, self._lifespans):
            await part.close()

    def _lifespan_failed(self, error: LifespanError) -> None:
        self._notify(notices.Trouble(self._hide(str(error))))

    def stop(self) -> None:
        """Close the link; :meth:`run` returns."""
        self._end_reloads()
        self._link.stop()

    @property
    def waiting_answers(self) -> int:
        """Answers to tool calls that the server has not shown to have."""
        return self._link.waiting_answers

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Take no new calls, let those that go on end within ``seconds`` and their tools within
        :data:`TOOL_SECONDS`, then stop. :meth:`stop` cuts it short."""
        self._end_reloads()  # what is edited now is for the next process
        self._leaving = set(self.deployment.agents)
        self._link.want({}, [AgentRemove(agent_id=name) for name in self.deployment.agents])
        self._notify(notices.Draining(len(self.calls), self._dispatcher.count, seconds))
        begun = self._clock()
        await _within(LEAVE_SECONDS, self._has_left.wait())
        await _within(seconds, self._wait_for_calls())
        for part in (self._dispatcher, self._functions):
            await _within(max(begun + TOOL_SECONDS - self._clock(), 0.0), part.join())
        self.stop()

    async def _wait_for_calls(self) -> None:
        while len(self.calls):
            self._call_ended.clear()
            await self._call_ended.wait()

    def send(self, command: commands.Command) -> bool:
        """Send a command that is no call's; whether it went out."""
        return self._link.send(command)

    # reload

    def reload_soon(self) -> None:
        """Reload when the reload that goes on, if any, is over; what goes wrong is told in a notice."""
        self._reloads.soon()

    async def reload(self) -> bool:
        """Load the project anew and, if nothing is wrong with it and the server takes it, make it live."""
        return await self._reloads.reload()

    def _end_reloads(self) -> None:
        self._reloads.stop()
        self._stopping.set()

    def _hide(self, text: str) -> str:
        checked, known = self._secrets
        if checked is not self._reloads.checked:  # calls that go on may know those of an older revision
            checked = self._reloads.checked
            self._secrets = checked, known | checked.secrets  # to find them takes a walk through the configuration
        return self._secrets[1].hide(text)

    def _notify(self, notice: notices.Notice) -> None:
        try:
            if isinstance(notice, notices.FunctionFailed):
                notice = replace(notice, failure=replace(notice.failure, message=self._hide(notice.failure.message)))
            self._watcher(notice)
        except Exception as error:  # noqa: BLE001 - who cannot print must not cut the link or lose a tool's answer
            _LOG.error("a notice %s could not be told: %s", type(notice).__name__, type(error).__name__)

    # what the link has to say

    def _on_output(self, output: Any) -> None:
        match output:
            case outputs.Received(frame):
                self._on_event(frame)
            case outputs.Up(epoch):
                self._notify(notices.Connected(epoch))
            case outputs.Down(reason, retry_in, was_steady):
                self._notify(notices.Disconnected(reason, retry_in))
                self._call_ended.set()
                self.dialer.disconnected()
                self._functions.disconnected()
                for live in self.calls.disconnected(was_steady=was_steady):
                    seconds = time.time() - live.call.started_at
                    over = events.CallEnded(
                        agent_id=live.call.agent,
                        call_id=live.call.id,
                        reason="connection_lost",
                        duration_seconds=seconds,
                    )
                    self._notify(_over(live, over.reason, seconds))
                    self._functions.handle(live, over)
            case outputs.AgentChanged() | outputs.Settled() | outputs.Postponed():
                self._reloads.handle(output)
            case outputs.AgentReady(agent_id):
                self._notify(notices.AgentUp(agent_id, agent_id in self._standing_by))
                self._standing_by.discard(agent_id)
            case outputs.AgentRefused(agent_id, _, sentence, retry_in):
                self._notify(notices.AgentRefused(agent_id, sentence, retry_in))
            case outputs.AgentStandingBy(agent_id):
                self._standing_by.add(agent_id)
                self._notify(notices.StandingBy(agent_id))
            case outputs.ChannelRefused(agent_id, _, ref, sentence, retry_in):
                self._notify(notices.ChannelRefused(agent_id, ref, sentence, retry_in))
            case outputs.AnswerDropped(call_id):
                self._notify(notices.Trouble("too much waits for the server; an answer was dropped", call=call_id))
            case outputs.Refused(sentence):
                self._refusal = sentence
            case outputs.Ignored(what):
                self._ignored.not_understood(what)

    def _on_event(self, event: events.Event) -> None:
        if type(event) is events.LlmToolCall:  # nearly all there is where much goes on, and nobody else's concern
            self._on_tool_call(event)
            return
        event = whatsapp.as_chat(event)
        handler = _EVENTS.get(type(event))
        known = self.calls.get(event.call_id) if isinstance(event, events.CallEvent) else None
        if handler is not None:
            handler(self, event)
        live = known or (self.calls.get(event.call_id) if isinstance(event, events.CallEvent) else None)
        told = notice_of(event, Around(live.call.revision, live.call.channel) if live is not None else Around())
        if told is not None:
            self._notify(told)
        if live is not None:
            live.handle(event, time.time())
            self._dispatcher.heard(event, live.call.id)
            self._functions.handle(live, event)
        elif isinstance(event, events.CallEvent) and not isinstance(event, _OF_NO_CALL):
            self._note_unknown(event)
        self.dialer.handle(event, is_live=known is not None)

    def _call(self, event: events.CallEvent, channel: str, **known: Any) -> LiveCall | None:
        """The live call of an event, begun now if it is news to us."""
        found = self._reloads.for_new_call(event.agent_id)
        if found is None:
            return self.calls.get(event.call_id)
        agent, revision, state = found
        known.setdefault("started_at", time.time())
        live, is_new = self.calls.begin(event.call_id, agent, revision, state, channel=channel, **known)
        if is_new:
            self._notify(notices.CallBegan(event.agent_id, event.call_id, channel, revision))
        return live

    def _on_chat_started(self, event: events.ChatStarted) -> None:
        metadata = _given(event.metadata, {})
        channel = _typed_on(event.call_id)
        self._call(event, channel, metadata=metadata, from_=metadata.get(whatsapp.PHONE) or channel, to=event.agent_id)

    def _on_call_started(self, event: events.CallStarted) -> None:
        self._call(
            event,
            _given(event.transport, "webrtc" if event.call_id.startswith("wrt_") else UNKNOWN),
            metadata=_given(event.metadata, {}),
            direction=event.direction,
            from_=_given(event.from_, ""),
            to=_given(event.to, ""),
        )

    def _on_ringing(self, event: speech_events.CallRinging) -> None:
        found = self._reloads.for_new_call(event.agent_id)
        if found is not None:
            agent, revision, state = found
            ends = {"from_": _given(event.from_, ""), "to": _given(event.to, "")}
            call = self.calls.before(event.call_id, agent, revision, channel="phone", **ends)
            self._functions.screening.handle(event, call, agent.on.get(RINGING), state.value)

    def _on_tool_call(self, event: events.LlmToolCall) -> None:
        live = self.calls.again(event.call_id)
        if live is None:
            live = self._call(event, _typed_on(event.call_id, otherwise=UNKNOWN))
        if live is not None:
            self._dispatcher.dispatch(live, event)
        else:
            self._note_unknown(event)

    def _note_unknown(self, event: events.CallEvent) -> None:
        is_ours = self._reloads.for_new_call(event.agent_id) is not None
        name = str(type(event).__struct_config__.tag)
        self._ignored.note(name, "unknown call" if is_ours else "unknown agent")

    def _on_ended(self, event: events.CallEnded | events.ChatEnded) -> None:
        self._call_ended.set()
        live = self.calls.end(event.call_id, event.reason)
        if live is not None:
            live.call.usage = usage_in(event.metrics)
            self._notify(_over(live, event.reason, event.duration_seconds))

    def _on_removed(self, event: events.AgentRemoved) -> None:
        if event.agent_id in self._leaving:  # else it was a reload that took it off
            self._leaving.discard(event.agent_id)
            if not self._leaving:
                self._has_left.set()


def _over(live: LiveCall, reason: str, seconds: float) -> notices.CallOver:
    return notices.CallOver(live.call.agent, live.call.id, reason, seconds, live.call.revision, live.call.usage)


async def _within(seconds: float, work: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return


def _given(value: Any, otherwise: Any) -> Any:
    return otherwise if value is UNSET or value is None else value


def _typed_on(call_id: str, *, otherwise: str = "chat") -> str:
    """The channel of a typed conversation, as its id tells."""
    if call_id.startswith(whatsapp.PREFIX):
        return "whatsapp"
    return "chat" if call_id.startswith("chat-") else otherwise


_OF_NO_CALL = (
    speech_events.CallRinging,
    speech_events.CallDialing,
    speech_events.CallRejected,
    speech_events.CallForwarded,
    events.CallEnded,
    events.ChatEnded,
)
"""What a server may say of calls that have not begun, and of those that are over: with some they end twice."""

_EVENTS: dict[type[events.Event], Callable[[Runner, Any], None]] = {
    events.ChatStarted: Runner._on_chat_started,
    events.CallStarted: Runner._on_call_started,
    speech_events.CallRinging: Runner._on_ringing,
    events.ChatEnded: Runner._on_ended,
    events.CallEnded: Runner._on_ended,
    events.AgentRemoved: Runner._on_removed,
}
