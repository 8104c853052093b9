"""Each language model keeps what models promise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.emulators.openai_server import Answer, calls, fails, openai_server, says

from pinecall_run.providers.catalogue import open_model
from pinecall_run.providers.contracts import LanguageModel, ModelSpec
from pinecall_run.testing.providers import MODEL_CHECKS, ModelCase, ready

KEY = "sk-of-a-case"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "lookup_order",
            "description": "Look an order up.",
            "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        },
    }
]
ASKING = "Where is order 42?"
SCRIPT = {
    "rules": [{"when": "order (?P<id>[0-9]+)", "call": {"lookup_order": {"id": "[[ id ]]"}}, "reply": "On Tuesday."}],
    "otherwise": "It is ok. And so on, and so on.",
}


def _scripted() -> ModelCase:
    def opened(options: dict[str, Any]) -> Callable[[], AbstractAsyncContextManager[LanguageModel]]:
        return ready(lambda: open_model(ModelSpec("scripted", "a.yaml", options), {}))

    failing = {"request": opened({})}
    return ModelCase(opened=opened({"script": SCRIPT}), failing=failing, tools=TOOLS, tool_question=ASKING)  # type: ignore[arg-type]


def _answer(request: dict[str, Any]) -> Answer:
    if request["messages"][-1] == {"role": "user", "content": ASKING}:
        return calls(("lookup_order", {"id": "42"}), ("lookup_order", {"id": "43"}))
    return replace(says("It is ok. And so on, and so on."), each_after=0.01)


def _openai() -> ModelCase:
    def opened(
        answer: Answer | Callable[[dict[str, Any]], Answer], key: str = KEY, models: Sequence[str] = ()
    ) -> Callable[[], AbstractAsyncContextManager[LanguageModel]]:
        @asynccontextmanager
        async def at_work() -> AsyncIterator[LanguageModel]:
            answers = answer if callable(answer) else lambda _: answer
            async with openai_server(answers, models=models, key=KEY) as server:
                environ = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": key}
                yield open_model(ModelSpec("openai", "gpt-4.1-mini"), environ)

        return at_work

    return ModelCase(
        opened=opened(_answer),
        failing={
            "missing": ready(lambda: open_model(ModelSpec("openai", "gpt-4.1-mini"), {})),
            "key": opened(_answer, key="sk-of-somebody-else"),
            "credit": opened(fails(429, code="insufficient_quota")),
            "request": opened(_answer, models=["another"]),
            "rate_limit": opened(fails(429)),
            "unavailable": opened(fails(500)),
            "network": opened(replace(says("Hello there, you"), cut_after=2)),
        },
        secrets=[KEY, "sk-of-somebody-else"],
        tools=TOOLS,
        tool_question=ASKING,
    )


CASES: dict[str, Callable[[], ModelCase]] = {"scripted": _scripted, "openai": _openai}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("check", MODEL_CHECKS)
def test_a_model(name: str, check: Callable[[ModelCase], None]) -> None:
    check(CASES[name]())
