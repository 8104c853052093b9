"""The language models of a call, asked in their order: when one fails the next goes on with the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from pinecall_run.providers.contracts import (
    LanguageModel,
    ModelFailed,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    Text,
    TokensUsed,
    ToolRequest,
)
from pinecall_run.voice.health import Health
from pinecall_run.voice.patience import Patient

TURN_OVER_SECONDS = 5.0
"""A model may be silent for so long when there is another one to ask."""


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model of a vendor, ready to be asked."""

    spec: ModelSpec
    model: LanguageModel

    @property
    def key(self) -> tuple[str, ...]:
        """Whose health it is."""
        return "llm", self.spec.provider, self.spec.model


class Models:
    """Opened models, in the order in which a project names them: a :class:`LanguageModel`."""

    def __init__(self, models: Sequence[OpenedModel], health: Health) -> None:
        self._models = models
        self._health = health

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """The pieces of one answer, by the first model that can. What one had said when it failed is said: the next is
        asked to go on from there. Once tools were asked for a failure is one, for a second model would ask again."""
        models = self._health.in_order(self._models, lambda one: one.key)
        said, has_asked = "", False
        for one, following in zip(models, [*models[1:], None], strict=True):
            model = one.model if following is None else Patient(one.model, TURN_OVER_SECONDS)
            try:
                async with aclosing(model.stream(going_on(request, said))) as pieces:  # type: ignore[type-var]
                    async for piece in pieces:
                        said += piece.text if isinstance(piece, Text) else ""
                        has_asked = has_asked or isinstance(piece, ToolRequest)
                        yield _named(piece, one.spec)
                self._health.worked(one.key)
                return
            except ProviderError as error:
                self._health.failed(one.key, error)
                if following is None or has_asked:
                    raise
                failure = ModelFailed(one.spec.provider, str(error), following.spec.provider)
            yield failure


def _named(piece: ModelPiece, spec: ModelSpec) -> ModelPiece:
    return replace(piece, provider=spec.provider, model=spec.model) if isinstance(piece, TokensUsed) else piece


def going_on(request: ModelRequest, said: str) -> ModelRequest:
    """The question for whoever goes on with an answer that broke off after ``said``."""
    if not said:
        return request
    note = "Your reply broke off there. Go on from the very next word, and repeat nothing."
    more = [{"role": "assistant", "content": said}, {"role": "user", "content": note}]
    return ModelRequest([*request.messages, *more], request.tools)
