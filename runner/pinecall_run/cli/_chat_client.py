"""The chat socket from a terminal: finds the server, gets a token, converses."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import click
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from pinecall_run.cli._captions import tool_call, tool_result
from pinecall_run.live.embedded import FIRST_PORT, PORTS, Server

ANSWER_SECONDS = 120.0


class ChatError(Exception):
    """There is no conversation; the message is one sentence for the person."""


async def find_server(project: str) -> Server | None:
    """The server on this machine that runs a project, if any."""
    addresses = [f"http://127.0.0.1:{port}" for port in range(FIRST_PORT, FIRST_PORT + PORTS)]
    answers = await asyncio.gather(
        *(asyncio.to_thread(get_json, f"{address}/healthz", "", 1.0) for address in addresses)
    )
    for address, (status, about) in zip(addresses, answers, strict=True):
        if status == 200 and about.get("project") == project:
            return Server(address, "")
    return None


async def is_online(server: Server, agent: str) -> bool:
    """Whether an agent can be reached on a server."""
    status, _ = await _token(server, "chat", agent)
    return status == 200


async def socket_url(server: Server, kind: str, agent: str) -> str:
    """The address of a conversation with an agent, a fresh token in it. ``kind`` is ``chat`` or ``stream``.

    Raises:
        ChatError: the agent is not there, or the server does not let us in.
    """
    status, answer = await _token(server, kind, agent)
    if status != 200:
        raise ChatError(str(answer.get("detail") or f"{server.url} answered {status} when asked for a token"))
    base = "ws" + http_address(server.url).removeprefix("http")
    return f"{base}{_SOCKETS[kind]}?token={urllib.parse.quote(answer['token'])}"


_SOCKETS = {"chat": "/chat/ws", "stream": "/audio/ws"}


async def _token(server: Server, kind: str, agent: str) -> tuple[int, dict[str, Any]]:
    query = urllib.parse.urlencode({"agent_id": agent, "scope": "supervise"})
    url = f"{http_address(server.url)}/{kind}/token?{query}"
    return await asyncio.to_thread(get_json, url, server.key, 10.0)


class ChatClient:
    """One conversation."""

    def __init__(self, socket: ClientConnection, agent: str) -> None:
        self._socket = socket
        self._agent = agent
        self._is_interactive = sys.stdin.isatty()
        self._has_failed = False
        self._is_open = False
        """Whether an answer is being written."""

    @classmethod
    @asynccontextmanager
    async def connect(cls, server: Server, agent: str) -> AsyncIterator[ChatClient]:
        """A conversation with an agent.

        Raises:
            ChatError: the agent is not there, or the server does not let us in.
        """
        url = await socket_url(server, "chat", agent)
        try:
            async with connect(url, open_timeout=10, close_timeout=0.5, max_size=None) as socket:
                yield cls(socket, agent)
        except (OSError, InvalidHandshake) as error:
            raise ChatError(f"the chat socket of {server.url} cannot be opened: {error}") from error

    async def converse(self) -> None:
        """Send each line that is typed and print each answer, until there are no more lines.

        Raises:
            ChatError: the server ended it, or an answer failed and nobody is there to try again.
        """
        lines = _lines()
        try:
            await self._until("chat.connected")
            while True:
                self._prompt("you> ")
                text = await self._typed(lines)
                if text is None or (self._is_interactive and not text.strip()):
                    break
                if not text.strip():
                    continue
                await self._socket.send(json.dumps({"event": "message", "text": text.strip()}))
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._until("chat.done", "chat.error")
        except ConnectionClosed as error:
            reason = error.rcvd.reason if error.rcvd else ""
            raise ChatError(f"the server ended the conversation: {reason or 'it is gone'}") from error
        except TimeoutError as error:
            raise ChatError(f"no answer within {ANSWER_SECONDS:g} s") from error
        if self._has_failed and not self._is_interactive:
            raise ChatError("not every message was answered")

    def _prompt(self, text: str) -> None:
        if self._is_interactive:
            click.echo(text, nl=False)

    async def _typed(self, lines: asyncio.Queue[str | None]) -> str | None:
        """The next line. What the agent says of its own accord meanwhile is shown, and that it is gone is noticed."""
        typing = asyncio.ensure_future(lines.get())
        hearing = asyncio.ensure_future(self._socket.recv())
        try:
            while not typing.done():
                await asyncio.wait((typing, hearing), return_when=asyncio.FIRST_COMPLETED)
                if hearing.done() and not typing.done():
                    if self._is_interactive and not self._is_open:
                        click.echo()
                    self._show(json.loads(hearing.result()))
                    if not self._is_open:
                        self._prompt("you> ")
                    hearing = asyncio.ensure_future(self._socket.recv())
            return typing.result()
        finally:
            typing.cancel()
            hearing.cancel()
            (heard,) = await asyncio.gather(hearing, return_exceptions=True)
            if isinstance(heard, str):
                self._show(json.loads(heard))

    async def _until(self, *events: str) -> None:
        while True:
            frame = json.loads(await self._socket.recv())
            self._show(frame)
            if frame.get("event") in events and not frame.get("unsolicited"):
                self._close_line()
                return

    def _show(self, frame: dict[str, Any]) -> None:
        match frame.get("event"):
            case "chat.token":
                if not self._is_open:
                    click.echo(f"{self._agent}> ", nl=False)
                    self._is_open = True
                click.echo(frame.get("token", ""), nl=False)
            case "chat.done" if not self._is_open and frame.get("text"):
                click.echo(f"{self._agent}> {frame['text']}")
            case "chat.tool_call":
                self._close_line()
                for call in frame.get("tool_calls", []):
                    click.echo(f"  {tool_call(call)}")
            case "chat.tool_result":
                for result in frame.get("results", []):
                    click.echo(f"  {tool_result(result['result'], columns(2))}")
            case "chat.error" | "error":
                self._close_line()
                self._has_failed = True
                click.echo(f"{self._agent} has no answer: {frame.get('error')}", err=True)
            case "chat.ended":
                self._close_line()
                raise ChatError(f"the conversation is over: {frame.get('reason')}")
        if frame.get("event") in ("chat.done", "chat.error"):
            self._close_line()

    def _close_line(self) -> None:
        if self._is_open:
            click.echo()
        self._is_open = False


def _lines() -> asyncio.Queue[str | None]:
    """Lines of standard input, ``None`` at the end; read in a thread that dies with the program."""
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, line)
        loop.call_soon_threadsafe(queue.put_nowait, None)

    threading.Thread(target=read, daemon=True, name="stdin").start()
    return queue


def columns(margin: int = 0) -> int | None:
    """How wide the terminal is beside a margin; ``None`` where the output is none."""
    return max(shutil.get_terminal_size().columns - margin, 40) if sys.stdout.isatty() else None


def http_address(url: str) -> str:
    """The address of a server for HTTP."""
    base = url.rstrip("/")
    return "http" + base.removeprefix("ws") if base.startswith("ws") else base


def get_json(url: str, key: str, timeout: float) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an address; status 0 when nothing answers."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({})) if "127.0.0.1" in url else None
    try:
        with (
            opener.open(request, timeout=timeout) if opener else urllib.request.urlopen(request, timeout=timeout) as got
        ):
            return got.status, _object(got.read())
    except urllib.error.HTTPError as error:
        return error.code, _object(error.read())
    except (OSError, ValueError):
        return 0, {}


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
