"""The asyncio driver of a ClientPeer: opens, reads, writes and waits as the peer says; decides nothing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI

from pinecall_run.protocol.client import ClientPeer, Output, State
from pinecall_run.protocol.outputs import Open, Shut, Transmit
from pinecall_run.wire.commands import Command
from pinecall_run.wire.registration import Registration

MAX_FRAME = 16 * 1024 * 1024
ALIVE_SECONDS = 10.0
"""WebSocket pings: a dead link is noticed after at most twice this time and a half."""

CLOSE_SECONDS = 0.5

Tell = Callable[[Any], None]


def socket_url(base: str) -> str:
    """Where runners connect: the base address as a WebSocket address, with ``/client``."""
    address = base.rstrip("/")
    if address.startswith("http"):
        address = "ws" + address.removeprefix("http")
    return address if address.endswith("/client") else address + "/client"


class Link:
    """One link across reconnects. ``tell`` receives what the peer has for its owner."""

    def __init__(self, url: str, peer: ClientPeer, tell: Tell, clock: Callable[[], float]) -> None:
        self._url = socket_url(url)
        self._peer = peer
        self._tell = tell
        self._clock = clock
        self._wake = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self._outgoing: asyncio.Queue[Transmit | Shut] = asyncio.Queue()
        self._is_opening = False
        self._is_pumping = False

    def want(self, desired: Mapping[str, Registration], changes: Sequence[Command] = ()) -> None:
        """See :meth:`ClientPeer.want`."""
        self._peer.want(desired, changes, now=self._clock())
        self._pump()

    def send(self, command: Command) -> bool:
        """See :meth:`ClientPeer.send`."""
        sent = self._peer.send(command)
        self._pump()
        return sent

    def stop(self) -> None:
        """Close for good; :meth:`run` returns."""
        self._peer.stop()
        self._pump()

    async def run(self) -> None:
        """Keep the link up until it is stopped or refused. What ``tell`` raises ends it too."""
        try:
            self._peer.start(self._clock())
            self._pump()
            while self._peer.state is not State.ENDED:
                await self._sleep()
                self._raise_failure()
                self._peer.tick(self._clock())
                self._pump()
        finally:
            self._peer.stop()
            self._pump()
            await self._finish()

    async def _sleep(self) -> None:
        """Until the peer's deadline, or until something happened that may have moved it."""
        self._wake.clear()
        deadline = self._peer.deadline()
        delay = None if deadline is None else max(deadline - self._clock(), 0.0)
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return

    def _raise_failure(self) -> None:
        task = self._connecting
        if task is not None and task.done() and not task.cancelled():
            task.result()

    async def _finish(self) -> None:
        if self._connecting is not None:
            done, _ = await asyncio.wait([self._connecting], timeout=CLOSE_SECONDS)
            if not done:
                self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)

    def _pump(self) -> None:
        """Carry out what the peer says, in its order, also when ``tell`` gives the peer more to say."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while outputs := self._peer.drain():
                for output in outputs:
                    self._carry_out(output)
        finally:
            self._is_pumping = False
            self._wake.set()

    def _carry_out(self, output: Output) -> None:
        match output:
            case Open():
                self._outgoing = asyncio.Queue()
                self._is_opening = True
                self._connecting = asyncio.create_task(self._connect(self._outgoing, self._connecting))
                self._connecting.add_done_callback(lambda _: self._wake.set())
            case Shut() if self._is_opening and self._connecting is not None:
                self._connecting.cancel()
            case Transmit() | Shut():
                self._outgoing.put_nowait(output)
            case _:
                self._tell(output)

    async def _connect(self, outgoing: asyncio.Queue[Transmit | Shut], previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            previous.cancel()
            await asyncio.gather(previous, return_exceptions=True)
        try:
            socket = await connect(
                self._url,
                proxy=None if _is_on_this_machine(self._url) else True,
                max_size=MAX_FRAME,
                compression=None,  # one link, mostly small frames, often on loopback
                ping_interval=ALIVE_SECONDS,
                ping_timeout=ALIVE_SECONDS * 1.5,
                close_timeout=CLOSE_SECONDS,
                open_timeout=None,  # the peer's own deadline
            )
        except Exception as error:  # noqa: BLE001 - resolver, proxy, TLS and handshake each have errors of their own
            reason = _sentence(error)
        else:
            async with socket:
                reason = await self._exchange(socket, outgoing)
        if outgoing is self._outgoing:  # else the peer has given this connection up
            self._peer.lost(reason, self._clock())
            self._pump()

    async def _exchange(self, socket: ClientConnection, outgoing: asyncio.Queue[Transmit | Shut]) -> str:
        if outgoing is self._outgoing:
            self._is_opening = False
            self._peer.opened(self._clock())
            self._pump()
        writer = asyncio.create_task(_write(socket, outgoing))
        try:
            async for message in socket:
                if isinstance(message, str):
                    self._peer.receive(message, self._clock())
                    self._pump()
        except ConnectionClosed:
            pass
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket.close_reason or "connection lost"


async def _write(socket: ClientConnection, outgoing: asyncio.Queue[Transmit | Shut]) -> None:
    while True:
        match await outgoing.get():
            case Transmit(data):
                await socket.send(data, text=True)
            case Shut(code, reason):
                await socket.close(code, reason)
                return


def _is_on_this_machine(url: str) -> bool:
    """Whether no proxy stands between us and the server, whatever the environment says of proxies."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _sentence(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens at the server's address"
    if isinstance(error, InvalidURI):
        return f"{error.uri} is not a WebSocket address"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return str(error) or type(error).__name__
