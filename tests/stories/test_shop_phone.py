"""A person telephones the root project, through an emulated Twilio, and is answered from its database."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests._ports import free_port
from tests.emulators._twilio_stream import Stream
from tests.emulators.twilio_server import twilio_server
from tests.stories._phone import NUMBER, PERSON, spoken
from tests.stories._stage import copy_project, running
from tests.voice._fakes import until
from tests.voice._speech import needs_flite


def is_quiet_after(stream: Stream, chunks: int) -> bool:
    """Whether so many chunks were heard, and then nothing for a while."""
    heard = stream.loud_since(0)
    return len(heard) > chunks and asyncio.get_running_loop().time() - heard[-1] > 0.6


@needs_flite
async def test_a_person_telephones_asks_and_is_answered_by_the_shops_tool(tmp_path: Path) -> None:
    project, port = copy_project(tmp_path / "project"), free_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        twilio_server([NUMBER]) as twilio,
        running(project, "--port", str(port), PINECALL_PUBLIC_URL=url, **twilio.environ) as program,
    ):
        twilio.point(NUMBER, f"{url}/twilio/voice")
        line = twilio.call(PERSON, NUMBER)
        await program.until(r"support .*phone")
        stream = await line.streaming()
        await until(lambda: is_quiet_after(stream, 50), 20)
        before = len(stream.loud_since(0))
        line.say(spoken("where is order one thousand and one"))
        await program.until(rf"tool lookup_order\(.*pid {program.pid}")
        await until(lambda: is_quiet_after(stream, before + 50), 20)
        await line.hang_up()
        await program.until(r"support .* ended \(hangup")
