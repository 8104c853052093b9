"""The history of a conversation, put so that vendors can be asked that are strict about the order of its messages.

Ours is in the form of OpenAI's chat completions, where roles may come in any order. Others want the prompt apart, roles
in turn, a user's message first and last, and each tool call answered at once; and a history may have been made with
another vendor, or brought by a client. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pinecall_run.providers.contracts import Message

BEGINNING, GOING_ON = "(The conversation begins.)", "(Go on.)"
"""Where the agent spoke first, or last, and the vendor wants a user to have."""

NO_RESULT = "(no result)"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call with what came of it."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    result: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one side said, and, of the agent, what it then asked tools; the text may be empty where it did."""

    role: Literal["user", "assistant"]
    text: str
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """``system`` is what goes before everything; the ``steps`` begin and end with a user or with answered calls."""

    system: str
    steps: Sequence[Step]


def arranged(messages: Sequence[Message]) -> History:
    """A history in strict order; all that was said is there. Messages of the system that came later are a user's, in
    a tag that tells them apart."""
    start = next((at for at, message in enumerate(messages) if not _is_system(message)), len(messages))
    system = "\n\n".join(text for message in messages[:start] if (text := text_of(message)))
    steps = list(_merged(_steps(messages[start:])))
    if not steps or steps[0].role == "assistant":
        steps.insert(0, Step("user", BEGINNING))
    if steps[-1].role == "assistant" and not steps[-1].calls:
        steps.append(Step("user", GOING_ON))
    return History(system, steps)


def text_of(message: Message) -> str:
    """The text of a message, whose content may be in parts; empty where there is none but white space."""
    content = message.get("content")
    if isinstance(content, list | tuple):
        content = "\n".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) and content.strip() else ""


def arguments_of(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of a tool call; empty where the model wrote what is no JSON object."""
    try:
        found = json.loads(_function(call).get("arguments") or "{}")
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_system(message: Message) -> bool:
    return message.get("role") in ("system", "developer")


def _function(call: Mapping[str, Any]) -> Mapping[str, Any]:
    found = call.get("function")
    return found if isinstance(found, Mapping) else {}


def _steps(messages: Sequence[Message]) -> Iterator[Step]:
    for at, message in enumerate(messages):
        text, role = text_of(message), message.get("role")
        if role == "assistant":
            yield Step("assistant", text, tuple(_calls(message, messages[at + 1 :])))
        elif _is_system(message) and text:
            yield Step("user", f"<system>\n{text}\n</system>")
        elif role != "tool":  # results are with their calls; those without one say nothing to anybody
            yield Step("user", text)


def _calls(message: Message, following: Iterable[Message]) -> Iterator[Call]:
    results: dict[str, str] = {}
    for answer in following:
        if answer.get("role") != "tool":
            break
        results.setdefault(str(answer.get("tool_call_id")), text_of(answer))
    for call in message.get("tool_calls") or ():
        if isinstance(call, Mapping) and (name := _function(call).get("name")):
            identifier = str(call.get("id"))
            yield Call(identifier, str(name), arguments_of(call), results.get(identifier) or NO_RESULT)


def _merged(steps: Iterable[Step]) -> Iterator[Step]:
    """What one side said in several messages is one step; after calls a new one begins."""
    last: Step | None = None
    for step in steps:
        if not step.text and not step.calls:
            continue
        if last is not None and last.role == step.role and not last.calls:
            last = replace(step, text="\n".join(text for text in (last.text, step.text) if text))
            continue
        if last is not None:
            yield last
        last = step
    if last is not None:
        yield last
