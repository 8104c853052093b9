"""The asyncio driver of a ClientPeer: opens, reads, writes and waits as the peer says; decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Protocol, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from websockets.asyncio.client import connect

from pinecall_run.link._socket import CLOSE_SECONDS, Outgoing, Socket
from pinecall_run.link.failure import Target, closing, sentence
from pinecall_run.protocol.client import ClientPeer, Output, State
from pinecall_run.protocol.outputs import Open, Probe, Received, Shut, Transmit
from pinecall_run.wire.commands import Command
from pinecall_run.wire.registration import Registration

MAX_FRAME = 16 * 1024 * 1024
"""Bytes of one message from the server: the history of a long call comes as one."""

OUTGOING_BYTES = 32 * 1024 * 1024
"""What may wait for a server that reads slowly. Beyond that the connection is given up and made anew: answers to tool
calls are sent again there, all else would be of no use so late."""

Tell = Callable[[Any], None]


class OpenSocket(Protocol):
    """A socket that is open: what a link needs of a WebSocket. Where it leads is its maker's concern."""

    @property
    def close_code(self) -> int | None:
        """The code that it was closed with, once it was."""

    @property
    def close_reason(self) -> str | None:
        """The reason that came with the code."""

    def listen(self, deliver: Callable[[bytes], None], heard: Callable[[], None]) -> None:
        """Hand text messages to ``deliver`` from now on, and those before; ``heard`` learns of pongs."""

    def write(self, outputs: Iterable[Outgoing]) -> int:
        """Write; returns the bytes that wait for the other side to read."""

    async def wait_closed(self) -> None:
        """Wait until it is closed, by either side or by a loss."""

    def abort(self) -> None:
        """Drop it without a goodbye."""


Opener = Callable[[str, str | None], Awaitable[OpenSocket]]
"""Opens a socket to an address, through a proxy if there is one. It raises whatever keeps it from that."""


async def open_socket(url: str, proxy: str | None) -> OpenSocket:
    """A WebSocket to a voice server."""
    opened = await connect(
        url,
        proxy=proxy,
        max_size=MAX_FRAME,
        compression=None,  # docs/decisions/no-compression.md
        create_connection=Socket,
        ping_interval=None,  # the peer's own keepalive
        close_timeout=CLOSE_SECONDS,
        open_timeout=None,  # the peer's own deadline
    )
    return cast(Socket, opened)


def socket_url(base: str) -> str:
    """Where runners connect: the base address as a WebSocket address, with ``/client``."""
    address = base.rstrip("/")
    if address.startswith("http"):
        address = "ws" + address.removeprefix("http")
    return address if address.endswith("/client") else address + "/client"


class Link:
    """One link across reconnects. ``tell`` receives what the peer has for its owner."""

    def __init__(
        self, url: str, peer: ClientPeer, tell: Tell, clock: Callable[[], float], opener: Opener = open_socket
    ) -> None:
        self._url = socket_url(url)
        self._opener = opener
        self._peer = peer
        self._tell = tell
        self._clock = clock
        self._wake = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self._socket: OpenSocket | None = None
        self._outgoing: list[Outgoing] = []
        self._sleeps_until: float | None = None
        self._failure: Exception | None = None
        self._is_opening = False
        self._is_pumping = False

    def want(self, desired: Mapping[str, Registration], changes: Sequence[Command] = ()) -> None:
        """See :meth:`ClientPeer.want`."""
        self._peer.want(desired, changes, now=self._clock())
        self._pump()
        self._wake.set()

    def propose(self, desired: Mapping[str, Registration], changes: Sequence[Command]) -> None:
        """See :meth:`ClientPeer.propose`."""
        self._peer.propose(desired, changes, now=self._clock())
        self._pump()
        self._wake.set()

    def send(self, command: Command) -> bool:
        """See :meth:`ClientPeer.send`."""
        sent = self._peer.send(command)
        self._pump()
        return sent

    @property
    def waiting_answers(self) -> int:
        """See :attr:`ClientPeer.waiting_answers`."""
        return self._peer.waiting_answers

    def stop(self) -> None:
        """Close for good; :meth:`run` returns."""
        self._peer.stop()
        self._pump()
        self._wake.set()

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
        """Until the peer's deadline, or until it is woken for an earlier one. A deadline that moved on is found out
        about at the old one: most messages move it, and none of them need wake anybody."""
        self._wake.clear()
        self._sleeps_until = self._peer.deadline()
        delay = None if self._sleeps_until is None else max(self._sleeps_until - self._clock(), 0.0)
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
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
        moves = False
        try:
            while outputs := self._peer.drain():
                for output in outputs:
                    if type(output) is Received:  # nearly all that is ever said; neither moves a deadline
                        self._tell(output)
                    elif type(output) is Transmit:
                        self._write(output)
                    else:
                        moves = True
                        self._carry_out(output)
        finally:
            self._is_pumping = False
            if moves and self._is_due_earlier():
                self._wake.set()

    def _is_due_earlier(self) -> bool:
        deadline = self._peer.deadline()
        if deadline is None:
            return self._peer.state is State.ENDED
        return self._sleeps_until is None or deadline < self._sleeps_until

    def _carry_out(self, output: Output) -> None:
        match output:
            case Shut() if self._is_opening and self._connecting is not None:
                self._connecting.cancel()
            case Shut() | Probe():
                self._write(output)
            case Open():
                self._open()
            case _:
                self._tell(output)

    def _open(self) -> None:
        self._socket = None
        self._outgoing.clear()
        self._is_opening = True
        self._connecting = asyncio.create_task(self._connect(self._connecting))
        self._connecting.add_done_callback(lambda _: self._wake.set())

    # writing: all that was said in one turn of the event loop goes out together

    def _write(self, output: Outgoing) -> None:
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(output)

    def _flush(self) -> None:
        outputs, self._outgoing = self._outgoing, []
        if self._socket is not None and self._socket.write(outputs) > OUTGOING_BYTES:
            self._socket.abort()
            self._lost("the server reads too slowly; too much waits for it")

    # reading

    async def _connect(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            previous.cancel()
            await asyncio.gather(previous, return_exceptions=True)
        target = Target(self._url)
        try:
            target = Target(self._url, proxy_to(self._url))
            opened = await self._opener(self._url, target.proxy)
        except Exception as error:  # noqa: BLE001 - resolver, proxy, TLS and handshake each have errors of their own
            reason = sentence(error, target)
        else:
            reason = await self._exchange(opened)
        if self._connecting is asyncio.current_task():  # else the peer has given this connection up
            self._lost(reason)

    async def _exchange(self, socket: OpenSocket) -> str:
        try:
            self._socket, self._is_opening = socket, False
            self._peer.opened(self._clock())
            self._pump()
            socket.listen(self._received, self._heard)
            await socket.wait_closed()
        finally:
            socket.abort()  # its closing must not hold the next connection up
            self._socket = None
        return closing(socket.close_code, socket.close_reason or "")

    def _received(self, message: bytes) -> None:
        try:
            self._peer.receive(message, self._clock())
            self._pump()
        except Exception as error:  # noqa: BLE001 - nobody else could catch what the owner raises; see run()
            self._fail(error)

    def _heard(self) -> None:
        self._peer.heard(self._clock())

    def _lost(self, reason: str) -> None:
        self._socket = None
        try:
            self._peer.lost(reason, self._clock())
            self._pump()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._wake.set()


def proxy_to(url: str) -> str | None:
    """The proxy that the environment names for an address. None stands before this machine, whatever is named."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_this_machine(host) or proxy_bypass(f"{host}:{parts.port or (443 if parts.scheme == 'wss' else 80)}"):
        return None
    proxies = getproxies()
    schemes = ("wss", "socks", "https") if parts.scheme == "wss" else ("ws", "socks", "https", "http")
    scheme = next((scheme for scheme in schemes if proxies.get(scheme)), None)
    if scheme is None:
        return None
    proxy = proxies[scheme]
    return f"socks5h://{proxy.removeprefix('http://')}" if scheme == "socks" and proxy.startswith("http://") else proxy


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
