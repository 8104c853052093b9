"""The validated configuration: frozen, typed, still only data. Mirrors schemas/pinecall.schema.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pinecall_run.config.channels import ChannelRef
from pinecall_run.source.diagnostic import Route
from pinecall_run.vendors.prices import Rates

Options = Mapping[str, Any]
"""A provider's options as written."""

Prices = Mapping[str, Rates]
"""What vendors ask of a project, by provider, or provider and model."""

PLAIN = (
    "voice",
    "language",
    "stt",
    "greeting",
    "greeting_in_chat",
    "session_limits",
    "interruption",
    "timezone",
)
"""Keys of an agent that are read, kept and sent as they are."""

SPOKEN = ("turn_detection", "vad", "recording", "background", "hold_music", "apology", "analysis")
"""Keys of an agent that are read and kept as they are, and sent as :mod:`pinecall_run.deploy.session_config` says."""

DEFAULT_MODEL = "gpt-4.1-mini"
_SCRIPTED = "scripted:"


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server, as browsers know them (https://www.w3.org/TR/webrtc/#rtciceserver-dictionary)."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the voice server is. ``url`` is ``None`` for the embedded one; ``public_url`` is where the world reaches
    that, and ``sip`` as written how it telephones."""

    url: str | None = None
    api_key: str = ""
    ice_servers: tuple[IceServer, ...] = ()
    public_url: str = ""
    sip: Options | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """A file that the embedded server reads when it speaks or listens: relative to the project, or absolute."""

    route: Route
    name: str
    is_sound: bool = True


@dataclass(frozen=True, slots=True)
class PromptSource:
    """A template by file name (relative to the project) or as text, with its variables."""

    file: str | None = None
    text: str | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Channel:
    """One way in, with what it overrides of its agent and, for WhatsApp, its credentials and what else is its own."""

    ref: ChannelRef
    overrides: Options = field(default_factory=dict)
    credentials: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Phrase:
    """What the agent says when a tool has not answered after ``after_ms``."""

    text: str
    after_ms: int = 1000


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call, by its dotted path, and how it is called.

    ``None`` as a limit sets none; as an ``effect`` it means that the author said nothing.
    """

    function: str
    effect: Literal["read", "write"] | None = None
    timeout_seconds: float | None = None
    retries: int = 0
    max_concurrency: int | None = None
    cancel_on_interruption: bool = False
    say: Phrase | None = None
    ephemeral: bool = False
    no_followup: bool = False

    @property
    def is_write(self) -> bool:
        """Whether it changes something, so that it must not run twice."""
        return self.effect == "write"


@dataclass(frozen=True, slots=True)
class Context:
    """A function, by its dotted path, that says what is known of a call when it begins, and how long that may take."""

    function: str
    timeout_seconds: float = 1.5


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent as declared. ``None`` means that the author said nothing."""

    name: str
    prompt: PromptSource
    model: str | Options | Sequence[str | Options] = DEFAULT_MODEL
    voice: str | Options | Sequence[str | Options] | None = None
    language: str | None = None
    stt: str | Options | Sequence[str | Options] | None = None
    greeting: str | Mapping[str, str] | None = None
    greeting_in_chat: bool | None = None
    channels: tuple[Channel, ...] = ()
    tools: Mapping[str, Tool] = field(default_factory=dict)
    on: Mapping[str, str] = field(default_factory=dict)
    """Functions, by their dotted paths, under the events they are run at."""
    context: Context | None = None
    session_limits: Options | None = None
    interruption: bool | Options | None = None
    turn_detection: str | Options | None = None
    vad: Options | None = None
    recording: bool | Options | None = None
    background: str | Options | None = None
    hold_music: str | None = None
    apology: str | Mapping[str, str] | None = None
    analysis: Options | None = None
    timezone: str | None = None
    allowed_origins: tuple[str, ...] | None = None

    @property
    def models(self) -> Sequence[str | Options]:
        """The models in the order in which they are asked."""
        return [self.model] if isinstance(self.model, str | Mapping) else self.model

    @property
    def script_file(self) -> str | None:
        """The file of rules that stands in for a language model, if nothing else answers."""
        return script_file(self.models[0]) if len(self.models) == 1 else None

    @property
    def model_function(self) -> str | None:
        """The dotted path of the function that is the model, if the model is one."""
        return self.model.get("function") if isinstance(self.model, Mapping) else None


def script_file(model: str | Options) -> str | None:
    """The file of rules that a model is, if it is one."""
    if isinstance(model, str):
        return model.removeprefix(_SCRIPTED) if model.startswith(_SCRIPTED) else None
    return str(model.get("model", "")) if model.get("provider") == "scripted" else None


@dataclass(frozen=True, slots=True)
class Config:
    """A whole pinecall.yaml. ``journal`` is a file name, relative to the project."""

    version: int
    server: Server
    agents: Mapping[str, Agent]
    lifespan: str | None = None
    """The dotted path of a function that is an async context manager."""
    journal: str | None = None
    prices: Prices = field(default_factory=dict)
    voice_files: tuple[VoiceFile, ...] = ()
    """All that its agents name."""
