"""Runs the project of this folder and reaches it as a customer does, with the vendor emulated: no account, no network.

    python -m tests.emulators.try_door whatsapp                                  # what is typed is what a person writes
    python -m tests.emulators.try_door twilio +15551234567 question.wav          # a person calls, says it, and listens

A call is over when the agent has been quiet for ``QUIET_SECONDS``; what the person heard is in ``heard.wav`` then. The
project's lines are printed as ``pinecall-run --show-content`` prints them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests._ports import free_port
from tests.emulators._twilio_stream import Stream
from tests.emulators.twilio_server import twilio_server
from tests.emulators.whatsapp_server import SECRET, TOKEN, Webhook, whatsapp_server
from tests.stories._stage import Program, running

from pinecall_run.audio.g711 import mu_law_decode, mu_law_encode
from pinecall_run.audio.resample import Resampler
from pinecall_run.audio.wav import read_wav, write_wav

PERSON, CONTACT = "+15550001111", "15550001111"
VERIFY_TOKEN = "a word of your choice"
QUIET_SECONDS = 4.0


async def whatsapp() -> None:
    """Every line of the standard input is a message; each is answered before the next is read."""
    keys = {"WHATSAPP_ACCESS_TOKEN": TOKEN, "WHATSAPP_APP_SECRET": SECRET, "WHATSAPP_VERIFY_TOKEN": VERIFY_TOKEN}
    async with whatsapp_server() as meta, running(Path.cwd(), **keys, **meta.environ) as program, told(program):
        meta.webhook = Webhook(f"{program.url}/whatsapp/webhook")
        answered = await meta.verify(VERIFY_TOKEN)
        print(f"meta: the webhook was verified: {answered.status}")
        count = 0
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            await meta.write(CONTACT, line)
            count += 1
            print(f"whatsapp> {(await meta.answer(CONTACT, count)).text}")


async def twilio(number: str, recording: str) -> None:
    """A person calls a number of the project, says what is on a recording, and hangs up when nothing more is said."""
    said = mu_law_encode(Resampler(16_000, 8_000).feed(read_wav(Path(recording).read_bytes())))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with twilio_server([number]) as network:
        keys = {"PINECALL_PUBLIC_URL": url, **network.environ}
        async with running(Path.cwd(), "--port", str(port), "--show-content", **keys) as program, told(program):
            network.point(number, f"{url}/twilio/voice", f"{url}/twilio/status")
            line = network.call(PERSON, number)
            stream = await line.streaming()
            await quiet(stream, 0)
            line.say(said)
            await quiet(stream, len(said) / 8000)
            await line.hang_up()
    sound = mu_law_decode(b"".join(frame for _, frame in stream.played))
    Path("heard.wav").write_bytes(write_wav(Resampler(8_000, 16_000).feed(sound)))
    print("what the person heard is in heard.wav")


async def quiet(stream: Stream, seconds: float) -> None:
    """After so many seconds, until nothing has been heard for a while."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + seconds
    while loop.time() < latest + QUIET_SECONDS:
        await asyncio.sleep(0.1)
        latest = max([latest, *stream.loud_since(latest)])


@asynccontextmanager
async def told(program: Program) -> AsyncIterator[None]:
    """What a program says is printed."""

    async def tell() -> None:
        shown = 0
        while True:
            print(*program.lines[shown:], sep="\n", end="\n" if program.lines[shown:] else "", flush=True)
            shown = len(program.lines)
            await asyncio.sleep(0.1)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        await asyncio.sleep(0.3)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


def main(words: list[str]) -> None:
    """See the module."""
    match words:
        case ["whatsapp"]:
            asyncio.run(whatsapp())
        case ["twilio", number, recording]:
            asyncio.run(twilio(number, recording))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
