"""A WebSocket to the emulated voice: one context (``stream-input``), or several (``multi-stream-input``)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.emulators import _elevenlabs_rules as rules
from tests.emulators._elevenlabs_rules import Refusal
from tests.emulators._elevenlabs_socket import Gone, Socket, Stalled
from tests.emulators._elevenlabs_sound import aligned, pieces

if TYPE_CHECKING:
    from tests.emulators._elevenlabs_rules import Asked
    from tests.emulators.elevenlabs_server import ElevenLabsServer

DEFAULT = "default"
"""The context of messages that name none."""
SETTINGS_CHANGED = (
    "voice_settings field must be provided in the first message and then either be not provided or not change."
)


class Context:
    """Text on its way to sound."""

    def __init__(self, name: str, first: Mapping[str, Any], now: float) -> None:
        self.name = name
        self.settings = first.get("voice_settings")
        config = first.get("generation_config") or {}
        self.schedule = list(config.get("chunk_length_schedule") or rules.SCHEDULE)
        self.buffer = ""
        self.jobs: asyncio.Queue[str | None] = asyncio.Queue()
        self.heard = now
        self.sent = 0
        """Pieces of sound."""
        self.is_done = asyncio.Event()

    def flush(self) -> None:
        """What is in the buffer is spoken."""
        text, self.buffer = self.buffer.strip(), ""
        if text:
            self.jobs.put_nowait(text)

    @property
    def is_due(self) -> bool:
        """There is enough text for another step of the schedule."""
        return len(self.buffer.strip()) >= float(self.schedule[0])

    def step(self) -> None:
        """Speak, and want the schedule's next length."""
        self.flush()
        if len(self.schedule) > 1:
            self.schedule.pop(0)


class VoiceSession:
    """One connection's contexts. ``run`` ends with it."""

    def __init__(self, server: ElevenLabsServer, socket: Socket, asked: Asked, *, is_multi: bool) -> None:
        self._server, self._socket, self._asked, self._is_multi = server, socket, asked, is_multi
        self._fields = rules.MULTI_FIELDS if is_multi else rules.SINGLE_FIELDS
        self._contexts: dict[str, Context] = {}
        self._closing: set[Context] = set()
        self._is_known = asked.key == server.key
        self._heard = self._now()
        self._is_over = False

    @property
    def open_contexts(self) -> int:
        """Those that count: until their isFinal."""
        return len(self._contexts) + len(self._closing)

    async def run(self) -> None:
        """Listen and speak until somebody closes.

        Raises:
            Refusal: the vendor closes with an error.
            Gone: the client closed.
        """
        if self._asked.key and not self._is_known:
            raise Refusal("invalid_api_key", "Invalid API key", is_wrong=False)
        language = self._asked.parameters.get("language_code", "en")
        if not rules.LANGUAGE.fullmatch(language):
            raise Refusal("unsupported_language", f"Language code {language} is not supported.")
        try:
            async with asyncio.TaskGroup() as group:
                await self._listen(group)
        except ExceptionGroup as caught:
            raise _the_end(caught) from None

    async def refuse(self, refusal: Refusal) -> None:
        """As recorded: the error, and the close with its message."""
        name, text, code = refusal.error, refusal.message, refusal.code
        if name:
            await self._socket.send({"message": text, "error": name, "code": code})
        await self._socket.close(code, text)

    async def _listen(self, group: asyncio.TaskGroup) -> None:
        while True:
            try:
                async with asyncio.timeout(self._patience()):
                    received = await self._socket.receive()
            except TimeoutError:
                self._expire()
                continue
            self._heard = self._now()
            if self._is_over:
                self._server.problem("a message after the last one")
            elif self._take(self._read(received), group):
                self._is_over = True
                group.create_task(self._close_all())

    # time-outs

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def _limit(self) -> float:
        named = float(self._asked.parameters.get("inactivity_timeout", 20))
        return named if self._server.idle_seconds is None else self._server.idle_seconds

    def _patience(self) -> float | None:
        if self._is_over:
            return None
        oldest = min([self._heard, *(context.heard for context in self._contexts.values())])
        return max(0.0, oldest + self._limit - self._now())

    def _expire(self) -> None:
        """https://elevenlabs.io/docs/…/multi-stream-input: a context closes after its time; a socket on which nothing
        at all was said is closed."""
        if self._now() >= self._heard + self._limit:
            message = f"Have not received a new text input within the timeout of {self._limit} seconds."
            raise Refusal("input_timeout_exceeded", f"{message} Streaming input terminated.", is_wrong=False)
        for context in list(self._contexts.values()):
            if self._now() >= context.heard + self._limit:
                self._finish(context)

    # messages

    def _read(self, received: str | bytes) -> dict[str, Any]:
        try:
            message = json.loads(received) if isinstance(received, str) else None
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise Refusal("invalid_message", "Invalid message received: not a JSON object in a text frame.")
        self._asked.messages.append(message)
        for name in rules.unknown(message, self._fields):
            self._server.problem(f"a message with an unknown field {name}")
        wrong = rules.wrong_field(message, self._fields)
        if wrong is not None:
            raise Refusal("invalid_message", f"Invalid message received: {wrong} is {message[wrong]!r}.")
        return message

    def _take(self, message: Mapping[str, Any], group: asyncio.TaskGroup) -> bool:
        """True when it was the last."""
        self._admit(message)
        if message.get("close_socket"):
            return True
        name = (message.get("context_id") or DEFAULT) if self._is_multi else DEFAULT
        context = self._contexts.get(name)
        if message.get("close_context"):
            if context is not None:
                self._finish(context)
            return False
        if self._is_multi and message == {"text": ""}:
            return False
        context = context or self._open(name, message, group)
        context.heard = self._now()
        self._settle(context, message)
        return self._feed(context, message)

    def _admit(self, message: Mapping[str, Any]) -> None:
        key = message.get("xi_api_key") or message.get("xi-api-key")
        self._is_known = self._is_known or key == self._server.key
        if not self._is_known:
            raise Refusal("invalid_api_key", "Invalid API key", is_wrong=False)
        voice = self._asked.voice
        if voice not in self._server.voices:
            text = f"A voice with voice_id {voice} does not exist."
            raise Refusal("voice_id_does_not_exist", text, is_wrong=False)

    def _open(self, name: str, message: Mapping[str, Any], group: asyncio.TaskGroup) -> Context:
        limit = self._server.max_contexts
        if self._is_multi and self.open_contexts >= limit:
            text = f"Maximum simultaneous contexts per WebSocket connection exceeded ({limit})."
            text += " Please close an existing context before opening a new one."
            raise Refusal("max_active_conversations", text)
        if not self._is_multi and message.get("text") != " ":
            self._server.problem("the first message of a stream-input must have the text ' '")
        if not message.get("text"):
            self._server.problem(f"context {name} was opened by a message without text")
        context = self._contexts[name] = Context(name, message, self._now())
        self._asked.peak = max(self._asked.peak, self.open_contexts)
        group.create_task(self._speak(context))
        return context

    def _settle(self, context: Context, message: Mapping[str, Any]) -> None:
        settings, config = message.get("voice_settings"), message.get("generation_config")
        if settings is not None and settings != context.settings:
            raise Refusal("invalid_voice_settings", SETTINGS_CHANGED)
        wrong = rules.wrong_settings(settings or {})
        if wrong is not None:
            raise Refusal("invalid_voice_settings", wrong)
        wrong = rules.wrong_schedule(config or {})
        if wrong is not None:
            raise Refusal("invalid_generation_config", wrong)

    def _feed(self, context: Context, message: Mapping[str, Any]) -> bool:
        text = message.get("text") or ""
        context.buffer += text
        if message.get("flush"):
            context.flush()
        elif not self._is_multi and message.get("text") == "":
            context.flush()
            return True
        elif text.strip() and self._asked.parameters.get("auto_mode") == "true":
            context.flush()
        elif context.is_due or (message.get("try_trigger_generation") and len(context.buffer.strip()) >= 50):
            context.step()
        return False

    # the ends

    def _finish(self, context: Context) -> None:
        """It speaks what was flushed, and what was not is lost."""
        del self._contexts[context.name]
        self._closing.add(context)
        if self._server.is_racing and not context.sent:
            while not context.jobs.empty():
                context.buffer = f"{context.jobs.get_nowait()} {context.buffer}"
        if context.buffer.strip():
            self._server.unsaid.append(context.buffer.strip())
        context.jobs.put_nowait(None)

    async def _close_all(self) -> None:
        for context in list(self._contexts.values()):
            self._finish(context)
        for context in list(self._closing):
            await context.is_done.wait()
        self._socket.say_goodbye(1000)

    async def _speak(self, context: Context) -> None:
        while (text := await context.jobs.get()) is not None:
            await self._say(context, text)
        await asyncio.sleep(self._server.closing_seconds)
        self._closing.discard(context)
        last: dict[str, Any] = {"audio": None, "isFinal": True, "normalizedAlignment": None, "alignment": None}
        await self._socket.send(self._named(context, last))
        context.is_done.set()

    async def _say(self, context: Context, text: str) -> None:
        self._server.charge(text, self._asked, context.name)
        is_each = self._asked.parameters.get("sync_alignment") == "true"
        for count, piece in enumerate(pieces(text, self._asked.form, self._server.tail_seconds)):
            await asyncio.sleep(self._server.pace)
            try:
                await self._server.suffer(self._socket, context.sent)
            except Stalled:
                await asyncio.Event().wait()
            audio = base64.b64encode(piece.audio).decode()
            times = aligned(text, piece, is_first=count == 0, is_each=is_each)
            context.sent += 1
            await self._socket.send(self._named(context, {"audio": audio, "isFinal": None, **times}))

    def _named(self, context: Context, message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "contextId": context.name} if self._is_multi else message


def _the_end(caught: ExceptionGroup[Exception]) -> Exception:
    """The vendor's words, if there were any; whatever is neither end of a session stays what it is."""
    refused, rest = caught.split(Refusal)
    if refused is not None:
        return refused.exceptions[0]
    _, rest = caught.split((Gone, ConnectionError))
    return rest or Gone()
