"""One connection to the emulated Realtime API: what it was told, what it heard, and what it answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.emulators._realtime_conversation import Conversation, Item, Tokens
from tests.emulators._realtime_hearing import Hearing, sound_in
from tests.emulators._realtime_response import Plan, Response
from tests.emulators._realtime_rules import Refusal, refuse_if_wrong
from tests.emulators._realtime_sound import RATES, decoded
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from tests.emulators.realtime_server import RealtimeServer

INSTRUCTIONS = "You are a helpful, witty, and friendly AI."
"""What the vendor's models are told where a session says nothing else (it is longer there)."""
ANSWERS = {"create_response": True, "interrupt_response": True}
TURN_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "server_vad": {
        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
        "idle_timeout_ms": None, **ANSWERS,
    },
    "semantic_vad": {"type": "semantic_vad", "eagerness": "auto", **ANSWERS},
}  # fmt: skip


class Session:
    """Speaks with one client until it leaves, the session is too old, or a trouble ends it."""

    def __init__(self, server: RealtimeServer, connection: ServerConnection, model: str, *, is_silent: bool) -> None:
        self.server = server
        self._connection = connection
        self._is_silent = is_silent
        self.conversation = Conversation()
        self._conversation_id = server.new_id("conv")
        self.config = self._new_config(model)
        self.hearing = Hearing(self)
        self._active: Response | None = None
        self._active_work: asyncio.Task[None] | None = None
        self._works: set[asyncio.Task[None]] = set()
        self._suffered: object = None

    def _new_config(self, model: str) -> dict[str, Any]:
        sound = {"type": "audio/pcm", "rate": RATES["audio/pcm"]}
        turns = dict(TURN_DEFAULTS["server_vad"])
        hears = {"format": sound, "transcription": None, "noise_reduction": None, "turn_detection": turns}
        return {
            "type": "realtime", "object": "realtime.session", "id": self.server.new_id("sess"), "model": model,
            "output_modalities": ["audio"], "instructions": INSTRUCTIONS, "tools": [], "tool_choice": "auto",
            "max_output_tokens": "inf", "tracing": None, "truncation": "auto", "prompt": None, "include": None,
            "expires_at": int(time.time() + self.server.session_seconds),
            "audio": {"input": hears, "output": {"format": dict(sound), "voice": "marin", "speed": 1.0}},
        }  # fmt: skip

    async def serve(self) -> None:
        """From ``session.created`` to the end."""
        try:
            await self._converse()
        except ConnectionClosed:
            pass
        finally:
            for work in self._works:
                work.cancel()
            await asyncio.gather(*self._works, return_exceptions=True)

    async def _converse(self) -> None:
        await self.send("session.created", session=self.config)
        await self._suffer()
        try:
            async with asyncio.timeout(self.server.session_seconds):
                async for message in self._connection:
                    await self._take(message)
                    await self._suffer()
        except TimeoutError:
            message = f"Your session hit the maximum duration of {self.server.session_seconds / 60:.0f} minutes."
            await self._send_error(Refusal("session_expired", message), None)
            await self._connection.close(1001, message)

    # out

    async def send(self, kind: str, **fields: Any) -> None:
        if not self._is_silent:
            await self._connection.send(json.dumps({"type": kind, "event_id": self.server.new_id("event"), **fields}))

    async def _send_error(self, refusal: Refusal, event_id: str | None, kind: str = "invalid_request_error") -> None:
        error = {"type": kind, "code": refusal.code, "message": str(refusal), "param": refusal.param}
        await self.send("error", error={**error, "event_id": event_id})

    async def _suffer(self) -> None:
        """What is due of the trouble that the server is in."""
        trouble = self.server.due(self.hearing.seconds, self._suffered)
        if trouble is None:
            return
        self._suffered = trouble
        if trouble.kind == "close":
            await self._connection.close(int(trouble.code), trouble.reason)
        elif trouble.kind == "drop":
            self._connection.transport.abort()
        elif trouble.kind == "stall":
            self._is_silent = True
        elif trouble.kind == "garbage":
            await self._connection.send('{"type": "response.output_audio.delta", "delta": ')
        elif trouble.kind == "error":
            code = trouble.code if isinstance(trouble.code, str) else None
            await self._send_error(Refusal(code, trouble.reason), None, "server_error")

    # in

    async def _take(self, message: str | bytes) -> None:
        event: Any = None
        try:
            event = _parsed(message)
            refuse_if_wrong(event)
            self.server.note(event)
            await _HANDLERS[event["type"]](self, event)
        except Refusal as refusal:
            event_id = event.get("event_id") if isinstance(event, dict) else None
            self.server.blame(refusal)
            await self._send_error(refusal, event_id if isinstance(event_id, str) else None)

    async def _on_update(self, event: Mapping[str, Any]) -> None:
        changes = dict(event["session"])
        audio = changes.pop("audio", {})
        hears, speaks = audio.get("input", {}), audio.get("output", {})
        current = self.config["audio"]
        self._refuse_changes(changes, speaks)
        if hears.get("turn_detection") is not None:
            turns = hears["turn_detection"]
            hears = {**hears, "turn_detection": {**TURN_DEFAULTS[turns["type"]], **turns}}
        if {"instructions", "tools"} & changes.keys():
            self.conversation.cached = Tokens()
        self.config = {
            **self.config,
            **changes,
            "audio": {"input": {**current["input"], **hears}, "output": {**current["output"], **speaks}},
        }
        await self.send("session.updated", session=self.config)

    def _refuse_changes(self, changes: Mapping[str, Any], speaks: Mapping[str, Any]) -> None:
        current = self.config["audio"]["output"]
        if changes.get("model", self.config["model"]) != self.config["model"]:
            raise Refusal("cannot_update_model", "Cannot update the model of a session.", "session.model")
        if speaks.get("voice", current["voice"]) != current["voice"] and self.conversation.has_agent_audio:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise Refusal("cannot_update_voice", message)
        if speaks.get("speed", current["speed"]) != current["speed"] and self._active is not None:
            raise Refusal("cannot_update_speed", "Cannot update the speed while a response is in progress.")
        _refuse_modalities(changes, "session")

    # the conversation

    async def show(self, item: Item) -> None:
        previous = self.conversation.previous(item)
        await self.send("conversation.item.added", previous_item_id=previous, item=item.shown())
        await self.send("conversation.item.done", previous_item_id=previous, item=item.shown())

    async def _on_create_item(self, event: Mapping[str, Any]) -> None:
        item = self._given(event["item"])
        self.conversation.insert(item, event.get("previous_item_id"))
        await self.show(item)

    def _given(self, fields: Mapping[str, Any]) -> Item:
        """An item that a client made."""
        item = Item({**_head(fields.get("id") or self.server.new_id("item")), **fields})
        item.fields["status"] = fields.get("status", "completed")
        if fields["type"] == "function_call":
            item.fields.setdefault("call_id", self.server.new_id("call"))
        if fields["type"] == "message":
            item.fields["content"] = [dict(part) for part in fields["content"]]
        kind = self.config["audio"]["input"]["format"]["type"]
        for number, part in enumerate(item.fields.get("content", ())):
            if part["type"] == "input_audio":
                data = sound_in(part.pop("audio"), f"item.content[{number}].audio", kind)
                item.audio_ms += 1000 * len(decoded(data, kind)) // RATES[kind]
        return item

    async def _on_retrieve(self, event: Mapping[str, Any]) -> None:
        item = self.conversation.find(event["item_id"], "retrieving", "item_retrieve_invalid_item_id")
        await self.send("conversation.item.retrieved", item=item.shown())

    async def _on_delete(self, event: Mapping[str, Any]) -> None:
        self.conversation.remove(event["item_id"])
        await self.send("conversation.item.deleted", item_id=event["item_id"])

    async def _on_truncate(self, event: Mapping[str, Any]) -> None:
        self.conversation.truncate(event["item_id"], event["audio_end_ms"])
        place = {"item_id": event["item_id"], "content_index": 0, "audio_end_ms": event["audio_end_ms"]}
        await self.send("conversation.item.truncated", **place)

    # answers

    async def _on_create(self, event: Mapping[str, Any]) -> None:
        await self._respond(event.get("response") or {})

    async def _on_cancel(self, event: Mapping[str, Any]) -> None:
        wanted = event.get("response_id")
        if self._active is None or (wanted is not None and wanted != self._active.plan.id):
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        await self.stop("client_cancelled")

    async def stop(self, reason: str) -> None:
        if self._active is not None and self._active_work is not None:
            self._active.stop(reason)
            await asyncio.wait([self._active_work])

    async def respond_unasked(self) -> None:
        """A turn is over. A response that goes on is nobody's fault: the client did not want it interrupted."""
        try:
            await self._respond({})
        except Refusal as refusal:
            await self._send_error(refusal, None)

    async def _respond(self, params: Mapping[str, Any]) -> None:
        _refuse_modalities(params, "response")
        plan = self._plan(params)
        if self._active is not None and not plan.is_apart:
            busy = f"Conversation already has an active response in progress: {self._active.plan.id}."
            message = f"{busy} Wait until the response is finished before creating a new one."
            raise Refusal("conversation_already_has_active_response", message)
        items = [self._input(fields) for fields in params["input"]] if "input" in params else self.conversation.items
        read = self.conversation.read(plan.instructions, plan.tools, items)
        answer = self.server.answer(self.config, params, items)
        names = sorted(tool["name"] for tool in plan.tools)
        for name in (name for name, _ in answer.calls if name not in names):
            self.server.problems.append(f"the script calls {name}, which the model was not given: {names}")
        cut = self._connection.transport.abort
        response = Response(plan, answer, self.conversation, read, self.send, self.server.new_id, cut)
        work = self.spawn(self._run(response))
        if not plan.is_apart:
            self._active, self._active_work = response, work

    async def _run(self, response: Response) -> None:
        try:
            await response.run()
        finally:
            if response is self._active:
                self._active = self._active_work = None
        self.hearing.agent_speaks(response.audio_ms)

    def _input(self, fields: Mapping[str, Any]) -> Item:
        if fields["type"] == "item_reference":
            return self.conversation.find(fields["id"], "referring to", "item_reference_invalid_item_id")
        return self._given(fields)

    def _plan(self, params: Mapping[str, Any]) -> Plan:
        config = {**self.config, **params}
        speaks = self.config["audio"]["output"]
        speaks = {**speaks, **params.get("audio", {}).get("output", {})}
        limit = config["max_output_tokens"]
        return Plan(
            id=self.server.new_id("resp"),
            conversation_id=self._conversation_id,
            instructions=config["instructions"],
            tools=config["tools"],
            modality=config["output_modalities"][0],
            voice=speaks["voice"],
            sound=speaks["format"],
            speed=speaks["speed"],
            limit=None if limit == "inf" else limit,
            metadata=params.get("metadata"),
            is_apart=params.get("conversation") == "none",
        )

    def spawn(self, work: Any) -> asyncio.Task[None]:
        async def guarded() -> None:
            with contextlib.suppress(ConnectionClosed):
                await work

        task = asyncio.create_task(guarded())
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return task


def _head(item_id: str) -> dict[str, Any]:
    return {"id": item_id, "object": "realtime.item", "status": "completed"}


def _parsed(message: str | bytes) -> Any:
    try:
        if isinstance(message, str):
            return json.loads(message)
    except ValueError:
        pass
    raise Refusal("invalid_json", "We could not parse the JSON body of your message.")


def _refuse_modalities(params: Mapping[str, Any], path: str) -> None:
    wanted = params.get("output_modalities", ["audio"])
    if len(wanted) != 1:
        message = f"Invalid modalities: {wanted}. Supported combinations are: ['text'] and ['audio']."
        raise Refusal("invalid_value", message, f"{path}.output_modalities")


_HANDLERS: Mapping[str, Callable[[Session, Mapping[str, Any]], Awaitable[None]]] = {
    "session.update": Session._on_update,
    "input_audio_buffer.append": lambda session, event: session.hearing.append(event),
    "input_audio_buffer.commit": lambda session, event: session.hearing.commit(event),
    "input_audio_buffer.clear": lambda session, event: session.hearing.clear(event),
    "conversation.item.create": Session._on_create_item,
    "conversation.item.retrieve": Session._on_retrieve,
    "conversation.item.truncate": Session._on_truncate,
    "conversation.item.delete": Session._on_delete,
    "response.create": Session._on_create,
    "response.cancel": Session._on_cancel,
}
