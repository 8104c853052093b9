"""A telephone network, a voice server that it reaches, and a client of the wire that has agents on numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests._ports import free_port
from tests.emulators._twilio_line import Line
from tests.emulators.speech import emulated
from tests.emulators.twilio_server import TwilioServer, twilio_server
from tests.stories._callers import telephone
from tests.voice._door import Socket, client, server
from tests.voice._speech import said
from tests.voice._stage import KEY, scripted

from pinecall_run.audio.g711 import mu_law_encode
from pinecall_run.audio.resample import Resampler

NUMBER, PERSON, OTHER = "+15551234567", "+15550001111", "+15552223333"

LONG = " ".join(["And one more thing that you should know about it."] * 6)
TALKER = scripted({"when": "order", "reply": LONG}, otherwise="I heard you.")


@dataclass
class Phones:
    """What a story works with."""

    twilio: TwilioServer
    address: str
    runner: Socket

    async def call(self, from_: str = PERSON) -> Line:
        """Somebody calls the number."""
        return self.twilio.call(from_, NUMBER)

    async def add(self, **channel: Any) -> dict[str, Any]:
        """Open the number's channel."""
        await self.runner.send("channel.add", agent_id="desk", type="phone", ref=NUMBER, **channel)
        return await self.runner.until("channel.added", type="phone")


@asynccontextmanager
async def phones(**configuration: Any) -> AsyncIterator[Phones]:
    """A server, with an agent ``desk`` registered by a client that has not opened its number yet."""
    own = {"llm": TALKER, "stt": "emulated", "voice": "emulated", "greeting": "Desk, hello.", **configuration}
    port = free_port()
    with emulated():
        async with (
            twilio_server([NUMBER]) as twilio,
            server(environ=twilio.environ, public_url=f"http://127.0.0.1:{port}", port=port) as address,
            client(address, "desk", key=KEY, **own) as runner,
        ):
            twilio.point(NUMBER, f"http://{address}/twilio/voice", f"http://{address}/twilio/status")
            yield Phones(twilio, address, runner)


def spoken(text: str) -> bytes:
    """What a telephone carries of a sentence: mu-law."""
    sound = telephone(said(text))
    resampler = Resampler(16_000, 8_000)
    return mu_law_encode(resampler.feed(sound.clip(-32_768, 32_767).astype("int16")))
