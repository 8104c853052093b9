"""What the caller's own page may ask of a call (protocol: data channel)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

_LOG = logging.getLogger("pinecall_run.voice")

MAX_TEXT = 8_000
"""Characters of what a page says for its person, or shows."""

MAX_NAME = 100
"""Characters of a vendor's, a voice's, a model's, a language's name."""

MAX_VENDORS = 4
"""Of one list."""

_NAMES = frozenset(("provider", "model", "voice", "voice_id", "voiceId", "language"))


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
    """What a page asks for and may have; what is left out is logged by its keys. ``tts`` is the raw form of ``voice``
    (protocol 6.1)."""
    read = {key: _READ[key](value) for key, value in asked.items() if key in _READ}
    taken = {key: value for key, value in read.items() if value is not None}
    dropped = sorted(asked.keys() - taken.keys() - {"action"})
    if dropped:
        names = ", ".join(repr(key[:40]) for key in dropped[:10])
        _LOG.warning("a page asked for what it may not change: %s", names)
    if "tts" in taken:
        taken.setdefault("voice", taken.pop("tts"))
    return taken


def _vendors(written: Any) -> Any:
    if not isinstance(written, list):
        return _vendor(written)
    named = [_vendor(one) for one in written]
    return named if len(named) <= MAX_VENDORS and None not in named else None


def _vendor(written: Any) -> str | dict[str, Any] | None:
    """A vendor by its name, or with names, numbers and switches. No other text: an option may be an address to which
    the vendor's key goes, a file of the server, or a grammar that takes hours to read."""
    if not isinstance(written, dict):
        return _name(written)
    named = {key: _name(value) for key, value in written.items() if key in _NAMES}
    if None in named.values():
        return None
    return named | {key: value for key, value in written.items() if isinstance(value, bool | int | float)}


def _name(written: Any) -> str | None:
    return written if isinstance(written, str) and len(written) <= MAX_NAME else None


def _greeting(written: Any) -> Any:
    texts = written if isinstance(written, dict) else {"": written}
    if not all(isinstance(text, str) for text in texts.values()) or len(str(texts)) > MAX_TEXT:
        return None
    return written


def _switch(written: Any) -> bool | None:
    return written if isinstance(written, bool) else None


_READ: Mapping[str, Callable[[Any], Any]] = {
    "voice": _vendors,
    "language": _name,
    "stt": _vendors,
    "tts": _vendors,
    "greeting": _greeting,
    "flash": _switch,
}
"""What a page may set, when it calls and while it does, by how it is read; ``None`` where it cannot be. Everything else
is the project's."""
