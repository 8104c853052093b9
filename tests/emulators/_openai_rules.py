"""What OpenAI's chat completions refuse in a request."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.emulators._openai_flavours import Flavour

FIELDS = frozenset((
    "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "temperature",
    "max_tokens", "max_completion_tokens", "top_p", "stop", "seed", "user", "n", "presence_penalty",
    "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "response_format", "reasoning_effort",
    "verbosity", "service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "metadata", "store",
))  # fmt: skip
STREAM_OPTIONS = frozenset({"include_usage", "include_obfuscation"})
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
THINKS = re.compile(r"(o\d|gpt-[5-9])(?!.*chat)")
"""Models that think take neither ``max_tokens`` nor a temperature other than 1."""


def wrong(request: Any, flavour: Flavour) -> Iterator[str]:
    """What the API would refuse in a request, in its order of looking."""
    if not isinstance(request, dict):
        yield "the body is not an object"
        return
    for name in request.keys() - FIELDS - flavour.own if not flavour.ignores_unknown else ():
        yield f"Unrecognized request argument supplied: {name}"
    for name in request.keys() & flavour.without:
        yield f"Extra inputs are not permitted: {name}"
    yield from _wrong_options(request)
    yield from _wrong_tools(request)
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "[] is too short - 'messages'"
        return
    yield from _wrong_messages(messages, flavour)


def _wrong_options(request: Mapping[str, Any]) -> Iterator[str]:
    model = request.get("model")
    if not isinstance(model, str) or not model:
        yield "you must provide a model parameter"
        return
    if request.get("stream") is not True:
        yield "this server only streams: `stream` must be true"
    if "temperature" in request and not 0 <= request["temperature"] <= 2:
        yield "temperature must be between 0 and 2"
    for name in ("max_tokens", "max_completion_tokens"):
        if name in request and (type(request[name]) is not int or request[name] < 1):
            yield f"Invalid '{name}': integer below minimum value"
    if THINKS.match(model) and "max_tokens" in request:
        unsupported = "Unsupported parameter: 'max_tokens' is not supported with this model."
        yield f"{unsupported} Use 'max_completion_tokens' instead."
    if THINKS.match(model) and request.get("temperature", 1) != 1:
        yield "Unsupported value: 'temperature' does not support this value with this model. Only the default (1)."
    options = request.get("stream_options")
    if options is not None and not (isinstance(options, dict) and options.keys() <= STREAM_OPTIONS):
        yield "Invalid value: 'stream_options'"
    elif options is not None and not all(isinstance(value, bool) for value in options.values()):
        yield "Invalid type for 'stream_options': expected a boolean"


def _wrong_tools(request: Mapping[str, Any]) -> Iterator[str]:
    if "tools" not in request:
        if "tool_choice" in request:
            yield "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        return
    if not isinstance(request["tools"], list) or not request["tools"]:
        yield "[] is too short - 'tools'"
        return
    for number, tool in enumerate(request["tools"]):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or tool.get("type") != "function":
            yield f"Invalid value: 'tools[{number}]'"
        elif not isinstance(function.get("name"), str) or not TOOL_NAME.fullmatch(function["name"]):
            yield f"Invalid 'tools[{number}].function.name'"
        elif not isinstance(function.get("parameters", {}), dict):
            yield f"Invalid type for 'tools[{number}].function.parameters'"


def _wrong_messages(messages: Sequence[Any], flavour: Flavour) -> Iterator[str]:
    if flavour.is_ordered:
        yield from _wrong_order([message.get("role") for message in messages if isinstance(message, dict)])
    open_calls: list[str] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                yield f"'{where}': a message with role 'tool' must answer a preceding message with 'tool_calls'"
            else:
                open_calls.remove(message["tool_call_id"])
        elif open_calls:
            yield f"'{where}': an assistant message with 'tool_calls' must be followed by answers to {open_calls}"
            open_calls = []
        if role not in ("system", "developer", "user", "assistant", "tool"):
            yield f"Invalid value: '{where}.role'"
        elif role == "assistant" and message.get("tool_calls") is not None:
            yield from _wrong_calls(where, message["tool_calls"], flavour)
            open_calls = [call["id"] for call in message["tool_calls"] if isinstance(call, dict) and "id" in call]
        elif not isinstance(content, str | list):
            yield f"Invalid value for 'content' of '{where}': expected a string, got {content}"
    if open_calls:
        yield f"'messages': no answers to {open_calls}"


def _wrong_order(roles: Sequence[Any]) -> Iterator[str]:
    for role, following in itertools.pairwise(roles):
        if role == "tool" and following not in ("tool", "assistant"):
            yield f"Unexpected role '{following}' after role 'tool'"
        if following == "system":
            yield f"Unexpected role 'system' after role '{role}'"
    if roles[-1:] == ["assistant"]:
        yield "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"


def _wrong_calls(where: str, wanted: Any, flavour: Flavour) -> Iterator[str]:
    if not isinstance(wanted, list) or not wanted:
        yield f"[] is too short - '{where}.tool_calls'"
        return
    for call in wanted:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or call.get("type") != "function" or not isinstance(call.get("id"), str):
            yield f"Invalid value: '{where}.tool_calls'"
        elif not isinstance(function.get("name"), str) or not isinstance(function.get("arguments"), str):
            yield f"Invalid type for '{where}.tool_calls.function'"
        elif not flavour.call_id.fullmatch(call["id"]):
            yield f"Tool call id was {call['id']} but must be a-z, A-Z, 0-9, with a length of 9."
