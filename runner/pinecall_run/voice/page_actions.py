"""What the caller's own page may ask of a call (protocol: data channel)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

_LOG = logging.getLogger("pinecall_run.voice")

MAY_CHANGE = frozenset(("voice", "language", "stt", "tts", "greeting", "flash"))
"""Keys of the configuration that a page may set, when it calls and while it does. Everything else is the project's."""

MAX_TEXT = 8_000
"""Characters of what a page says for its person, or shows."""


class Steered(Protocol):
    """A call, as far as its page may steer it."""

    def mute(self) -> None: ...

    def unmute(self) -> None: ...

    def typed(self, text: str) -> None: ...

    def configure(self, changes: Mapping[str, Any]) -> None: ...

    def show_screen(self, key: str, value: Any) -> None: ...


class PageActions:
    """Does what a page asks for, as far as it may; what is no action is ignored."""

    def __init__(self, call: Steered) -> None:
        self._call = call

    def act(self, action: Mapping[str, Any]) -> None:
        """One action, as it came."""
        match action:
            case {"action": "mute"}:
                self._call.mute()
            case {"action": "unmute"}:
                self._call.unmute()
            case {"action": "inject_text", "text": str(text)} if text.strip() and len(text) <= MAX_TEXT:
                self._call.typed(text)
            case {"action": "configure"}:
                self._call.configure(permitted(action))
            case {"action": "set_context", "key": str(key), **rest} if len(key) + len(str(rest)) <= MAX_TEXT:
                self._call.show_screen(key, rest.get("value"))


def permitted(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a page asks for and may have. ``tts`` is the raw form of ``voice`` (protocol 6.1)."""
    dropped = asked.keys() - MAY_CHANGE - {"action"}
    if dropped:
        _LOG.warning("a page asked for what it may not change: %s", ", ".join(sorted(dropped)))
    taken = {key: value for key, value in asked.items() if key in MAY_CHANGE}
    if "tts" in taken:
        taken.setdefault("voice", taken.pop("tts"))
    return taken
