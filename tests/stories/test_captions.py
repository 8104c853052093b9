"""What the page makes of a call's events: captions.js in a real browser, with no call behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page
from tests.stories._browser import browsing, has_chromium
from tests.stories._stub_call_server import event, stub_server, utterance

pytestmark = [has_chromium, pytest.mark.asyncio(loop_scope="module")]

PLAY = """
async (steps) => {
  const { Captions } = await import("/page/captions.js");
  const captions = new Captions();
  const lines = new Set();
  for (const step of steps) {
    const changed = step.event ? captions.apply(step) : step.type ? captions.type(step.type) : captions.end();
    changed.forEach((line) => lines.add(line));
  }
  const { isUserSpeaking, isBotSpeaking, isThinking } = captions;
  const speakers = Object.entries({ user: isUserSpeaking, bot: isBotSpeaking, thinking: isThinking });
  return { lines: [...lines], speakers: speakers.filter(([, is]) => is).map(([who]) => who) };
}
"""
END: dict[str, Any] = {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with stub_server() as stub, browsing() as browser:
        page = await browser.new_page()
        await page.goto(stub.url)
        yield page


async def played(page: Page, *steps: dict[str, Any]) -> list[str]:
    """The lines after the steps: ``you:`` or ``agent:``, the text, ``…`` while it grows, ``✂`` where it was cut."""
    result = await page.evaluate(PLAY, list(steps))
    names = {"user": "you", "bot": "agent"}
    ends = {(False, False): "…", (True, False): "", (True, True): "✂"}
    return [f"{names[it['side']]}: {it['text']}{ends[it['isDone'], it['isCut']]}" for it in result["lines"]]


async def speakers(page: Page, *steps: dict[str, Any]) -> list[str]:
    result: dict[str, list[str]] = await page.evaluate(PLAY, list(steps))
    return result["speakers"]


def interim(text: str, turn: int = 1) -> dict[str, Any]:
    return event("user.speaking", text=text, turn_id=turn)


def message(text: str, id: str = "u1", turn: int = 1) -> dict[str, Any]:
    return event("user.message", text=text, message_id=id, turn_id=turn)


async def test_the_callers_words_are_replaced_until_they_are_final(page: Page) -> None:
    steps = [event("speech.started"), interim("where"), interim("wear is order")]
    assert await played(page, *steps) == ["you: wear is order…"]
    steps += [event("speech.ended"), message("Where is my order?")]
    assert await played(page, *steps) == ["you: Where is my order?"]


async def test_a_message_that_comes_again_is_one_line(page: Page) -> None:
    assert await played(page, message("Where"), message("Where is it?")) == ["you: Where is it?"]
    assert await played(page, message("No."), message("No.", "u2")) == ["you: No.", "you: No."]


async def test_a_yes_in_between_keeps_its_place(page: Page) -> None:
    steps = [interim("uh-huh"), *utterance("m1", "The order"), event("speech.started"), interim("and then", 1)]
    assert await played(page, *steps) == ["you: uh-huh", "agent: The order…", "you: and then…"]
    other_turn = [interim("uh-huh", 1), interim("and then", 2)]
    assert await played(page, *other_turn) == ["you: uh-huh", "you: and then…"]


async def test_the_agents_words_appear_as_they_are_heard(page: Page) -> None:
    steps = utterance("m1", "It is shipped.", whole="It is shipped. Anything else?")
    assert await played(page, *steps) == ["agent: It is shipped.…"]
    assert await played(page, *steps, event("bot.finished", message_id="m1")) == [
        "agent: It is shipped. Anything else?"
    ]


async def test_words_that_come_twice_or_out_of_order(page: Page) -> None:
    words = [event("bot.word", message_id="m1", word=word, word_index=index) for index, word in ((1, "b"), (0, "a"))]
    assert await played(page, *words, words[0]) == ["agent: a b…"]


async def test_words_without_their_beginning_and_without_their_number(page: Page) -> None:
    words = [event("bot.word", message_id="m1", word=word) for word in ("so", " be ", "it")]
    assert await played(page, *words) == ["agent: so be it…"]


@pytest.mark.parametrize("name", ["bot.interrupted", "message.aborted"])
async def test_an_interrupted_line_holds_what_was_heard(page: Page, name: str) -> None:
    steps = [*utterance("m1", "It is shipped and", whole="It is shipped and will come."), event(name, message_id="m1")]
    late = event("bot.word", message_id="m1", word="will", word_index=4)
    finished = event("bot.finished", message_id="m1")
    assert await played(page, *steps, late, finished) == ["agent: It is shipped and✂"]


async def test_the_server_knows_best_what_was_heard(page: Page) -> None:
    cut = event("bot.interrupted", message_id="m1", words_spoken=2, reason="user_spoke")
    steps = [*utterance("m1", "It is shipped and"), cut]
    assert await played(page, *steps) == ["agent: It is✂"]
    confirmed = event("message.confirmed", message_id="m1", text="It is shipped")
    assert await played(page, *steps, confirmed) == ["agent: It is shipped✂"]


async def test_what_nobody_heard_is_no_line(page: Page) -> None:
    cut = event("bot.interrupted", message_id="m1", words_spoken=0)
    assert await played(page, *utterance("m1", "It"), cut) == ["agent: ✂"]  # "" is not shown
    assert await played(page, event("message.confirmed", message_id="m9", text="never spoken")) == []


@pytest.mark.parametrize("is_first", [True, False])
async def test_the_text_is_confirmed_before_or_after_the_end(page: Page, is_first: bool) -> None:
    ends = [event("message.confirmed", message_id="m1", text="Yes, 10 €."), event("bot.finished", message_id="m1")]
    steps = [*utterance("m1", "Yes, ten euros."), *(ends if is_first else reversed(ends))]
    assert await played(page, *steps) == ["agent: Yes, 10 €."]


async def test_what_is_written_is_not_shown_twice(page: Page) -> None:
    written = {"type": "ORD-1"}
    assert await played(page, written, message("ORD-1")) == ["you: ORD-1"]
    assert await played(page, written, message("ORD-1"), message("ORD-1", "u2")) == ["you: ORD-1", "you: ORD-1"]
    assert await played(page, interim("wait"), written, message("ORD-1"), message("Wait.", "u2")) == [
        "you: Wait.",
        "you: ORD-1",
    ]


async def test_the_end_leaves_nothing_growing(page: Page) -> None:
    done = [*utterance("m0", "Hello."), event("bot.finished", message_id="m0")]
    steps = [*done, *utterance("m1", "It is"), event("speech.started"), interim("bye"), END]
    assert await played(page, *steps) == ["agent: Hello.", "agent: It is✂", "you: bye"]
    assert await speakers(page, *steps) == []


async def test_who_speaks(page: Page) -> None:
    turn = [event("speech.started"), interim("hi"), event("speech.ended"), message("Hi."), event("turn.end")]
    assert await speakers(page, *turn[:2]) == ["user"]
    assert await speakers(page, *turn[:4]) == []
    assert await speakers(page, *turn) == ["thinking"]
    assert await speakers(page, *turn, event("turn.continued")) == []
    assert await speakers(page, *turn, event("llm.error", error="none")) == []
    answer = [*turn, *utterance("m1", "Hello.")]
    assert await speakers(page, *answer) == ["bot"]
    assert await speakers(page, *answer, event("speech.started")) == ["user", "bot"]
    assert await speakers(page, *answer, event("bot.interrupted", message_id="m1")) == []


@pytest.mark.parametrize("is_early", [True, False])
async def test_a_turn_is_timed_at_its_answer(page: Page, is_early: bool) -> None:
    stages = {"transcript_ms": 180, "heard_ms": 680}
    metrics = event("turn.metrics", turn_id=1, message_id="m2", **stages)
    answer = utterance("m2", "Yes.")
    steps = [*utterance("m1", "Hello."), *([metrics, *answer] if is_early else [*answer, metrics])]
    result = await page.evaluate(PLAY, steps)
    assert [line["timing"] for line in result["lines"]] == [None, stages]
    nameless = event("turn.metrics", turn_id=1, heard_ms=5)
    result = await page.evaluate(PLAY, [*utterance("m1", "Hello."), *answer, nameless])
    assert [line["timing"] for line in result["lines"]] == [None, {"heard_ms": 5}]


@pytest.mark.parametrize(
    "odd",
    [
        event("nobody.knows"),
        event("bot.finished"),
        event("bot.interrupted", message_id="m7"),
        event("message.confirmed"),
        event("turn.metrics", message_id=None),
        event("speech.ended"),
    ],
)
async def test_events_about_nothing_change_nothing(page: Page, odd: dict[str, Any]) -> None:
    assert await played(page, odd) == []


@pytest.mark.parametrize("text", [None, 7, {"a": 1}])
async def test_a_text_that_is_none_is_empty(page: Page, text: Any) -> None:
    odd = [interim(text), message(text), *utterance("m1", "Hello.", whole=text)]
    odd += [event("bot.word", message_id="m1", word=text, word_index=-1), event("bot.finished", message_id="m1")]
    assert await played(page, *odd) == ["you: ", "agent: Hello."]
