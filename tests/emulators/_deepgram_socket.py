"""One socket of the emulated Deepgram: what was asked for on it, when what was last sent, and how it is refused."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.emulators._deepgram_session import Message, Session
from tests.emulators.trouble import Trouble
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.http11 import Response

if TYPE_CHECKING:
    from tests.emulators.deepgram_server import DeepgramServer

ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data"),
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: (
        "ASR_PAYMENT_REQUIRED",
        "Project does not have enough credits for an ASR request and does not have an overage agreement.",
    ),
    403: ("INSUFFICIENT_PERMISSIONS", "Project does not have access to the requested model."),
    404: ("NOT_FOUND", "The requested resource was not found."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
    503: ("Service Unavailable", "Please try again later"),
}
"""``err_code`` and ``err_msg`` of the documented statuses; others have the name of the status."""


@dataclass(frozen=True)
class Asked:
    """A stream that was opened."""

    path: str
    parameters: Mapping[str, Sequence[str]]
    session: Session

    @property
    def messages(self) -> Sequence[Message]:
        """The control messages of the client, in order."""
        return self.session.messages

    @property
    def seconds(self) -> float:
        """How much sound came."""
        return self.session.seconds


class Socket(ServerConnection):
    """A connection that knows when it was last sent what, and tells what comes too late."""

    def __init__(self, *args: Any, owner: DeepgramServer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owner = owner
        self.request_id = str(uuid.uuid4())
        self.asked: Asked | None = None
        self.suffered: Trouble | None = None
        """What has gone wrong on it already, and does not again."""
        self._is_over = False
        self.opened_at = self.loop.time()
        self.last_at: dict[Opcode, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._owner.sockets.add(self)
        self._owner.connections += 1

    def connection_lost(self, error: Exception | None) -> None:
        self._owner.sockets.discard(self)
        super().connection_lost(error)

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame):
            self.last_at[event.opcode] = self.loop.time()
            if event.opcode in (Opcode.TEXT, Opcode.BINARY):
                if self._is_over:
                    self._owner.problems.append("a message after CloseStream")
                self._is_over = self._is_over or (event.opcode is Opcode.TEXT and b'"CloseStream"' in event.data)
        super().process_event(event)

    def refusal(
        self, status: int, headers: Mapping[str, str] | None = None, *, error: tuple[str, str] | None = None
    ) -> Response:
        """An answer in place of the upgrade, with the ``err_code`` and ``err_msg`` that are given or documented."""
        phrase = HTTPStatus(status).phrase
        code, message = error or ERRORS.get(status, (phrase, phrase))
        body = json.dumps({"err_code": code, "err_msg": message, "request_id": self.request_id})
        response = self.respond(HTTPStatus(status), body)
        del response.headers["Content-Type"]
        found = {"Content-Type": "application/json", "dg-error": message}
        for name, value in {**found, **(headers or {})}.items():
            response.headers[name] = value
        return response
