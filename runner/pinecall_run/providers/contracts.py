"""What a vendor's adapter offers, whatever the vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:  # needs an extra, which typed conversations do without
    from pinecall_run.audio.chunk import Samples


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


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """What one answer took, as the vendor counts it; ``cached`` of the ``input`` were read from its cache. ``provider``
    and ``model`` are for whoever asked to fill in. Of the first three, those of sound, which have prices of their own,
    are ``audio_input``, ``audio_output`` and ``audio_cached``."""

    input: int
    output: int
    cached: int = 0
    provider: str = ""
    model: str = ""
    audio_input: int = 0
    audio_output: int = 0
    audio_cached: int = 0


@dataclass(eq=False, slots=True)
class SpokenItem:
    """What one party said aloud, as a model knows it that hears and speaks itself.

    The call fills in ``message``, the message of its history that this is, and ``heard_seconds``, how much of it was
    heard where that is not all. The model forgets what has a message that is not in the history any more.
    """

    id: str
    message: Message | None = None
    heard_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Aloud:
    """A piece of an answer that a model speaks itself: words, which run ahead of their sound, or sound at 16 kHz."""

    item: SpokenItem
    text: str = ""
    samples: Samples | None = None


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """A model failed and another goes on with the answer. What is made of several models says so; adapters never do."""

    provider: str
    error: str
    next: str


ModelPiece = Text | ToolRequest | TokensUsed | ModelFailed | Aloud
"""``TokensUsed`` comes once, where the vendor says it."""


FailureKind = Literal[
    "missing", "key", "credit", "request", "rate_limit", "unavailable", "network", "timeout", "garbage", "failed"
]
"""``missing``: no such provider, or its extra or key is not here. ``key``: it refused the key (401, 403). ``credit``:
none is left (402). ``request``: what was asked for is wrong or unknown (other 4xx). ``rate_limit``: too much at once
(429). ``unavailable``: the vendor's fault (5xx). ``network``: it cannot be reached, or the connection broke.
``timeout``: it was silent. ``garbage``: it sent what is no message of its interface. ``failed``: anything else."""

_LASTING = frozenset(("missing", "key", "credit", "request"))


class ProviderError(Exception):
    """A vendor failed. The message is one sentence with the vendor's words; ``hint`` says what to do.

    ``retry_after``: after how many seconds the vendor says it may be asked again; 0 where it says nothing.
    """

    def __init__(self, message: str, hint: str = "", *, kind: FailureKind = "failed", retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.hint = hint
        self.kind = kind
        self.retry_after = retry_after

    @property
    def is_lasting(self) -> bool:
        """Whether asking again, as things are, is in vain."""
        return self.kind in _LASTING


class LanguageModel(Protocol):
    """Streams answers."""

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """The pieces of one answer: texts as they come, tool requests when they are complete, and what it took (last,
        where the vendor says so).

        Raises:
            ProviderError: the vendor refused or failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class CallerBegan:
    """The caller's voice is heard."""


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller has finished; what they said is part of what the model knows. ``quiet`` seconds of silence were what
    told it, as far as that is known."""

    item: SpokenItem
    quiet: float = 0.0


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """The words of what the caller said, as they become known, which may be after the answer: all so far, or for good.
    An empty text is final where there are none."""

    item: SpokenItem
    text: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class SecondsHeard:
    """Sound that was put into words by a model that is billed for it by the second."""

    provider: str
    model: str
    seconds: float


DuplexEvent = CallerBegan | CallerStopped | CallerSaid | SecondsHeard | TokensUsed


class DuplexStream(Protocol):
    """One call with a model that hears and speaks itself."""

    @property
    def is_open(self) -> bool:
        """Whether it is of use, as far as is known."""
        ...

    def hear(self, chunk: Samples) -> None:
        """20 ms of 16 kHz mono. Never blocks; what cannot be kept is dropped, the oldest first."""

    def forget(self) -> None:
        """What the caller was saying does not count."""

    def change_language(self, language: str) -> None:
        """The caller speaks this from now on (BCP-47)."""

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """Answer, as a :class:`LanguageModel` does, in sound (:class:`Aloud`).

        What the model knows is first made to be ``request.messages``: of what it said only what was heard. Messages are
        told apart by identity. Closing the iterator stops the model.

        Raises:
            ProviderError: the vendor refused or failed; the stream is of use as long as it ``is_open``.
        """
        ...

    def say(self, text: str) -> AsyncIterator[Samples]:
        """The sound of a text, word by word as it is written, at 16 kHz. The model does not know of it, unless it
        comes in a request's messages.

        Raises:
            ProviderError: the vendor refused or failed.
        """
        ...

    def events(self) -> AsyncIterator[DuplexEvent]:
        """What the caller does, and what all of it takes, until the stream is closed.

        Raises:
            ProviderError: the vendor failed; the stream is of no more use.
        """
        ...

    async def close(self) -> None:
        """Let go of everything. Safe to call twice, and while somebody iterates."""


class DuplexModel(Protocol):
    """Hears, answers and speaks in any number of calls."""

    async def open(self, language: str) -> DuplexStream:
        """A stream for one call, in which a language is spoken (BCP-47, or empty).

        Raises:
            ProviderError: the vendor refused, or cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True)
class SpeechSpec:
    """Which ear or voice of which vendor: ``name`` is a model (speech to text) or a voice, ``language`` a BCP-47 tag;
    empty where nothing was said. ``options`` are the vendor's own."""

    provider: str
    name: str = ""
    language: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a person seems to say (replaces the one before, since the last final one), or said for good."""

    text: str
    is_final: bool
    confidence: float = 1.0
    language: str = ""


@dataclass(frozen=True, slots=True)
class TurnSignal:
    """What a vendor that decides about turns says of one; ``text`` is the whole turn so far."""

    kind: Literal["started", "eager", "resumed", "ended"]
    text: str = ""
    probability: float = 1.0


Heard = Transcript | TurnSignal


class HearingStream(Protocol):
    """One person's sound on its way to text."""

    def hear(self, chunk: Samples) -> None:
        """20 ms of 16 kHz mono. Never blocks; what cannot be kept is dropped, the oldest first."""

    def finish(self) -> None:
        """The person paused: give what was said as final, soon. Where nothing was understood that is an empty text, so
        that nobody waits for one."""

    def heard(self) -> AsyncIterator[Heard]:
        """What was understood, as it comes, until the stream is closed.

        Raises:
            ProviderError: the vendor failed; the stream is of no more use.
        """
        ...

    async def close(self) -> None:
        """Let go of everything. Safe to call twice, and while somebody iterates."""


@runtime_checkable
class ConfigurableStream(HearingStream, Protocol):
    """One whose vendor takes other options while it hears; a stream need not be one."""

    def configure(self, options: Mapping[str, Any]) -> bool:
        """Go on with these options in place of all that were given, from the next sound on; they were checked.
        ``False`` where that takes another stream: then nothing has changed."""
        ...


class SpeechToText(Protocol):
    """Hears for any number of conversations. ``has_turns`` tells vendors that send :class:`TurnSignal`.

    It may have a ``model``: what the vendor's price depends on.
    """

    @property
    def has_turns(self) -> bool: ...

    async def open(self) -> HearingStream:
        """A stream for one conversation.

        Raises:
            ProviderError: the vendor refused, or cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of speech at the voice's ``rate``."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class WordTime:
    """When a word of a sentence begins and ends, in seconds of that sentence's audio."""

    word: str
    start: float
    end: float


Spoken = Audio | WordTime


class TextToSpeech(Protocol):
    """Speaks for any number of conversations. ``rate`` is in samples a second.

    It may have a ``model``: what the vendor's price depends on; and ``async warm()``: gets ready for the first sentence
    and never fails.
    """

    @property
    def rate(self) -> int: ...

    def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        """The sound of a sentence, as it is made; word times where the vendor gives them, each before the end of the
        audio that it is about. Sentences of one ``context`` follow each other in one utterance. Closing the iterator
        stops the vendor.

        Raises:
            ProviderError: the vendor refused or failed.
        """
        ...
