"""What a telephone line adds to a call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.voice._fakes import Model, settle
from tests.voice._line import Line

from pinecall_run.voice.phone_side import MAX_KEYS, PhoneSide
from pinecall_run.wire import call_commands, events, live_events, speech_events


class Wire:
    """A line that keeps what it was asked for."""

    def __init__(self, *, has_voice: bool = True) -> None:
        self.has_voice = has_voice
        self.asked: list[tuple[Any, ...]] = []

    def forward(self, to: str, *, message: str, announce: bool, summary: str = "") -> None:
        self.asked.append(("forward", to, message, announce, summary))

    def press(self, digits: str) -> None:
        self.asked.append(("press", digits))


def side(line: Line, wire: Wire | None) -> PhoneSide:
    call = line.call
    return PhoneSide(call._core, wire, played=call._agent.played, say_before=call._say_before, end=call.end)


async def test_keys_are_told_with_all_before_them() -> None:
    async with Line(Model()) as line:
        phone = side(line, Wire())
        for digit in ("1", "#", "x", "", "12"):
            phone.key(digit)
        told = line.owner.named(speech_events.CallDtmfReceived)
        assert [(each.digit, each.digits) for each in told] == [("1", "1"), ("#", "1#")]
        for _ in range(2 * MAX_KEYS):
            phone.key("5")
        assert len(line.owner.last(speech_events.CallDtmfReceived).digits) == MAX_KEYS


async def test_commands_reach_the_line() -> None:
    async with Line(Model()) as line:
        wire = Wire()
        phone = side(line, wire)
        assert phone.handle(call_commands.CallForward(call_id="call-1", to="+1555", message="Hold on", announce=True))
        assert phone.handle(call_commands.CallDtmf(call_id="call-1", digits="1wa#?"))
        assert wire.asked == [("forward", "+1555", "Hold on", True, ""), ("press", "1wA#")]
        assert line.owner.last(speech_events.CallDtmfSent).digits == "1wa#?"
        assert not phone.handle(call_commands.CallHold(call_id="call-1"))


async def test_what_a_line_cannot_say_the_agent_says_before_it_is_forwarded() -> None:
    async with Line(Model(), {"greeting": ""}) as line:
        wire = Wire(has_voice=False)
        phone = side(line, wire)
        phone.handle(call_commands.CallForward(call_id="call-1", to="+1555", message="Hold on.", announce=True))
        said = await line.until("bot.speaking")
        assert isinstance(said, events.BotSpeaking)
        assert (said.text, wire.asked) == ("Hold on.", [])
        await line.until("bot.finished")
        assert wire.asked == [("forward", "+1555", "", True, "")]
        phone.handle(call_commands.CallForward(call_id="call-1", to="+1556", message="", announce=False))
        assert wire.asked[1:] == [("forward", "+1556", "", False, "")]


async def test_a_message_that_is_cut_short_forwards_at_once_and_one_of_a_call_that_is_over_not() -> None:
    async with Line(Model(), {"greeting": ""}) as line:
        wire = Wire(has_voice=False)
        phone = side(line, wire)
        phone.handle(call_commands.CallForward(call_id="call-1", to="+1555", message="One two three four."))
        await line.until("bot.speaking")
        line.call._agent.interrupt("user_spoke")
        assert wire.asked == [("forward", "+1555", "", False, "")]
        phone.handle(call_commands.CallForward(call_id="call-1", to="+1556", message="One two three four."))
        await line.until("bot.speaking")
        line.call.end("hangup")
    assert wire.asked[1:] == []


async def test_who_is_on_hold_hears_the_message_and_is_forwarded() -> None:
    async with Line(Model(), {"greeting": ""}) as line:
        wire = Wire(has_voice=False)
        await line.do(call_commands.CallHold(call_id="call-1"))
        side(line, wire).handle(call_commands.CallForward(call_id="call-1", to="+1555", message="Hold on."))
        await line.until("bot.finished")
        assert wire.asked == [("forward", "+1555", "", False, "")]


async def test_of_two_forwards_the_later_counts() -> None:
    async with Line(Model(), {"greeting": ""}) as line:
        wire = Wire(has_voice=False)
        phone = side(line, wire)
        phone.handle(call_commands.CallForward(call_id="call-1", to="+1555", message="One two three four."))
        await line.until("bot.speaking")
        phone.handle(call_commands.CallForward(call_id="call-1", to="+1556", message=""))
        await line.until("bot.finished")
        assert wire.asked == [("forward", "+1556", "", False, "")]


async def test_what_a_runner_wants_of_the_line_of_a_call_that_is_over_is_not_done() -> None:
    async with Line(Model(), {"greeting": ""}) as line:
        wire = Wire()
        phone = side(line, wire)
        await phone.close()
        assert phone.handle(call_commands.CallForward(call_id="call-1", to="+1555", message="", summary=True))
        assert phone.handle(call_commands.CallDtmf(call_id="call-1", digits="1"))
        phone.forwarded("+1555")
        await settle()
        assert wire.asked == []
        assert not line.owner.named(speech_events.CallDtmfSent)
        assert not line.owner.named(speech_events.CallForwarded), "it was told of as ended by then"


async def test_a_call_without_a_line_has_no_such_commands() -> None:
    async with Line(Model()) as line:
        assert not await line.do(call_commands.CallForward(call_id="call-1", to="+1555"))
        assert not await line.do(call_commands.CallDtmf(call_id="call-1", digits="1"))


async def test_a_forwarded_call_is_over_and_told_of_once() -> None:
    async with Line(Model()) as line:
        phone = side(line, Wire())
        phone.forwarded("+1555")
        phone.forwarded("+1555")
        await settle()
        assert [each.to for each in line.owner.named(speech_events.CallForwarded)] == ["+1555"]
        assert line.page.reason == "forwarded"


@pytest.mark.parametrize("shown", [0, 10])
async def test_what_was_heard_is_what_the_line_says(shown: int) -> None:
    async with Line(Model(["One two three four five six."]), {"greeting": ""}) as line:
        line.call._agent.speaker.follows_playing = True
        await line.says("Count.")
        await line.until("bot.speaking")
        await line.wait(1.0)
        assert not line.owner.named(speech_events.BotWord), "nothing was played yet"
        line.call.phone.played(shown)
        line.call._agent.interrupt("user_spoke")
        cut = line.owner.last(speech_events.BotInterrupted)
        assert cut.played_ms == shown * 20
        line.call.phone.played(100)
        heard = [word for role, word in line.history if role == "assistant"]
        assert heard == (["One"] if shown else [])


async def test_whoever_takes_a_call_is_told_what_it_is_about() -> None:
    model = Model(["It ships today."], ["Ada wants her lamp ", "sooner."])
    async with Line(model, {"language": "en"}) as line:
        await line.says("when does my lamp come?")
        await line.until("bot.finished")
        wire = Wire()
        phone = side(line, wire)
        phone.handle(call_commands.CallForward(call_id="call-1", to="+1555", message="Hold on", summary=True))
        await settle()
        assert wire.asked == [("forward", "+1555", "Hold on", False, "Ada wants her lamp sooner.")]
        told = line.owner.last(live_events.CallSummary)
        assert (told.text, told.source) == ("Ada wants her lamp sooner.", "model")
        assert not line.page.named(live_events.CallSummary), "it is for whoever takes the call"
        assert len(line.history) == 2, "the conversation knows nothing of it"
        phone.handle(call_commands.CallForward(call_id="call-1", to="+1555", summary="A lamp."))
        assert wire.asked[-1] == ("forward", "+1555", "", False, "A lamp.")
        await phone.close()


async def test_the_latest_forward_counts_and_none_outlives_the_call() -> None:
    never = asyncio.Event()
    async with Line(Model(["Yes."], [never], [never])) as line:
        await line.says("is it there?")
        await line.until("bot.finished")
        wire = Wire()
        phone = side(line, wire)
        phone.handle(call_commands.CallForward(call_id="call-1", to="+1", summary=True))
        await settle()
        phone.handle(call_commands.CallForward(call_id="call-1", to="+2"))
        await settle()
        assert [asked[1] for asked in wire.asked] == ["+2"]
        phone.handle(call_commands.CallForward(call_id="call-1", to="+3", summary=True))
        await settle()
        await phone.close()
        assert len(wire.asked) == 1
        assert not phone._handing
