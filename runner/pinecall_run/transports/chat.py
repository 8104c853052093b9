"""The browser's chat socket, ``/chat/ws`` (protocol: chat WebSocket)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from pinecall_run.transports._closing import NORMAL, TRY_AGAIN, close, refuse
from pinecall_run.transports.contract import NotAdmittedError, Reception, TextSession
from pinecall_run.wire.codec import object_from_json, to_json
from pinecall_run.wire.events import NamedResult, ToolCall

MAX_TEXT = 8_000
"""Longest message a person may send, in characters, and largest context a page may set, in bytes of JSON."""

OUTBOX = 1_000
"""Frames waiting for a slow reader; beyond that the socket is closed, because a gap would garble the answer."""

CLOSE_SECONDS = 1.0


class _Outlet:
    """Writes a conversation to a socket by way of a bounded queue."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(OUTBOX)
        self.overrun = asyncio.Event()
        self._session_id = ""
        self._shows_results = False

    def begin(self, session_id: str, *, shows_results: bool) -> None:
        self._session_id = session_id
        self._shows_results = shows_results
        self.send("chat.connected")

    def send(self, event: str, **fields: Any) -> None:
        self._put({"event": event, "session_id": self._session_id, **fields})

    def token(self, text: str) -> None:
        self.send("chat.token", token=text, text=text)

    def done(self, text: str, *, is_asked: bool = True) -> None:
        self.send("chat.done", text=text, **({} if is_asked else {"unsolicited": True}))

    def tool_calls(self, calls: Sequence[ToolCall]) -> None:
        self.send("chat.tool_call", tool_calls=calls)

    def tool_results(self, results: Sequence[NamedResult]) -> None:
        if self._shows_results:
            self.send("chat.tool_result", results=results)

    def error(self, sentence: str) -> None:
        self.send("chat.error", error=sentence)

    def ended(self, reason: str) -> None:
        self.send("chat.ended", reason=reason)
        self._put(None)

    def _put(self, frame: dict[str, Any] | None) -> None:
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.overrun.set()


async def serve_chat(socket: WebSocket, reception: Reception) -> None:
    """Serve one browser's chat until either side ends it."""
    await socket.accept()
    outlet = _Outlet()
    try:
        admitted = reception.open_chat(socket.query_params.get("token", ""), outlet)
    except NotAdmittedError as refusal:
        await refuse(socket, refusal)
        return
    session = admitted.session
    outlet.begin(session.id, shows_results=admitted.is_developer)
    workers = [
        asyncio.create_task(_read(socket, session, outlet)),
        asyncio.create_task(_write(socket, outlet)),
        asyncio.create_task(outlet.overrun.wait()),
    ]
    try:
        await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
    finally:
        session.end("disconnected")
        for worker in workers:
            worker.cancel()
        ended = await asyncio.gather(*workers, return_exceptions=True)
        verdict = (TRY_AGAIN, "reads too slowly") if outlet.overrun.is_set() else (NORMAL, "")
        await close(socket, *verdict, within=CLOSE_SECONDS)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure


async def _read(socket: WebSocket, session: TextSession, outlet: _Outlet) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        frame = object_from_json(message.get("text") or "") or {}  # what is no frame is ignored, like unknown frames
        match frame.get("event"):
            case "message" if isinstance(frame.get("text"), str) and len(frame["text"]) <= MAX_TEXT:
                session.post(frame["text"])
            case "message":
                outlet.error(f"a message is a text of at most {MAX_TEXT:,} characters")
            case "set_context" if isinstance(frame.get("key"), str):
                if len(frame["key"]) + len(to_json(frame.get("value"))) <= MAX_TEXT:
                    session.set_context(frame["key"], frame.get("value"))
                else:
                    outlet.error(f"a key and its value have at most {MAX_TEXT:,} bytes together")


async def _write(socket: WebSocket, outlet: _Outlet) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the other side is gone
        while (frame := await outlet.queue.get()) is not None:
            await socket.send_text(_text(frame))


def _text(frame: Mapping[str, Any]) -> str:
    return to_json(frame).decode()
