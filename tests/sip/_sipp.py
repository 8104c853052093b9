"""A user agent on a real socket of the loopback, and sipp as the party that was not written by us."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pinecall_run.sip.agent import UserAgent
from pinecall_run.sip.core import Settings
from pinecall_run.sip.outputs import Output, Send
from pinecall_run.sip.peer import Peer

LOOPBACK = "127.0.0.1"
SCENARIOS = Path(__file__).parent / "scenarios"

needs_sipp = pytest.mark.skipif(
    shutil.which("sipp") is None, reason="sipp is not installed (apt-get install sip-tester)"
)


class Driver(asyncio.DatagramProtocol):
    """The dumbest driver that there can be: one socket, one timer. ``on_output`` is told what is not to be sent."""

    def __init__(self, settings: Callable[[int], Settings], on_output: Callable[[Driver, Any], None]) -> None:
        self.outputs: list[Output] = []
        self.is_trusted = True
        self._settings = settings
        self._on_output = on_output
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        self.agent = UserAgent(self._settings(self.port), secrets.token_bytes)

    @property
    def now(self) -> float:
        return self._loop.time()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.agent.receive(data, Peer("udp", *addr), self.now, is_trusted=self.is_trusted)
        self.flush()

    def flush(self) -> None:
        """Carry out what came of the agent, and of what the test does about that."""
        while outputs := self.agent.drain():
            for output in outputs:
                if isinstance(output, Send):
                    self._transport.sendto(output.data, (output.peer.host, output.peer.port))
                else:
                    self.outputs.append(output)
                    self._on_output(self, output)
        self.arm()

    def arm(self) -> None:
        self.disarm()
        deadline = self.agent.deadline()
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._tick)

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self.agent.tick(self.now)
        self.flush()


@asynccontextmanager
async def driver(on_output: Callable[[Driver, Any], None], **given: Any) -> AsyncIterator[Driver]:
    """A user agent that listens."""

    def settings(port: int) -> Settings:
        return Settings(LOOPBACK, {"udp": port}, **given)

    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Driver(settings, on_output), local_addr=(LOOPBACK, 0)
    )
    try:
        yield protocol
    finally:
        protocol.disarm()
        transport.close()


async def sipp(folder: Path, *arguments: str, seconds: int = 25) -> None:
    """Run sipp in a folder of the test until its calls went as its scenario says; fails with what it says if not."""
    command = [
        "sipp",
        "-i",
        LOOPBACK,
        "-nostdin",
        "-trace_err",
        "-timeout",
        f"{seconds}s",
        "-timeout_error",
        *arguments,
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), seconds + 10)
    finally:
        if process.returncode is None:
            process.kill()
    errors = "\n".join(path.read_text(errors="replace") for path in folder.glob("*_errors.log"))
    assert process.returncode == 0, f"{errors}\n{said.decode(errors='replace')[-3000:]}"
