"""What Anthropic's Messages API refuses in messages, and in what order it reads what it is given."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")


def wrong_messages(messages: Sequence[Any], age: tuple[int, int]) -> Iterator[str]:
    """Roles, contents, and that calls are answered at once, all of them, and nothing else is."""
    open_calls: list[str] = []
    seen: set[str] = set()
    for number, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ("user", "assistant", "system"):
            yield f"messages.{number}.role: Input should be 'user' or 'assistant'"
            return
        if role == "system" and (age < (4, 8) or number == 0):
            yield 'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter.'
            return
        if number == 0 and role != "user":
            yield 'messages: first message must use the "user" role'
        content = message.get("content")
        found = content if isinstance(content, list) else [{"type": "text", "text": content}]
        yield from _wrong_blocks(f"messages.{number}.content", role, found)
        yield from _wrong_answers(number, found, open_calls)
        open_calls = [block.get("id") for block in found if isinstance(block, dict) and block.get("type") == "tool_use"]
        if seen & set(open_calls) or len(set(open_calls)) != len(open_calls):
            yield "messages: `tool_use` ids must be unique"
        seen.update(open_calls)
    if open_calls:
        yield _unanswered(len(messages) - 1, open_calls)
    if messages[-1]["role"] == "assistant" and age >= (4, 6):
        yield ("This model does not support assistant message prefill. The conversation must end with a user message.")
    elif messages[-1]["role"] == "assistant" and _last_text(messages[-1]).endswith((" ", "\n")):
        yield "messages: final assistant content cannot end with trailing whitespace"


def wrong_thoughts(request: Mapping[str, Any], messages: Sequence[Any]) -> Iterator[str]:
    """What was thought is bound to all that was before it; and a manual budget wants it back while a tool is used."""
    for number, message in enumerate(messages):
        content = message["content"] if isinstance(message["content"], list) else []
        for place, block in enumerate(content):
            before = [*messages[:number], {**message, "content": content[:place]}]
            if block["type"] == "thinking" and block["signature"] != signature({**request, "messages": before}):
                yield (
                    f"messages.{number}.content.{place}: Invalid `signature` in `thinking` block. The block is bound "
                    "to a different conversation. Remove the block, or set "
                    '`thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
                )
    last = [message["content"] for message in messages if message["role"] == "assistant"][-1:]
    is_manual = (request.get("thinking") or {}).get("type") == "enabled"
    if is_manual and last and isinstance(last[0], list) and last[0][0]["type"] == "tool_use":
        yield (
            "messages: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a "
            "final `assistant` message must start with a thinking block."
        )


def signature(request: Mapping[str, Any]) -> str:
    """What ties a thought to the tools, the system prompt and the messages before it."""
    before = json.dumps([piece for piece, _ in blocks(request)], sort_keys=True)
    return base64.b64encode(hashlib.sha256(before.encode()).digest()).decode()


def _last_text(message: Mapping[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else str(content[-1].get("text", ""))


def _unanswered(number: int, calls: Sequence[str]) -> str:
    return (
        f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(calls)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _wrong_answers(number: int, found: Sequence[Any], open_calls: Sequence[str]) -> Iterator[str]:
    results = [
        (place, block["tool_use_id"])
        for place, block in enumerate(found)
        if isinstance(block, dict) and block.get("type") == "tool_result" and "tool_use_id" in block
    ]
    for place, identifier in results:
        if identifier not in open_calls:
            yield (
                f"messages.{number}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{identifier}. Each `tool_result` block must have a corresponding `tool_use` block in the previous "
                "message."
            )
    missing = [call for call in open_calls if call not in {identifier for _, identifier in results}]
    if missing:
        yield _unanswered(number - 1, missing)
    elif [place for place, _ in results] != list(range(len(results))):
        yield f"messages.{number}: `tool_result` blocks must come first in the content, before any text"
    elif len({identifier for _, identifier in results}) != len(results):
        yield f"messages.{number}: each `tool_use` must have a single result"


def _wrong_blocks(where: str, role: str, found: Sequence[Any]) -> Iterator[str]:
    if not found:
        yield f"{where}: all messages must have non-empty content except for the optional final assistant message"
    allowed = {"user": ("text", "tool_result"), "system": ("text",)}.get(role, ("text", "tool_use", "thinking"))
    for place, block in enumerate(found):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in allowed:
            yield f"{where}.{place}: `{kind}` blocks are not permitted in a message of the role `{role}`"
        elif kind == "text" and not isinstance(block.get("text"), str):
            yield f"{where}.{place}.text.text: Input should be a valid string"
        elif kind == "text" and not block["text"]:
            yield "messages: text content blocks must be non-empty"
        elif kind == "text" and not block["text"].strip():
            yield "messages: text content blocks must contain non-whitespace text"
        elif kind == "tool_use":
            yield from _wrong_call(f"{where}.{place}.tool_use", block)
        elif kind == "tool_result":
            yield from _wrong_result(f"{where}.{place}.tool_result", block)
        elif kind == "thinking" and not isinstance(block.get("signature"), str):
            yield f"{where}.{place}.thinking.signature: Field required"


def _wrong_call(where: str, block: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(block.get("id"), str) or not CALL_ID.fullmatch(block["id"]):
        yield f"{where}.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    elif not isinstance(block.get("name"), str) or not TOOL_NAME.fullmatch(block["name"]):
        yield f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
    elif not isinstance(block.get("input"), dict):
        yield f"{where}.input: Input should be a valid dictionary"


def _wrong_result(where: str, block: Mapping[str, Any]) -> Iterator[str]:
    content = block.get("content", "")
    if not isinstance(block.get("tool_use_id"), str):
        yield f"{where}.tool_use_id: Field required"
    elif not isinstance(content, str | list):
        yield f"{where}.content: Input should be a valid string or list"
    elif isinstance(content, list) and not all(
        isinstance(part, dict) and part.get("type") == "text" for part in content
    ):
        yield f"{where}.content: this server knows results of text only"
    elif not isinstance(block.get("is_error", False), bool):
        yield f"{where}.is_error: Input should be a valid boolean"
    for name in block.keys() - {"type", "tool_use_id", "content", "is_error", "cache_control"}:
        yield f"{where}.{name}: Extra inputs are not permitted"


def blocks(request: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """What the model reads, in the order it reads it, with the ``cache_control`` of each piece."""
    last: tuple[Any, Any] | None = None
    for piece in _pieces(request):
        if last is not None:
            yield last
        mark = piece.get("cache_control") if isinstance(piece, dict) else None
        bare = (
            {key: value for key, value in piece.items() if key != "cache_control"} if isinstance(piece, dict) else piece
        )
        last = bare, mark
    if last is not None:
        yield last[0], last[1] or request.get("cache_control")


def _pieces(request: Mapping[str, Any]) -> Iterator[Any]:
    tools, system, messages = request.get("tools"), request.get("system"), request.get("messages")
    yield from tools if isinstance(tools, list) else ()
    yield from [{"type": "text", "text": system}] if isinstance(system, str) else system or ()
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        for block in content if isinstance(content, list) else [{"type": "text", "text": content}]:
            yield (
                {"role": message.get("role"), **block}
                if isinstance(block, dict) and isinstance(message, dict)
                else block
            )
