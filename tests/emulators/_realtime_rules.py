"""What OpenAI's Realtime API takes of a client: every event, every parameter, with types and ranges, in tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
EARS = (
    "whisper-1", "gpt-transcribe", "gpt-live-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe", "gpt-4o-transcribe-diarize", "gpt-realtime-whisper",
)  # fmt: skip
MODELS = (
    "gpt-realtime", "gpt-realtime-2025-08-28", "gpt-realtime-mini", "gpt-realtime-mini-2025-12-15", "gpt-realtime-1.5",
    "gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini",
)  # fmt: skip
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Refusal(Exception):
    """What the server answers an event with that it does not accept: the fields of its ``error``."""

    def __init__(self, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


Check = Callable[[str, Any], Iterator[Refusal]]
"""Finds what is wrong with the value of a parameter, given its path."""


def refuse_if_wrong(event: Any) -> None:
    """Raises the first thing that is wrong with a client's event."""
    kind = event.get("type") if isinstance(event, dict) else None
    if kind is None:
        raise Refusal("missing_required_parameter", "Missing required parameter: 'type'.", "type")
    if kind not in EVENTS:
        raise _unsupported("type", kind, list(EVENTS))
    wrong = next(_record({"event_id": _text(512), **EVENTS[kind]}, NEEDED.get(kind, ()))("", event), None)
    if wrong is not None:
        raise wrong


# kinds of values


def _wrong_type(path: str, wanted: str, value: Any) -> Refusal:
    got = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a decimal",
    }
    names = f"expected {wanted}, but got {got.get(type(value), 'null')} instead."
    return Refusal("invalid_type", f"Invalid type for '{path}': {names}", path)


def _unsupported(path: str, value: Any, supported: Sequence[str]) -> Refusal:
    names = ", ".join(f"'{name}'" for name in supported)
    return Refusal("invalid_value", f"Invalid value: '{value}'. Supported values are: {names}.", path)


def _text(longest: int | None = None, pattern: re.Pattern[str] | None = None) -> Check:
    def check(path: str, value: Any) -> Iterator[Refusal]:
        if not isinstance(value, str):
            yield _wrong_type(path, "a string", value)
        elif longest is not None and len(value) > longest:
            lengths = (
                f"Expected a string with maximum length {longest}, but got a string with length {len(value)} instead."
            )
            yield Refusal("string_above_max_length", f"Invalid '{path}': string too long. {lengths}", path)
        elif pattern is not None and not pattern.fullmatch(value):
            expected = f"Expected a string that matches the pattern '^{pattern.pattern}$'."
            yield Refusal("invalid_value", f"Invalid '{path}': string does not match pattern. {expected}", path)

    return check


def _flag(path: str, value: Any) -> Iterator[Refusal]:
    if not isinstance(value, bool):
        yield _wrong_type(path, "a boolean", value)


def _number(lowest: float, highest: float, *, whole: bool = False) -> Check:
    name = "integer" if whole else "decimal"

    def check(path: str, value: Any) -> Iterator[Refusal]:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            yield _wrong_type(path, "an integer" if whole else "a decimal", value)
        elif not lowest <= value <= highest:
            side, sign, border = ("below min", ">=", lowest) if value < lowest else ("above max", "<=", highest)
            text = f"{name} {side}imum value. Expected a value {sign} {border}, but got {value} instead."
            yield Refusal(f"{name}_{side.replace(' ', '_')}_value", f"Invalid '{path}': {text}", path)

    return check


def _one_of(*supported: str) -> Check:
    def check(path: str, value: Any) -> Iterator[Refusal]:
        if not isinstance(value, str):
            yield _wrong_type(path, "one of " + ", ".join(supported), value)
        elif value not in supported:
            yield _unsupported(path, value, supported)

    return check


def _or_null(check: Check) -> Check:
    return lambda path, value: iter(()) if value is None else check(path, value)


def _either(by_type: Mapping[type, Check], wanted: str) -> Check:
    """The check of the value's own type."""

    def check(path: str, value: Any) -> Iterator[Refusal]:
        fitting = by_type.get(type(value))
        if fitting is None:
            yield _wrong_type(path, wanted, value)
        else:
            yield from fitting(path, value)

    return check


def _each(check_item: Check) -> Check:
    def check(path: str, value: Any) -> Iterator[Refusal]:
        if not isinstance(value, list):
            yield _wrong_type(path, "an array", value)
            return
        for number, item in enumerate(value):
            yield from check_item(f"{path}[{number}]", item)

    return check


def _record(fields: Mapping[str, Check], needed: Sequence[str] = ()) -> Check:
    def check(path: str, value: Any) -> Iterator[Refusal]:
        if not isinstance(value, dict):
            yield _wrong_type(path, "an object", value)
            return
        dot = f"{path}." if path else ""
        for name in needed:
            if name not in value:
                yield Refusal("missing_required_parameter", f"Missing required parameter: '{dot}{name}'.", dot + name)
        for name, item in value.items():
            if name not in fields and (path or name != "type"):
                yield Refusal("unknown_parameter", f"Unknown parameter: '{dot}{name}'.", dot + name)
            elif name in fields:
                yield from fields[name](dot + name, item)

    return check


def _tagged(kinds: Mapping[str, Check], tag: str = "type") -> Check:
    """An object whose ``tag`` says which check is for it."""

    def check(path: str, value: Any) -> Iterator[Refusal]:
        if not isinstance(value, dict):
            yield _wrong_type(path, "an object", value)
        elif tag not in value:
            yield Refusal("missing_required_parameter", f"Missing required parameter: '{path}.{tag}'.", f"{path}.{tag}")
        elif value[tag] not in kinds:
            yield _unsupported(f"{path}.{tag}", value[tag], list(kinds))
        else:
            yield from kinds[value[tag]](path, {name: item for name, item in value.items() if name != tag})

    return check


def _anything(path: str, value: Any) -> Iterator[Refusal]:
    return iter(())


# the tables

_OBJECT = _either({dict: _anything}, "an object")
_FORMAT = _tagged(
    {
        "audio/pcm": _record({"rate": _number(24000, 24000, whole=True)}, ["rate"]),
        "audio/pcmu": _record({}),
        "audio/pcma": _record({}),
    }
)
_VOICE = _either({str: _one_of(*VOICES), dict: _record({"id": _text()}, ["id"])}, "a voice")
_TOOL_FIELDS = {"name": _text(64, TOOL_NAME), "description": _text(), "parameters": _OBJECT}
_TOOLS = _each(_tagged({"function": _record(_TOOL_FIELDS, ["name"])}))
_CHOICES = _one_of("none", "auto", "required")
_TOOL_CHOICE = _either(
    {str: _CHOICES, dict: _tagged({"function": _record({"name": _text()}, ["name"])})}, "a tool choice"
)
_LIMIT = _either({int: _number(1, 4096, whole=True), str: _one_of("inf")}, "an integer or 'inf'")
_MODALITIES = _each(_one_of("text", "audio"))
_ANSWERS = {"create_response": _flag, "interrupt_response": _flag}
_TURNS = _tagged({
    "server_vad": _record({
        **_ANSWERS, "threshold": _number(0.0, 1.0), "prefix_padding_ms": _number(0, 5000, whole=True),
        "silence_duration_ms": _number(0, 10000, whole=True),
        "idle_timeout_ms": _or_null(_number(5000, 30000, whole=True)),
    }),
    "semantic_vad": _record({**_ANSWERS, "eagerness": _one_of("low", "medium", "high", "auto")}),
})  # fmt: skip
_TRANSCRIPTION = _record({
    "model": _one_of(*EARS), "language": _text(), "prompt": _text(), "keywords": _each(_text()),
    "languages": _each(_text()), "delay": _one_of("minimal", "low", "medium", "high", "xhigh"),
})  # fmt: skip
_INPUT = _record({
    "format": _FORMAT, "transcription": _or_null(_TRANSCRIPTION), "turn_detection": _or_null(_TURNS),
    "noise_reduction": _or_null(
        _record({"type": _one_of("near_field", "far_field"), "strength": _number(0, 1)}, ["type"])
    ),
})  # fmt: skip
_RETENTION = _record(
    {"retention_ratio": _number(0, 1), "token_limits": _record({"post_instructions": _number(0, 10**6, whole=True)})},
    ["retention_ratio"],
)
_TRUNCATION = _either(
    {str: _one_of("auto", "disabled"), dict: _tagged({"retention_ratio": _RETENTION})}, "a truncation"
)
_THINKING = {
    "instructions": _text(), "output_modalities": _MODALITIES, "tools": _TOOLS, "tool_choice": _TOOL_CHOICE,
    "max_output_tokens": _LIMIT, "parallel_tool_calls": _flag, "prompt": _or_null(_OBJECT),
    "reasoning": _record({"effort": _one_of("minimal", "low", "medium", "high", "xhigh")}),
}  # fmt: skip
_SESSION = _record({
    **_THINKING, "model": _text(), "truncation": _TRUNCATION, "tracing": _or_null(_anything),
    "include": _or_null(_each(_one_of("item.input_audio_transcription.logprobs"))),
    "audio": _record({
        "input": _INPUT,
        "output": _record({"format": _FORMAT, "voice": _VOICE, "speed": _number(0.25, 1.5)}),
    }),
})  # fmt: skip

_ITEM = {
    "id": _text(32),
    "object": _one_of("realtime.item"),
    "status": _one_of("completed", "incomplete", "in_progress"),
}
_INPUT_TEXT = _record({"text": _text()}, ["text"])
_SYSTEM = {"input_text": _INPUT_TEXT}
_USER = {
    **_SYSTEM,
    "input_audio": _record({"audio": _text(), "transcript": _or_null(_text())}, ["audio"]),
    "input_image": _record({"image_url": _text(), "detail": _one_of("auto", "low", "high")}, ["image_url"]),
}
# Assistants' audio cannot be given back: its part wants a text.
_ASSISTANT = {"output_text": _INPUT_TEXT, "output_audio": _record({"text": _text(), "transcript": _text()}, ["text"])}
_MESSAGES = _tagged(
    {
        role: _record({**_ITEM, "content": _each(_tagged(kinds))}, ["content"])
        for role, kinds in (("system", _SYSTEM), ("user", _USER), ("assistant", _ASSISTANT))
    },
    "role",
)
_CREATED = {
    "message": _MESSAGES,
    "function_call": _record(
        {**_ITEM, "call_id": _text(), "name": _text(), "arguments": _text()}, ["name", "arguments"]
    ),
    "function_call_output": _record({**_ITEM, "call_id": _text(), "output": _text()}, ["call_id", "output"]),
}
_RESPONSE = _record({
    **_THINKING, "conversation": _one_of("auto", "none"), "metadata": _or_null(_OBJECT),
    "input": _each(_tagged({**_CREATED, "item_reference": _record({"id": _text()}, ["id"])})),
    "audio": _record({"output": _record({"format": _FORMAT, "voice": _VOICE})}),
})  # fmt: skip

EVENTS: Mapping[str, Mapping[str, Check]] = {
    "session.update": {"session": _tagged({"realtime": _SESSION})},
    "input_audio_buffer.append": {"audio": _text()},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": _tagged(_CREATED), "previous_item_id": _or_null(_text())},
    "conversation.item.retrieve": {"item_id": _text()},
    "conversation.item.truncate": {
        "item_id": _text(),
        "content_index": _number(0, 0, whole=True),
        "audio_end_ms": _number(0, 10**9, whole=True),
    },
    "conversation.item.delete": {"item_id": _text()},
    "response.create": {"response": _or_null(_RESPONSE)},
    "response.cancel": {"response_id": _or_null(_text())},
}
NEEDED: Mapping[str, Sequence[str]] = {
    "session.update": ["session"],
    "input_audio_buffer.append": ["audio"],
    "conversation.item.create": ["item"],
    "conversation.item.retrieve": ["item_id"],
    "conversation.item.truncate": ["item_id", "content_index", "audio_end_ms"],
    "conversation.item.delete": ["item_id"],
}
