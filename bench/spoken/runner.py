"""The benches' runner, a process that is not measured: starts a server, registers an agent, reads all it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from spoken.stage import AGENT, MODEL
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

BEGINS = "begins"
"""A server prints this when its measured time begins; then, at its end, one line of JSON."""

PATIENCE = 120.0
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class _Frame(msgspec.Struct):
    event: str


_DECODER = msgspec.json.Decoder(_Frame)


async def watched(module: str, arguments: list[str]) -> dict[str, Any]:
    """What ``python -m module`` measured, and under ``events`` how often each came over the wire meanwhile.

    Raises:
        RuntimeError: it measured nothing; what it said of that is on stderr.
    """
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        stdout=PIPE,
        cwd=Path(__file__).parents[1],
        env={**os.environ, **ONE_THREAD},
    )
    counts: Counter[str] = Counter()
    try:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            port = await _line(server, module)
            async with connect(f"ws://127.0.0.1:{port}/client", compression=None, max_queue=None) as socket:
                reading = group.create_task(_read(socket, counts))
                assert await _line(server, module) == BEGINS
                counts.clear()
                result: dict[str, Any] = json.loads(await _line(server, module))
                events = dict(counts)
                reading.cancel()
                await server.wait()
                return {**result, "events": events}
    except ExceptionGroup as group:
        raise RuntimeError(str(group.exceptions[0])) from group
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.kill()
        await server.wait()


async def _line(server: asyncio.subprocess.Process, module: str) -> str:
    assert server.stdout is not None
    line = (await server.stdout.readline()).decode().strip()
    if not line:
        raise RuntimeError(f"{module} ended too early")
    return line


async def _read(socket: ClientConnection, counts: Counter[str]) -> None:
    await socket.send(json.dumps({"event": "connect", "api_key": "k"}))
    await socket.send(json.dumps({"event": "agent.create", "agent_id": AGENT, "llm": MODEL}))
    with contextlib.suppress(ConnectionClosed):  # it ends its process as soon as it has measured
        async for message in socket:
            event = _DECODER.decode(message).event
            counts[event] += 1
            if event == "ping":
                await socket.send('{"event":"pong"}')
            elif event == "error":
                raise RuntimeError(message)
