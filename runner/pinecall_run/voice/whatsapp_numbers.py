"""A business's WhatsApp numbers as agents registered them: what opens each, and what it lacks to be served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from pinecall_run.protocol.registry import Agent, Registry, normal_ref
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.voice.call_core import explained

TYPE = "whatsapp"

WINDOW_SECONDS = 24 * 3600.0
"""For so long after a person's message may they be answered as one likes; after it only by a template."""

IDLE_MINUTES = 60
"""A conversation without a message for this long ends, where the channel does not say otherwise."""

MISSING = "it is not served: pip install 'pinecall-run[whatsapp]', then start it again"
DEAF = "voice notes are announced, not heard: pip install 'pinecall-run[voice]', then start it again"


@dataclass(frozen=True, slots=True)
class Number:
    """One number.

    Attributes:
        id: Meta's, of the number.
        token: opens the Graph API; ``secret`` signs the webhooks; ``verify_token`` is the word of the verification.
        template: ``name`` and ``language`` of what is sent when the window is closed; empty where nothing is.
        has_voice_notes: whether voice notes are answered by voice notes.
    """

    id: str
    token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    verify_token: str = field(default="", repr=False)
    template: Mapping[str, str] = field(default_factory=dict)
    has_voice_notes: bool = False
    idle_seconds: float = IDLE_MINUTES * 60.0

    @property
    def is_open(self) -> bool:
        """Whether messages can be trusted and answered."""
        return bool(self.token and self.secret)


def numbers_of(agent: Agent) -> Iterator[Number]:
    """The numbers of an agent."""
    for (kind, id), channel in agent.channels.items():
        if kind == TYPE:
            yield _read(id, channel.options)


def _read(id: str, options: Mapping[str, Any]) -> Number:
    minutes, template = options.get("idle_minutes"), options.get("template")
    return Number(
        id,
        token=str(options.get("access_token") or ""),
        secret=str(options.get("app_secret") or ""),
        verify_token=str(options.get("verify_token") or ""),
        template=template if isinstance(template, dict) and template.get("name") else {},
        has_voice_notes=options.get("voice_notes") is True,
        idle_seconds=min(minutes * 60.0, WINDOW_SECONDS) if minutes else IDLE_MINUTES * 60.0,
    )


def reached(registry: Registry, id: str) -> tuple[Agent, Number] | None:
    """Who answers at a number."""
    for agent in registry.agents.values():
        for number in numbers_of(agent):
            if number.id == id and number.is_open:
                return agent, number
    return None


def all_numbers(registry: Registry) -> Iterator[Number]:
    """Every number that is registered."""
    for agent in registry.agents.values():
        yield from numbers_of(agent)


def audition(agent: Agent, id: str, environ: Mapping[str, str]) -> tuple[bool, list[str]]:
    """Whether a number, by its id as it was written, is served, and what is to be said of it beforehand."""
    number = next(number for number in numbers_of(agent) if number.id == normal_ref(TYPE, id))
    lacking = [name for name, value in (("access_token", number.token), ("app_secret", number.secret)) if not value]
    if find_spec("httpx2") is None:
        return False, [MISSING]
    if lacking:
        return False, [f"WhatsApp is not served without {' and '.join(lacking)}"]
    notes = [] if number.verify_token else ["meta cannot verify the webhook without verify_token"]
    return True, [*notes, *_of_sound(agent.configured(TYPE, id), environ, speaks=number.has_voice_notes)]


def _of_sound(configuration: Mapping[str, Any], environ: Mapping[str, str], *, speaks: bool) -> Iterator[str]:
    if find_spec("av") is None or find_spec("numpy") is None:
        yield DEAF
        return
    from pinecall_run.voice.stages import open_ears, open_voices

    try:
        open_ears(configuration, environ)
    except ProviderError as error:
        yield f"voice notes are announced, not heard: {explained(error)}"
    if speaks:
        try:
            open_voices(configuration, environ)
        except ProviderError as error:
            yield f"voice notes are answered in writing: {explained(error)}"
