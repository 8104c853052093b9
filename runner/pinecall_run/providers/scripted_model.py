"""A script in place of a language model: rules from a file, deterministic and offline.

The script travels on the wire as ``llm.script`` (shape: schemas/script.schema.json), so that the server reads none
of the project's files. It keeps no state: where an answer stands follows from the messages.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pinecall_run.providers.contracts import (
    LanguageModel,
    Message,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    Text,
    ToolRequest,
)
from pinecall_run.templates.sandbox import render, sandbox

_ENVIRONMENT = sandbox()

_compiled = lru_cache(1024)(_ENVIRONMENT.from_string)
"""Compiling takes milliseconds, and each conversation has the same script."""


def open_model(spec: ModelSpec, environ: Mapping[str, str]) -> LanguageModel:
    """The adapter for one script.

    Raises:
        ProviderError: the client sent no script, or one that cannot be used.
    """
    script = spec.options.get("script")
    if script is None:
        raise ProviderError(
            f"the script {spec.model} is missing", "the agent's `llm` must carry it as `script`", kind="request"
        )
    try:
        return ScriptedModel(script["rules"], script["otherwise"])
    except Exception as error:
        raise ProviderError(f"the script {spec.model} cannot be used: {error}", kind="request") from error


class ScriptedModel:
    """Answers by the first rule that matches what the caller said last."""

    def __init__(self, rules: Sequence[Mapping[str, Any]], otherwise: str) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        self._otherwise = _Rule({"when": "", "reply": otherwise})

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """See :class:`LanguageModel`."""
        said, since = _last_said(request.messages)
        rule, groups = self._match(said)
        variables = {"said": said, **groups}
        try:
            done = _follow(rule, since, variables)
            if done < len(rule.rounds):
                for number, (name, arguments) in enumerate(_filled(rule.rounds[done], variables).items()):
                    yield ToolRequest(f"call_{len(request.messages)}_{number}", name, json.dumps(arguments))
                return
            reply = render(rule.reply, variables).strip()
        except Exception as error:
            raise ProviderError(f"the script's rule /{rule.pattern}/ fails: {error}") from error
        for word in re.findall(r"\s*\S+", reply):
            yield Text(word)
            await asyncio.sleep(0)

    def _match(self, said: str) -> tuple[_Rule, dict[str, str]]:
        for rule in self._rules:
            found = rule.when.search(said)
            if found:
                return rule, {name: value for name, value in found.groupdict().items() if value is not None}
        return self._otherwise, {}


class _Rule:
    def __init__(self, rule: Mapping[str, Any]) -> None:
        self.pattern = rule["when"]
        self.when = re.compile(self.pattern, re.IGNORECASE)
        call = rule.get("call", [])
        self.rounds: list[Mapping[str, Any]] = call if isinstance(call, list) else [call]
        self.reply = _compiled(rule["reply"])


def _last_said(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """What the caller said last, and the messages since."""
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].get("role") == "user":
            return str(messages[index].get("content", "")), messages[index + 1 :]
    return "", messages


def _follow(rule: _Rule, since: Sequence[Message], variables: dict[str, Any]) -> int:
    """How many rounds of a rule were asked for; what came of them goes into ``variables``.

    A round with other arguments is none of them: a caller who goes on changes what they said, and what was asked for
    half a sentence stays among the messages.
    """
    contents = {message.get("tool_call_id"): message.get("content", "") for message in since}
    done = 0
    for message in since:
        calls = message.get("tool_calls") or ()
        asked = [(call["function"]["name"], _parsed(call["function"]["arguments"])) for call in calls]
        if asked and done < len(rule.rounds) and asked == list(_filled(rule.rounds[done], variables).items()):
            done += 1
            answered = {call["function"]["name"]: contents[call["id"]] for call in calls if call["id"] in contents}
            variables |= {name: _parsed(content) for name, content in answered.items()}
    return done


def _parsed(content: Any) -> Any:
    try:
        return json.loads(content)
    except (TypeError, ValueError):
        return content


def _filled(value: Any, variables: Mapping[str, Any]) -> Any:
    match value:
        case str():
            return render(_compiled(value), variables)
        case list():
            return [_filled(item, variables) for item in value]
        case dict():
            return {key: _filled(item, variables) for key, item in value.items()}
        case _:
            return value
