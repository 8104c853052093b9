"""What goes wrong in calls, and what the caller notices of it: vendors, tools, the runner, and an edit in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from tests.stories._callers import tape
from tests.stories._lines import Holdings, KnowingEar, house, nothing_left, until
from tests.stories._stage import edit
from tests.voice._speech import needs_flite

from pinecall_run.providers import speech_catalogue
from pinecall_run.providers.contracts import (
    ModelPiece,
    ModelRequest,
    ProviderError,
    SpeechSpec,
    Spoken,
    Text,
    TextToSpeech,
)
from pinecall_run.testing.network import MemorySocket
from pinecall_run.voice import answering, patience, speaking
from pinecall_run.wire import events, speech_events

pytestmark = needs_flite

QUESTION = "where is order one thousand and one"
ANSWER = "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."
GREETING = "Acme support, hello. How can I help?"
GREETED = 3.4
SORRY = "I am sorry, something went wrong here."
APOLOGY = f"    apology: {SORRY}\n    timezone: Europe/Madrid"


def with_apology(text: str) -> str:
    return text.replace("    timezone: Europe/Madrid", APOLOGY, 1)


# who hears


async def test_an_ear_whose_process_is_killed_in_a_sentence_costs_the_caller_nothing(tmp_path: Path) -> None:
    async with nothing_left(), house(tmp_path) as acme:
        before = Holdings.now().children
        async with acme.call(is_in_real_time=True) as call:
            asked = tape(QUESTION)
            half = len(asked.sound) // 640 * 320
            await call.silence(GREETED)
            await until(lambda: Holdings.now().children - before)
            processes = Holdings.now().children - before
            await call.listen(tape(asked.sound[:half]))
            for process in processes:  # the one that hears, and the one that is to hear the next call
                os.kill(process, signal.SIGKILL)
            await call.listen(tape(asked.sound[half:]))
            await call.until(events.TurnEnd)
            failed = call.named(speech_events.ProviderFailed)
            assert [(each.stage, each.provider, each.next) for each in failed] == [("stt", "local", "")]
            assert failed[0].error == "the local ear's process ended in the middle of a conversation"
            assert call.turns == ["where is order 1001"]
            await call.until(speech_events.MessageConfirmed)
            assert call.heard == [GREETING, ANSWER]


# who speaks


class Stalling:
    """A voice that takes a sentence and gives nothing."""

    rate = 16_000

    def __init__(self) -> None:
        self.asked = 0

    async def speak(self, sentence: str, context: str) -> AsyncIterator[Spoken]:
        self.asked += 1
        await asyncio.Event().wait()
        yield  # type: ignore[misc]


@pytest.fixture
def stalling(monkeypatch: pytest.MonkeyPatch) -> Stalling:
    """It is served as elevenlabs, and its patience is short."""
    it, real = Stalling(), speech_catalogue.open_tts

    def open_tts(spec: SpeechSpec, environ: Mapping[str, str]) -> TextToSpeech:
        return it if spec.provider == "elevenlabs" else real(spec, environ)

    monkeypatch.setattr("pinecall_run.voice.stages.open_tts", open_tts)
    monkeypatch.setattr(speaking, "STALL_SECONDS", 1.0)
    return it


async def test_a_voice_that_stalls_is_given_up_for_the_next(tmp_path: Path, stalling: Stalling) -> None:
    talk = tape(GREETED, QUESTION, 7.5)
    async with nothing_left(), house(tmp_path) as acme, acme.conversation(talk) as call:
        failed = call.named(speech_events.ProviderFailed)
        assert [(each.stage, each.provider, each.next) for each in failed] == [("tts", "elevenlabs", "local")]
        assert failed[0].error == "it gave nothing for 1 s"
        assert call.heard == [GREETING, ANSWER]
        assert stalling.asked == 1, "what failed is not asked again"


async def test_where_there_is_no_next_voice_the_last_one_is_asked_again_for_an_apology(
    tmp_path: Path, stalling: Stalling, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = speech_catalogue.open_tts(SpeechSpec("local", "", "en"), {})
    answers = iter([local.speak, stalling.speak, local.speak])

    def speak(sentence: str, context: str) -> AsyncIterator[Spoken]:
        return next(answers)(sentence, context)

    monkeypatch.setattr(stalling, "rate", local.rate)
    monkeypatch.setattr(stalling, "speak", speak)

    def only(text: str) -> str:
        alone = with_apology(text).replace("voice: [elevenlabs:EXAVITQu4vr4xnSDxMaL, local]", "voice: elevenlabs:x", 1)
        return alone.replace("greeting: Acme support, hello. How can I help?", "greeting: Acme.", 1)

    talk = tape(1.5, QUESTION, 6.0)
    async with nothing_left(), house(tmp_path, only) as acme, acme.conversation(talk) as call:
        assert call.heard == ["Acme.", SORRY]
        assert [each.next for each in call.named(speech_events.ProviderFailed)] == [""]


# who answers


class Model:
    """Answers one way the first time, and says yes from then on."""

    def __init__(self, first: Callable[[], AsyncIterator[ModelPiece]]) -> None:
        self._first = [first]

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        if self._first:
            async for piece in self._first.pop()():
                yield piece
        yield Text("Yes, it is here.")


async def silent() -> AsyncIterator[ModelPiece]:
    await asyncio.Event().wait()
    yield Text("never")


async def failing() -> AsyncIterator[ModelPiece]:
    yield Text("Let me see. It ")
    raise ProviderError("the model is overloaded")


@pytest.mark.parametrize(
    ("first", "heard", "problem"),
    [
        (silent, [SORRY], "the model gave nothing for 0.3 s"),
        (failing, ["Let me see. It", SORRY], "the model is overloaded"),
    ],
)
async def test_a_model_that_is_silent_or_fails_is_apologised_for_and_the_call_goes_on(
    first: Callable[[], AsyncIterator[ModelPiece]],
    heard: list[str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answering, "Patient", lambda model: patience.Patient(model, 0.3))
    talk = tape(GREETED, QUESTION, 0.5)
    async with (
        nothing_left(),
        house(tmp_path, with_apology, model=Model(first)) as acme,
        acme.conversation(talk) as call,
    ):
        while call.heard[-1] != SORRY:
            await call.until(speech_events.MessageConfirmed, within=20)
        assert call.heard == [GREETING, *heard]
        assert [each.error for each in call.named(events.LlmError)] == [problem]
        call.session.act({"action": "inject_text", "text": "is it here"})
        await call.until(speech_events.MessageConfirmed)
        assert call.heard[-1] == "Yes, it is here."


# who works


async def test_a_tool_that_never_answers_is_given_up_while_the_caller_talks(tmp_path: Path) -> None:
    def impatient(text: str) -> str:
        return text.replace(
            "lookup_order: examples.shop.orders.lookup_order",
            "lookup_order: {function: examples.shop.orders.lookup_order, timeout_seconds: 2.5}",
            1,
        )

    async def never(order_id: str) -> None:
        await asyncio.Event().wait()

    talk = tape(0.4, QUESTION, 0.8, "hello", 5.5)
    async with nothing_left(), house(tmp_path, impatient, tools={"lookup_order": never}) as acme:
        ear = KnowingEar(talk.passages)
        async with acme.call(ear=ear, is_in_real_time=True) as call:
            await call.listen(talk)
            assert call.turns == [QUESTION, f"{QUESTION} hello"]
            assert "turn.continued" in call.names
            assert len(call.named(events.LlmToolCall)) == 1, "what runs is waited for, and not begun again"
            assert call.tools[0]["error"]
            assert call.heard[-1].startswith("I am sorry")


# the runner


async def test_a_runner_that_is_gone_for_a_while_finds_its_calls_and_they_find_their_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[str] = []
    arrive = MemorySocket._arrive

    def note(socket: MemorySocket, message: bytes) -> None:
        arrived.append(json.loads(message)["event"])
        arrive(socket, message)

    monkeypatch.setattr(MemorySocket, "_arrive", note)
    talk = tape(GREETED, QUESTION, 8.0)
    async with nothing_left(), house(tmp_path) as acme, acme.call(ear=KnowingEar(talk.passages)) as call:
        runner = acme.stage.runner
        await call.silence(1.0)
        (known,) = runner.calls
        acme.stage.network.is_down = True
        acme.stage.network.cut()
        await call.silence(1.0)
        assert not call.reason, "the call goes on without it"
        acme.stage.network.is_down = False
        await until(lambda: arrived.count("call.started") == 2)
        assert [each.id for each in runner.calls] == [known.id]
        await call.listen(tape(GREETED - 2.0, talk.sound[talk.passages[0].start :]))
        assert call.heard == [GREETING, ANSWER], "its tools are its tools again"


async def test_a_call_keeps_what_it_began_with_and_the_next_one_has_the_edit(tmp_path: Path) -> None:
    talk = tape(GREETED, QUESTION, 7.5)
    async with nothing_left(), house(tmp_path) as acme:
        async with acme.call(ear=KnowingEar(talk.passages)) as call:
            await call.silence(0.2)
            edit(
                acme.folder / "pinecall.yaml",
                lambda text: text.replace("Acme support, hello. How can I help?", "Acme, good day.", 1).replace(
                    "voice: [elevenlabs:EXAVITQu4vr4xnSDxMaL, local]", "voice: {provider: local, speed: 1.8}", 1
                ),
            )
            edit(
                acme.folder / "examples/shop/support.script.yaml",
                lambda text: text.replace("Order {{ lookup_order.id }}", "Parcel {{ lookup_order.id }}", 1),
            )
            await acme.stage.runner.reload()
            await call.listen(tape(GREETED - 0.2, talk.sound[talk.passages[0].start :]))
            assert call.heard == [GREETING, ANSWER]
            slow = call.named(events.BotFinished)[-1].duration_ms
        async with acme.conversation(talk) as call:
            assert call.heard == ["Acme, good day.", ANSWER.replace("Order", "Parcel")]
            assert call.named(events.BotFinished)[-1].duration_ms < 0.75 * slow
