"""A model that must begin to answer within a time, because somebody waits on the line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pinecall_run.providers.contracts import LanguageModel, ModelPiece, ModelRequest, ProviderError

ANSWER_SECONDS = 15.0
"""How long a caller waits for the next piece of an answer."""


class Patient:
    """A model, given up when it falls silent for so many seconds."""

    def __init__(self, model: LanguageModel, seconds: float = ANSWER_SECONDS) -> None:
        self._model = model
        self._seconds = seconds

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """See :class:`LanguageModel`."""
        pieces = self._model.stream(request)
        try:
            while (piece := await self._next(pieces)) is not None:
                yield piece
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()

    async def _next(self, pieces: AsyncIterator[ModelPiece]) -> ModelPiece | None:
        try:
            async with asyncio.timeout(self._seconds):
                return await anext(pieces, None)
        except TimeoutError:
            raise ProviderError(f"the model gave nothing for {self._seconds:g} s") from None
