"""A language model that repeats what was said; asked to `call` something, it calls the first tool."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping

from pinecall_run.providers.contracts import (
    LanguageModel,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    Text,
    TokensUsed,
    ToolRequest,
)
from pinecall_run.vendors.facts import Provider, yes_or_no

PROVIDERS = (
    Provider(
        "toy",
        "model",
        "a parrot",
        options={"shout": yes_or_no("Whether it answers in capitals.", default=False)},
        names=("parrot",),
    ),
)


def open_model(spec: ModelSpec, environ: Mapping[str, str]) -> LanguageModel:
    """The model.

    Raises:
        ProviderError: there is no such model.
    """
    if spec.model not in PROVIDERS[0].names:
        raise ProviderError(f"toy has no model `{spec.model}`", "there is parrot", kind="request")
    return ToyModel(shouts=spec.options.get("shout", False))


class ToyModel:
    """Answers any number of conversations."""

    def __init__(self, *, shouts: bool) -> None:
        self._shouts = shouts

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """Words as they come, or a tool request in whole; what it took comes last."""
        last = request.messages[-1]
        said = str(last.get("content") or "")
        if request.tools and last["role"] == "user" and said.startswith("call"):
            yield ToolRequest(f"call_{len(request.messages)}", request.tools[0]["function"]["name"], json.dumps({}))
        else:
            for word in re.findall(r"\s*\S+", said.upper() if self._shouts else said):
                yield Text(word)
                await asyncio.sleep(0)
        words = sum(len(str(message.get("content") or "").split()) for message in request.messages)
        yield TokensUsed(words, len(said.split()))
