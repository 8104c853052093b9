"""Streams that are awaited and calls that are being placed, and how long anybody remembers them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from tests.emulators._twilio_twiml import parse
from tests.voice._fakes import settle, until
from tests.voice._stage import Client, Stage

from pinecall_run.transports.contract import NotAdmittedError
from pinecall_run.transports.twilio_media import Start
from pinecall_run.transports.twilio_rest import TwilioError
from pinecall_run.voice import twilio_calls
from pinecall_run.voice.twilio_calls import TwilioCalls

NUMBER, PERSON = "+15551234567", "+15550001111"
ENVIRON = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}


class Rest:
    """The API, as it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.fails: TwilioError | None = None

    def place(self, to: str, from_: str, *, answer_url: str, status_url: str, machine_detection: str = "") -> str:
        self.asked.append((to, from_, answer_url, status_url, machine_detection))
        if self.fails:
            raise self.fails
        return "CA7"

    def redirect(self, call_sid: str, document: str) -> None:
        self.asked.append((call_sid, document))

    def cancel(self, call_sid: str) -> None:
        self.asked.append((call_sid,))


class World:
    """A hub with an agent on a number, and Twilio's calls."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.calls = TwilioCalls(self.stage.hub.phone, ENVIRON, "https://a.example/")
        self.rest = Rest()
        self.calls._rest = self.rest  # type: ignore[assignment]
        self.stage.hub.phone.carriers.append(self.calls)
        self.client: Client = self.stage.connect("front", stt="local", voice="local")
        self.client.send("channel.add", agent_id="front", type="phone", ref=NUMBER)
        self.agent = self.stage.hub.registry.agents["front"]

    async def dial(self, **more: Any) -> str:
        """Place a call; its key."""
        self.client.send("call.dial", agent_id="front", to="+1 (555) 000-1111", **{"from": NUMBER}, **more)
        await until(lambda: self.rest.asked)
        await settle()
        return str(self.rest.asked[0][2]).rpartition("/")[2]


@pytest.fixture
def world() -> World:
    return World()


def start(token: str, call: str = "CA1") -> Start:
    return Start("MZ1", call, "AC1", token)


def token_of(document: str) -> str:
    return parse(document.encode())[0].nouns[0].nouns[0].attributes["value"]


def test_what_it_needs_is_said(world: World) -> None:
    desk = world.stage.hub.phone
    assert "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and PINECALL_PUBLIC_URL" in TwilioCalls(desk, {}, "").missing()
    assert "TWILIO" not in TwilioCalls(desk, ENVIRON, "").missing()
    assert world.calls.missing() == ""
    assert world.calls.serves("+1555")
    assert not world.calls.serves("sip:a@b.example")


def test_streams_are_awaited_for_a_while_and_not_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(twilio_calls.time, "monotonic", lambda: now[0])
    token = token_of(world.calls.connect(world.agent, "CA1", {}))
    now[0] = twilio_calls.STREAM_SECONDS + 1
    with pytest.raises(NotAdmittedError):
        world.calls.admit(start(token), None)  # type: ignore[arg-type]
    assert world.calls.refused["tokens"] == 1
    for number in range(twilio_calls.MOST_WAITING):
        world.calls.connect(world.agent, f"CA{number}", {})
    with pytest.raises(NotAdmittedError):
        world.calls.connect(world.agent, "CA", {})
    now[0] *= 2
    world.calls.connect(world.agent, "CA", {})


def test_calls_are_known_again_as_far_as_memory_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio_calls, "REMEMBERED", 2)
    assert [world.calls.is_new(call) for call in ("CA1", "CA1", "CA2", "CA2", "CA3", "CA2", "CA1")] == [
        True, False, True, False, True, False, True
    ]  # fmt: skip


async def test_a_call_is_placed_with_addresses_of_its_own(world: World) -> None:
    key = await world.dial(config={"machine_detection": True})
    to, from_, answer, status, detection = world.rest.asked[0]
    assert (to, from_, detection) == (PERSON, NUMBER, "Enable")
    assert (answer, status) == (f"https://a.example/twilio/answered/{key}", f"https://a.example/twilio/status/{key}")
    dialing = world.client.take("call.dialing")
    assert (dialing["call_id"], dialing["to"]) == ("CA7", "+1 (555) 000-1111")
    assert world.calls.taken("guess", "CA7", "") is None
    assert world.calls.taken(key, "CA8", "") is None, "another call"
    assert token_of(world.calls.taken(key, "CA7", "human") or "")
    assert world.calls.taken(key, "CA7", "human") is None, "taken once"


async def test_what_becomes_of_a_call_is_told_once(world: World) -> None:
    key = await world.dial()
    for _ in range(2):
        world.calls.ended(key, "CA7", "busy")
    assert [each["reason"] for each in world.client.named("call.ended")] == ["busy"]


async def test_a_call_that_was_taken_and_never_heard_has_failed(world: World) -> None:
    key = await world.dial()
    world.calls.taken(key, "CA7", "")
    world.calls.ended(key, "CA7", "completed")
    assert world.client.take("call.ended")["reason"] == "failed"


async def test_a_call_that_cannot_be_placed(world: World) -> None:
    world.rest.fails = TwilioError("Twilio refused: no", 21211)
    key = await world.dial()
    error = world.client.take("call.error")
    assert (error["error"], error["code"]) == ("Twilio refused: no", "TWILIO_21211")
    world.calls.ended(key, "CA7", "failed")
    assert not world.client.named("call.ended")


async def test_a_call_whose_agent_left_is_not_taken(world: World) -> None:
    key = await world.dial()
    world.client.send("agent.remove", agent_id="front")
    with pytest.raises(NotAdmittedError):
        world.calls.taken(key, "CA7", "")


async def test_only_a_call_that_is_being_placed_is_taken_back(world: World) -> None:
    await world.dial()
    stranger = world.stage.connect("other")
    for connection, call in ((world.client.id, "CA1"), (world.client.id, ""), (stranger.id, "CA7")):
        world.calls.cancel(connection, call)
    await settle()
    assert len(world.rest.asked) == 1
    world.calls.cancel(world.client.id, "CA7")
    await until(lambda: ("CA7",) in world.rest.asked)


async def test_an_announcement_is_made_once(world: World) -> None:
    document = world.calls.handing_on("+1555", message="", language="", whisper="<Response/>")
    number = parse(document.encode())[0].nouns[0]
    key = number.attributes["url"].removeprefix("https://a.example/twilio/announce/")
    assert [world.calls.announced(key), world.calls.announced(key)] == ["<Response/>", None]


async def test_what_goes_on_beside_the_calls_ends_with_the_server(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise ValueError("my card is 4111")

    world.calls.refused["tokens"] += 2
    caplog.set_level("INFO")
    world.calls.start(fail())
    world.calls.start(asyncio.sleep(60))
    await settle()
    await world.calls.close()
    assert not world.calls._work
    assert "ValueError" in caplog.text
    assert "twilio, 2 tokens" in caplog.text
    assert "4111" not in caplog.text


async def test_a_call_that_is_taken_back_while_somebody_picks_up_is_not_begun(world: World) -> None:
    key = await world.dial()
    world.rest.fails = TwilioError("Call is not in-progress. Cannot redirect.", 21220)
    world.calls.cancel(world.client.id, "CA7")
    with pytest.raises(NotAdmittedError):
        world.calls.taken(key, "CA7", "")
    world.calls.ended(key, "CA7", "completed")
    assert world.client.take("call.ended")["reason"] == "canceled"


async def test_a_call_that_is_taken_back_before_its_stream_opens_is_not_begun(world: World) -> None:
    key = await world.dial()
    token = token_of(world.calls.taken(key, "CA7", "") or "")
    world.calls.cancel(world.client.id, "CA7")
    with pytest.raises(NotAdmittedError):
        world.calls.admit(start(token, "CA7"), None)  # type: ignore[arg-type]
    world.calls.ended(key, "CA7", "completed")
    assert world.client.take("call.ended")["reason"] == "canceled"


async def test_a_call_whose_end_was_told_does_not_begin(world: World) -> None:
    key = await world.dial()
    token = token_of(world.calls.taken(key, "CA7", "") or "")
    world.calls.ended(key, "CA7", "completed")
    with pytest.raises(NotAdmittedError):
        world.calls.admit(start(token, "CA7"), None)  # type: ignore[arg-type]


async def test_a_twilio_that_does_not_answer_keeps_nobody_else_from_their_threads(world: World) -> None:
    is_over = threading.Event()
    world.rest.place = lambda *_, **__: str(is_over.wait(20))  # type: ignore[method-assign]
    for _ in range(64):
        world.client.send("call.dial", agent_id="front", to=PERSON, **{"from": NUMBER})
    await settle()
    try:
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "done") == "done"
    finally:
        is_over.set()
        await world.calls.close()
