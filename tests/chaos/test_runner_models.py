"""A model that is a function of the project's, in spoken calls: its real end of the wire against the server's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from tests.live._stage import Stage, hook
from tests.voice._line import Line

from pinecall_run.live.responder import Responder
from pinecall_run.turns.transitions import State
from pinecall_run.wire import commands, events, speech_events

COUNT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


class Project(Stage):
    """The runner's end of a line, whose model is a function."""

    def __init__(self, line: Line, function: Callable[..., Any]) -> None:
        super().__init__(model=hook(function, "call", "event"), channel="webrtc")
        self.responder = Responder(self.pool, self.notify)
        self._line = line
        tell = line.owner.tell

        def told(event: events.CallEvent) -> bool:
            asyncio.get_running_loop().call_soon(self.take, event)
            return tell(event)

        line.owner.tell = told  # type: ignore[method-assign]
        line.call._around = line.call._core.around = replace(line.call._around, tell_owner=told)

    def take(self, event: events.CallEvent) -> None:
        self.live.handle(event, 0.0)
        self.responder.handle(self.live, event)

    def send(self, command: commands.Command) -> bool:
        asyncio.get_running_loop().call_soon(self._line.call.handle, command)
        return super().send(command)


def model_of(answers: dict[str, str], asked: list[str]) -> Callable[..., Any]:
    async def model(call: Any, event: Any) -> AsyncIterator[str]:
        asked.append(event.text)
        for word in answers[event.text].split(" "):
            yield word + " "
            await asyncio.sleep(0)

    return model


def ends(line: Line) -> list[str]:
    told = [*line.page.named(events.BotFinished), *line.page.named(speech_events.BotInterrupted)]
    return sorted(each.message_id for each in told)


def begun(project: Project) -> list[str]:
    return sorted(each.message_id for each in project.all(commands.BotReplyStream) if each.action == "start")


async def test_each_turn_is_answered_once_begun_early_or_not() -> None:
    asked: list[str] = []
    line = Line(None)
    project = Project(line, model_of({"where is it?": "It is here.", "and when": "On Tuesday."}, asked))
    async with line:
        await line.says("where is it?")
        await line.wait(3.0)
        await line.says("and when")
        await line.wait(3.0)
        assert line.history == [
            ("user", "where is it?"), ("assistant", "It is here."),
            ("user", "and when"), ("assistant", "On Tuesday."),
        ]  # fmt: skip
        assert asked == ["where is it?", "and when"]
        assert line.page.named(events.ReplyRejected) == []
        assert line.call._caller._machine.state is State.IDLE
        assert ends(line) == begun(project)
    await project.responder.close()


async def test_a_caller_who_goes_on_after_an_early_reply_began_is_answered_for_all() -> None:
    asked: list[str] = []
    line = Line(None)
    whole = "where is my order. number seven."
    project = Project(line, model_of({"where is my order.": "Half an answer.", whole: "The whole."}, asked))
    async with line:
        await line.says("where is my order.", 0.6)
        await line.until("eager.turn")
        await line.says("number seven.", 0.6)
        await line.wait(3.0)
        assert line.history == [("user", whole), ("assistant", "The whole.")]
        assert [event.text for event in line.page.named(speech_events.MessageConfirmed)] == ["The whole."]
        assert ends(line) == begun(project)
        assert line.call._agent._streams == {}
    await project.responder.close()


async def test_a_caller_who_interrupts_is_answered_and_nothing_is_left_open() -> None:
    for heard_seconds in (0.6, 2.6):
        asked: list[str] = []
        line = Line(None)
        texts = {"count.": COUNT, "stop that now.": "All right.", "count. stop that now.": "All right."}
        project = Project(line, model_of(texts, asked))
        async with line:
            await line.says("count.")
            await line.until("bot.speaking")
            await line.wait(heard_seconds)
            await line.says("stop that now.")
            await line.wait(3.0)
            assert line.history[-1] == ("assistant", "All right.")
            assert len(line.history) == (2 if heard_seconds < 2 else 4)
            assert ends(line) == begun(project)
            assert line.call._agent._streams == {}
            assert line.call._caller._machine.state is State.IDLE
            assert project.live.call.transcript[-1].text == "All right."
        await project.responder.close()


async def test_a_model_that_has_nothing_to_say_or_fails_gives_the_floor_back() -> None:
    async def nothing(call: Any, event: Any) -> str:
        return ""

    async def fails(call: Any, event: Any) -> AsyncIterator[str]:
        yield "It is "
        raise ValueError("no")

    for function, said in ((nothing, []), (fails, [("assistant", "It is")])):
        line = Line(None)
        project = Project(line, function)
        async with line:
            await line.says("hello?")
            await line.wait(2.0)
            assert line.history == [("user", "hello?"), *said]
            assert line.call._caller._machine.state is State.IDLE
            assert ends(line) == begun(project)
        await project.responder.close()


async def test_what_is_said_beside_a_reply_settles_and_the_reply_is_still_the_reply() -> None:
    gate = asyncio.Event()

    async def slow(call: Any, event: Any) -> AsyncIterator[str]:
        await gate.wait()
        yield "It is here."

    line = Line(None)
    project = Project(line, slow)
    async with line:
        await line.says("where is it?")
        await line.until("turn.end")
        waiting = project.live.call.say("One moment.", add_to_history=False)
        await line.wait(1.0)
        assert waiting.is_settled
        assert line.call._caller._machine.state is State.PENDING
        gate.set()
        await line.wait(2.0)
        assert line.history == [("user", "where is it?"), ("assistant", "It is here.")]
        assert line.call._caller._machine.state is State.IDLE
    await project.responder.close()


async def test_a_link_that_breaks_in_the_middle_of_a_reply_costs_a_second_asking() -> None:
    asked: list[str] = []
    gate = asyncio.Event()

    async def model(call: Any, event: Any) -> AsyncIterator[str]:
        asked.append(event.text)
        yield "It is "
        if len(asked) == 1:
            await gate.wait()
        yield "here."

    line = Line(None)
    project = Project(line, model)
    async with line:
        await line.says("where is it?")
        await line.wait(0.5)
        line.owner.is_there = False
        line.call.owner_left()
        project.responder.disconnected()
        await line.wait(0.5)
        line.owner.is_there = True
        line.call.owner_returned()
        await line.wait(2.0)
        assert asked == ["where is it?", "where is it?"]
        assert line.history == [("user", "where is it?"), ("assistant", "It is here.")]
        assert line.call._caller._machine.state is State.IDLE
    await project.responder.close()
