"""What Anthropic's Messages API refuses in a request, model by model.

Messages are those of the API, as far as they are public; see ``anthropic_server.py`` for the pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.emulators._anthropic_messages import TOOL_NAME, blocks, wrong_messages, wrong_thoughts

VERSIONS = frozenset({"2023-06-01", "2026-10-21"})
FIELDS = frozenset((
    "model", "max_tokens", "messages", "system", "stream", "tools", "tool_choice", "stop_sequences", "metadata",
    "cache_control", "thinking", "output_config", "service_tier", "speed", "inference_geo", "container", "diagnostics",
))  # fmt: skip
SAMPLING = ("temperature", "top_p", "top_k")
"""Gone with version 2026-10-21, whatever their value."""

MODEL = re.compile(r"claude-(?P<family>[a-z]+)-(?P<major>\d)(?:-(?P<minor>\d)(?!\d))?")
BREAKPOINTS = 4


def generation(model: str) -> tuple[int, int]:
    """``(5, 5)`` of ``claude-haiku-5-5``; models that are not called so are as old as can be."""
    found = MODEL.match(model)
    return (int(found["major"]), int(found["minor"] or 0)) if found else (0, 0)


def wrong(request: Any, version: str) -> Iterator[str]:
    """What the API would refuse in a request, in its order of looking."""
    if not isinstance(request, dict):
        yield "the body is not an object"
        return
    for name in request.keys() - FIELDS - frozenset(SAMPLING):
        yield f"{name}: Extra inputs are not permitted"
    if not isinstance(request.get("model"), str) or not request["model"]:
        yield "model: Field required"
        return
    if type(request.get("max_tokens")) is not int or request["max_tokens"] < 1:
        yield "max_tokens: Field required, an integer of 1 or more"
        return
    if request.get("stream") is not True:
        yield "this server only streams: `stream` must be true"
    yield from _wrong_sampling(request, version)
    yield from _wrong_thinking(request)
    yield from _wrong_tools(request)
    yield from _wrong_system(request.get("system", "-"))
    yield from _wrong_breakpoints(request)
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one message is required"
        return
    yield from wrong_messages(messages, generation(request["model"]))
    if not request.get("tools") and any("tool_use" in kind or "tool_result" in kind for kind in _kinds(request)):
        yield "Requests which have `tool_use` or `tool_result` blocks in `messages` must define tools"
    yield from wrong_thoughts(request, messages)


def _kinds(request: Mapping[str, Any]) -> Iterator[str]:
    return (str(piece.get("type")) for piece, _ in blocks(request) if isinstance(piece, dict))


def _wrong_sampling(request: Mapping[str, Any], version: str) -> Iterator[str]:
    for name in SAMPLING:
        if name in request and version >= "2026-10-21":
            yield f"{name}: Extra inputs are not permitted"
        elif name in request and generation(request["model"]) >= (4, 7) and request[name] != 1:
            yield f"`{name}` is not supported on this model"
    if not 0 <= request.get("temperature", 1) <= 1:
        yield "temperature: range: 0..1"


def _wrong_thinking(request: Mapping[str, Any]) -> Iterator[str]:
    if "thinking" not in request:
        return
    thinking, age = request["thinking"], generation(request["model"])
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    family = (MODEL.match(request["model"]) or {"family": ""})["family"]
    always = family in ("fable", "mythos") or (family == "opus" and age >= (5, 5))
    if kind not in ("enabled", "disabled", "adaptive", "between_tools"):
        yield "thinking.type: Input should be 'enabled', 'disabled', 'adaptive' or 'between_tools'"
    elif kind == "enabled" and age >= (4, 7):
        yield "thinking.type: 'enabled' is not supported on this model. Use 'adaptive'."
    elif kind == "enabled" and not 1024 <= thinking.get("budget_tokens", 0) < request["max_tokens"]:
        yield "thinking.budget_tokens: must be at least 1024 and less than max_tokens"
    elif kind == "adaptive" and age <= (4, 5):
        yield "thinking.type: 'adaptive' is not supported on this model"
    elif kind == "disabled" and always:
        yield "thinking.type: thinking cannot be disabled on this model"
    elif kind == "disabled" and (family, age) == ("sonnet", (5, 5)):
        yield "thinking.type: 'disabled' is not supported on this model. Use 'between_tools'."


def _wrong_tools(request: Mapping[str, Any]) -> Iterator[str]:
    tools = request.get("tools", [])
    if not isinstance(tools, list):
        yield "tools: Input should be a valid list"
        return
    names = [tool.get("name") for tool in tools if isinstance(tool, dict)]
    for number, tool in enumerate(tools):
        schema = tool.get("input_schema") if isinstance(tool, dict) else None
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str) or not TOOL_NAME.fullmatch(tool["name"]):
            yield f"tools.{number}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        elif not isinstance(schema, dict) or schema.get("type") != "object":
            yield f"tools.{number}.custom.input_schema.type: Field required"
        elif schema.keys() & {"oneOf", "allOf", "anyOf"}:
            where = f"tools.{number}.custom.input_schema"
            yield f"{where}: input_schema does not support oneOf, allOf, or anyOf at the top level"
        elif tool.get("type", "custom") != "custom":
            yield f"tools.{number}.type: this server knows no tools of the vendor's"
        else:
            for name in tool.keys() - {"name", "type", "description", "input_schema", "cache_control", "strict"}:
                yield f"tools.{number}.custom.{name}: Extra inputs are not permitted"
    if len(set(names)) != len(names):
        yield "tools: Tool names must be unique."
    yield from _wrong_choice(request, names)


def _wrong_choice(request: Mapping[str, Any], names: Sequence[Any]) -> Iterator[str]:
    if "tool_choice" not in request:
        return
    choice = request["tool_choice"]
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in ("auto", "any", "tool", "none"):
        yield "tool_choice: Input should be an object with type 'auto', 'any', 'tool' or 'none'"
    elif not names and kind != "none":
        yield "tool_choice may only be specified while providing tools."
    elif kind == "tool" and choice.get("name") not in names:
        yield f"Tool '{choice.get('name')}' not found in provided tools"
    elif kind in ("any", "tool") and generation(request["model"]) >= (5, 1) and "-haiku-" not in request["model"]:
        yield "tool_choice: forced tool use is not supported on this model"


def _wrong_system(system: Any) -> Iterator[str]:
    if isinstance(system, str):
        return
    if not isinstance(system, list):
        yield "system: Input should be a valid string or list"
        return
    for number, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            yield f"system.{number}: Input should be a text block"
        elif not block["text"]:
            yield "system: text content blocks must be non-empty"


def _wrong_breakpoints(request: Mapping[str, Any]) -> Iterator[str]:
    marks = [mark for _, mark in blocks(request) if mark is not None]
    if len(marks) > BREAKPOINTS:
        yield f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}."
    lives = []
    for mark in marks:
        if not isinstance(mark, dict) or mark.get("type") != "ephemeral" or mark.get("ttl", "5m") not in ("5m", "1h"):
            yield "cache_control: Input should be {'type': 'ephemeral'} with a ttl of '5m' or '1h'"
            return
        lives.append(mark.get("ttl", "5m"))
    if lives != sorted(lives):  # "1h" < "5m"
        yield "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block"
