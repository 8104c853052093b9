"""Starts, counts and ends the processes that hear (:mod:`pinecall_run.providers._decoder`), with a warm one at hand."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from typing import Any

from pinecall_run.providers._decoder import HEADER, SOUND
from pinecall_run.providers.contracts import ProviderError

MOST = 4 * (os.cpu_count() or 1)
"""Processes at a time: each takes a quarter of a core while its person speaks, and 90 MB."""

START_SECONDS = 30.0
_MOST_UNSENT = 500
"""Frames kept for a process that does not keep up: 10 s of sound. What the pipe holds comes on top."""
_MOST_IN_PIPE = 64_000
_RETRY_SECONDS = 0.02


class Decoder:
    """One process. It ends when its input does: at the latest with this process, however this one ends."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._unsent: deque[tuple[bytes, bytes]] = deque()
        self._retry: asyncio.TimerHandle | None = None

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Never blocks. The oldest sound is dropped where there is too much of it, and nothing else ever."""
        self._unsent.append((kind, payload))
        if len(self._unsent) > _MOST_UNSENT:
            self._drop_sound()
        if self._retry is None:
            self._flush()

    def _flush(self) -> None:
        """Write what the pipe takes now, and look again soon where something is left."""
        pipe = self._process.stdin
        assert pipe is not None
        if pipe.is_closing():
            self._unsent.clear()
        while self._unsent and pipe.transport.get_write_buffer_size() < _MOST_IN_PIPE:
            kind, payload = self._unsent.popleft()
            pipe.write(HEADER.pack(kind, len(payload)) + payload)
        again = asyncio.get_running_loop().call_later
        self._retry = again(_RETRY_SECONDS, self._flush) if self._unsent else None

    def _drop_sound(self) -> None:
        oldest = next((at for at, (kind, _) in enumerate(self._unsent) if kind == SOUND), 0)
        del self._unsent[oldest]

    async def answer(self) -> dict[str, Any] | None:
        """The next line; ``None`` when the process is gone.

        Raises:
            ProviderError: it failed, and says why.
        """
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ProviderError(f"the local ear failed: {answer['error']}")
        return answer

    async def stop(self) -> None:
        """End the process. It keeps nothing that would be lost."""
        if self._retry is not None:
            self._retry.cancel()
        if self.is_alive:
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()


async def start() -> Decoder:
    """A process that is ready to hear.

    Raises:
        ProviderError: it did not come up.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a project may hold a module named like one of the standard library
        "-m",
        "pinecall_run.providers._decoder",
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        start_new_session=True,  # so that Ctrl-C reaches only the server, which lets calls end
    )
    decoder = Decoder(process)
    try:
        async with asyncio.timeout(START_SECONDS):
            ready = await decoder.answer()
        if ready is None:
            raise ProviderError("the local ear's process ended before it was ready", "reinstall pocketsphinx")
    except TimeoutError:
        await decoder.stop()
        raise ProviderError(f"the local ear did not start within {START_SECONDS:g} s") from None
    except BaseException:
        await decoder.stop()
        raise
    return decoder


class Pool:
    """The processes of one event loop: one for each conversation, which is never used for another."""

    def __init__(self) -> None:
        self._spare: asyncio.Task[Decoder] | None = None
        self._taken: set[Decoder] = set()
        self._starting = 0

    async def take(self) -> Decoder:
        """A process of one's own; the next one is being started when it is given.

        Raises:
            ProviderError: there are too many, or it did not start.
        """
        if len(self._taken) + self._starting >= MOST:
            hint = "hear by a vendor, or spread the calls over more machines"
            raise ProviderError(f"the local ear already hears {MOST} people, as many as this machine can", hint)
        self._starting += 1
        try:
            decoder = await self._started()
        finally:
            self._starting -= 1
        self._taken.add(decoder)
        if self._spare is None:
            self._spare = asyncio.create_task(start())
        return decoder

    async def _started(self) -> Decoder:
        spare, self._spare = self._spare, None
        if spare is None:
            return await start()
        decoder = await spare
        if decoder.is_alive:
            return decoder
        await decoder.stop()
        return await start()

    async def give_back(self, decoder: Decoder) -> None:
        """The conversation is over."""
        self._taken.discard(decoder)
        await decoder.stop()

    async def close(self) -> None:
        """End every process."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.cancel()
            for started in await asyncio.gather(spare, return_exceptions=True):
                if isinstance(started, Decoder):
                    self._taken.add(started)
        await asyncio.gather(*map(self.give_back, list(self._taken)))
