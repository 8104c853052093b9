"""What a runner can have done with a line that Twilio carries."""

from __future__ import annotations

from typing import Any

from tests.emulators._twilio_twiml import parse
from tests.voice._fakes import until
from tests.voice.test_twilio_calls import PERSON, World

from pinecall_run.transports.twilio_rest import TwilioError
from pinecall_run.voice.twilio_line import TwilioLine


class Stream:
    """A stream that notes what it was asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.pressed = ""
        self.forwarded: list[str] = []

    def press(self, digits: str) -> None:
        self.pressed += digits

    def hands_on(self) -> None:
        self.asked += 1

    def handed_on(self, to: str = "") -> None:
        self.forwarded.append(to)


def line(world: World) -> tuple[TwilioLine, Stream]:
    stream: Any = Stream()
    it = TwilioLine(world.calls, stream, call_sid="CA1", agent_id="front", language="fr", person=PERSON)
    return it, stream


async def test_keys_are_played() -> None:
    it, stream = line(World())
    it.press("12")
    assert stream.pressed == "12"


async def test_a_call_is_handed_on_in_its_language() -> None:
    world = World()
    it, stream = line(world)
    it.forward("+1555", message="Un instant", announce=True)
    assert stream.asked == 1
    await until(lambda: stream.forwarded)
    assert stream.forwarded == ["+1555"]
    call, document = world.rest.asked[0]
    said, dialed = parse(document.encode())
    assert (call, said.text, said.attributes["language"]) == ("CA1", "Un instant", "fr-FR")
    key = dialed.nouns[0].attributes["url"].rpartition("/")[2]
    assert f"Un appel de {' '.join(PERSON[1:])}." in (world.calls.announced(key) or "")


async def test_a_call_that_stays_is_told_of_without_its_agents_name() -> None:
    world = World()
    it, stream = line(world)

    def refuse(*_: object) -> None:
        raise TwilioError("Twilio refused: no")

    world.rest.redirect = refuse  # type: ignore[method-assign]
    it.forward("+1555", message="", announce=False)
    await until(lambda: world.client.named("error"))
    error = world.client.take("error")
    assert (error["code"], "agent_id" in error) == ("FORWARD_FAILED", False)
    assert (stream.asked, stream.forwarded) == (1, [""])


async def test_a_forward_that_breaks_is_none() -> None:
    world = World()
    it, stream = line(world)

    def fail(*_: object) -> None:
        raise ValueError

    world.rest.redirect = fail  # type: ignore[method-assign]
    it.forward("+1555", message="", announce=False)
    await until(lambda: stream.forwarded)
    assert (stream.asked, stream.forwarded) == (1, [""])
