"""What a text conversation is to the door it came through, and the door to the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pinecall_run.wire.events import NamedResult, ToolCall


class Outlet(Protocol):
    """Where a conversation's output goes. Calls never block and never fail; a slow reader is the door's concern."""

    def token(self, text: str) -> None:
        """A piece of the answer."""

    def done(self, text: str, *, is_asked: bool = True) -> None:
        """The answer is complete."""

    def tool_calls(self, calls: Sequence[ToolCall]) -> None:
        """The model called tools."""

    def tool_results(self, results: Sequence[NamedResult]) -> None:
        """The tools answered."""

    def error(self, sentence: str) -> None:
        """There is no answer this time; the conversation goes on."""

    def ended(self, reason: str) -> None:
        """The conversation is over."""


class TextSession(Protocol):
    """A conversation as its door sees it."""

    @property
    def id(self) -> str:
        """The call id."""

    def post(self, text: str) -> None:
        """The person said ``text``."""

    def set_context(self, key: str, value: Any) -> None:
        """What the person's page shows, for the model; ``None`` takes the key away."""

    def end(self, reason: str) -> None:
        """The person left, or the conversation is to end."""


class NotAdmittedError(Exception):
    """A session cannot begin; the message is one sentence for the person."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A conversation that begins on the next turn of the event loop, and whether its person is a developer, who
    may see tools' results."""

    session: TextSession
    is_developer: bool


class Reception(Protocol):
    """Begins conversations."""

    def open_chat(self, token: str, outlet: Outlet) -> Admitted:
        """A conversation for the bearer of a chat token.

        Raises:
            NotAdmittedError: the token is not good, or the agent is gone.
        """
        ...
