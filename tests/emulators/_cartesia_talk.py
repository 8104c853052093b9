"""What goes on over one WebSocket of the emulated Cartesia."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.emulators._cartesia_context import Context, fixed_part
from tests.emulators._cartesia_rules import Refusal, invalid, troubled, unknown, wrong
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

if TYPE_CHECKING:
    from tests.emulators.cartesia_server import CartesiaServer


class Talk:
    """What goes on over one WebSocket."""

    def __init__(self, server: CartesiaServer, connection: ServerConnection, version: str) -> None:
        self.version = version
        self.server = server
        self.connection = connection
        self.id = str(uuid.uuid4())
        self.contexts: dict[str, Context] = {}
        self.is_stalled = False
        self._speaking: set[asyncio.Task[None]] = set()

    async def end(self) -> None:
        """Nothing is spoken any more."""
        for task in self._speaking:
            task.cancel()
        for failed in await asyncio.gather(*self._speaking, return_exceptions=True):
            if isinstance(failed, Exception):
                self.server.problems.append(f"the emulator broke: {failed!r}")
        for context in self.contexts.values():
            context.fail()

    async def listen(self) -> None:
        """Take requests until the WebSocket is closed."""
        while True:
            try:
                async with asyncio.timeout(self.server.idle_seconds):
                    data = await self.connection.recv()
            except TimeoutError:
                if any(context.state != "gone" for context in self.contexts.values()):
                    continue
                await self.connection.close(1000, "Idle")  # the vendor does not say which code
            if self.connection.state is not State.OPEN:
                return
            refusal, name = self._take(data)
            if refusal is not None:
                await self.refuse(refusal, name)

    def _take(self, data: str | bytes) -> tuple[Refusal | None, str]:
        try:
            request: Any = json.loads(data) if isinstance(data, str) else None
        except ValueError:
            request = None
        if not isinstance(request, dict):
            return invalid(f"no JSON object: {data!r:.80}"), ""
        name = request.get("context_id")
        name = name if isinstance(name, str) else ""
        refusal = self._cancel(name, request) if "cancel" in request else self._generate(name, request)
        if refusal is None:
            self.server.requests.append(request)
        return refusal, name

    def _cancel(self, name: str, request: Mapping[str, Any]) -> Refusal | None:
        context = self.contexts.get(name)
        if request.keys() != {"context_id", "cancel"} or request["cancel"] is not True or context is None:
            return invalid(f"no cancel of a context of this connection: {request}")
        if context.state != "gone":
            context.cancel()
        return None

    def _generate(self, name: str, request: Mapping[str, Any]) -> Refusal | None:
        context = self.contexts.get(name)
        is_empty = not request.get("transcript")
        if faulty := next(wrong(request, self.version), None):
            return faulty
        if request["output_format"]["encoding"] not in ("pcm_s16le", "pcm_f32le"):
            self.server.problems.append("this emulator speaks pcm_s16le and pcm_f32le only")
        if context is not None:
            if context.state != "open":
                # An expired context, or one that failed meanwhile, is a race that no client can win.
                return _closed(is_mistake=context.is_finished or context.is_cancelled)
            if context.fixed != fixed_part(request):
                return invalid("inputs of one context must have all fields but transcript and continue in common")
            if is_empty and request.get("continue") and not request.get("flush"):
                return invalid("transcript is empty")
        elif is_empty:
            return invalid("transcript is empty")
        else:
            context = self.contexts[name] = Context.of(request)
            if absent := self._unavailable(request):
                context.fail()
                return absent
            self._begin(context)
        context.take(request)
        return None

    def _unavailable(self, request: Mapping[str, Any]) -> Refusal | None:
        limit = self.server.concurrency
        if limit is not None and self.server.active_contexts >= limit:
            message = "You have exceeded your plan's concurrency limit."
            return Refusal(429, "concurrency_limited", "Too many concurrent requests", message, is_mistake=False)
        return unknown(request, self.server.models, self.server.voices)

    def _begin(self, context: Context) -> None:
        self.server.contexts.append(context)
        task = asyncio.create_task(self._speak(context))
        self._speaking.add(task)

    async def _speak(self, context: Context) -> None:
        chunks = 0
        with contextlib.suppress(ConnectionClosed):
            async for message in context.generate(self.server.chunk_seconds, lambda: self.server.expiry_seconds):
                if message["type"] == "chunk":
                    await asyncio.sleep(self.server.pace)
                    if await self._is_struck(context, chunks):
                        break
                    chunks += 1
                if context.state == "gone" or (context.is_cancelled and not self.server.cancel_lets_finish):
                    break
                if not self.is_stalled:
                    await self.connection.send(json.dumps(message))
        context.fail()

    async def _is_struck(self, context: Context, chunks: int) -> bool:
        """Whether trouble ended the context."""
        trouble = await self.server.strike_open(self.connection, chunks)
        if trouble is None or trouble.kind == "garbage":
            return False
        self.is_stalled = self.is_stalled or trouble.kind == "stall"
        if trouble.kind == "error":
            await self.refuse(troubled(trouble), context.id)
        return trouble.kind in ("close", "drop", "error")

    async def refuse(self, refusal: Refusal, name: str) -> None:
        """An error event; it ends the context, if it is of one."""
        self.server.note(refusal)
        if name in self.contexts:
            self.contexts[name].fail()
        words = refusal.words(self.version)
        event: dict[str, Any] = {"type": "error", "done": True, "status_code": refusal.status}
        if isinstance(words, str):
            event["error"] = words
        else:
            event |= {**words, "request_id": f"{self.id}:{name}:{uuid.uuid4()}"}
        if name:
            event["context_id"] = name
        if not self.is_stalled:
            await self.connection.send(json.dumps(event))


def _closed(*, is_mistake: bool) -> Refusal:
    """The message was seen in the wild, the rest is a guess."""
    message = "Context has closed and is no longer accepting new inputs"
    return Refusal(400, None, "Context closed", message, is_mistake)
