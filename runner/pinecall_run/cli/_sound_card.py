"""The microphone and the loudspeaker, by PortAudio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from pinecall_run.cli._audio_client import CHUNK_BYTES, SILENCE
from pinecall_run.cli._chat_client import ChatError

RATE, CHUNK_SAMPLES = 16_000, CHUNK_BYTES // 2

QUEUE = 50
"""Chunks that wait for the other side, a second each way; then the oldest is lost."""

HEAD_START = 3
"""Chunks that wait before the loudspeaker begins, so that a late one is no gap."""

NOT_INSTALLED = "talk needs the extra mic: pip install 'pinecall-run[mic]'"
NO_PORTAUDIO = (
    "talk needs PortAudio, which is not here: apt-get install libportaudio2, brew install portaudio, "
    "or pip install --force-reinstall sounddevice"
)
NO_DEVICE = "no sound ({}): plug a microphone and a loudspeaker in; `python -m sounddevice` lists what there is"


class SoundCard:
    """Both devices at one pace, as long as the block lasts. The device's
    thread only moves chunks between two queues.

    Attributes:
        lost: chunks of the microphone and for the loudspeaker that were thrown away because the other side was late.
    """

    def __init__(self) -> None:
        """Find the devices.

        Raises:
            ChatError: PortAudio or a device is missing; the message says what to do.
        """
        self.lost = {"microphone": 0, "loudspeaker": 0}
        self._said: deque[bytes] = deque()
        self._heard: deque[bytes] = deque()
        self._is_playing = False
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        with _sentences():
            import sounddevice  # type: ignore[import-untyped]

            self._stream = sounddevice.RawStream(
                samplerate=RATE, blocksize=CHUNK_SAMPLES, channels=1, dtype="int16", callback=self._exchange
            )

    def __enter__(self) -> SoundCard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def start(self) -> None:
        """Begin to hear and to play.

        Raises:
            ChatError: a device is in use, or gone.
        """
        with _sentences():
            self._stream.start()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What the microphone hears."""
        while True:
            while self._said:
                yield self._said.popleft()
            self._news.clear()
            await self._news.wait()

    def play(self, chunk: bytes) -> None:
        """Give the loudspeaker its next chunk."""
        self._keep(self._heard, chunk, "loudspeaker")

    def _exchange(self, said: Any, heard: Any, frames: int, time: Any, status: Any) -> None:
        """Called by PortAudio in a thread of its own, which must not wait: queues of chunks need no lock."""
        self._keep(self._said, bytes(said), "microphone")
        heard[:] = self._next()
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop has ended before the device
            return

    def _next(self) -> bytes:
        self._is_playing = self._is_playing or len(self._heard) >= HEAD_START
        try:
            return self._heard.popleft() if self._is_playing else SILENCE
        except IndexError:
            self._is_playing = False
            return SILENCE

    def _keep(self, queue: deque[bytes], chunk: bytes, name: str) -> None:
        if len(queue) >= QUEUE:
            queue.popleft()
            self.lost[name] += 1
        queue.append(chunk)


@contextmanager
def _sentences() -> Iterator[None]:
    """What is missing, and what to do about it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ChatError(NOT_INSTALLED) from error
    except OSError as error:  # the library is looked for when sounddevice is imported
        raise ChatError(NO_PORTAUDIO) from error
    except Exception as error:
        if type(error).__name__ != "PortAudioError":  # there is no such class to name where there is no sounddevice
            raise
        raise ChatError(NO_DEVICE.format(error.args[0])) from error
