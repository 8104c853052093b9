"""What the model is shown of one conversation: prompt, variables, context and messages; no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pinecall_run.wire import commands
from pinecall_run.wire.events import ToolCall

SCREEN_KEYS, SCREEN_CHARACTERS = 50, 32_000
"""What a page may show at once, keys and values together; beyond that the oldest keys are dropped."""

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def built_in_variables(now: datetime) -> dict[str, str]:
    """``date``, ``time`` and friends at a moment in the agent's zone (protocol: prompt variables)."""
    return {
        "date": now.strftime("%Y-%m-%d"),
        "time": now.strftime("%H:%M"),
        "day": now.strftime("%A"),
        "datetime": now.isoformat(timespec="seconds"),
        "timestamp": str(int(now.timestamp() * 1000)),
        "date_block": f"Today is {now:%A}, {now.day} {now:%B %Y}. The time is {now:%H:%M} ({now.tzname() or 'UTC'}).",
    }


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """Replace each ``{{name}}`` that has a value; the rest stays as written."""
    return _PLACEHOLDER.sub(lambda match: _text(variables[match[1]]) if match[1] in variables else match[0], template)


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """How one tool call ended. ``result`` is any JSON value."""

    call: ToolCall
    result: Any
    ephemeral: bool = False
    no_followup: bool = False


@dataclass(slots=True)
class Conversation:
    """One call's messages, in OpenAI's form, and what goes before them."""

    instructions: str
    variables: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """Texts appended to the prompt, in order (``history.add_context``)."""
    screen: dict[str, Any] = field(default_factory=dict)
    """What the person's page shows, by key (``set_context``)."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    _passing: list[tuple[dict[str, Any], dict[str, Any] | None]] = field(default_factory=list)
    """Messages that are only for the answer being made, each with what takes its place afterwards."""

    def request(self, now: datetime) -> list[dict[str, Any]]:
        """The messages to send, the prompt first with its variables filled in as of ``now``."""
        variables = {**built_in_variables(now), **self.variables}
        prompt = [fill(self.instructions, variables), *self.notes]
        if self.screen:
            shown = "\n".join(f"## {' '.join(key.split())}\n{_text(value)}" for key, value in self.screen.items())
            prompt.append(f"# UI Context\n{shown}")
        system = "\n\n".join(part for part in prompt if part)
        return [*([{"role": "system", "content": system}] if system else []), *self.messages]

    def copy(self) -> Conversation:
        """The same messages, to be changed apart."""
        return replace(self, messages=list(self.messages), _passing=list(self._passing))

    def user_said(self, text: str) -> None:
        """Append what the person said."""
        self.messages.append({"role": "user", "content": text})

    def agent_said(self, text: str) -> None:
        """Append what the agent said, if it said something."""
        if text:
            self.messages.append({"role": "assistant", "content": text})

    def begin(self, role: str, content: str = "") -> dict[str, Any]:
        """Append a message whose content is still to change, and give it."""
        message: dict[str, Any] = {"role": role, "content": content}
        self.messages.append(message)
        return message

    def forget(self, message: dict[str, Any]) -> None:
        """Take a message out, if it is there."""
        self.messages = [each for each in self.messages if each is not message]

    def tools_answered(
        self, said: str, outcomes: Sequence[ToolOutcome], *, after: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Add one round of tool calls with their results: behind the last of these messages that is still there, or at
        the end."""
        calls = [
            {
                "id": o.call.id,
                "type": "function",
                "function": {"name": o.call.name, "arguments": o.call.arguments},
            }
            for o in outcomes
        ]
        request = {"role": "assistant", "content": said or None, "tool_calls": calls}
        answers = [{"role": "tool", "tool_call_id": o.call.id, "content": _text(o.result)} for o in outcomes]
        earlier = {id(message) for message in after}
        found = [place for place, message in enumerate(self.messages, 1) if id(message) in earlier]
        place = found[-1] if found else len(self.messages)
        self.messages[place:place] = [request, *answers]
        kept = [call for call, outcome in zip(calls, outcomes, strict=True) if not outcome.ephemeral]
        if len(kept) < len(calls):
            self._passing.append((request, {**request, "tool_calls": kept} if kept else None))
            self._passing += [(answer, None) for answer, o in zip(answers, outcomes, strict=True) if o.ephemeral]

    def answer_is_over(self) -> None:
        """Forget what was only for this answer: ephemeral results, each with the call that it answers."""
        instead = {id(message): other for message, other in self._passing}
        others = (instead.get(id(message), message) for message in self.messages)
        self.messages = [message for message in others if message is not None]
        self._passing.clear()

    def set_screen(self, key: str, value: Any) -> None:
        """Set or, with ``None``, remove what the person's page shows under ``key``."""
        if value is None:
            self.screen.pop(key, None)
        else:
            self.screen[key] = value
            while len(self.screen) > SCREEN_KEYS or self._shown() > SCREEN_CHARACTERS:
                del self.screen[next(iter(self.screen))]

    def _shown(self) -> int:
        return sum(len(key) + len(_text(value)) for key, value in self.screen.items())


def change_history(conversation: Conversation, command: commands.HistoryCommand) -> None:
    """Do what a client's ``history.*`` command says."""
    match command:
        case commands.HistoryAdd():
            conversation.messages += command.messages
        case commands.HistorySet():
            conversation.messages = list(command.messages)
        case commands.HistoryClear():
            conversation.messages = []
        case commands.HistorySetInstructions():
            conversation.instructions = command.prompt
        case commands.HistorySetVars():
            conversation.variables.update(command.vars)
        case commands.HistoryAddContext():
            conversation.notes.append(command.text)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
