"""Models that are functions of the user's: asked at each turn of the person, their pieces streamed as the reply."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from pinecall_run.live.calls import LiveCall
from pinecall_run.live.functions import UnusableError, call_hook, failure, is_ending
from pinecall_run.live.notices import FunctionFailed, Notice
from pinecall_run.live.threads import Threads
from pinecall_run.tools.binding import annotated
from pinecall_run.tools.call import ReplyStream
from pinecall_run.tools.given import Given
from pinecall_run.tools.hook import Hook
from pinecall_run.wire import events, speech_events

_Turn = events.TurnEnd | speech_events.EagerTurn


@dataclass(slots=True)
class _Reply:
    """A reply that is being made, or was: ``asked`` is the message it answers, and its text."""

    asked: tuple[str, str]
    stream: ReplyStream
    task: asyncio.Task[None]


class Responder:
    """Asks models, each call's when ``ready`` has nothing more to wait for. Plain functions run in ``pool``, ``notify``
    tells what went wrong."""

    def __init__(
        self,
        pool: Threads,
        notify: Callable[[Notice], None],
        ready: Callable[[str], asyncio.Task[None] | None] = lambda call_id: None,
    ) -> None:
        self._ready = ready
        self._pool = pool
        self._notify = notify
        self._replies: dict[str, _Reply] = {}
        """The latest of each call."""

    def handle(self, live: LiveCall, event: events.Event) -> None:
        """Begin or stop a reply where an event says so."""
        if live.agent.model is None:
            return
        match event:
            case events.TurnEnd() | speech_events.EagerTurn():
                self._turn(live, live.agent.model, event)
            case speech_events.TurnContinued() | events.CallEnded() | events.ChatEnded():
                self._stop(live.call.id)
            case speech_events.BotInterrupted(message_id=message_id) | events.ReplyRejected(message_id=message_id):
                reply = self._replies.get(live.call.id)
                if reply is not None and message_id in ("", reply.stream.message_id):
                    reply.task.cancel()  # it stays the answer to its turn, however little of it was heard

    def disconnected(self) -> None:
        """The connection is lost, and with it what was said of replies: a server that waits for one asks again."""
        for call_id in list(self._replies):
            self._stop(call_id)

    async def close(self) -> None:
        """Cancel what still runs."""
        tasks = [reply.task for reply in self._replies.values()]
        for call_id in list(self._replies):
            self._stop(call_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _turn(self, live: LiveCall, model: Hook, event: _Turn) -> None:
        text = event.text or next((said.text for said in reversed(live.call.transcript) if said.who == "user"), "")
        asked = (event.message_id or live.call.latest_message, text)
        reply = self._replies.get(live.call.id)
        if reply is not None and reply.asked == asked:
            return  # begun when the turn was about to end, or told twice
        self._stop(live.call.id)
        stream = live.call.stream()
        live.state.hold()
        task = asyncio.create_task(self._answer(live, model, event, stream))
        task.add_done_callback(lambda task: live.state.release())
        self._replies[live.call.id] = _Reply(asked, stream, task)

    def _stop(self, call_id: str) -> None:
        reply = self._replies.pop(call_id, None)
        if reply is not None:
            reply.task.cancel()
            reply.stream.abort()

    async def _answer(self, live: LiveCall, model: Hook, event: _Turn, stream: ReplyStream) -> None:
        values = {Given.CALL: live.call, Given.EVENT: event, Given.STATE: live.state.value}
        preparing = self._ready(live.call.id)
        if preparing is not None:
            await asyncio.wait([preparing])
        try:
            async with aclosing(_pieces(model, values, self._pool)) as pieces:
                async for piece in pieces:
                    if not isinstance(piece, str):
                        raise UnusableError(f"a piece of type {type(piece).__name__}, and a reply is text")
                    if not stream.write(piece):
                        return
        except BaseException as error:
            if is_ending(error):
                stream.abort()
                raise
            told = failure(error, model)
            self._notify(FunctionFailed(live.call.agent, live.call.id, "model", model.path, told, live.call.revision))
        stream.end()


async def _pieces(model: Hook, values: Mapping[Given, Any], pool: Threads) -> AsyncGenerator[Any]:
    """What a model's function gives, in any form: an async generator or a plain one, or a whole text."""
    is_stream = inspect.isasyncgenfunction(annotated(model.function))
    source: Any = model.function(**model.fill(values)) if is_stream else await call_hook(model, values, pool)
    if source is None or isinstance(source, str):
        yield source or ""
    elif isinstance(source, AsyncGenerator):
        async with aclosing(source):
            async for piece in source:
                yield piece
    elif isinstance(source, Iterable):
        pieces, end, threads = iter(source), object(), pool.of(model.path)
        while (piece := await asyncio.get_running_loop().run_in_executor(threads, next, pieces, end)) is not end:
            yield piece
    else:
        raise UnusableError(f"a reply of type {type(source).__name__}, and a reply is text, or pieces of it")
