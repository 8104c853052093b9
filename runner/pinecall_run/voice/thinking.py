"""The model loop: ask, stream, call tools, ask again, until there is an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pinecall_run.providers.contracts import (
    Aloud,
    LanguageModel,
    ModelFailed,
    ModelRequest,
    Text,
    TokensUsed,
    ToolRequest,
)
from pinecall_run.voice.conversation import Conversation, ToolOutcome
from pinecall_run.wire.events import ToolCall

MAX_ROUNDS = 8
"""Rounds of tool calls for one answer. After them the model is asked once more without tools, so that it speaks."""

CallTools = Callable[[Sequence[ToolCall]], Awaitable[Sequence[ToolOutcome]]]


@dataclass(frozen=True, slots=True)
class Mind:
    """What one answer is made with.

    Attributes:
        now: the time in the agent's zone.
        is_spoken: whoever speaks the answer keeps what was heard of it: rounds of tools are kept without what was said
            before them, and where they were asked for, whatever has been said since.
        is_abandoned: whether nobody wants the answer any more; asked when tools have answered.
        on_used: told what each question took.
        on_failed: told of a model that failed where another went on.
        on_aloud: given what a model speaks itself.
    """

    model: LanguageModel
    tools: Sequence[dict[str, Any]]
    call_tools: CallTools
    now: Callable[[], datetime]
    is_spoken: bool = False
    is_abandoned: Callable[[], bool] = bool
    on_used: Callable[[TokensUsed], None] = lambda _: None
    on_failed: Callable[[ModelFailed], None] = lambda _: None
    on_aloud: Callable[[Aloud], None] = lambda _: None


async def think(mind: Mind, conversation: Conversation, on_text: Callable[[str], None]) -> str:
    """Answer what the person said last; returns the whole text, which ``on_text`` was given piece by piece.

    The conversation keeps the tool rounds; the answer itself is for the caller to add.

    Raises:
        ProviderError: the model failed. What was said until then has gone to ``on_text``.
    """
    said: list[str] = []
    for round_number in range(MAX_ROUNDS + 1):
        tools = mind.tools if round_number < MAX_ROUNDS else ()
        in_this_round: list[str] = []
        requests: list[ToolRequest] = []
        async for piece in mind.model.stream(ModelRequest(conversation.request(mind.now()), tools)):
            if isinstance(piece, Text):
                in_this_round.append(piece.text)
                on_text(piece.text)
            elif isinstance(piece, Aloud):
                in_this_round.append(piece.text)
                mind.on_aloud(piece)
            elif isinstance(piece, ToolRequest):
                requests.append(piece)
            elif isinstance(piece, TokensUsed):
                mind.on_used(piece)
            else:
                mind.on_failed(piece)
        said += in_this_round
        if not requests or not tools:
            break
        calls = [
            ToolCall(id=request.id, name=request.name, arguments=request.arguments or "{}")  # some endpoints send ""
            for request in requests
        ]
        earlier = list(conversation.messages) if mind.is_spoken else ()
        outcomes = await mind.call_tools(calls)
        conversation.tools_answered("" if mind.is_spoken else "".join(in_this_round), outcomes, after=earlier)
        if mind.is_abandoned() or all(outcome.no_followup for outcome in outcomes):
            return ""
        said.clear()
    return "".join(said)
