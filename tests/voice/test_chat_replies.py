"""What a runner says is shown once, in its place, and is the answer only where it answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.voice._fakes import Model, Talk, settle

from pinecall_run.wire import commands, events


def reply(text: str, *, to: str = "", add: bool = False, id: str = "msg_1") -> commands.BotReply:
    return commands.BotReply(call_id="chat-1", message_id=id, text=text, in_reply_to=to, add_to_history=add)


def piece(action: Any, token: str = "", *, to: str = "") -> commands.BotReplyStream:
    return commands.BotReplyStream(call_id="chat-1", message_id="msg_1", action=action, token=token, in_reply_to=to)


async def test_a_reply_to_a_message_that_is_no_longer_the_last_is_rejected() -> None:
    async with Talk(None) as talk:
        await talk.say("first")
        old = talk.owner.last(events.TurnEnd).message_id
        await talk.say("second")
        new = talk.owner.last(events.TurnEnd).message_id
        for stale in (reply("late", to=old), piece("start", to=old)):
            await talk.do(stale)
            rejected = talk.owner.told[-1]
            assert isinstance(rejected, events.ReplyRejected)
            assert (rejected.in_reply_to, rejected.expected_reply_to) == (old, new)
            assert rejected.reason == "message_obsolete"
        await talk.do(piece("chunk", "late"))
        await talk.do(piece("end"))
        assert talk.outlet.log == []


async def test_a_reply_comes_piece_by_piece() -> None:
    async with Talk(None) as talk:
        await talk.say("hi")
        await talk.do(piece("start", to=talk.owner.last(events.TurnEnd).message_id))
        await talk.do(piece("chunk", "Hel"))
        await talk.do(piece("chunk", "lo"))
        await talk.do(piece("end"))
        await talk.do(piece("end"))
        assert talk.outlet.log == [("token", "Hel"), ("token", "lo"), ("done", "Hello")]
        assert talk.owner.names[-2:] == ["bot.speaking", "bot.finished"]
        assert talk.history[-1] == {"role": "assistant", "content": "Hello"}


async def test_what_is_said_during_an_answer_is_shown_after_it() -> None:
    gate = asyncio.Event()
    async with Talk(Model(["The answer", gate, " is 42."])) as talk:
        await talk.do(reply("At once.", add=False))
        await talk.say("what?")
        await talk.do(reply("By the way.", add=True))
        await talk.do(piece("start"))
        await talk.do(piece("chunk", "In pieces."))
        await talk.do(piece("end"))
        gate.set()
        await settle()
        assert talk.outlet.log == [
            ("token", "At once."),
            ("done", "At once."),
            ("token", "The answer"),
            ("token", " is 42."),
            ("done", "The answer is 42."),
            ("token", "By the way."),
            ("done", "By the way."),
            ("token", "In pieces."),
            ("done", "In pieces."),
        ]
        assert "At once." not in str(talk.history)
        assert "By the way." in str(talk.history)


async def test_of_a_runner_that_left_nothing_half_said_is_taken() -> None:
    async def stream(talk: Talk, id: str, **pieces: str) -> None:
        for action, token in pieces.items():
            await talk.do(
                commands.BotReplyStream(call_id="chat-1", message_id=id, action=action, token=token)  # type: ignore[arg-type]
            )

    async with Talk(None) as talk:
        await talk.say("hi")
        await stream(talk, "m1", start="", chunk="Half")
        talk.session.owner_left()
        talk.session.owner_returned()
        assert len(talk.owner.named(events.TurnEnd)) == 2
        await stream(talk, "m1", chunk=" more.", end="")
        await stream(talk, "m2", start="", chunk="Whole.", end="")
        assert [message["content"] for message in talk.history] == ["hi", "Whole."]


@pytest.mark.parametrize(
    ("has_model", "to_latest", "is_asked"), [(False, True, True), (False, False, False), (True, True, False)]
)
async def test_only_where_the_model_does_not_a_reply_answers(
    has_model: bool, to_latest: bool, is_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Talk(Model(["Hello."]) if has_model else None) as talk:
        await talk.say("hi")
        asked: list[bool] = []
        monkeypatch.setattr(talk.outlet, "done", lambda text, *, is_asked=True: asked.append(is_asked))
        await talk.do(reply("Good day.", to=talk.owner.last(events.ChatMessage).message_id if to_latest else ""))
        assert asked == [is_asked]
        assert talk.history[-1]["content"] == ("Good day." if to_latest else "hi")
