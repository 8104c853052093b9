"""What a vendor's adapter offers, whatever the vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Message = Mapping[str, Any]
"""One chat message in the form of OpenAI's chat completions, which the wire uses too."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model of which vendor, with its options."""

    provider: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question to a language model. ``tools`` have the wire's shape ``{type, function{…}}``."""

    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """The model wants a function called; ``arguments`` is JSON as the model wrote it."""

    id: str
    name: str
    arguments: str


ModelPiece = Text | ToolRequest


class ProviderError(Exception):
    """A vendor failed. The message is one sentence with the vendor's words; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class LanguageModel(Protocol):
    """Streams answers."""

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """The pieces of one answer: texts as they come, tool requests when they are complete.

        Raises:
            ProviderError: the vendor refused or failed.
        """
        ...
