"""One conversation on WhatsApp: what comes in is read, or heard, and what goes out is sent, each in its order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from pinecall_run.protocol.whatsapp import Contact
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.transports.contract import NotAdmittedError
from pinecall_run.transports.whatsapp_graph import Graph, GraphError, Sender
from pinecall_run.transports.whatsapp_webhook import Media, Message
from pinecall_run.voice.chat_session import ChatSession
from pinecall_run.voice.configured import greeting_in, raw
from pinecall_run.voice.failure import described
from pinecall_run.voice.health import Health
from pinecall_run.voice.whatsapp_numbers import Number
from pinecall_run.voice.whatsapp_postbox import Postbox
from pinecall_run.wire import events, speech_events

_LOG = logging.getLogger("pinecall_run.voice")

WAITING = 20
"""Messages of one person that may wait; further ones are left with Meta, which delivers them again."""

OUTBOX = 100
"""Messages to one person that may wait; there is somebody who sends without end, or a network that does not."""

UNHEARD = "[the person sent a voice note that could not be heard]"


@dataclass(frozen=True, slots=True)
class Office:
    """What conversations share.

    Attributes:
        tell: sends an event to the runner that a conversation, by its id, belongs to.
        clock: epoch seconds.
        environ: the vendors' keys, for voice notes.
    """

    graph: Graph
    tell: Callable[[str, events.Event], bool]
    clock: Callable[[], float]
    health: Health
    environ: Mapping[str, str]


class Talk:
    """One person's conversation with one agent; to its session it is the :class:`Outlet`."""

    def __init__(
        self, id: str, agent_id: str, contact: Contact, number: Callable[[], Number], *, office: Office
    ) -> None:
        self.id = id
        self.agent_id = agent_id
        self.contact = contact
        self.number = number
        self._office = office
        self.postbox = Postbox(
            contact.phone, number, office.graph, clock=office.clock, on_failure=lambda *what: self.failed(*what)
        )
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._ahead: deque[Message] = deque()
        """What was read, or is being heard, and whose turn has not come."""
        self._has_begun = False
        self._outbox: asyncio.Queue[Callable[[], Awaitable[object]] | None] = asyncio.Queue()
        self._is_spoken_to = False
        """Whether the message that is being answered was a voice note."""
        self._has_apologised = False
        self._is_paused: Callable[[], bool] = lambda: False
        self._session: ChatSession | None = None

    def open(self, session: ChatSession, is_paused: Callable[[], bool]) -> None:
        """The conversation is there."""
        self._session = session
        self._is_paused = is_paused

    @property
    def session(self) -> ChatSession:
        """Its conversation with the model."""
        assert self._session is not None
        return self._session

    # from the person

    def receive(self, message: Message) -> None:
        """A message of the person's.

        Raises:
            NotAdmittedError: too many wait.
        """
        if self._inbox.qsize() + len(self._ahead) >= WAITING:
            raise NotAdmittedError(f"{WAITING} messages are waiting for an answer")
        self._inbox.put_nowait(message)
        self.postbox.heard(message.sent_at)

    # from the desk

    def begins_next(self) -> None:
        """The conversation takes up the message that came first of those that wait."""
        message = self._ahead.popleft()
        self._has_begun = True
        self._is_spoken_to = message.audio is not None
        if not self._is_paused():  # else a human reads it, or does not
            self._put(lambda: self.postbox.mark_read(message.id))

    def left_over(self) -> list[Message]:
        """What waited when the conversation ended; nothing where it took up nothing, as the next would not either."""
        waiting = list(self._ahead)
        while not self._inbox.empty():
            waiting.append(self._inbox.get_nowait())
        return waiting if self._has_begun else []

    def human_said(self, text: str, on_sent: Callable[[], object]) -> None:
        """A human answers in the agent's place; ``on_sent`` when Meta has taken it."""

        async def send() -> None:
            if await self.postbox.say(text):
                on_sent()

        self.session.human_said(text)
        self._put(send)

    def window_closed(self) -> None:
        """Meta says so of a message that it had taken; the runner has been told."""
        self._put(lambda: self.postbox.closed(is_told=True))

    def failed(self, code: int, sentence: str) -> None:
        """Something did not reach the person."""
        self._tell(
            speech_events.WhatsappStatus(
                agent_id=self.agent_id,
                status="failed",
                recipient=self.contact.phone,
                session_id=self.id,
                code=code,
                error=sentence,
            )
        )

    # from the conversation (Outlet)

    def token(self, text: str) -> None:
        pass  # a message is sent when it is whole

    def done(self, text: str, *, is_asked: bool = True) -> None:
        if not text:
            return
        self._has_apologised = False
        if is_asked and self._is_spoken_to and self.number().has_voice_notes:
            self._put(lambda: self._say_aloud(text))
        else:
            self._put(lambda: self.postbox.say(text))

    def tool_calls(self, calls: Sequence[events.ToolCall]) -> None:
        pass

    def tool_results(self, results: Sequence[events.NamedResult]) -> None:
        pass

    def error(self, sentence: str, *, is_refusal: bool = False) -> None:
        if self._has_apologised or self._is_paused():
            return
        self._has_apologised = True
        core = self.session.core
        words = greeting_in(raw(core.configuration, "apology"), core.language)
        self._put(lambda: self.postbox.say(words or sentence))

    def ended(self, reason: str) -> None:
        self._outbox.put_nowait(None)

    # the tasks

    async def run(self) -> None:
        """Carry messages both ways until the conversation has ended and all of it is sent."""
        reading = asyncio.create_task(self._read())
        reading.add_done_callback(self._reading_is_over)
        try:
            while (work := await self._outbox.get()) is not None:
                try:
                    await work()
                except Exception as error:  # noqa: BLE001 - the next message may well arrive
                    _LOG.error("a message on WhatsApp was not sent: %s", described(error))
                    self.failed(0, f"the voice server failed with {type(error).__name__}")
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)  # its exception is told by the callback

    def _reading_is_over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a conversation with %s on WhatsApp failed: %s", self.agent_id, described(error))
            self.session.end("error")

    async def _read(self) -> None:
        while True:
            message = await self._inbox.get()
            self._ahead.append(message)
            text = message.text if message.audio is None else await self._heard(message.audio)
            self._tell(self._told(message, text))
            await self.session.post_in_turn(text)

    def _told(self, message: Message, text: str) -> events.Event:
        return speech_events.WhatsappMessage(
            agent_id=self.agent_id,
            session_id=self.id,
            from_=self.contact.phone,
            name=message.name or self.contact.name,
            type=message.kind,
            text=text,
            message_id=message.id,
            paused=self._is_paused(),
        )

    async def _heard(self, audio: Media) -> str:
        """What is said in a voice note. Nothing is said of what stands in the way, but to the log and the runner."""
        try:
            from pinecall_run.transports.voice_note import NotSoundError, decode
            from pinecall_run.voice.stages import open_ears
            from pinecall_run.voice.voice_notes import transcribe
        except ModuleNotFoundError:  # numpy, av; the channel's registration said so
            return UNHEARD
        number = self.number()
        try:
            data = await self._office.graph.download(Sender(number.id, number.token), audio.id)
            note = await asyncio.to_thread(decode, data)
            ears, _ = open_ears(self.session.core.configuration, self._office.environ)
            return await transcribe(note, ears, _Witness(self.session), self._office.health) or UNHEARD
        except (GraphError, NotSoundError, ProviderError) as error:
            _LOG.warning("a voice note to %s was not heard: %s", self.agent_id, type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the conversation goes on
            _LOG.error("a voice note to %s was not heard: %s", self.agent_id, described(error))
        return UNHEARD

    async def _say_aloud(self, text: str) -> None:
        """Answer by a voice note; in writing where nobody can speak, or nothing in it can be spoken."""
        try:
            note = await self._recorded(text)
        except (ProviderError, ModuleNotFoundError):
            note = b""
        if note:
            from pinecall_run.transports.voice_note import MIME_TYPE

            await self.postbox.say_aloud(note, MIME_TYPE)
        else:
            await self.postbox.say(text)

    async def _recorded(self, text: str) -> bytes:
        from pinecall_run.transports.voice_note import encode
        from pinecall_run.voice.stages import open_voices
        from pinecall_run.voice.voice_notes import record

        core = self.session.core
        voices, _ = open_voices(core.configuration, self._office.environ)
        sound = await record(text, voices, _Witness(self.session), self._office.health, language=core.language)
        return await asyncio.to_thread(encode, sound) if len(sound) else b""

    def _put(self, work: Callable[[], Awaitable[object]]) -> None:
        if self._outbox.qsize() < OUTBOX:
            self._outbox.put_nowait(work)
        else:
            self.failed(0, f"{OUTBOX} messages wait to be sent; another was dropped")

    def _tell(self, event: events.Event) -> None:
        self._office.tell(self.id, event)


class _Witness:
    """What vendors of voice notes do goes into the conversation's bill, and what they fail in to its runner."""

    def __init__(self, session: ChatSession) -> None:
        self._core = session.core

    def heard(self, vendor: tuple[str, str], seconds: float) -> None:
        self._core.usage.heard(vendor, seconds)

    def spoken(self, vendor: tuple[str, str], characters: int) -> None:
        self._core.usage.spoken(vendor, characters)

    def failed(self, stage: str, provider: str, error: str, next: str) -> None:
        self._core.tell(speech_events.ProviderFailed, stage=stage, provider=provider, error=error, next=next)
