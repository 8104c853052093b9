"""Telephone calls through an emulated Twilio: in, out, interrupted, forwarded, turned away."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from tests.stories._phone import NUMBER, OTHER, PERSON, TALKER, Phones, phones, spoken
from tests.voice._fakes import until
from tests.voice._speech import needs_flite

from pinecall_run.audio.g711 import mu_law_decode

pytestmark = needs_flite


async def started(calls: Phones, **fields: Any) -> str:
    event = await calls.runner.until("call.started", transport="phone", **fields)
    return str(event["call_id"])


async def test_somebody_calls_asks_and_is_answered() -> None:
    async with phones() as calls:
        assert (await calls.add()).get("served", True)
        line = await calls.call()
        assert await started(calls, **{"from": PERSON, "to": NUMBER}) == line.sid
        await calls.runner.until("bot.finished")
        stream = await line.streaming()
        assert len(stream.loud_since(0)) > 20, "the greeting was heard"
        assert stream.marks, "marks came back before it was said to be finished"
        line.say(spoken("where is my order"))
        assert (await calls.runner.until("user.message"))["text"] == "Where is my order?"
        await calls.runner.until("bot.speaking")
        await line.hang_up()
        assert (await calls.runner.until("call.ended"))["reason"] == "hangup"


async def test_what_twilio_has_not_played_was_not_heard() -> None:
    async with phones() as calls:
        await calls.add()
        line = await calls.call()
        stream = await line.streaming()
        stream.is_stuck = True
        await calls.runner.until("bot.speaking")
        await until(lambda: stream.buffered_seconds > 0.5)
        assert not {"bot.word", "bot.finished"} & set(await calls.runner.so_far())
        stream.is_stuck = False
        assert (await calls.runner.until("bot.finished"))["duration_ms"] > 500
        assert "bot.word" in [frame["event"] for frame in calls.runner.frames]
        await line.hang_up()


async def test_who_talks_over_the_agent_has_silence_within_a_chunk() -> None:
    async with phones() as calls:
        await calls.add()
        line = await calls.call()
        await calls.runner.until("bot.finished")
        stream = await line.streaming()
        line.say(spoken("where is my order"))
        answer = await calls.runner.until("bot.speaking")
        await asyncio.sleep(2.5)  # beyond what counts as a continuation
        line.say(spoken("no wait a moment I have another question"))
        cut = await calls.runner.until("bot.interrupted")
        assert cut["message_id"] == answer["message_id"]
        await until(lambda: stream.clears)
        await asyncio.sleep(0.1)
        after = stream.loud_since(stream.clears[0] + 0.001)
        assert len(after) <= 1, "one chunk fades out"
        heard = stream.loud_since(0)
        greeting_ms = next(f["duration_ms"] for f in calls.runner.frames if f["event"] == "bot.finished")
        assert cut["played_ms"] <= len(heard) * 20 - greeting_ms + 40, "no more counts than was heard"
        assert cut["played_ms"] >= len(heard) * 20 - greeting_ms - 300
        await line.hang_up()


async def test_keys_of_the_caller_are_told() -> None:
    async with phones() as calls:
        await calls.add()
        line = await calls.call()
        call_id = await started(calls)
        await line.streaming()
        await calls.runner.until("bot.speaking")
        for digit in "4#":
            await line.press(digit)
        first = await calls.runner.until("call.dtmf_received", call_id=call_id)
        second = await calls.runner.until("call.dtmf_received", call_id=call_id)
        assert [(each["digit"], each["digits"]) for each in (first, second)] == [("4", "4"), ("#", "4#")]
        await line.hang_up()


async def test_keys_are_pressed_as_tones() -> None:
    async with phones(greeting=None) as calls:
        await calls.add()
        line = await calls.call()
        call_id = await started(calls)
        await calls.runner.send("call.dtmf", call_id=call_id, digits="5")
        await calls.runner.until("call.dtmf_sent", digits="5")
        stream = await line.streaming()
        await until(lambda: len(stream.loud_since(0)) >= 5)
        await asyncio.sleep(0.15)
        sound = mu_law_decode(b"".join(frame for _, frame in stream.played)).astype(float)
        power = np.abs(np.fft.rfft(sound))
        hertz = np.fft.rfftfreq(len(sound), 1 / 8000)
        loudest = {
            round(float(hertz[power * near == (power * near).max()][0])) for near in (hertz < 1000, hertz > 1000)
        }
        assert all(min(abs(each - tone) for tone in (770, 1336)) < 8 for each in loudest), loudest
        await line.hang_up()


async def test_the_agents_side_hangs_up() -> None:
    async with phones() as calls:
        await calls.add()
        line = await calls.call()
        call_id = await started(calls)
        await calls.runner.until("bot.finished")
        await calls.runner.send("call.hangup", call_id=call_id)
        assert (await calls.runner.until("call.ended"))["reason"] == "client_hangup"
        assert await line.over() == "completed"
        assert (line.stream and line.stream.close_code) == 1000


async def test_a_line_that_breaks_ends_the_call() -> None:
    async with phones() as calls:
        await calls.add()
        line = await calls.call()
        await started(calls)
        await (await line.streaming()).drop()
        assert (await calls.runner.until("call.ended"))["reason"] == "disconnected"


async def test_a_line_without_any_sound_is_spoken_to() -> None:
    async with phones(config={"vad": {}}) as calls:
        await calls.add()
        line = await calls.call()
        (await line.streaming()).is_silent = True
        await calls.runner.until("bot.finished")
        await line.hang_up()


# calls that ring


async def test_a_call_that_rings_is_turned_away() -> None:
    async with phones() as calls:
        await calls.add(ringing=True)
        for reason, status in (("busy", "busy"), ("rejected", "no-answer")):
            line = await calls.call()
            ringing = await calls.runner.until("call.ringing", **{"from": PERSON, "to": NUMBER})
            assert ringing["call_id"] == line.sid
            ids = {"agent_id": "desk", "call_id": line.sid}
            await calls.runner.send("call.reject", **ids, reason=reason)
            assert (await calls.runner.until("call.rejected"))["reason"] == reason
            assert await line.over() == status
            assert (line.rejected, line.streamed) == (reason, [])


async def test_a_call_that_rings_is_handed_on() -> None:
    async with phones() as calls:
        await calls.add(ringing=True)
        line = await calls.call()
        await calls.runner.until("call.ringing")
        forward = {"call_id": line.sid, "to": OTHER, "message": "One moment.", "announce": True, "summary": "A lamp."}
        await calls.runner.send("call.forward", **forward)
        assert (await calls.runner.until("call.forwarded"))["to"] == OTHER
        assert await line.over() == "completed"
        assert (line.spoken, line.dialed, line.streamed) == (["One moment."], [OTHER], [])
        assert [text.rstrip(".")[-1] for text in line.whispered] == [PERSON[-1], "p"]
        assert "call.started" not in await calls.runner.so_far()


async def test_a_call_that_rings_is_taken_at_once_or_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async with phones() as calls:
        await calls.add(ringing=True)
        line = await calls.call()
        await calls.runner.until("call.ringing")
        await calls.runner.send("call.accept", agent_id="desk", call_id=line.sid)
        await started(calls)
        await line.hang_up()
        await calls.runner.until("call.ended")
        monkeypatch.setattr("pinecall_run.voice.phone_desk.RINGING_SECONDS", 0.1)
        line = await calls.call()
        await calls.runner.until("call.ringing")
        assert await started(calls) == line.sid
        await line.hang_up()


async def test_a_caller_who_gives_up_rings_no_longer() -> None:
    async with phones() as calls:
        await calls.add(ringing=True)
        line = await calls.call()
        await calls.runner.until("call.ringing")
        await line.hang_up()
        assert (await calls.runner.until("call.rejected"))["reason"] == "hangup"
        assert "call.started" not in await calls.runner.so_far()


async def test_a_number_that_no_agent_has_is_not_in_service() -> None:
    async with phones() as calls:
        line = await calls.call()
        assert await line.over() == "no-answer"
        assert line.rejected == "rejected"


async def test_callers_who_develop_reach_the_agent_for_development() -> None:
    async with phones() as calls:
        await calls.add()
        own = {"stt": "emulated", "voice": "emulated", "llm": TALKER, "greeting": "Dev."}
        await calls.runner.send("agent.create", agent_id="dev-desk", **own)
        await calls.runner.send("channel.add", agent_id="dev-desk", type="phone", ref="+1 (555) 123-4567")
        await calls.runner.until("channel.added", agent_id="dev-desk")
        await calls.runner.send("dev.config", callers=["+1 555 000 1111"])
        for from_, agent in ((PERSON, "dev-desk"), (OTHER, "desk")):
            line = await calls.call(from_)
            await started(calls, agent_id=agent)
            await line.hang_up()
            await calls.runner.until("call.ended")


# calls that go out


async def dial(calls: Phones, **fields: Any) -> None:
    await calls.runner.send("call.dial", agent_id="desk", to=OTHER, **{"from": NUMBER}, **fields)


async def test_somebody_is_called_and_greeted() -> None:
    async with phones() as calls:
        await calls.add()
        await dial(calls, greeting="Your parcel is here.", metadata={"order": 7})
        dialing = await calls.runner.until("call.dialing", **{"to": OTHER, "from": NUMBER})
        event = await calls.runner.until("call.started", direction="outbound", call_id=dialing["call_id"])
        assert (event["to"], event["from"], event["metadata"]) == (OTHER, NUMBER, {"order": 7})
        assert (await calls.runner.until("bot.speaking"))["text"] == "Your parcel is here."
        await calls.runner.send("call.hangup", call_id=event["call_id"])
        assert (await calls.runner.until("call.ended"))["reason"] == "client_hangup"
        assert await calls.twilio.placed[0].over() == "completed"


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
async def test_nobody_takes_the_call(outcome: str) -> None:
    async with phones() as calls:
        await calls.add()
        calls.twilio.outcomes[OTHER] = outcome
        await dial(calls)
        ended = await calls.runner.until("call.ended")
        assert (ended["reason"], ended["call_id"]) == (outcome, calls.twilio.placed[0].sid)
        assert "call.started" not in [frame["event"] for frame in calls.runner.frames]


async def test_a_call_is_taken_back_before_anybody_answers() -> None:
    async with phones() as calls:
        await calls.add()
        calls.twilio.ring_seconds = 5.0
        await dial(calls)
        dialing = await calls.runner.until("call.dialing")
        await calls.runner.send("call.hangup", call_id=dialing["call_id"])
        assert (await calls.runner.until("call.ended"))["reason"] == "canceled"


async def test_a_call_that_twilio_refuses_is_an_error_with_its_number() -> None:
    async with phones() as calls:
        await calls.add()
        await calls.runner.send("call.dial", agent_id="desk", to=OTHER, **{"from": "+15559999999"})
        error = await calls.runner.until("call.error")
        assert (error["code"], "not yet verified" in error["error"]) == ("TWILIO_21210", True)
        await calls.runner.send("call.dial", agent_id="desk", to="12", **{"from": NUMBER})
        assert (await calls.runner.until("call.error"))["code"] == "INVALID_NUMBER"


async def test_a_machine_that_answers_is_told_where_it_was_asked_for() -> None:
    async with phones() as calls:
        await calls.add()
        calls.twilio.answered_by[OTHER] = "machine_end_beep"
        await dial(calls, config={"machine_detection": "message_end"})
        event = await calls.runner.until("call.started")
        assert event["metadata"] == {"answered_by": "machine_end_beep"}
        assert calls.twilio.requests[0][2]["MachineDetection"] == "DetectMessageEnd"
        await calls.twilio.placed[0].hang_up()


async def test_the_agent_waits_for_whom_it_called_to_speak_first() -> None:
    async with phones() as calls:
        await calls.add()
        await dial(calls, greeting="Is that Ada?", detect_turn_end=True)
        await calls.runner.until("call.started")
        await asyncio.sleep(0.4)
        assert "bot.speaking" not in await calls.runner.so_far()
        calls.twilio.placed[0].say(spoken("hello who is there"))
        await calls.runner.until("turn.end")
        assert (await calls.runner.until("bot.speaking"))["text"] == "Is that Ada?"
        await calls.twilio.placed[0].hang_up()


async def test_the_agent_speaks_up_where_nobody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecall_run.voice.caller_side.SILENT_SECONDS", 0.3)
    async with phones() as calls:
        await calls.add()
        await dial(calls, greeting="Is that Ada?", detect_turn_end=True)
        assert (await calls.runner.until("bot.speaking"))["text"] == "Is that Ada?"
        await calls.twilio.placed[0].hang_up()


# forwarding


async def test_a_call_is_forwarded_with_words_to_both_sides() -> None:
    async with phones(language="es-ES") as calls:
        await calls.add()
        line = await calls.call()
        call_id = await started(calls)
        await calls.runner.send("call.forward", call_id=call_id, to=OTHER, message="Un momento <3", announce=True)
        assert (await calls.runner.until("call.forwarded"))["to"] == OTHER
        assert (await calls.runner.until("call.ended"))["reason"] == "forwarded"
        assert await line.over() == "completed"
        assert (line.spoken, line.dialed) == (["Un momento <3"], [OTHER])
        assert line.whispered == [f"Una llamada de {' '.join(PERSON[1:])}."]


async def test_whoever_takes_a_forwarded_call_hears_what_it_is_about() -> None:
    async with phones() as calls:
        await calls.add()
        line = await calls.call()
        call_id = await started(calls)
        await calls.runner.until("bot.finished")
        line.say(spoken("where is my order"))
        await calls.runner.until("turn.end")
        await calls.runner.send("call.forward", call_id=call_id, to=OTHER, message="", announce=True, summary=True)
        summary = await calls.runner.until("call.summary")
        assert summary["text"]
        assert (await calls.runner.until("call.ended"))["reason"] == "forwarded"
        assert await line.over() == "completed"
        assert line.whispered == [f"A call from {' '.join(PERSON[1:])}.", summary["text"]]


async def test_a_call_that_cannot_be_forwarded_goes_on() -> None:
    async with phones() as calls:
        await calls.add()
        line = await calls.call()
        call_id = await started(calls)
        calls.twilio.auth_token, kept = "another", calls.twilio.auth_token
        await calls.runner.send("call.forward", call_id=call_id, to=OTHER, message="", announce=False)
        error = await calls.runner.until("error")
        assert (error["code"], "Authenticate" in error["error"]) == ("FORWARD_FAILED", True)
        calls.twilio.auth_token = kept
        await calls.runner.until("bot.finished")
        await line.hang_up()
        assert (await calls.runner.until("call.ended"))["reason"] == "hangup"
