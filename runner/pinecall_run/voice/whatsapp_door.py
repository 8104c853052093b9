"""HTTP: the webhook of WhatsApp. Open to everybody; what Meta did not sign is refused, and counted."""

from __future__ import annotations

import hmac
import logging
from collections import Counter

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pinecall_run.transports.whatsapp_webhook import Message, Status, read_webhook, signed_by
from pinecall_run.voice.failure import described
from pinecall_run.voice.token_door import refusal
from pinecall_run.voice.whatsapp_desk import Outcome, WhatsappDesk

_LOG = logging.getLogger("pinecall_run.voice")

PATH = "/whatsapp/webhook"

LONGEST_CHALLENGE = 200

_PLAIN = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class WhatsappDoor:
    """The route. ``refused`` counts what was, under ``away`` what Meta will deliver again."""

    def __init__(self, desk: WhatsappDesk, refused: Counter[str]) -> None:
        self._desk = desk
        self.refused = refused

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [Route(PATH, self._verify, methods=["GET"]), Route(PATH, self._receive, methods=["POST"])]

    async def _verify(self, request: Request) -> Response:
        """Meta asks whether this is the app's webhook, once, when its address is entered."""
        asked = request.query_params
        given = asked.get("hub.verify_token", "").encode()
        is_ours = any(hmac.compare_digest(given, token.encode()) for token in self._desk.verify_tokens())
        challenge = asked.get("hub.challenge", "")
        if asked.get("hub.mode") != "subscribe" or not is_ours or len(challenge) > LONGEST_CHALLENGE:
            return self._refuse("unverified", 403, "this is no verification with a token of a WhatsApp channel")
        return PlainTextResponse(challenge, headers=_PLAIN)

    async def _receive(self, request: Request) -> Response:
        body = await request.body()
        secrets = self._desk.secrets()
        if not secrets:
            return self._refuse("away", 503, "no WhatsApp channel is registered here")
        secret = signed_by(body, request.headers.get("x-hub-signature-256", ""), secrets)
        if secret is None:
            return self._refuse("forged", 401, "the signature is not that of a WhatsApp channel's app secret")
        items = read_webhook(body)
        if items is None:
            return self._refuse("malformed", 400, "this is no webhook of WhatsApp")
        outcomes = Counter(self._delivered(item, secret) for item in items)
        for outcome, kind in ((Outcome.FORGED, "forged"), (Outcome.REPLAYED, "replayed")):
            self.refused[kind] += outcomes[outcome]
        if outcomes[Outcome.AWAY]:
            return self._refuse("away", 503, "some of it cannot be taken now; deliver it again")
        return Response(status_code=200)

    def _delivered(self, item: Message | Status, secret: str) -> Outcome:
        try:
            return self._desk.deliver(item, secret)
        except Exception as error:  # noqa: BLE001 - the others are not to suffer, and it would fail again
            _LOG.error("a delivery of WhatsApp failed: %s", described(error))
            return Outcome.TAKEN

    def _refuse(self, kind: str, status: int, sentence: str) -> Response:
        self.refused[kind] += 1
        return refusal(status, sentence)
