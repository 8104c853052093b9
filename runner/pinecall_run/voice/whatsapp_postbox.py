"""What goes out to one person on WhatsApp: in pieces that fit, within the window, and told when it does not arrive."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from pinecall_run.transports.whatsapp_graph import WINDOW_CLOSED, Graph, GraphError, Sender
from pinecall_run.voice.whatsapp_numbers import WINDOW_SECONDS, Number

_LOG = logging.getLogger("pinecall_run.voice")

LONGEST = 4096
"""Characters of one message."""

CLOSED = (
    "the 24-hour window of this contact is closed: nothing but a template arrives until they write (see `template` of "
    "the channel)"
)

TellFailure = Callable[[int, str], None]
"""Told of what was not sent: Meta's code, or 0, and a sentence."""


class Postbox:
    """One person's, at one number. ``number`` is asked each time, because tokens change. Until the person was heard
    here, Meta has to say whether the window is open."""

    def __init__(
        self,
        to: str,
        number: Callable[[], Number],
        graph: Graph,
        *,
        clock: Callable[[], float],
        on_failure: TellFailure,
    ) -> None:
        self._to = to
        self._number = number
        self._graph = graph
        self._clock = clock
        self._on_failure = on_failure
        self._heard_at: float | None = None
        self._has_reminded = False

    def heard(self, at: float) -> None:
        """The person wrote: the window is open for a day from then."""
        self._heard_at = max(at, self._heard_at or at)
        self._has_reminded = False

    async def say(self, text: str) -> bool:
        """Send a text; whether Meta took all of it."""
        for piece in pieces_of(text):
            if not await self._send({"type": "text", "text": {"preview_url": False, "body": piece}}):
                return False
        return True

    async def say_aloud(self, note: bytes, mime_type: str) -> bool:
        """Send a voice note; whether Meta took it."""
        if self._is_closed():
            await self.closed()
            return False
        try:
            media = await self._graph.upload(self._sender, note, mime_type, "answer.ogg")
        except GraphError as error:
            self._failed(error)
            return False
        return await self._send({"type": "audio", "audio": {"id": media, "voice": True}})

    async def mark_read(self, message_id: str) -> None:
        """Show that a message was read and is being answered. Of no importance where that fails."""
        try:
            await self._graph.mark_read(self._sender, message_id)
        except GraphError as error:
            _LOG.debug("whatsapp:%s: a receipt failed (%d)", self._sender.number, error.code)

    async def closed(self, *, is_told: bool = False) -> None:
        """The window is closed: that is told, and a template sent, once until the person writes."""
        if not is_told:
            self._on_failure(WINDOW_CLOSED, CLOSED)
        template = self._number().template
        if not template or self._has_reminded:
            return
        self._has_reminded = True
        language = {"code": template.get("language") or "en_US"}
        content = {"type": "template", "template": {"name": template["name"], "language": language}}
        try:
            await self._graph.send(self._sender, self._to, content)
        except GraphError as error:
            self._failed(error)

    @property
    def _sender(self) -> Sender:
        number = self._number()
        return Sender(number.id, number.token)

    def _is_closed(self) -> bool:
        return self._heard_at is not None and self._clock() - self._heard_at > WINDOW_SECONDS

    async def _send(self, content: Mapping[str, Any]) -> bool:
        if self._is_closed():
            await self.closed()
            return False
        try:
            await self._graph.send(self._sender, self._to, content)
        except GraphError as error:
            if error.code == WINDOW_CLOSED:
                await self.closed()
            else:
                self._failed(error)
            return False
        return True

    def _failed(self, error: GraphError) -> None:
        _LOG.warning("whatsapp:%s: a message was not sent (%d)", self._sender.number, error.code)
        self._on_failure(error.code, str(error))


def pieces_of(text: str) -> list[str]:
    """A text as messages of at most :data:`LONGEST` characters: cut between paragraphs, else lines, else words."""
    pieces: list[str] = []
    text = text.strip()
    while len(text) > LONGEST:
        head = text[:LONGEST]
        at = next((found for mark in ("\n\n", "\n", " ") if (found := head.rfind(mark)) > LONGEST // 2), LONGEST)
        pieces.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*pieces, text] if text else pieces
