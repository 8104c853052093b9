"""A business's WhatsApp numbers as agents registered them: what opens each, and what it lacks to be served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from pinecall_run.protocol.registry import Agent, Registry
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
class Line:
    """One number.

    Attributes:
        number: Meta's id of it.
        token: opens the Graph API; ``secret`` signs the webhooks; ``verify_token`` is the word of the verification.
        template: ``name`` and ``language`` of what is sent when the window is closed; empty where nothing is.
        has_voice_notes: whether voice notes are answered by voice notes.
    """

    number: str
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


def lines_of(agent: Agent) -> Iterator[Line]:
    """The numbers of an agent."""
    for (kind, number), channel in agent.channels.items():
        if kind == TYPE:
            yield _line(number, channel.options)


def _line(number: str, options: Mapping[str, Any]) -> Line:
    minutes, template = options.get("idle_minutes"), options.get("template")
    return Line(
        number,
        token=str(options.get("access_token") or ""),
        secret=str(options.get("app_secret") or ""),
        verify_token=str(options.get("verify_token") or ""),
        template=template if isinstance(template, dict) and template.get("name") else {},
        has_voice_notes=options.get("voice_notes") is True,
        idle_seconds=min(minutes * 60.0, WINDOW_SECONDS) if minutes else IDLE_MINUTES * 60.0,
    )


def reached(registry: Registry, number: str) -> tuple[Agent, Line] | None:
    """Who answers at a number."""
    for agent in registry.agents.values():
        for line in lines_of(agent):
            if line.number == number and line.is_open:
                return agent, line
    return None


def all_lines(registry: Registry) -> Iterator[Line]:
    """Every number that is registered."""
    for agent in registry.agents.values():
        yield from lines_of(agent)


def audition(agent: Agent, number: str, environ: Mapping[str, str]) -> tuple[bool, list[str]]:
    """Whether a number is served, and what is to be said of it beforehand."""
    line = next(line for line in lines_of(agent) if line.number == number)
    lacking = [name for name, value in (("access_token", line.token), ("app_secret", line.secret)) if not value]
    if find_spec("httpx2") is None:
        return False, [MISSING]
    if lacking:
        return False, [f"it is not served without {' and '.join(lacking)}"]
    notes = [] if line.verify_token else ["meta cannot verify the webhook without verify_token"]
    return True, [*notes, *_of_sound(agent.configured(TYPE, number), environ, speaks=line.has_voice_notes)]


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
