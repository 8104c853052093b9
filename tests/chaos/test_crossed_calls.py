"""Spoken calls in which everything happens at any time: whatever it is, what is told of them adds up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from tests.voice._fakes import settle
from tests.voice._line import FakeEar, FakeVoice, Line, native

from pinecall_run.providers.contracts import ModelPiece, ModelRequest, ProviderError, Text, ToolRequest, Transcript
from pinecall_run.turns.transitions import State
from pinecall_run.wire import call_commands, commands, events, speech_events

TOOLS = [{"type": "function", "function": {"name": "look", "description": "", "parameters": {"type": "object"}}}]
TEXTS = (
    "", "...", "Yes.", "It is here. It comes on Tuesday, before noon.", "one two three four five six seven eight nine.",
    "你好。今天是星期二。", "مرحبا بك. كيف حالك؟", "👍 ok", "**bold** [link](https://x.y)", "no end " * 40,
)  # fmt: skip
SAID = ("where is my order?", "and the", "yes", "uh-huh", "stop that now.", "number seven.", "你好", "")


class AnyModel:
    """Says, calls, waits and fails as chance has it."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.asked = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        self.asked += 1
        check_rounds(list(request.messages))
        for _ in range(self._chance.randrange(3)):
            for word in self._chance.choice(TEXTS).split(" "):
                yield Text(word + " ")
                for _ in range(self._chance.randrange(4)):
                    await asyncio.sleep(0)
        if self._chance.random() < 0.1:
            raise ProviderError("overloaded")
        if request.tools and self._chance.random() < 0.5:
            for number in range(self._chance.randrange(1, 3)):
                yield ToolRequest(f"c{self.asked}_{number}", "look", "{}")


class Caller:
    """Does one thing after the other to a call."""

    def __init__(self, line: Line, chance: Random) -> None:
        self._line, self._chance = line, chance
        self.ids: list[str] = []
        """Messages that the runner had said."""
        self._open: list[str] = []
        self._number = 0

    async def step(self) -> None:
        await self._chance.choice(self._moves)(self)
        await self._line.wait(self._chance.choice((0.0, 0.02, 0.1, 0.3, 1.0, 2.5)))

    async def _speak(self) -> None:
        await self._line.says(self._chance.choice(SAID), self._chance.choice((0.1, 0.3, 0.6, 1.2)))

    async def _mumble(self) -> None:
        await self._line.wait(0.4, probability=0.95)

    async def _hear(self) -> None:
        if self._line.ears[0]._streams:
            text = self._chance.choice(SAID)
            kind = self._chance.choice(("started", "eager", "resumed", "ended"))
            heard = Transcript(text, is_final=self._chance.random() < 0.5), native(kind, text)
            self._line.ears[0].stream.give(heard[self._line.ears[0].has_turns])

    async def _reply(self) -> None:
        to = self._chance.choice(("", "", self._line.call._caller.latest, "old"))
        text, keeps = self._chance.choice(TEXTS), self._chance.random() < 0.5
        command = commands.BotReply(
            call_id="call-1", message_id=self._new_id(), text=text, in_reply_to=to, add_to_history=keeps
        )
        await self._line.do(command)

    async def _stream(self) -> None:
        id = self._new_id()
        await self._piece(id, "start", to=self._line.call._caller.latest if self._chance.random() < 0.8 else "")
        self._open.append(id)

    async def _write(self) -> None:
        for id in self._open:
            await self._piece(id, "chunk", self._chance.choice(TEXTS))

    async def _end(self) -> None:
        if self._open:
            await self._piece(self._open.pop(), "end")

    async def _cancel(self) -> None:
        command = commands.BotCancel(call_id="call-1")
        if self.ids and self._chance.random() < 0.7:
            command.message_id = self._chance.choice(self.ids)
        await self._line.do(command)

    async def _tool(self) -> None:
        for asked in self._line.page.named(events.LlmToolCall)[-2:]:
            flags = {"ephemeral": self._chance.random() < 0.3, "no_followup": self._chance.random() < 0.3}
            results = [commands.ToolResult(tool_call_id=call.id, result="R", **flags) for call in asked.tool_calls]
            await self._line.do(commands.LlmToolResult(call_id="call-1", msg_id=asked.msg_id, results=results))

    async def _simple(self) -> None:
        kind = self._chance.choice((
            commands.BotClear, call_commands.CallHold, call_commands.CallUnhold, call_commands.CallUnhold,
            call_commands.CallMute, call_commands.CallUnmute, call_commands.CallUnmute,
        ))  # fmt: skip
        await self._line.do(kind(call_id="call-1"))

    async def _configure(self) -> None:
        change = self._chance.choice((
            {"interruption": False}, {"interruption": True}, {"language": "es"}, {"stt": "local"}, {"voice": "x"},
            {"config": {"turn_detection": {"mode": "silence"}}},
        ))  # fmt: skip
        await self._line.do(commands.SessionConfigure(session_id="call-1", **change))

    async def _type(self) -> None:
        self._line.call.act({"action": "inject_text", "text": self._chance.choice(SAID)})

    async def _fail(self) -> None:
        self._line.voices[0].fails.append(ProviderError("no credit"))

    async def _deafen(self) -> None:
        if self._line.ears[0]._streams:
            self._line.ears[0].stream.give(ProviderError("broke"))

    async def _leave(self) -> None:
        self._line.owner.is_there = False
        self._line.call.owner_left()
        self._open.clear()
        await self._line.wait(0.3)
        self._line.owner.is_there = True
        if not self._line.task.done():  # else nobody would tell it
            self._line.call.owner_returned()

    async def rest(self) -> None:
        """Everything that is open is closed, and everybody is quiet for a while."""
        while self._open:
            await self._end()
        self._line.voices[0].fails.clear()
        self._line.ears[0].says.clear()
        await self._line.do(call_commands.CallUnhold(call_id="call-1"))
        await self._line.do(call_commands.CallUnmute(call_id="call-1"))
        for _ in range(12):
            await self._tool()
            await self._line.wait(5.0)
            await settle()

    def _new_id(self) -> str:
        self._number += 1
        if not self._line.call._is_over:
            self.ids.append(f"m{self._number}")
        return f"m{self._number}"

    async def _piece(self, id: str, action: Any, token: str = "", to: str = "") -> None:
        command = commands.BotReplyStream(call_id="call-1", message_id=id, action=action, token=token, in_reply_to=to)
        await self._line.do(command)

    _moves = (
        _speak, _speak, _speak, _speak, _mumble, _hear, _reply, _stream, _write, _end, _cancel, _tool, _tool, _simple,
        _configure, _type, _fail, _deafen, _leave,
    )  # fmt: skip


def check_rounds(messages: list[dict[str, Any]]) -> None:
    """A call of tools is followed by the result of each, and results by nothing else."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
        else:
            assert waiting == []
            waiting = [call["id"] for call in message.get("tool_calls") or ()]
    assert waiting == []


def check_told(told: list[events.CallEvent], ids: list[str]) -> None:
    """Each utterance begins once, has its words in order, and ends once; each turn is told before it is over."""
    begun, over, words, said = set(), Counter[str](), Counter[str](), {}
    for event in told:
        match event:
            case events.UserMessage():
                said[event.message_id] = event.text
            case events.TurnEnd():
                assert said[event.message_id] == event.text
            case events.BotSpeaking():
                assert event.message_id not in begun
                begun.add(event.message_id)
            case speech_events.BotWord():
                assert event.message_id in begun
                assert not over[event.message_id]
                assert event.word_index == words[event.message_id]
                words[event.message_id] += 1
            case events.BotFinished() | speech_events.BotInterrupted():
                over[event.message_id] += 1
            case events.ReplyRejected():
                over[event.message_id] += 1
    assert {id: over[id] for id in (*ids, *begun) if over[id] != 1} == {}


def check_kept(told: list[events.CallEvent], history: list[dict[str, Any]]) -> None:
    """Each turn that ended is one message, with all that was said; of what the agent said there is what was heard."""
    turns = {event.turn_id: event.text for event in told if isinstance(event, events.TurnEnd)}
    assert [message["content"] for message in history if message["role"] == "user"] == list(turns.values())
    heard = Counter(event.text for event in told if isinstance(event, speech_events.MessageConfirmed))
    spoken = [each for each in history if each["role"] == "assistant" and "tool_calls" not in each]
    assert Counter(each["content"] for each in spoken) - heard == Counter()


def call_of(chance: Random) -> tuple[Line, Caller]:
    has_model, has_turns = chance.random() < 0.7, chance.random() < 0.3
    limits = {"session_limits": {"idle_timeout_seconds": 0, "max_duration_seconds": 0}}
    configuration = {"tools": TOOLS, "greeting": "Hello, this is Acme.", "config": {"apology": "Sorry."}, **limits}
    line = Line(
        AnyModel(chance) if has_model else None,
        configuration,
        ears=[FakeEar(has_turns=has_turns)],
        voices=[FakeVoice(has_times=chance.random() < 0.5)],
    )
    return line, Caller(line, chance)


@pytest.mark.parametrize("seed", range(60))
async def test_what_is_told_of_a_call_adds_up(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    line, caller = call_of(Random(seed))
    async with line:
        for _ in range(40):
            await caller.step()
            assert not line.task.done()
        await caller.rest()
        machine = line.call._caller._machine
        assert machine.state is State.IDLE or machine.is_owing, "a runner may owe an answer for ever"
        check_told(line.page.told, caller.ids)
        check_rounds(line.call.history)
        check_kept(line.page.told, line.call.history)
        assert "" not in [message["content"] for message in line.call.history]
        assert line.call._agent._streams == {}
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("seed", range(60))
async def test_a_hang_up_in_the_middle_ends_everything(seed: int) -> None:
    chance = Random(1000 + seed)
    line, caller = call_of(chance)
    async with line:
        for _ in range(chance.randrange(20)):
            await caller.step()
        line.call.end("hangup")
        await caller.step()
    await settle()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    assert line.page.names.index("call.ended") == len(line.page.names) - 1
    assert "call.ended" not in line.owner.names[:-1]
    check_told(line.page.told, caller.ids)
    check_rounds(line.call.history)
