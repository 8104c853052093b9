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

    def received(self, frame: Frame) -> Sequence[News]:
        """What a message of the vendor's comes to. What is about a sentence that is over may be told or not.

        Raises:
            ProviderError: the whole socket has failed, or this is no message of the interface.
        """
        ...


@dataclass(frozen=True, slots=True)
class VoiceVendor:
    """How a vendor's sockets are made and shared.

    Attributes:
        at_once: sentences that one socket takes at a time.
        keep_alive_seconds: how often :meth:`VoiceWire.keep_alive` is sent while nothing is spoken.
        idle_seconds: after so long without a sentence a socket is closed.
    """

    vendor: Vendor
    address: Callable[[], Awaitable[Address]]
    wire: Callable[[], VoiceWire]
    at_once: int = 5
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
        pool = _pool(self)
        while True:
            line, is_fresh = await pool.take()
            has_begun = False
            try:
                async with aclosing(line.speak(sentence, context)) as pieces:
                    async for piece in pieces:
                        has_begun = True
                        yield piece
                return
            except ProviderError as error:
                # One that was open for a while may be dead without anybody having noticed: that says nothing of others.
                if has_begun or is_fresh or error.is_lasting:
                    raise

    async def warm(self) -> None:
        """Have a socket open before the first sentence. That it cannot be is told when one is spoken."""
        with suppress(ProviderError):
            await _pool(self).take()


_POOLS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Pool]] = WeakKeyDictionary()


def _pool(voice: SocketVoice) -> Pool:
    pools = _POOLS.setdefault(asyncio.get_running_loop(), {})
    return pools.setdefault(voice.key, Pool(voice.vendor))


async def close() -> None:
    """Close the sockets of this event loop. The next sentence opens one anew."""
    pools = _POOLS.pop(asyncio.get_running_loop(), {})
    await asyncio.gather(*(pool.close() for pool in pools.values()))


class Pool:
    """The sockets to one vendor, for one voice."""

    def __init__(self, vendor: VoiceVendor) -> None:
        self._vendor = vendor
        self._lines: list[Line] = []
        self._opening = asyncio.Lock()

    async def take(self) -> tuple[Line, bool]:
        """A socket with room for a sentence, and whether it was opened for it.

        Raises:
            ProviderError: the vendor refused, or cannot be reached.
        """
        if (line := self._with_room()) is not None:
            return line, False
        async with self._opening:
            if (line := self._with_room()) is not None:
                return line, False
            socket = await VendorSocket.connected(self._vendor.vendor, await self._vendor.address())
            line = Line(self._vendor, socket)
            self._lines.append(line)
            return line, True

    def _with_room(self) -> Line | None:
        self._lines = [line for line in self._lines if not line.is_over]
        return next((line for line in self._lines if line.has_room), None)

    async def close(self) -> None:
        """Close all."""
        await asyncio.gather(*(line.close() for line in self._lines))


class Line:
    """One socket, and the sentences on it."""

    _ids = count(1)

    def __init__(self, vendor: VoiceVendor, socket: VendorSocket) -> None:
        self._vendor = vendor
        self._wire = vendor.wire()
        self._socket = socket
        self._waiting: dict[str, asyncio.Queue[Spoken | ProviderError | End]] = {}
        self._is_stale = False
        self.is_over = False
        self._received_at = self._used_at = asyncio.get_running_loop().time()
        self._reading, self._tending = asyncio.create_task(self._read()), asyncio.create_task(self._tend())

    @property
    def has_room(self) -> bool:
        """Whether it takes another sentence."""
        return not self._is_stale and self._socket.is_open and len(self._waiting) < self._vendor.at_once

    async def speak(self, text: str, utterance: str) -> AsyncGenerator[Spoken, None]:
        """See :class:`TextToSpeech`."""
        sentence = Sentence(f"s{next(self._ids)}", text, utterance)
        pieces = self._waiting[sentence.id] = asyncio.Queue()
        self._used_at = asyncio.get_running_loop().time()
        is_ended = False
        try:
            for frame in self._wire.speak(sentence):
                await self._socket.send(frame)
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
                await self._cancel(sentence)

    async def _cancel(self, sentence: Sentence) -> None:
        last = max(self._received_at, self._used_at)
        self._is_stale = self._is_stale or asyncio.get_running_loop().time() - last > STALE_SECONDS
        with suppress(ProviderError):
            for frame in self._wire.cancel(sentence):
                await self._socket.send(frame)

    async def _read(self) -> None:
        error: ProviderError
        try:
            while True:
                frame = await self._socket.receive()
                self._received_at = asyncio.get_running_loop().time()
                for sentence, news in self._wire.received(frame):
                    if (pieces := self._waiting.get(sentence)) is not None:
                        pieces.put_nowait(news)
        except ProviderError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - nobody may wait for what no longer comes
            error = self._vendor.vendor.failed(f"failed with {type(raised).__name__}", "failed")
        self.is_over = True
        for pieces in self._waiting.values():
            pieces.put_nowait(error)
        self._tending.cancel()
        await self._socket.close()

    async def _tend(self) -> None:
        """Keep it open while it is used now and then, and close it when it is not."""
        loop = asyncio.get_running_loop()
        try:
            while not self.is_over:
                await asyncio.sleep(self._vendor.keep_alive_seconds)
                if self._waiting:
                    self._used_at = loop.time()
                elif self._is_stale or loop.time() - self._used_at > self._vendor.idle_seconds:
                    self.is_over = True
                    await self._leave()
                else:
                    for frame in self._wire.keep_alive():
                        await self._socket.send(frame)
        except ProviderError:
            pass

    async def _leave(self) -> None:
        with suppress(ProviderError, TimeoutError):
            for frame in self._wire.goodbye():
                await asyncio.wait_for(self._socket.send(frame), 1.0)
        await self._socket.close()

    async def close(self) -> None:
        """End it, and what is spoken on it."""
        is_first, self.is_over = not self.is_over, True
        for task in (self._reading, self._tending):
            task.cancel()
        await asyncio.gather(self._reading, self._tending, return_exceptions=True)
        for pieces in self._waiting.values():
            pieces.put_nowait(self._vendor.vendor.failed("was let go of", "network"))
        if is_first:
            await self._leave()
