"""Frames to text and back. A text is parsed once; only what does not fit is looked at a second time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Union

import msgspec

from pinecall_run.wire import call_commands, commands, events, live_events, speech_events
from pinecall_run.wire.commands import Command
from pinecall_run.wire.events import Event

F = TypeVar("F", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A frame of a name we do not know: tolerated, never an error."""

    event: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that is no frame, or a known frame with wrong fields."""

    reason: str
    event: str = ""
    agent_id: str = ""


_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class _Envelope(msgspec.Struct):
    event: str
    agent_id: Any = ""


class Decoder(Generic[F]):
    """Decodes messages that may be any of some frames."""

    def __init__(self, frames: tuple[type[F], ...], *, null_is_absent: bool = False) -> None:
        self._names = frozenset(str(frame.__struct_config__.tag) for frame in frames)
        self._frame: Any = Union[frames]  # noqa: UP007
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self._frame)
        self._envelope = msgspec.json.Decoder(_Envelope)
        self._null_is_absent = null_is_absent

    def decode(self, message: str | bytes) -> F | Unknown | Malformed:
        """The frame of a message; never raises on what the other side sent."""
        try:
            frame: F = self._decoder.decode(message)
            return frame
        except _UNREADABLE as error:
            return self._look_again(message, str(error))

    def _look_again(self, message: str | bytes, reason: str) -> F | Unknown | Malformed:
        try:
            envelope = self._envelope.decode(message)
        except _UNREADABLE:
            return Malformed(reason)
        if envelope.event not in self._names:
            return Unknown(envelope.event)
        fields = object_from_json(message) if self._null_is_absent else None
        if fields is not None:
            try:
                frame: F = msgspec.convert(_in_one_form(fields), self._frame)
                return frame
            except msgspec.ValidationError as error:
                reason = str(error)
        return Malformed(reason, envelope.event, envelope.agent_id if isinstance(envelope.agent_id, str) else "")


_ENCODER = msgspec.json.Encoder()
_OBJECTS = msgspec.json.Decoder(dict[str, Any])

COMMANDS: tuple[type[Command], ...] = (*commands.COMMANDS, *call_commands.COMMANDS)
EVENTS: tuple[type[Event], ...] = (*events.EVENTS, *speech_events.EVENTS, *live_events.EVENTS)
"""Every frame of each direction."""

COMMAND_DECODER: Decoder[Command] = Decoder(COMMANDS)
EVENT_DECODER: Decoder[Event] = Decoder(EVENTS, null_is_absent=True)
"""In an event ``null`` says no more than a missing key, which any field but an id may be; in a command it means
"take the value away"."""


def encode(frame: Command | Event) -> bytes:
    """The frame as JSON, UTF-8."""
    return to_json(frame)


def to_json(value: Any) -> bytes:
    """Any value of frames and plain data as JSON, UTF-8."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair: a Python text may hold it, UTF-8 may not
        return _ENCODER.encode(_encodable(msgspec.to_builtins(value)))


def raw(json: bytes) -> Any:
    """A value that is JSON already, to be put into a frame as it is."""
    return msgspec.Raw(json)


def object_from_json(text: str | bytes) -> dict[str, Any] | None:
    """A JSON object, or ``None`` when the text is none."""
    try:
        return _OBJECTS.decode(text)
    except _UNREADABLE:
        return None


def _in_one_form(fields: dict[str, Any]) -> dict[str, Any]:
    """An event without what is null, tool calls in our form: others nest them as OpenAI does, and name ``msg_id``
    otherwise (protocol: tools)."""
    present = {name: value for name, value in fields.items() if value is not None}
    if present.get("event") == "llm.tool_call":
        present.setdefault("msg_id", present.get("message_id"))
        calls = present.get("tool_calls")
        present["tool_calls"] = [_flat(call) for call in calls] if isinstance(calls, list) else calls
    return present


def _flat(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    return {**call, **function} if isinstance(function, dict) else call


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_encodable(item) for item in value]
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case _:
            return value
