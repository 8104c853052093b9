"""A port is ours once it is bound, and a server that stops says goodbye to everybody, soon."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import AsyncExitStack

import pytest
from tests.voice._door import Socket, chat, client, narrow, server
from tests.voice._stage import KEY, LOOKING
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pinecall_run.voice.app import Settings
from pinecall_run.voice.serving import listen, serve


def test_the_first_port_that_is_free() -> None:
    first = listen("127.0.0.1", [0])
    port = first.socket.getsockname()[1]
    assert first.url == f"http://127.0.0.1:{port}"
    second = listen("127.0.0.1", [port, 0])  # bound, though nothing is served there yet
    assert second.socket.getsockname()[1] != port
    with pytest.raises(OSError):  # noqa: PT011 - its text is the system's
        listen("127.0.0.1", [port])
    with pytest.raises(OSError):  # noqa: PT011
        listen("192.0.2.1", [0])
    with pytest.raises(OSError, match="no port"):
        listen("127.0.0.1", [])
    for each in (first, second):
        each.socket.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_address_is_written_as_one() -> None:
    try:
        listening = listen("::1", [0])
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    assert listening.url.startswith("http://[::1]:")
    listening.socket.close()


async def test_stopping_says_goodbye_to_everybody_within_a_second() -> None:
    async with AsyncExitStack() as stack:
        async with server() as address:
            runner = await stack.enter_async_context(client(address, "desk", llm=LOOKING))
            page = await stack.enter_async_context(chat(address, "desk"))
            terminal = await stack.enter_async_context(client(address))
            stranger = Socket(await stack.enter_async_context(connect(f"ws://{address}/client")))
            await terminal.send("llm.chat", agent_id="desk", session_id="test-1", text="hi")
            await terminal.until("llm.chat.done")
            started = time.monotonic()
        assert time.monotonic() - started < 1.0
        assert await page.closed() == (1000, "")
        assert (page.frames[-1]["event"], page.frames[-1]["reason"]) == ("chat.ended", "server_stopped")
        for each in (runner, terminal, stranger):
            assert await each.closed() == (1001, "server stopped")
        ended = [frame for frame in runner.frames if frame["event"] == "llm.chat.ended"]
        assert [frame["reason"] for frame in ended] == ["server_stopped"] * 2


async def test_a_client_that_reads_nothing_does_not_hold_it_up() -> None:
    async with server() as address:
        url = f"ws://{address}/client"
        socket = await connect(url, sock=await narrow(address), max_queue=1, compression=None)
        sleeper = Socket(socket)
        await sleeper.send("connect", api_key=KEY)
        await sleeper.send("agent.create", agent_id="desk", llm=LOOKING)
        await sleeper.send("llm.chat", agent_id="desk", session_id="s", text="x" * 100_000)
        for _ in range(50):
            await sleeper.send("history.get", call_id="s")
        async with client(address) as other:
            await other.so_far()
        started = time.monotonic()
    assert time.monotonic() - started < 2.0
    socket.transport.abort()
    await asyncio.sleep(0.05)  # the server's end of it hears of that


async def test_a_server_that_is_cancelled_stops_too() -> None:
    listening = listen("127.0.0.1", [0])
    ready = asyncio.Event()
    serving = asyncio.create_task(serve(Settings(KEY), listening, asyncio.Event(), ready.set))
    await ready.wait()
    async with client(listening.url.removeprefix("http://"), "desk", llm=LOOKING) as runner:
        serving.cancel()
        assert await runner.closed() == (1001, "server stopped")
        with pytest.raises(asyncio.CancelledError):
            await serving
    assert listening.socket.fileno() == -1


async def test_a_socket_that_is_refused_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    async with server() as address:
        with pytest.raises(InvalidStatus, match="404"):
            await connect(f"ws://{address}/live/nobody/ws")
    assert [record.name for record in caplog.records if record.name.startswith("uvicorn")] == []
