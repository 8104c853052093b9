"""One conversation: in its order in, in its order out, heard and spoken where it is a voice note."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from tests.emulators._whatsapp_rules import Fault
from tests.emulators.trouble import Trouble
from tests.voice._fakes import until
from tests.voice._stage import Client, scripted
from tests.voice._whatsapp import ADA, World, world

from pinecall_run.audio.chunk import RATE, Samples
from pinecall_run.transports.voice_note import decode, encode
from pinecall_run.voice import voice_notes, whatsapp_talk
from pinecall_run.voice.whatsapp_desk import Outcome
from pinecall_run.voice.whatsapp_talk import UNHEARD, WAITING

TONE: Samples = (8000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.int16)


def connect(it: World, *, channel: Any = None, **configuration: Any) -> Client:
    client = it.stage.connect("front", **configuration)
    it.add(client, **(channel or {}))
    return client


async def test_a_message_is_told_answered_and_shown_as_read() -> None:
    async with world() as it:
        client = connect(it)
        message = it.message("hello")
        it.desk.deliver(message, "emulated-app-secret")
        assert (await it.meta.answer(ADA)).text == "I heard you."
        started = client.take("whatsapp.session_started")
        assert started["session_id"].startswith("wa-")
        assert (started["contact_phone"], started["contact_name"]) == (ADA, "Ada")
        told = client.take("whatsapp.message")
        assert {**told} == {
            "event": "whatsapp.message", "agent_id": "front", "session_id": started["session_id"], "from": ADA,
            "name": "Ada", "type": "text", "text": "hello", "message_id": message.id, "paused": False,
        }  # fmt: skip
        assert client.take("whatsapp.response")["text"] == "I heard you."
        assert [receipt["message_id"] for receipt in it.meta.receipts] == [message.id]
        assert not client.named("chat.message")


async def test_a_tool_is_called_and_its_result_told() -> None:
    async with world() as it:
        client = connect(it)
        it.write("look")
        await until(lambda: client.named("llm.tool_call"))
        asked = client.take("llm.tool_call")
        result = {"tool_call_id": asked["tool_calls"][0]["id"], "result": {"where": "here"}}
        client.send("llm.tool_result", call_id=asked["call_id"], msg_id=asked["msg_id"], results=[result])
        assert (await it.meta.answer(ADA)).text == "It is here."


async def test_several_messages_are_answered_in_their_order() -> None:
    async with world() as it:
        connect(it, llm=scripted({"when": r"(?P<n>\d+)", "reply": "{{ n }}"}))
        for number in range(5):
            assert it.write(f"number {number}") is Outcome.TAKEN
        await it.meta.answer(ADA, 5)
        assert [sent.text for sent in it.meta.sent] == ["0", "1", "2", "3", "4"]


async def test_too_many_at_once_are_left_with_meta(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as it:
        connect(it)
        outcomes = [it.write(f"{number}") for number in range(WAITING + 2)]
        assert outcomes == [Outcome.TAKEN] * WAITING + [Outcome.AWAY] * 2
        await it.meta.answer(ADA, WAITING)
        assert it.write("again") is Outcome.TAKEN


class Heard:
    """In place of the vendors: what they are given, and what they make of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, text: str = "where is my order") -> None:
        self.notes: list[Samples] = []
        self.said: list[str] = []
        self._text = text
        monkeypatch.setattr(voice_notes, "transcribe", self._transcribe)
        monkeypatch.setattr(voice_notes, "record", self._record)

    async def _transcribe(self, note: Samples, ears: Any, witness: Any, health: Any) -> str:
        self.notes.append(note)
        witness.heard(("local", ""), 1.0)
        return self._text

    async def _record(self, text: str, voices: Any, witness: Any, health: Any, *, language: str) -> Samples:
        self.said.append(text)
        return TONE


async def test_a_voice_note_is_heard_and_answered_in_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard(monkeypatch)
    async with world() as it:
        client = connect(it, stt="local", voice="local")
        it.send_voice(encode(TONE))
        assert (await it.meta.answer(ADA)).text == "I heard you."
        told = client.take("whatsapp.message")
        assert (told["type"], told["text"]) == ("audio", "where is my order")
        (note,) = heard.notes
        assert np.abs(note).mean() == pytest.approx(np.abs(TONE).mean(), rel=0.1)


async def test_where_the_project_says_so_it_is_answered_by_a_voice_note(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard(monkeypatch)
    async with world() as it:
        connect(it, stt="local", voice="local", channel={"voiceNotes": True})
        it.send_voice(encode(TONE))
        audio = (await it.meta.answer(ADA)).body["audio"]
        assert audio["voice"] is True
        spoken = decode(it.meta.media[audio["id"]].data)
        assert np.abs(spoken).mean() == pytest.approx(np.abs(TONE).mean(), rel=0.1)
        assert heard.said == ["I heard you."]
        it.write("and in writing?")
        assert (await it.meta.answer(ADA, 2)).text == "I heard you."


@pytest.mark.parametrize("what", ["silence", "no sound", "gone", "nobody hears"])
async def test_a_note_that_cannot_be_heard_is_announced(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    Heard(monkeypatch, "")
    async with world() as it:
        client = connect(it, stt="elevenlabs/scribe_v2_realtime" if what == "nobody hears" else "local", voice="local")
        if what == "gone":
            it.meta.trouble = Trouble("refuse", status=404, times=2)  # of the media, and of the receipt
        it.send_voice(b"no sound at all" if what == "no sound" else encode(TONE))
        await it.meta.answer(ADA)
        assert client.take("whatsapp.message")["text"] == UNHEARD


async def test_a_voice_that_fails_leaves_an_answer_in_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    Heard(monkeypatch)
    async with world() as it:
        connect(it, stt="local", voice="elevenlabs/sarah", channel={"voiceNotes": True})
        it.send_voice(encode(TONE))
        assert (await it.meta.answer(ADA)).text == "I heard you."


async def test_a_failed_answer_is_apologised_for_once_in_the_projects_words() -> None:
    async with world() as it:
        connect(it, config={"apology": {"en": "Sorry, try again later."}}, language="en")
        it.write("break")
        it.write("break it again")
        it.write("hello")
        it.write("break")
        await it.meta.answer(ADA, 3)
        texts = [sent.text for sent in it.meta.sent]
        assert texts == ["Sorry, try again later.", "I heard you.", "Sorry, try again later."]


async def test_what_is_not_delivered_is_told_and_the_next_is_sent() -> None:
    async with world() as it:
        client = connect(it)
        it.meta.faults.append(Fault(131026))
        it.write("hello")
        await until(lambda: client.named("whatsapp.status"))
        status = client.take("whatsapp.status")
        assert (status["status"], status["code"], status["recipient"]) == ("failed", 131026, ADA)
        assert status["error"].startswith("meta refused (131026)")
        it.write("hello again")
        assert (await it.meta.answer(ADA)).text == "I heard you."


async def test_nothing_waits_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatsapp_talk, "OUTBOX", 2)
    async with world() as it:
        client = connect(it)
        it.meta.trouble = Trouble("hang")
        it.write("hello")
        await until(lambda: client.named("whatsapp.response"))
        call = client.named("whatsapp.response")[0]["session_id"]
        for number in range(4):
            client.send("bot.reply", call_id=call, message_id=f"m{number}", text="more", in_reply_to="")
        assert "wait to be sent" in client.take("whatsapp.status")["error"]
        it.meta.trouble = None


async def test_what_a_human_says_is_sent_kept_and_told_when_meta_has_it() -> None:
    async with world() as it:
        client = connect(it)
        it.write("hello")
        await it.meta.answer(ADA)
        sent: list[bool] = []
        (talk,) = it.desk._talks.values()
        talk.human_said("This is Eva.", lambda: sent.append(True))
        assert (await it.meta.answer(ADA, 2)).text == "This is Eva."
        await until(lambda: sent)
        response = [frame for frame in client.named("whatsapp.response") if frame.get("source") == "human"]
        assert [frame["text"] for frame in response] == ["This is Eva."]
        assert talk.session.conversation.messages[-1] == {"role": "assistant", "content": "This is Eva."}


async def test_the_last_answers_are_sent_though_it_ends() -> None:
    async with world() as it:
        connect(it)
        it.write("hello")
        await asyncio.sleep(0)
        (talk,) = it.desk._talks.values()
        talk.done("Goodbye.")
        talk.session.end("client_hangup")
        assert (await it.meta.answer(ADA)).text == "Goodbye."
        await until(lambda: not it.desk._talks)


NUMBERS = {"when": "look", "call": {"look": {}}, "reply": "."}, {"when": r"(?P<n>\d)", "reply": "{{ n }}"}


def answer_tool(client: Client) -> None:
    asked = client.take("llm.tool_call")
    result = {"tool_call_id": asked["tool_calls"][0]["id"], "result": {"where": "here"}}
    client.send("llm.tool_result", call_id=asked["call_id"], msg_id=asked["msg_id"], results=[result])


async def test_each_answer_has_the_form_of_its_own_message(monkeypatch: pytest.MonkeyPatch) -> None:
    Heard(monkeypatch)
    async with world() as it:
        client = connect(it, stt="local", voice="local", channel={"voiceNotes": True})
        it.write("look")
        await until(lambda: client.named("llm.tool_call"))
        it.send_voice(encode(TONE))
        await until(lambda: len(client.named("whatsapp.message")) == 2)
        answer_tool(client)
        await it.meta.answer(ADA, 2)
        assert [sorted({"text", "audio"} & sent.body.keys()) for sent in it.meta.sent] == [["text"], ["audio"]]


async def test_a_message_is_shown_as_read_when_its_turn_has_come() -> None:
    async with world() as it:
        client = connect(it)
        it.write("look")
        await until(lambda: client.named("llm.tool_call"))
        it.write("and hello")
        await until(lambda: len(client.named("whatsapp.message")) == 2)
        answer_tool(client)
        await it.meta.answer(ADA)
        assert len(it.meta.receipts) == 1
        await it.meta.answer(ADA, 2)
        assert len(it.meta.receipts) == 2


async def test_what_waits_when_a_conversation_ends_begins_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    Heard(monkeypatch)
    async with world() as it:
        client = connect(it, stt="local", voice="local", llm=scripted(*NUMBERS))
        it.write("look")
        await until(lambda: client.named("llm.tool_call"))
        for number in range(3):
            it.write(f"number {number}")
        await until(lambda: len(client.named("whatsapp.message")) == 4)
        it.write("number 3")
        client.send("call.hangup", call_id=client.named("llm.tool_call")[0]["call_id"])
        await it.meta.answer(ADA, 4)
        assert [sent.text for sent in it.meta.sent] == ["0", "1", "2", "3"]
        assert len(client.named("whatsapp.session_started")) == 2


async def test_a_conversation_that_cannot_begin_is_not_begun_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ValueError("no greeting")

    monkeypatch.setattr("pinecall_run.voice.chat_session.ChatSession._greet", fail)
    async with world() as it:
        client = connect(it)
        it.write("hello")
        await until(lambda: not it.desk._talks)
        assert len(client.named("whatsapp.session_started")) == 1


async def test_a_server_that_stops_begins_nothing_with_what_waits() -> None:
    async with world() as it:
        client = connect(it)
        it.write("look")
        await until(lambda: client.named("llm.tool_call"))
        it.write("number 1")
        await until(lambda: len(client.named("whatsapp.message")) == 2)
        closing = asyncio.create_task(it.stage.hub.close())
        await asyncio.sleep(0)
        assert it.write("number 2") is Outcome.AWAY
        await until(lambda: not it.desk._talks)
        await closing
        assert len(client.named("whatsapp.session_started")) == 1


async def test_a_conversation_that_cannot_be_read_on_ends_and_the_next_begins(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("my card is 4111")

    async with world() as it:
        client = connect(it)
        it.write("hello")
        await it.meta.answer(ADA)
        with monkeypatch.context() as broken:
            broken.setattr(whatsapp_talk.Talk, "_told", fail)
            it.write("hello again")
            await until(lambda: not it.desk._talks)
        it.write("and again")
        await it.meta.answer(ADA, 2)
        assert client.named("whatsapp.session_ended")[0]["reason"] == "error"
    assert "ValueError" in caplog.text
    assert "4111" not in caplog.text
