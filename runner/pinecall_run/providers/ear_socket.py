"""Speech to text over a WebSocket, whoever the vendor is: what goes out, when, and what silence of the vendor means.

A vendor's file says how its messages look (:class:`EarWire`, sans-I/O) and where to connect; all else is here, once.
Failures end the stream; who opens another and lets it hear again is the call's affair (``voice/listening.py``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pinecall_run.audio.chunk import CHUNK_SECONDS, Samples
from pinecall_run.providers.contracts import Heard, ProviderError, Transcript
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.vendor_socket import Address, Frame, VendorSocket

KEPT_SECONDS = 15.0
"""Sound that waits for a vendor who does not read; the oldest is dropped when it is more."""

TEND_SECONDS = 1.0
"""How long it may wait, where no more sound comes, before it is seen whether the vendor reads again."""

FINISH_SECONDS = 4.0
"""A vendor that says what it heard when asked, and does not within this, has failed."""

SETTLE_SECONDS = 1.5
"""One that cannot be asked, or need not answer: when it has said nothing new for so long what it said last counts."""


class EarWire(Protocol):
    """One vendor's messages for one stream, sans-I/O. Sound is little-endian 16-bit PCM, 16 kHz, mono."""

    def audio(self, pcm: bytes) -> Frame:
        """A piece of sound."""
        ...

    def finish(self) -> Sequence[Frame]:
        """The person paused: what asks for what was said; nothing where the vendor knows no such thing."""
        ...

    def keep_alive(self) -> Sequence[Frame]:
        """What keeps a stream open on which nothing was sent for a while."""
        ...

    def goodbye(self) -> Sequence[Frame]:
        """What ends a stream in good order."""
        ...

    def received(self, frame: Frame) -> Sequence[Heard]:
        """What a message of the vendor's comes to.

        Raises:
            ProviderError: it tells of a failure, or is no message of the interface.
        """
        ...


@runtime_checkable
class ConfigurableWire(EarWire, Protocol):
    """One whose vendor takes other options on a stream."""

    def configure(self, options: Mapping[str, Any]) -> Sequence[Frame] | None:
        """What makes these the options; ``None``, and nothing changed, where that takes another stream."""
        ...


@dataclass(frozen=True, slots=True)
class SocketEar:
    """A :class:`SpeechToText` over sockets.

    Attributes:
        address: where to connect; asked anew for each stream, because some vendors make or sign one each time.
        wire: a fresh wire for one stream.
        has_turns: see :class:`SpeechToText`.
        answers_finish: whether the vendor always answers what :meth:`EarWire.finish` asks.
        silent_seconds: how long a vendor that is sent sound may say nothing; 0 where that does not matter.
        piece_seconds: how much sound one message takes; a multiple of 20 ms.
        keep_alive_seconds: how long a stream may be without a message.
    """

    vendor: Vendor
    address: Callable[[], Awaitable[Address]]
    wire: Callable[[], EarWire]
    has_turns: bool = False
    answers_finish: bool = False
    silent_seconds: float = 0.0
    piece_seconds: float = 0.04
    keep_alive_seconds: float = 5.0
    model: str = ""

    async def open(self) -> SocketStream:
        """See :class:`SpeechToText`."""
        socket = await VendorSocket.connected(self.vendor, await self.address())
        return SocketStream(self, self.wire(), socket)


class SocketStream:
    """A :class:`HearingStream`."""

    def __init__(self, ear: SocketEar, wire: EarWire, socket: VendorSocket) -> None:
        self._ear = ear
        self._wire = wire
        self._socket = socket
        self._piece: list[bytes] = []
        self._pieces = round(ear.piece_seconds / CHUNK_SECONDS)
        self._to_send: deque[Callable[[], Iterable[Frame]]] = deque(maxlen=round(KEPT_SECONDS / ear.piece_seconds))
        self._settling = _Settling()
        self._patience: asyncio.Timeout | None = None
        self._due: float | None = None
        """When what was said last counts, or was to be said."""
        self._overdue: float | None = None
        """When it is certain that nothing more is said."""
        self._is_closed = False
        self._loop = asyncio.get_running_loop()
        self._sent_at = self._loop.time()
        self._tending = self._loop.call_soon(self._tend)

    def hear(self, chunk: Samples) -> None:
        """See :class:`HearingStream`."""
        self._piece.append(chunk.astype("<i2", copy=False).tobytes())
        if len(self._piece) >= self._pieces:
            self._flush()

    def finish(self) -> None:
        """See :class:`HearingStream`."""
        self._flush()
        self._put(self._wire.finish)
        self._wait_for(FINISH_SECONDS if self._ear.answers_finish else SETTLE_SECONDS)

    def configure(self, options: Mapping[str, Any]) -> bool:
        """See :class:`ConfigurableStream`."""
        frames = self._wire.configure(options) if isinstance(self._wire, ConfigurableWire) else None
        if frames is None:
            return False
        self._flush()
        self._put(lambda: frames)
        return True

    def _flush(self) -> None:
        if self._piece:
            pcm, self._piece = b"".join(self._piece), []
            self._put(lambda: (self._wire.audio(pcm),))
            if self._ear.silent_seconds and self._overdue is None:
                self._overdue = self._loop.time() + self._ear.silent_seconds
                self._hurry()

    def _put(self, frames: Callable[[], Iterable[Frame]]) -> None:
        self._to_send.append(frames)
        self._send()

    def _send(self) -> None:
        """What is to be sent, as far as the vendor reads. That the connection has ended is for who reads it to say."""
        while self._to_send and self._socket.is_read:
            for frame in self._to_send.popleft()():
                self._socket.push(frame)
            self._sent_at = self._loop.time()

    def _tend(self) -> None:
        """Now and then: send what had to wait, or what keeps the stream open."""
        self._send()
        now, due = self._loop.time(), self._sent_at + self._ear.keep_alive_seconds
        if due <= now:
            due = now + self._ear.keep_alive_seconds
            if not self._to_send:
                self._put(self._wire.keep_alive)
        self._tending = self._loop.call_at(min(due, now + TEND_SECONDS), self._tend)

    # what comes back

    async def heard(self) -> AsyncIterator[Heard]:
        """See :class:`HearingStream`."""
        while True:
            frame = await self._next()
            if self._is_closed:
                return
            if frame is None:
                yield self._settling.settle()
                continue
            for heard in self._wire.received(frame):
                if self._takes(heard):
                    yield heard

    def _takes(self, heard: Heard) -> bool:
        """Whether it is news. A final text is what was waited for; whoever says other words has not finished."""
        if not isinstance(heard, Transcript):
            self._due = None if heard.kind == "ended" else self._due
            return True
        before = self._settling.last
        if not self._settling.takes(heard):
            return False
        if heard.is_final:
            self._due = None
        elif self._due is not None and not self._ear.answers_finish and heard.text != before:
            self._due = self._loop.time() + SETTLE_SECONDS
        return True

    async def _next(self) -> Frame | None:
        """The next message; ``None`` when what the vendor said last is to count."""
        try:
            async with asyncio.timeout_at(self._deadline) as self._patience:
                frame = await self._socket.receive()
            self._overdue = None
            return frame
        except TimeoutError:
            self._raise_late()
            return None
        except ProviderError:
            if self._is_closed:
                return None
            raise
        finally:
            self._patience = None

    @property
    def _deadline(self) -> float | None:
        return min((at for at in (self._due, self._overdue) if at is not None), default=None)

    def _raise_late(self) -> None:
        if self._deadline == self._overdue:
            raise self._ear.vendor.failed("says nothing any more", "timeout")
        self._due = None
        if self._ear.answers_finish:
            raise self._ear.vendor.failed("did not say what it heard", "timeout")

    def _wait_for(self, seconds: float) -> None:
        if self._due is None:
            self._due = self._loop.time() + seconds
            self._hurry()

    def _hurry(self) -> None:
        """Somebody may be waiting for a message already."""
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(self._deadline)

    async def close(self) -> None:
        """See :class:`HearingStream`."""
        if self._is_closed:
            return
        self._is_closed = True
        self._tending.cancel()
        with suppress(ProviderError, TimeoutError):
            for frame in self._wire.goodbye():
                await asyncio.wait_for(self._socket.send(frame), 1.0)
        await self._socket.close()


class _Settling:
    """Makes what a vendor said last count for good where it does not say so itself; what it says of the same later is
    not news. Pure."""

    def __init__(self) -> None:
        self.last = ""
        self._settled = ""

    def takes(self, transcript: Transcript) -> bool:
        """Whether a transcript is news."""
        if self._settled and _begins(transcript.text) == _begins(self._settled):
            if transcript.is_final:
                self._settled = ""
            return False
        self._settled = ""
        self.last = "" if transcript.is_final else transcript.text
        return True

    def settle(self) -> Transcript:
        """What was said last, for good."""
        self._settled, self.last = self.last, ""
        return Transcript(self._settled, is_final=True)


def _begins(text: str) -> list[str]:
    """The first two words, whatever their case and punctuation."""
    return ["".join(filter(str.isalnum, word)).casefold() for word in text.split()[:2]]
