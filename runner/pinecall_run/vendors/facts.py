"""The shape of what is known of one vendor at one stage of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Stage = Literal["stt", "voice", "model"]
STAGES: tuple[Stage, ...] = ("stt", "voice", "model")

Schema = Mapping[str, Any]
"""A JSON Schema (2020-12) of one value, with a ``description``."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor's speech to text, voices, or language models.

    Attributes:
        name: as pinecall.yaml and the wire write it.
        summary: what it is, in a few words.
        module: the module with its ``open_stt``, ``open_tts`` or ``open_model``; empty where this server has none.
        extra: of this package, what has to be installed for it; empty where the stage itself asks for no more.
        keys: environment variables that must all be set for it to work.
        endpoint: the environment variable that sends it elsewhere than to the vendor: a proxy, a region, a test.
        options: by name, what a mapping in pinecall.yaml may hold for it, beside ``provider`` and what every one of its
            stage has (:data:`COMMON`).
        names: models (``stt``, ``model``) or voices that are known to exist, for people to choose from; others may too.
        page: the vendor's page on the options.
        is_duplex: whether its models hear and speak themselves, in place of an ear and a voice: its module has an
            ``open_duplex``.
    """

    name: str
    stage: Stage
    summary: str
    module: str = ""
    extra: str = ""
    keys: Sequence[str] = ()
    endpoint: str = ""
    options: Mapping[str, Schema] = field(default_factory=dict)
    names: Sequence[str] = ()
    page: str = ""
    is_duplex: bool = False

    @property
    def is_served(self) -> bool:
        """Whether the embedded server runs it."""
        return bool(self.module)


COMMON: Mapping[Stage, frozenset[str]] = {
    "stt": frozenset(("provider", "model", "language")),
    "voice": frozenset(("provider", "voice_id", "voiceId", "voice", "language")),
    "model": frozenset(("provider", "model", "llm", "enabled", "prompt")),
}
"""What a mapping of a stage may hold whoever the vendor is."""


def text(description: str, **more: Any) -> Schema:
    """An option that is text."""
    return {"type": "string", "minLength": 1, "description": description, **more}


def one_of(description: str, *values: str) -> Schema:
    """An option that is one of some words."""
    return {"enum": list(values), "description": description}


def number(description: str, low: float | None = None, high: float | None = None, **more: Any) -> Schema:
    """An option that is a number, both ends included."""
    return {"type": "number", "description": description, **_ends(low, high), **more}


def whole(description: str, low: int | None = None, high: int | None = None, **more: Any) -> Schema:
    """An option that is a whole number, both ends included."""
    return {"type": "integer", "description": description, **_ends(low, high), **more}


def yes_or_no(description: str, **more: Any) -> Schema:
    """An option that is true or false."""
    return {"type": "boolean", "description": description, **more}


def texts(description: str, most: int | None = None, **more: Any) -> Schema:
    """An option that is a list of words or phrases."""
    bound = {} if most is None else {"maxItems": most}
    return {"type": "array", "items": {"type": "string", "minLength": 1}, "description": description, **bound, **more}


def _ends(low: float | None, high: float | None) -> dict[str, float]:
    return {name: end for name, end in (("minimum", low), ("maximum", high)) if end is not None}
