"""Sockets in memory: messages in their order, losses of what is on its way, one close for both sides."""

from __future__ import annotations

import asyncio

import pytest

from pinecall_run.protocol.outputs import Probe, Shut, Transmit
from pinecall_run.testing.clock import virtual_time
from pinecall_run.testing.network import LOST, MemorySocket, Network


class Far:
    """A server's end that takes notes."""

    def __init__(self, socket: MemorySocket) -> None:
        self.socket = socket
        self.log: list[str] = []

    def received(self, message: str) -> None:
        self.log.append(message)

    def lost(self) -> None:
        self.log.append("lost")


async def _open() -> tuple[Network, MemorySocket, Far, list[object]]:
    fars: list[Far] = []

    def accept(socket: MemorySocket) -> Far:
        fars.append(Far(socket))
        return fars[-1]

    network = Network(accept)
    socket = await network.open("ws://x", None)
    came: list[object] = []
    socket.listen(came.append, lambda: came.append("heard"))
    return network, socket, fars[0], came


@virtual_time
async def test_messages_pass_both_ways_in_their_order() -> None:
    _, socket, far, came = await _open()
    socket.write([Transmit(b"one"), Probe(), Transmit("zwölf".encode())])
    far.socket.send(b"a")
    far.socket.send(b"b")
    assert (far.log, came) == ([], [])  # nothing arrives in the turn in which it is sent
    await asyncio.sleep(0)
    assert (far.log, came) == (["one", "zwölf"], ["heard", b"a", b"b"])


@virtual_time
async def test_what_arrives_before_anybody_listens_is_kept() -> None:
    network = Network(Far)
    socket = await network.open("ws://x", None)
    socket.send(b"early")
    await asyncio.sleep(0)
    came: list[bytes] = []
    socket.listen(came.append, lambda: None)
    assert came == [b"early"]


@virtual_time
async def test_a_close_comes_after_what_was_said_and_a_cut_before() -> None:
    _, socket, far, _ = await _open()
    socket.write([Transmit(b"last"), Shut(1000, "bye"), Transmit(b"too late")])
    await socket.wait_closed()
    await asyncio.sleep(0)
    assert far.log == ["last", "lost"]
    assert (socket.close_code, socket.close_reason) == (1000, "bye")

    network, socket, far, came = await _open()
    socket.write([Transmit(b"on its way")])
    far.socket.send(b"on its way")
    network.cut()
    socket.abort()
    await asyncio.sleep(0)
    assert (far.log, came, socket.close_code) == (["lost"], [], LOST)


@virtual_time
async def test_a_network_that_is_down_refuses() -> None:
    network = Network(Far)
    network.cut()  # there is nothing yet to cut
    network.is_down = True
    with pytest.raises(ConnectionRefusedError):
        await network.open("ws://x", None)
