"""Where a human answers in an agent's place: one conversation, one contact, or a whole agent. No I/O."""

from __future__ import annotations

MOST = 10_000
"""Conversations and contacts that are remembered; the oldest are forgotten, and have the model back."""

Scope = tuple[str, str, str]
"""An agent, a conversation's id and a contact; of the last two at most one, the other empty."""


class Takeover:
    """What is paused. What one level paused only the same level takes back, or the whole agent's."""

    def __init__(self) -> None:
        self._paused: dict[Scope, None] = {}

    def pause(self, agent: str, session: str = "", contact: str = "") -> None:
        """The model says nothing there any more."""
        self._paused[agent, session, "" if session else digits(contact)] = None
        if len(self._paused) > MOST:
            del self._paused[next(iter(self._paused))]

    def resume(self, agent: str, session: str = "", contact: str = "") -> None:
        """The model answers again. For a whole agent that is so wherever it was paused."""
        if session or contact:
            self._paused.pop((agent, session, "" if session else digits(contact)), None)
        else:
            self._paused = {scope: None for scope in self._paused if scope[0] != agent}

    def move(self, agent: str, session: str, to: str) -> bool:
        """Another conversation goes on in the place of one; returns whether a human answers there."""
        is_paused = (agent, session, "") in self._paused
        self.resume(agent, session)
        if is_paused:
            self.pause(agent, to)
        return is_paused

    def is_paused(self, agent: str, session: str, contact: str) -> bool:
        """Whether a human answers in this conversation."""
        levels = ((agent, "", ""), (agent, session, ""), (agent, "", digits(contact)))
        return any(level in self._paused for level in levels)


def digits(contact: str) -> str:
    """Numbers are compared without what people put between and before digits."""
    return "".join(filter(str.isdigit, contact)) or contact
