"""A hub with a WhatsApp number, Meta emulated, and a clock of the test's."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.emulators.whatsapp_server import NUMBER, SECRET, TOKEN, WhatsappServer, whatsapp_server
from tests.voice._stage import Client, Stage

from pinecall_run.transports.whatsapp_graph import Graph
from pinecall_run.transports.whatsapp_webhook import Media, Message, Status
from pinecall_run.voice.whatsapp_desk import Outcome, WhatsappDesk
from pinecall_run.voice.whatsapp_talk import Office

ADA, BOB = "34600111222", "34600333444"


class World:
    """What a test has of it."""

    def __init__(self, stage: Stage, meta: WhatsappServer) -> None:
        self.stage = stage
        self.meta = meta
        self._numbers = itertools.count(1)

    @property
    def desk(self) -> WhatsappDesk:
        return self.stage.hub.whatsapp

    def add(self, client: Client, agent: str = "front", number: str = NUMBER, **more: Any) -> dict[str, Any]:
        """Register the number; the acknowledgement."""
        keys = {"accessToken": TOKEN, "appSecret": SECRET, "verifyToken": "v", **more}
        client.send("channel.add", agent_id=agent, type="whatsapp", ref=number, **keys)
        return client.take("channel.added")

    def message(self, text: str = "look", sender: str = ADA, number: str = NUMBER, **more: Any) -> Message:
        """Something that a person sent; Meta and the emulated window know of it."""
        fields = {"id": f"wamid.in{next(self._numbers)}", "sent_at": self.stage.now, "name": "Ada", **more}
        message = Message(number, sender=sender, text=text, **fields)
        self.meta._ids.add(message.id)
        self.meta._heard[number, sender] = self.meta.now
        return message

    def write(self, text: str = "look", **more: Any) -> Outcome:
        """Somebody writes."""
        return self.desk.deliver(self.message(text, **more), SECRET)

    def send_voice(self, ogg: bytes, **more: Any) -> Outcome:
        """Somebody sends a voice note."""
        from tests.emulators._whatsapp_rules import Upload

        media = self.meta._keep(Upload(ogg, "audio/ogg; codecs=opus"))
        return self.write("", kind="audio", audio=Media(media, "audio/ogg; codecs=opus", True), **more)

    def report(self, **fields: Any) -> Outcome:
        """Meta says what became of a message."""
        status = Status(**{"number": NUMBER, "id": "wamid.out", "status": "delivered", "recipient": ADA, **fields})
        return self.desk.deliver(status, SECRET)


@asynccontextmanager
async def world(**more: Any) -> AsyncIterator[World]:
    """The hub, while the block runs."""
    async with whatsapp_server() as meta:
        stage = Stage(**more)
        hub = stage.hub
        graph = Graph(meta.environ["WHATSAPP_GRAPH_URL"], pauses=(0.01,))
        tell, clock, health = hub.conversations.tell, hub.clock, hub.conversations.health
        hub.whatsapp._office = Office(graph, tell, clock, health, {})
        try:
            yield World(stage, meta)
        finally:
            await hub.close()
