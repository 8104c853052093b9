"""Text to speech over WebSockets that many calls share, whoever the vendor is.

A vendor's file says how its messages look (:class:`VoiceWire`, sans-I/O) and where to connect; how sockets are shared,
kept open, found dead and opened again is here, once. What failed in the middle of a sentence fails that sentence: who
says it anew is the call's affair (``voice/speaking.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from itertools import count
from typing import Literal, Protocol
from weakref import WeakKeyDictionary

from pinecall_run.providers.contracts import Audio, ProviderError, Spoken, WordTime
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.vendor_socket import Address, Frame, VendorSocket

STALE_SECONDS = 3.0
"""A socket on which nothing came for so long though a sentence was asked for takes no more of them."""

LEAVING_SECONDS = 30.0
"""A socket on which the vendor did not confirm a cancel for so long takes no more sentences: who knows what counts."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is to be spoken. ``id`` is like no other's; ``utterance`` is that of all that follow each other."""

    id: str
    text: str
    utterance: str


End = Literal["end"]
END: End = "end"
"""A sentence was spoken to its end."""

News = tuple[str, Spoken | ProviderError | End]
"""What a message says of a sentence, by its ``id``."""


class VoiceWire(Protocol):
    """One vendor's messages on one socket, sans-I/O. Several sentences may be on it at once, but of one utterance only
    one: the next is asked for when it has ended or was cancelled."""

    def speak(self, sentence: Sentence) -> Sequence[Frame]:
        """What asks for a sentence."""
        ...

    def cancel(self, sentence: Sentence) -> Sequence[Frame]:
        """What stops one; nothing more of it is news."""
        ...

    def keep_alive(self) -> Sequence[Frame]:
        """What keeps a socket open on which nothing is spoken; nothing where the vendor does not mind."""
        ...

    def goodbye(self) -> Sequence[Frame]:
        """What ends a socket in good order."""
        ...

    def received(self, frame: Frame) -> Sequence[News | Frame]:
        """What a message of the vendor's comes to, and frames that answer it. What is about a sentence that is over
        may be told or not; but where the vendor confirms that it stopped, the end of one that was cancelled is.

        Raises:
            ProviderError: the whole socket has failed, or this is no message of the interface.
        """
        ...


@dataclass(frozen=True, slots=True)
class VoiceVendor:
    """How a vendor's sockets are made and shared.

    Attributes:
        at_once: sentences that one socket takes at a time.
        confirms_cancel: whether one that was cancelled counts until its end is told.
        keep_alive_seconds: how often :meth:`VoiceWire.keep_alive` is sent while nothing is spoken.
        idle_seconds: after so long without a sentence a socket is closed.
    """

    vendor: Vendor
    address: Callable[[], Awaitable[Address]]
    wire: Callable[[], VoiceWire]
    at_once: int = 5
    confirms_cancel: bool = False
    keep_alive_seconds: float = 10.0
    idle_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class SocketVoice:
    """A :class:`TextToSpeech` on shared sockets. ``key`` tells those that may share one: address, voice, options."""

    rate: int
    key: Hashable
    vendor: VoiceVendor
    model: str = ""

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        """See :class:`TextToSpeech`."""
        is_second = False
        while True:
            pool = _pool(self)
            line, is_fresh = await pool.take(anew=is_second)
            has_begun = False
            try:
                async with aclosing(line.speak(sentence, context)) as pieces:
                    async for piece in pieces:
                        has_begun = True
                        yield piece
                return
            except ProviderError as error:
                # One that was open for a while may be dead without anybody having noticed. The second time it is a new
                # one: a sentence that the vendor closes sockets for must not close those of all other calls.
                may_be_chance = line.is_dead and not (is_fresh or has_begun or error.is_lasting or pool.is_closed)
                if not may_be_chance:
                    raise
                is_second = True

    async def warm(self) -> None:
        """Have a socket open before the first sentence. That it cannot be is told when one is spoken."""
        with suppress(ProviderError):
            await _pool(self).take()


_POOLS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Pool]] = WeakKeyDictionary()


def _pool(voice: SocketVoice) -> Pool:
    pools = _POOLS.setdefault(asyncio.get_running_loop(), {})
    if voice.key not in pools:
        for key in [key for key, pool in pools.items() if pool.is_empty]:
            del pools[key]
        pools[voice.key] = Pool(voice.vendor)
    return pools[voice.key]


async def close() -> None:
    """Close the sockets of this event loop. The next sentence opens one anew."""
    pools = _POOLS.pop(asyncio.get_running_loop(), {})
    await asyncio.gather(*(pool.close() for pool in pools.values()))


class Pool:
    """The sockets to one vendor, for one voice."""

    def __init__(self, vendor: VoiceVendor) -> None:
        self._vendor = vendor
        self._lines: list[Line] = []
        self._opening: asyncio.Task[Line | ProviderError] | None = None
        self.is_closed = False

    @property
    def is_empty(self) -> bool:
        """Whether no socket is open, nor about to be."""
        self._lines = [line for line in self._lines if not line.is_gone]
        return not self._lines and (self._opening is None or self._opening.done())

    async def take(self, *, anew: bool = False) -> tuple[Line, bool]:
        """A socket with room for a sentence, and whether it was opened for it; ``anew``: it must be.

        All who wait for one wait for the same, and it is opened whether they still want it then or not: a caller who
        interrupts often would otherwise never get one.

        Raises:
            ProviderError: the vendor refused, or cannot be reached.
        """
        line, is_fresh = None if anew else self._with_room(), False
        while line is None:
            if self.is_closed:
                raise self._vendor.vendor.failed("was let go of", "network")
            if self._opening is None or self._opening.done():
                self._opening = asyncio.create_task(self._open())
            opening = self._opening
            await asyncio.wait([opening])
            opened = None if opening.cancelled() else opening.result()
            error = opened.failure if isinstance(opened, Line) else opened
            if error is not None:  # some vendors refuse on the open socket
                raise error
            line, is_fresh = self._with_room(), True
        return line, is_fresh

    async def _open(self) -> Line | ProviderError:
        try:
            socket = await VendorSocket.connected(self._vendor.vendor, await self._vendor.address())
        except ProviderError as error:
            return error
        line = Line(self._vendor, socket)
        self._lines.append(line)
        return line

    def _with_room(self) -> Line | None:
        """The newest, so that old ones fall idle and are closed when there is less to be said."""
        self._lines = [line for line in self._lines if not line.is_gone]
        return next((line for line in reversed(self._lines) if line.has_room), None)

    async def close(self) -> None:
        """Close all."""
        self.is_closed = True
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await asyncio.gather(*(line.close() for line in self._lines))


class Line:
    """One socket, and the sentences on it."""

    _ids = count(1)

    def __init__(self, vendor: VoiceVendor, socket: VendorSocket) -> None:
        self._vendor = vendor
        self._wire = vendor.wire()
        self._socket = socket
        self._waiting: dict[str, asyncio.Queue[Spoken | ProviderError | End]] = {}
        self._leaving: dict[str, float] = {}
        """Cancelled, since when, and counted by the vendor yet."""
        self._is_stale = self._is_over = False
        self.failure: ProviderError | None = None
        """Why it broke, if it did."""
        self._received_at = self._used_at = asyncio.get_running_loop().time()
        self._reading, self._tending = asyncio.create_task(self._read()), asyncio.create_task(self._tend())

    @property
    def is_dead(self) -> bool:
        """Whether nothing more will come of it."""
        return self._is_over or not self._socket.is_open

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of it to be closed."""
        return self._reading.done() and self._tending.done()

    @property
    def has_room(self) -> bool:
        """Whether it takes another sentence."""
        count = len(self._waiting) + len(self._leaving)
        return not (self._is_stale or self.is_dead) and count < self._vendor.at_once

    async def speak(self, text: str, utterance: str) -> AsyncGenerator[Spoken, None]:
        """See :class:`TextToSpeech`."""
        sentence = Sentence(f"s{next(self._ids)}", text, utterance)
        pieces = self._waiting[sentence.id] = asyncio.Queue()
        asked_at = self._used_at = asyncio.get_running_loop().time()
        is_ended = False
        try:
            for frame in self._wire.speak(sentence):
                self._socket.push(frame)
            while True:
                piece = await pieces.get()
                if isinstance(piece, Audio | WordTime):
                    yield piece
                    continue
                is_ended = True
                if isinstance(piece, ProviderError):
                    raise piece
                return
        finally:
            del self._waiting[sentence.id]
            if not is_ended:
                self._cancel(sentence, asked_at)

    def _cancel(self, sentence: Sentence, asked_at: float) -> None:
        if asyncio.get_running_loop().time() - max(self._received_at, asked_at) > STALE_SECONDS:
            self._is_stale = True
        if self._vendor.confirms_cancel:
            self._leaving[sentence.id] = asyncio.get_running_loop().time()
        for frame in self._wire.cancel(sentence):
            self._socket.push(frame)
        if not self._socket.is_read:
            self._is_stale = True

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._socket.receive()
                self._received_at = asyncio.get_running_loop().time()
                for one in self._wire.received(frame):
                    if isinstance(one, str | bytes):
                        self._socket.push(one)
                    else:
                        self._tell(*one)
        except ProviderError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - nobody may wait for what no longer comes
            self.failure = self._vendor.vendor.failed(f"failed with {type(error).__name__}", "failed")
        self._is_over = True
        for pieces in self._waiting.values():
            pieces.put_nowait(self.failure)
        self._tending.cancel()
        await self._socket.close()

    def _tell(self, sentence: str, news: Spoken | ProviderError | End) -> None:
        if not isinstance(news, Audio | WordTime):
            self._leaving.pop(sentence, None)
        if (pieces := self._waiting.get(sentence)) is not None:
            pieces.put_nowait(news)

    async def _tend(self) -> None:
        """Keep it open while it is used now and then, and close it when it is not."""
        loop = asyncio.get_running_loop()
        while not self._is_over:
            await asyncio.sleep(self._vendor.keep_alive_seconds)
            if any(since < loop.time() - LEAVING_SECONDS for since in self._leaving.values()):
                self._is_stale = True
            if self._waiting:
                self._used_at = loop.time()
            elif self._is_stale or loop.time() - self._used_at > self._vendor.idle_seconds:
                self._is_over = True
                await self._leave()
            else:
                for frame in self._wire.keep_alive():
                    self._socket.push(frame)

    async def _leave(self) -> None:
        with suppress(ProviderError, TimeoutError):
            for frame in self._wire.goodbye():
                await asyncio.wait_for(self._socket.send(frame), 1.0)
        await self._socket.close()

    async def close(self) -> None:
        """End it, and what is spoken on it."""
        self._is_over = True
        for task in (self._reading, self._tending):
            task.cancel()
        await asyncio.gather(self._reading, self._tending, return_exceptions=True)
        for pieces in self._waiting.values():
            pieces.put_nowait(self._vendor.vendor.failed("was let go of", "network"))
        await self._leave()
