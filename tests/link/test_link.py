"""The driver of a client peer, against real sockets on loopback: it always comes back, and it always stops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests._ports import free_port
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pinecall_run.link import link as module
from pinecall_run.link.link import Link, socket_url
from pinecall_run.protocol.client import ClientPeer
from pinecall_run.protocol.outputs import AgentReady, Down, Received, Refused, Up
from pinecall_run.wire import commands as c
from pinecall_run.wire.registration import Registration

SOON = 5.0
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
Handler = Callable[[ServerConnection], Awaitable[None]]


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """No task outlives a test."""
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left


@pytest.fixture(autouse=True, scope="module")
def no_socket_is_left() -> Iterator[None]:
    """One that was not closed warns when it is collected, and a warning is an error."""
    yield
    gc.collect()


class Clock:
    """The time, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class CountingPeer(ClientPeer):
    """Counts how often its driver woke up."""

    ticks = 0

    def tick(self, now: float) -> None:
        self.ticks += 1
        super().tick(now)


class Running:
    """A link that runs, what it told, and a way to wait for that."""

    def __init__(self, url: str, desired: dict[str, Registration], react: Callable[[Running, Any], None]) -> None:
        self.clock = Clock()
        self.peer = CountingPeer("pk_test", lambda: 0.0)
        self.peer.want(desired, now=self.clock())
        self.link = Link(url, self.peer, self._told, self.clock)
        self.told: list[Any] = []
        self._react = react
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self.link.run())

    def _told(self, output: Any) -> None:
        self.told.append(output)
        self._changed.set()
        self._react(self, output)

    def all(self, kind: type[Any]) -> list[Any]:
        return [output for output in self.told if isinstance(output, kind)]

    async def until(self, kind: type[Any], count: int = 1) -> Any:
        """Wait until so many outputs of a kind came; returns the last of them."""
        async with asyncio.timeout(SOON):
            while len(self.all(kind)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.all(kind)[count - 1]

    async def until_state(self, name: str) -> None:
        """Wait until the peer is there."""
        await eventually(lambda: self.peer.state.name == name)

    def put_forward(self, seconds: float) -> None:
        """Let time pass at once."""
        self.clock.ahead += seconds
        self.link._wake.set()  # a real deadline would wake it

    async def stop(self) -> float:
        """Stop; returns how long it took."""
        began = time.monotonic()
        self.link.stop()
        async with asyncio.timeout(SOON):
            await self.task
        return time.monotonic() - began


def ignore(running: Running, output: Any) -> None:
    pass


@contextlib.asynccontextmanager
async def running(url: str, *agents: str, react: Callable[[Running, Any], None] = ignore) -> AsyncIterator[Running]:
    desired = {name: Registration(c.AgentCreate(agent_id=name)) for name in agents}
    made = Running(url, desired, react)
    try:
        yield made
    finally:
        made.link.stop()
        await asyncio.wait([made.task], timeout=SOON)
        assert made.task.done()


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def listening(*answers: bytes) -> AsyncIterator[str]:
    """A port behind which each connection is answered with the next of ``answers``; an empty one is no answer."""
    left = list(answers)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = left.pop(0) if len(left) > 1 else answers[-1]
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
            if answer:
                writer.write(answer)
            else:
                await reader.read()
            writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Server:
    """Greets, confirms agents, and keeps what it received."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.sockets: list[ServerConnection] = []
        self.closes: list[int | None] = []

    async def __call__(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        try:
            async for message in socket:
                assert isinstance(message, str), "frames are text"
                frame = json.loads(message)
                self.received.append(frame)
                if frame["event"] == "connect":
                    await socket.send('{"event":"connected"}')
                elif frame["event"] == "agent.create":
                    await socket.send(json.dumps({"event": "agent.created", "agent_id": frame["agent_id"]}))
        finally:
            self.closes.append(socket.close_code)

    def events(self) -> list[str]:
        return [frame["event"] for frame in self.received]

    async def until(self, event: str, count: int = 1) -> None:
        await eventually(lambda: self.events().count(event) >= count)


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for something that nobody tells."""
    async with asyncio.timeout(SOON):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def silence(connection: ServerConnection) -> None:
    """Takes everything and says nothing."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await connection.recv()


# the address


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://127.0.0.1:8765", "ws://127.0.0.1:8765/client"),
        ("https://voice.example/", "wss://voice.example/client"),
        ("wss://voice.example//", "wss://voice.example/client"),
        ("ws://voice.example/client", "ws://voice.example/client"),
        ("https://voice.example/eu/client/", "wss://voice.example/eu/client"),
    ],
)
def test_the_address_is_the_servers_with_the_path_of_runners(base: str, url: str) -> None:
    assert socket_url(base) == url


# up


async def test_a_link_registers_and_hands_over_what_arrives() -> None:
    server = Server()
    async with serving(server) as url, running(url, "desk", "org:ñ") as link:
        await link.until(AgentReady, 2)
        assert server.received[:3] == [
            {"event": "connect", "api_key": "pk_test"},
            {"event": "agent.create", "agent_id": "desk"},
            {"event": "agent.create", "agent_id": "org:ñ"},
        ]
        (socket,) = server.sockets
        assert socket.request is not None
        assert (socket.request.path, socket.request.headers.get("Authorization")) == ("/client", None)
        await socket.send('{"event":"llm.error","agent_id":"desk","call_id":"c","error":"x"}')
        received = await link.until(Received)
        assert received.frame.error == "x"
        assert len(link.all(Received)) == 1
        assert link.link.send(c.CallHangup(call_id="c"))
        await server.until("call.hangup")
        assert await link.stop() < 1
    assert server.closes == [1000]


async def test_a_link_comes_back_when_the_server_goes_and_brings_tool_results() -> None:
    server = Server()
    result = c.LlmToolResult(call_id="c", msg_id="m", results=[])
    async with serving(server) as url, running(url, "desk") as link:
        await link.until(AgentReady)
        link.clock.ahead += 60  # a connection that lasted
        await server.sockets[0].close(1012, "restart")
        assert await link.until(Down) == Down("restart", 0.0, was_steady=True)
        assert not link.link.send(c.CallHangup(call_id="c"))
        assert link.link.send(result)
        await link.until(AgentReady, 2)
        await server.until("llm.tool_result")
        assert [up.epoch for up in link.all(Up)] == [1, 2]
        server.sockets[1].transport.abort()
        assert await link.until(Down, 2) == Down("connection lost", 0.0)
        await link.until(AgentReady, 3)
        link.put_forward(1)
        await server.until("llm.tool_result", 2)  # nothing showed that the server has it


@pytest.mark.parametrize(
    ("first", "close", "sentence"),
    [
        (
            '{"event":"error","code":"INVALID_KEY","error":"unknown key"}',
            (1008, "invalid key"),
            "the server refused the key: unknown key",
        ),
        (
            '{"event":"connected"}',
            (4001, "Displaced by an operator"),
            "another process, or an operator, took the agents over: Displaced by an operator",
        ),
    ],
)
async def test_a_link_that_is_refused_ends(first: str, close: tuple[int, str], sentence: str) -> None:
    connections = 0

    async def refuse(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await socket.recv()
        await socket.send(first)
        await socket.close(*close)

    async with serving(refuse) as url, running(url, "desk") as link:
        async with asyncio.timeout(SOON):
            await link.task
        assert link.told[-1] == Refused(sentence)
    assert connections == 1


async def test_messages_come_whole_whatever_their_fragments_and_only_as_text() -> None:
    server = Server()
    error = '{"event":"llm.error","agent_id":"desk","call_id":"c","error":"ñ%s"}'
    async with serving(server) as url, running(url, "desk") as link:
        await link.until(AgentReady)
        (socket,) = server.sockets
        whole = error % ("x" * 300_000)
        await socket.send([whole[:60], whole[60:200_000], whole[200_000:]])
        assert len((await link.until(Received)).frame.error) == 300_001
        await socket.send((error % "binary").encode())  # no part of the protocol
        await socket.send([b"{", b"}"])
        await socket.send(error % "last")
        assert (await link.until(Received, 2)).frame.error == "ñlast"


async def test_what_an_eager_server_says_before_it_is_asked_is_not_lost() -> None:
    async def full(socket: ServerConnection) -> None:
        await socket.send('{"event":"error","code":"SERVER_AT_CAPACITY","error":"full"}')
        await silence(socket)

    async with serving(full) as url, running(url, "desk") as link:
        assert (await link.until(Received)).frame.error == "full"


async def test_a_server_that_reads_too_slowly_is_given_up_before_memory_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OUTGOING_BYTES", 100_000)
    is_over = asyncio.Event()

    async def deaf(socket: ServerConnection) -> None:
        await socket.send('{"event":"connected"}')
        socket.transport.pause_reading()
        await is_over.wait()
        socket.transport.abort()

    async with serving(deaf) as url, running(url) as link:
        await link.until(Up)
        result = c.LlmToolResult(
            call_id="c", msg_id="m", results=[c.ToolResult(tool_call_id="t", result="x" * 500_000)]
        )
        async with asyncio.timeout(SOON):
            while not link.all(Down):
                link.link.send(result)
                await asyncio.sleep(0)
        assert "reads too slowly" in link.all(Down)[0].reason
        is_over.set()
        await link.until(Up, 2)


# the server is not there, or is not one


@pytest.mark.parametrize(
    ("answer", "scheme", "sentence"),
    [
        (NOT_FOUND, "ws", "HTTP 404 instead of a WebSocket: no voice server is there"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "ws", "does not speak HTTP: check the port of server.url"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "wss", "write http:// in server.url if the server speaks no TLS"),
    ],
)
async def test_who_answers_otherwise_is_told_and_tried_again(answer: bytes, scheme: str, sentence: str) -> None:
    async with listening(answer) as address, running(f"{scheme}://{address}") as link:
        down = await link.until(Down, 2)
        assert sentence in down.reason
        assert not link.task.done()


async def test_a_closed_port_is_told_and_tried_again_until_somebody_listens() -> None:
    port, server = free_port(), Server()
    async with running(f"http://127.0.0.1:{port}", "desk") as link:
        assert (await link.until(Down, 3)).reason.startswith(f"nothing listens at 127.0.0.1:{port}: ")
        async with serve(server, "127.0.0.1", port):
            await link.until(AgentReady)
            await link.stop()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "nonsense/client is not a WebSocket address"),
        ("ws://", "is not a WebSocket address"),
        ("ws://[::1", "Invalid IPv6 URL"),
        ("ws://127.0.0.1:99999", "Port out of range"),
        ("ws://a..b", "label empty"),
    ],
)
async def test_an_address_that_cannot_be_is_told(url: str, sentence: str) -> None:
    async with running(url) as link:
        assert sentence in (await link.until(Down)).reason
        assert not link.task.done()


async def test_a_proxy_is_not_asked_for_the_way_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An offline start in an office would hang on its proxy."""
    port = free_port()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with serving(Server()) as url:
        async with running(url) as link:
            await link.until(Up)
        async with running(url.replace("127.0.0.1", "localhost")) as link:
            await link.until(Up)
    async with running("ws://voice.invalid") as link:
        assert (await link.until(Down)).reason.startswith(f"nothing listens at the proxy 127.0.0.1:{port}: check ")


@pytest.mark.parametrize("stage", ["open", "accept the key"])
async def test_who_does_not_answer_in_time_is_given_up(stage: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if stage == "open":
            url = "ws://" + await stack.enter_async_context(listening(b""))
        else:
            url = await stack.enter_async_context(serving(silence))
        link = await stack.enter_async_context(running(url))
        for count in (1, 2):
            await link.until_state("OPENING" if stage == "open" else "GREETING")
            link.put_forward(10)
            assert (await link.until(Down, count)).reason == f"the server did not {stage} within 10 s"


async def test_a_try_that_was_given_up_does_not_hold_up_the_next_one() -> None:
    async with listening(b"", NOT_FOUND) as address, running(f"ws://{address}") as link:
        await link.until_state("OPENING")
        await asyncio.sleep(0.05)
        link.put_forward(10)
        assert "HTTP 404" in (await link.until(Down, 2)).reason


async def test_the_failure_of_a_try_that_was_given_up_is_no_loss_of_the_next_one() -> None:
    told: list[Any] = []
    link = Link(f"ws://127.0.0.1:{free_port()}", ClientPeer("k", lambda: 0.0), told.append, time.monotonic)
    link._peer.start(time.monotonic())
    await link._connect(None)  # of another connection than the peer's
    assert told == []


async def test_the_end_of_a_socket_that_was_given_up_is_no_loss_of_the_next_one() -> None:
    """The first server never closes; the next connection is up before the first one's closing times out."""
    server = Server()

    async def slow_then_well(socket: ServerConnection) -> None:
        if not server.sockets:
            server.sockets.append(socket)
            socket.transport.pause_reading()  # not even a close is read
            await asyncio.sleep(0.1)
            socket.transport.abort()
        else:
            await server(socket)

    async with serving(slow_then_well) as url, running(url, "desk") as link:
        await link.until_state("GREETING")
        link.put_forward(10)
        await link.until(AgentReady)
        await asyncio.sleep(0.2)
        assert len(link.all(Down)) == 1
        assert len(link.all(Up)) == 1


# stopping


@pytest.mark.parametrize("stage", ["opening", "greeting", "up", "up, but deaf", "waiting"])
async def test_a_link_stops_within_a_second_in_every_state(stage: str) -> None:
    server, is_over = Server(), asyncio.Event()

    async def deaf(socket: ServerConnection) -> None:
        await socket.send('{"event":"connected"}')
        socket.transport.pause_reading()
        await is_over.wait()
        socket.transport.abort()

    async with contextlib.AsyncExitStack() as stack:
        match stage:
            case "opening":
                url = "ws://" + await stack.enter_async_context(listening(b""))
            case "greeting":
                url = await stack.enter_async_context(serving(silence))
            case "up":
                url = await stack.enter_async_context(serving(server))
            case "up, but deaf":
                url = await stack.enter_async_context(serving(deaf))
            case _:
                url = f"ws://127.0.0.1:{free_port()}"
        link = await stack.enter_async_context(running(url, "desk"))
        if stage == "waiting":
            link.peer.random = lambda: 0.999
        await link.until_state(stage.partition(",")[0].upper())
        assert await link.stop() < 1
        is_over.set()
        assert not link.link.send(c.Ping())
        before = asyncio.all_tasks()
        link.link.want({})
        link.link.stop()
        assert asyncio.all_tasks() == before


async def test_a_link_that_is_stopped_before_it_runs_does_not_open_a_socket() -> None:
    link = Link("ws://127.0.0.1:1", ClientPeer("k", lambda: 0.0), lambda output: None, time.monotonic)
    link.stop()
    async with asyncio.timeout(SOON):
        await link.run()


async def test_a_cancelled_link_closes_politely() -> None:
    server = Server()
    async with serving(server) as url, running(url, "desk") as link:
        await link.until(AgentReady)
        link.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await link.task
    assert server.closes == [1000]


@pytest.mark.parametrize("kind", [Up, AgentReady, Received, Down])
async def test_what_the_owner_raises_ends_the_link_and_is_heard(kind: type[Any]) -> None:
    """Else the connection would look alive for ever, with nobody behind it."""

    def fail(running: Running, output: Any) -> None:
        if isinstance(output, kind):
            raise LookupError(kind.__name__)

    async def chat(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"event":"connected"}')
        await socket.recv()
        await socket.send('{"event":"agent.created","agent_id":"desk"}')
        await socket.send('{"event":"error","error":"x"}')
        await socket.close()

    async with serving(chat) as url, running(url, "desk", react=fail) as link:
        async with asyncio.timeout(SOON):
            with pytest.raises(LookupError, match=kind.__name__):
                await link.task


# an owner that speaks while it is spoken to


async def test_what_an_owner_wants_while_it_is_told_of_the_connection_comes_after_what_it_wanted_before() -> None:
    """``Up`` comes before the first registrations are sent; a removal must not overtake them."""
    server = Server()

    def remove(running: Running, output: Any) -> None:
        if isinstance(output, Up):
            kept = {"b": Registration(c.AgentCreate(agent_id="b"))}
            running.link.want(kept, [c.AgentRemove(agent_id="a")])
            running.link.send(c.CallHangup(call_id="c"))

    async with serving(server) as url, running(url, "a", "b", react=remove) as link:
        await server.until("call.hangup")
        await link.until(AgentReady)
    told = [(frame["event"], frame.get("agent_id")) for frame in server.received]
    assert told == [
        ("connect", None),
        ("agent.create", "a"),
        ("agent.create", "b"),
        ("agent.remove", "a"),
        ("call.hangup", None),
    ]
    assert [ready.agent_id for ready in link.all(AgentReady)] == ["b"]


@pytest.mark.parametrize("kind", [Up, AgentReady, Down])
async def test_an_owner_may_stop_the_link_while_it_is_told_something(kind: type[Any]) -> None:
    async def hang_up(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"event":"connected"}')
        await socket.recv()
        await socket.send('{"event":"agent.created","agent_id":"desk"}')
        await socket.close()

    def stop(running: Running, output: Any) -> None:
        if isinstance(output, kind):
            running.link.stop()

    async with serving(hang_up) as url, running(url, "desk", react=stop) as link:
        async with asyncio.timeout(SOON):
            await link.task
        assert link.all(kind)


# idling


@pytest.mark.parametrize("stage", ["up", "greeting", "opening", "waiting"])
async def test_an_idle_link_sleeps(stage: str) -> None:
    """It wakes for a deadline or for something that happened, and for nothing else."""
    async with contextlib.AsyncExitStack() as stack:
        match stage:
            case "opening":
                url = "ws://" + await stack.enter_async_context(listening(b""))
            case "greeting":
                url = await stack.enter_async_context(serving(silence))
            case "up":
                url = await stack.enter_async_context(serving(Server()))
            case _:
                url = f"ws://127.0.0.1:{free_port()}"
        link = await stack.enter_async_context(running(url, "desk"))
        if stage == "waiting":
            link.peer._attempt = 10
            link.peer.random = lambda: 0.999
        await link.until_state(stage.upper())
        await asyncio.sleep(0.05)
        before = link.peer.ticks
        assert before < 10
        await asyncio.sleep(0.2)
        assert link.peer.ticks == before
