"""The browser's chat socket, ``/chat/ws`` (protocol: chat WebSocket)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from pinecall_run.transports._allowance import Allowance
from pinecall_run.transports._closing import NORMAL, TRY_AGAIN, close, refuse
from pinecall_run.transports.contract import Admitted, NotAdmittedError, Reception, TextSession
from pinecall_run.wire.codec import object_from_json, to_json
from pinecall_run.wire.events import NamedResult, ToolCall

MAX_TEXT = 8_000
"""Longest message a person may send, in characters, and largest context a page may set, in bytes of JSON."""

OUTBOX = 1_000
"""Frames waiting for a slow reader; beyond that the socket is closed, because a gap would garble the answer."""

CLOSE_SECONDS = 1.0

MESSAGES, MESSAGES_PER_SECOND = 30, 2
"""Messages that a person may send at once, and then steadily: each is a question to a model."""

PAUSE_SECONDS = 0.05
"""What a page that floods waits for each of its frames; it is not read meanwhile, and its network holds it up."""


class _Outlet:
    """Writes a conversation to a socket by way of a bounded queue."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(OUTBOX)
        self.overrun = asyncio.Event()
        self._session_id = ""
        self._shows_results = False

    def begin(self, admitted: Admitted, *, has_asked: bool) -> None:
        self._session_id = admitted.session.id
        self._shows_results = admitted.is_developer
        self.send("chat.connected", thread=admitted.thread)
        if has_asked or admitted.earlier:
            self.send("chat.history", thread=admitted.thread, messages=admitted.earlier)

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
        query = socket.query_params
        thread = query.get("thread", "")
        admitted = reception.open_chat(query.get("token", ""), outlet, thread)
    except NotAdmittedError as refusal:
        await refuse(socket, refusal)
        return
    session = admitted.session
    outlet.begin(admitted, has_asked=bool(thread))
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
    hearing = _Hearing(session, outlet)
    frames = Allowance(time.monotonic)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if not frames.take():
            await asyncio.sleep(PAUSE_SECONDS)
        hearing.take(object_from_json(message.get("text") or "") or {})


class _Hearing:
    """Does what a page's frames say; what is no frame is ignored, like unknown frames."""

    def __init__(self, session: TextSession, outlet: _Outlet) -> None:
        self._session = session
        self._outlet = outlet
        self._messages = Allowance(time.monotonic, MESSAGES, MESSAGES_PER_SECOND)

    def take(self, frame: Mapping[str, Any]) -> None:
        match frame.get("event"):
            case "message":
                self._post(frame.get("text"))
            case "set_context" if isinstance(frame.get("key"), str):
                self._show(frame["key"], frame.get("value"))

    def _post(self, text: object) -> None:
        if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT:
            self._outlet.error(f"a message is a text of 1 to {MAX_TEXT:,} characters; this one was not taken")
        elif not self._messages.take():
            many = f"more than {MESSAGES_PER_SECOND} messages a second, after {MESSAGES} at once"
            self._outlet.error(f"{many}: this one was not taken; send it again in a moment")
        else:
            self._session.post(text)

    def _show(self, key: str, value: Any) -> None:
        if len(key) + len(to_json(value)) <= MAX_TEXT:
            self._session.set_context(key, value)
        else:
            self._outlet.error(f"a key and its value have at most {MAX_TEXT:,} bytes together; these were not taken")


async def _write(socket: WebSocket, outlet: _Outlet) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the other side is gone
        while (frame := await outlet.queue.get()) is not None:
            await socket.send_text(_text(frame))


def _text(frame: Mapping[str, Any]) -> str:
    return to_json(frame).decode()
