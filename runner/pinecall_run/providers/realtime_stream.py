"""One session of OpenAI's Realtime API: what goes out in its order, and what comes back to whom it is for.

Each response is told from others by a number of ours in its ``metadata``, which the vendor gives back.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.audio.chunk import CHUNK_SECONDS, Samples, from_bytes
from pinecall_run.audio.chunk import RATE as OURS
from pinecall_run.audio.resample import Resampler
from pinecall_run.providers import realtime_wire as wire
from pinecall_run.providers.contracts import (
    Aloud,
    CallerBegan,
    CallerSaid,
    CallerStopped,
    DuplexEvent,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    SpokenItem,
    ToolRequest,
)
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.realtime_items import Event, Items
from pinecall_run.providers.vendor_socket import VendorSocket

_LOG = logging.getLogger("pinecall_run.providers")

PIECE_CHUNKS = 2
KEPT_SECONDS = 15.0
"""Sound that waits for a vendor who does not read; the oldest is dropped when it is more."""

OVER_SECONDS = 5.0
"""How long a response that was cancelled may take to end."""


def encoded(event: Mapping[str, Any]) -> str:
    """An event as it is sent."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


@dataclass(eq=False)
class _Response:
    """One response on its way. Errors end it."""

    number: str
    is_apart: bool
    out: asyncio.Queue[Event | ProviderError] = field(default_factory=asyncio.Queue)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    id: str = ""
    is_wanted: bool = True


@dataclass(eq=False)
class _Said:
    item: SpokenItem
    words: str = ""


class RealtimeStream:
    """A :class:`DuplexStream`."""

    def __init__(self, spec: ModelSpec, vendor: Vendor, socket: VendorSocket) -> None:
        self._spec = spec
        self._vendor = vendor
        self._socket = socket
        self._items = Items()
        self._numbers = 0
        self._told: Event = {}
        """The ``session.update`` that said last what the model is told and may call."""
        self._asked: dict[str, _Response] = {}
        self._said: dict[str, _Said] = {}
        """What the caller says, or said and has no words yet."""
        self._resampler = Resampler(OURS, wire.RATE)
        self._piece: list[bytes] = []
        self._to_send: deque[tuple[bool, str]] = deque()
        """Events that wait, each with whether it is sound."""
        self._has_some = asyncio.Event()
        self._out: asyncio.Queue[DuplexEvent | ProviderError | None] = asyncio.Queue()
        self._is_over = False
        self._sending = asyncio.create_task(self._send())
        self._reading = asyncio.create_task(self._read())

    @property
    def is_open(self) -> bool:
        """See :class:`DuplexStream`."""
        return not self._is_over and self._socket.is_open

    # what the caller does

    def hear(self, chunk: Samples) -> None:
        """See :class:`DuplexStream`."""
        self._piece.append(self._resampler.feed(chunk).astype("<i2", copy=False).tobytes())
        if len(self._piece) == PIECE_CHUNKS:
            pcm, self._piece = b"".join(self._piece), []
            if sum(is_sound for is_sound, _ in self._to_send) * PIECE_CHUNKS * CHUNK_SECONDS >= KEPT_SECONDS:
                self._to_send.remove(next(entry for entry in self._to_send if entry[0]))
            event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
            self._put(event, is_sound=True)

    def forget(self) -> None:
        """See :class:`DuplexStream`."""
        self._piece.clear()
        self._put({"type": "input_audio_buffer.clear"})

    def change_language(self, language: str) -> None:
        """See :class:`DuplexStream`."""
        self._put(wire.of_language(self._spec, language))

    async def events(self) -> AsyncIterator[DuplexEvent]:
        """See :class:`DuplexStream`."""
        while (event := await self._out.get()) is not None:
            if isinstance(event, ProviderError):
                raise event
            yield event

    # answers

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """See :class:`DuplexStream`. There is one response at a time, so one that was cancelled has to end first."""
        await self._earlier_is_over()
        system, messages = _parted(request)
        told = wire.of_thinking(system, request.tools)
        if told != self._told:
            self._told = told
            self._put(told)
        for event in self._items.brought_to(messages):
            self._put(event)
        response = self._ask({}, is_apart=False)
        resamplers: dict[str, Resampler] = {}
        try:
            async for event in self._events_of(response):
                for piece in self._pieces(event, resamplers):
                    yield piece
        finally:
            self._leave(response)

    async def say(self, text: str) -> AsyncIterator[Samples]:
        """See :class:`DuplexStream`."""
        response = self._ask(wire.verbatim(text), is_apart=True)
        resampler = Resampler(wire.RATE, OURS)
        try:
            async for event in self._events_of(response):
                if event["type"] == "response.output_audio.delta":
                    yield resampler.feed(self._sound(event))
            yield resampler.flush()
        finally:
            self._leave(response)

    async def _earlier_is_over(self) -> None:
        for earlier in [one for one in self._asked.values() if not one.is_apart]:
            try:
                async with asyncio.timeout(OVER_SECONDS):
                    await earlier.over.wait()
            except TimeoutError:
                raise self._vendor.failed("did not end an answer that was cancelled", "timeout") from None

    def _ask(self, fields: Mapping[str, Any], *, is_apart: bool) -> _Response:
        if not self.is_open:
            raise self._vendor.failed("ended the session", "network")
        self._numbers += 1
        response = _Response(f"r{self._numbers}", is_apart)
        self._asked[response.number] = response
        asked = {**fields, "metadata": {"number": response.number}}
        self._put({"type": "response.create", "event_id": response.number, "response": asked})
        return response

    async def _events_of(self, response: _Response) -> AsyncIterator[Event]:
        while True:
            event = await response.out.get()
            if isinstance(event, ProviderError):
                raise event
            if event["type"] == "response.done":
                self._judge(event["response"])
                return
            yield event

    def _judge(self, done: Mapping[str, Any]) -> None:
        details = done.get("status_details") or {}
        if done.get("status") == "failed":
            raise wire.failure(details.get("error"), self._vendor)
        if done.get("status") == "incomplete":
            _LOG.warning("an answer of %s broke off: %s", self._spec.model, details.get("reason"))

    def _pieces(self, event: Event, resamplers: dict[str, Resampler]) -> Sequence[ModelPiece]:
        match event["type"]:
            case "response.output_audio_transcript.delta":
                return (Aloud(self._items.spoken(event["item_id"]), event["delta"]),)
            case "response.output_audio.delta":
                samples = self._sound(event)
                self._items.sounded(event["item_id"], len(samples) * 1000 / wire.RATE)
                resampler = resamplers.setdefault(event["item_id"], Resampler(wire.RATE, OURS))
                return (Aloud(self._items.spoken(event["item_id"]), samples=resampler.feed(samples)),)
            case "response.output_audio.done" if event["item_id"] in resamplers:
                rest = resamplers[event["item_id"]].flush()
                return (Aloud(self._items.spoken(event["item_id"]), samples=rest),)
            case "response.function_call_arguments.done":
                return (ToolRequest(event["call_id"], event["name"], event["arguments"]),)
        return ()

    def _sound(self, event: Event) -> Samples:
        try:
            return from_bytes(base64.b64decode(event["delta"], validate=True))
        except (binascii.Error, TypeError) as error:
            raise self._vendor.of_garbage("what is no sound") from error

    def _leave(self, response: _Response) -> None:
        """Nobody reads it any more. What the model still makes is not wanted."""
        response.is_wanted = False
        if response.id and not response.over.is_set():
            self._put({"type": "response.cancel", "response_id": response.id})

    # out

    def _put(self, event: Event, *, is_sound: bool = False) -> None:
        self._to_send.append((is_sound, encoded(event)))
        self._has_some.set()

    async def _send(self) -> None:
        """What is to be sent, as it comes. That the connection has ended is for who reads it to say."""
        try:
            while True:
                await self._has_some.wait()
                self._has_some.clear()
                while self._to_send:
                    await self._socket.send(self._to_send.popleft()[1])
        except ProviderError:
            pass

    # in

    async def _read(self) -> None:
        try:
            while True:
                event = wire.read(await self._socket.receive(), self._vendor)
                try:
                    _HANDLERS.get(event["type"], RealtimeStream._on_other)(self, event)
                except (KeyError, TypeError, AttributeError) as error:
                    raise self._vendor.of_garbage() from error
        except ProviderError as error:
            self._is_over = True
            for response in self._asked.values():
                response.over.set()
                response.out.put_nowait(error)
            self._out.put_nowait(error)

    def _on_other(self, event: Event) -> None:
        """Events of a response go to who asked for it; nobody needs the rest."""
        response = next((one for one in self._asked.values() if one.id and one.id == event.get("response_id")), None)
        if response is not None and response.is_wanted:
            response.out.put_nowait(event)

    def _on_created(self, event: Event) -> None:
        response = self._asked.get((event["response"].get("metadata") or {}).get("number", ""))
        if response is not None:
            response.id = event["response"]["id"]
            if not response.is_wanted:
                self._put({"type": "response.cancel", "response_id": response.id})

    def _on_done(self, event: Event) -> None:
        used = wire.tokens(event["response"].get("usage"), self._spec.model)
        if used is not None:
            self._out.put_nowait(used)
        response = self._asked.pop((event["response"].get("metadata") or {}).get("number", ""), None)
        if response is not None:
            response.over.set()
            response.out.put_nowait(event)

    def _on_error(self, event: Event) -> None:
        """Most end nothing. One about a ``response.create`` ends that response; it has the event's id."""
        error = event["error"]
        response = self._asked.pop(error.get("event_id") or "", None)
        if response is not None:
            response.over.set()
            response.out.put_nowait(wire.failure(error, self._vendor))
        elif error.get("code") == "session_expired":
            raise wire.failure(error, self._vendor)
        elif error.get("code") != "response_cancel_not_active":  # it was over already
            _LOG.warning("OpenAI refused an event: %s, %s", error.get("type"), error.get("code"))

    def _saying(self, event: Event) -> _Said:
        return self._said.setdefault(event["item_id"], _Said(SpokenItem(event["item_id"])))

    def _on_began(self, event: Event) -> None:
        self._saying(event)
        self._out.put_nowait(CallerBegan())

    def _on_committed(self, event: Event) -> None:
        item = self._saying(event).item
        self._items.committed(item)
        self._out.put_nowait(CallerStopped(item, wire.quiet(self._spec)))

    def _on_words(self, event: Event) -> None:
        said = self._saying(event)
        said.words += event["delta"]
        self._out.put_nowait(CallerSaid(said.item, said.words, is_final=False))

    def _on_said(self, event: Event) -> None:
        said = self._saying(event)
        del self._said[event["item_id"]]
        used = wire.seconds(event.get("usage"), self._spec.options.get("transcription", wire.TRANSCRIPTION))
        if used is not None:
            self._out.put_nowait(used)
        text = str(event.get("transcript") or "").strip()  # none where it failed
        self._out.put_nowait(CallerSaid(said.item, text, is_final=True))

    def _on_added(self, event: Event) -> None:
        self._items.added(event["item"], event.get("previous_item_id"))

    async def close(self) -> None:
        """See :class:`DuplexStream`."""
        self._is_over = True
        self._sending.cancel()
        self._reading.cancel()
        await asyncio.gather(self._sending, self._reading, return_exceptions=True)
        for response in self._asked.values():
            response.out.put_nowait(self._vendor.failed("ended the session", "network"))
        self._out.put_nowait(None)
        await self._socket.close()


def _parted(request: ModelRequest) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """The prompt, and the messages after it."""
    messages = request.messages
    if messages and messages[0].get("role") == "system":
        return str(messages[0].get("content") or ""), messages[1:]
    return "", messages


_HANDLERS: Mapping[str, Callable[[RealtimeStream, Event], None]] = {
    "error": RealtimeStream._on_error,
    "response.created": RealtimeStream._on_created,
    "response.done": RealtimeStream._on_done,
    "input_audio_buffer.speech_started": RealtimeStream._on_began,
    "input_audio_buffer.committed": RealtimeStream._on_committed,
    "conversation.item.added": RealtimeStream._on_added,
    "conversation.item.input_audio_transcription.delta": RealtimeStream._on_words,
    "conversation.item.input_audio_transcription.completed": RealtimeStream._on_said,
    "conversation.item.input_audio_transcription.failed": RealtimeStream._on_said,
}
