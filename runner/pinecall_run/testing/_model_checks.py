"""What a language model promises (``LanguageModel``), each promise a function that checks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pinecall_run.providers.contracts import (
    LanguageModel,
    Message,
    ModelPiece,
    ModelRequest,
    Text,
    TokensUsed,
    ToolRequest,
)
from pinecall_run.testing._cases import (
    LEAVE_SECONDS,
    Case,
    all_fail_as_they_should,
    at_work,
    gone,
    needs,
    promise,
    within,
)
from pinecall_run.testing.failures import Unexpected


@dataclass(frozen=True, kw_only=True)
class ModelCase(Case[LanguageModel]):
    """The facts of a language model.

    Attributes:
        question: what it answers in words.
        tools: functions that it may call, in the wire's shape; none where it calls none.
        tool_question: what it calls one of them for.
        result: what that function answers.
        counts_tokens: whether it tells what an answer took.
    """

    question: str = "Say: ok"
    tools: Sequence[Mapping[str, Any]] = ()
    tool_question: str = ""
    result: str = '{"ok": true}'
    counts_tokens: bool = False


def _asked(question: str) -> list[Message]:
    return [{"role": "system", "content": "You are the front desk."}, {"role": "user", "content": question}]


async def _answer(case: ModelCase, model: LanguageModel, request: ModelRequest) -> list[ModelPiece]:
    async def all_of_it() -> list[ModelPiece]:
        return [piece async for piece in model.stream(request)]

    pieces = await within(case.seconds, all_of_it(), "an answer")
    for piece in pieces:
        if not isinstance(piece, Text | ToolRequest | TokensUsed):
            raise Unexpected(f"stream() yielded {piece!r}")
    return pieces


def _told(pieces: Sequence[ModelPiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


async def _answered(case: ModelCase, model: LanguageModel) -> None:
    if not _told(await _answer(case, model, ModelRequest(_asked(case.question)))).strip():
        raise Unexpected(f"no words came in answer to `{case.question}`")


@promise
async def answers_come_as_text(case: ModelCase) -> None:
    """Twice in a row, and the request is as it was: whoever asked keeps it."""
    async with at_work(case) as model:
        request = ModelRequest(_asked(case.question), list(case.tools))
        before = deepcopy((request.messages, request.tools))
        for _ in range(2):
            if not _told(await _answer(case, model, request)).strip():
                raise Unexpected(f"no words came in answer to `{case.question}`")
        if before != (request.messages, request.tools):
            raise Unexpected("the request was changed by who answered it")


@promise
async def tokens_are_counted_once(case: ModelCase) -> None:
    """What an answer took comes once and last, as the vendor counts it."""
    needs(case.counts_tokens, "counts_tokens")
    async with at_work(case) as model:
        pieces = await _answer(case, model, ModelRequest(_asked(case.question)))
        used = [piece for piece in pieces if isinstance(piece, TokensUsed)]
        if len(used) != 1 or used != pieces[-1:]:
            raise Unexpected(f"TokensUsed is to come once and last; it came {len(used)} times")
        if used[0].input <= 0 or used[0].output <= 0 or not 0 <= used[0].cached <= used[0].input:
            raise Unexpected(f"these are no counts: {used[0]}")


@promise
async def tools_are_asked_for_in_whole(case: ModelCase) -> None:
    """A tool request has an id of its own, a name that was offered, and arguments that are a JSON object; told what
    came of it, the model goes on in words."""
    needs(case.tools and case.tool_question, "tools")
    names = {tool["function"]["name"] for tool in case.tools}
    async with at_work(case) as model:
        messages = _asked(case.tool_question)
        pieces = await _answer(case, model, ModelRequest(messages, list(case.tools)))
        wanted = [piece for piece in pieces if isinstance(piece, ToolRequest)]
        if not wanted:
            raise Unexpected(f"no tool was asked for by `{case.tool_question}`")
        for one in wanted:
            if one.name not in names or not one.id or not _is_object(one.arguments):
                raise Unexpected(f"this is no whole request of {sorted(names)}: {one}")
        if len({one.id for one in wanted}) < len(wanted):
            raise Unexpected(f"the ids of tool requests are not their own: {wanted}")
        messages = [*messages, *_round(_told(pieces), wanted, case.result)]
        if not _told(await _answer(case, model, ModelRequest(messages, list(case.tools)))).strip():
            raise Unexpected("no words came once the tool had answered")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _round(said: str, wanted: Sequence[ToolRequest], result: str) -> list[Message]:
    """The messages that a round of tool calls leaves, as the voice server writes them."""
    calls = [
        {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}} for one in wanted
    ]
    told = [{"role": "tool", "tool_call_id": one.id, "content": result} for one in wanted]
    return [{"role": "assistant", "content": said or None, "tool_calls": calls}, *told]


@promise
async def closing_stops_the_vendor(case: ModelCase) -> None:
    """A caller interrupts: the iterator is closed at once, and the next answer is whole."""
    async with at_work(case) as model:
        for _ in range(2):
            pieces: Any = model.stream(ModelRequest(_asked(case.question)))
            await within(case.seconds, anext(pieces), "the first piece of an answer")
            await within(LEAVE_SECONDS, pieces.aclose(), "closing the iterator of an answer")
        await _answered(case, model)


@promise
async def who_asks_may_be_cancelled(case: ModelCase) -> None:
    """A call ends in the middle of an answer, or before its first word."""
    async with at_work(case) as model:
        for steps in (0, 1, 5, 50):
            asking = asyncio.create_task(_answer(case, model, ModelRequest(_asked(case.question))))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            await gone(asking, "asking")
        await _answered(case, model)


@promise
async def many_conversations_ask_at_once(case: ModelCase) -> None:
    """Each gets an answer of its own."""
    async with at_work(case) as model:
        await asyncio.gather(*(_answered(case, model) for _ in range(case.at_once)))


@promise
async def failures_are_of_their_kind(case: ModelCase) -> None:
    """Whatever goes wrong is a ProviderError of its kind, in one line, without a secret."""

    async def use(model: LanguageModel) -> None:
        pieces: Any = model.stream(ModelRequest(_asked(case.question)))
        async with aclosing(pieces):
            async for _ in pieces:
                pass

    await all_fail_as_they_should(case, use)


MODEL_CHECKS = (
    answers_come_as_text,
    tokens_are_counted_once,
    tools_are_asked_for_in_whole,
    closing_stops_the_vendor,
    who_asks_may_be_cancelled,
    many_conversations_ask_at_once,
    failures_are_of_their_kind,
)
"""All of them."""
