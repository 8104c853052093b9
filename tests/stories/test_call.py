"""A call on the page in a real headless Chromium, with a server whose events the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from tests.stories._browser import browsing, has_chromium, problems_of
from tests.stories._stub_call_server import StubCall, StubServer, event, stub_server, utterance

pytestmark = [has_chromium, pytest.mark.asyncio(loop_scope="module")]

KEEP_MICROPHONE = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => (window.microphone = (await open(wanted)));
"""
SLOW_MICROPHONE = KEEP_MICROPHONE.replace("(await open", "(await new Promise((r) => (window.allow = r)), await open")
MICROPHONE = "() => window.microphone.getTracks().map(({ readyState, enabled }) => `${readyState} ${enabled}`)"
NO_MICROPHONE = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', '%s'); };"
INSECURE = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as browser:
        yield browser


@asynccontextmanager
async def opened(browser: Browser, stub: StubServer, script: str = KEEP_MICROPHONE) -> AsyncIterator[Page]:
    """The page with an agent chosen and connected; nothing may go wrong in it, but a request that is refused."""
    page = await browser.new_page()
    problems = problems_of(page)
    await page.add_init_script(script)
    await page.goto(f"{stub.url}/#agent=support")
    await expect(page.locator("#state")).to_have_attribute("data-state", "open")
    yield page
    assert [problem for problem in problems if not problem.startswith("Failed to load resource")] == []
    await page.close()


async def called(page: Page, stub: StubServer, button: str = "#call") -> StubCall:
    await page.click(button)
    await expect(page.locator("#state")).to_have_text("on a call")
    return stub.calls[-1]


@asynccontextmanager
async def calling(browser: Browser) -> AsyncIterator[tuple[Page, StubCall]]:
    """A call under way."""
    async with stub_server() as stub, opened(browser, stub) as page:
        yield page, await called(page, stub)


async def test_a_conversation_is_written_down_as_it_is_heard(browser: Browser) -> None:
    async with calling(browser) as (page, call):
        log = page.locator("#log")
        await call.play(*utterance("m1", "Hello."), event("bot.finished", message_id="m1"))
        await call.play(event("speech.started"), event("user.speaking", text="where is", turn_id=1))
        await expect(log.locator('[data-role="user"][data-done="false"]')).to_have_text("where is")
        await expect(page.locator(".speaker")).to_have_text("you are speaking")
        await call.play(event("user.message", text="Where is it?", message_id="u1"), event("turn.end", turn_id=1))
        await expect(log.locator('[data-role="user"][data-done="true"]')).to_have_text("Where is it?")
        tool = {"id": "tc", "name": "lookup_order", "arguments": '{"order_id":"ORD-1"}'}
        await call.play(event("llm.tool_call", msg_id="t", tool_calls=[tool]))
        await expect(log.locator('[data-tool="lookup_order"]')).to_have_attribute("data-state", "running")
        result = {"tool_call_id": "tc", "result": {"status": "shipped"}}
        await call.play(event("llm.tool_result", msg_id="t", results=[result]))
        await expect(log.locator('[data-tool="lookup_order"]')).to_contain_text('status: "shipped"')
        await call.play(*utterance("m2", "It is"))
        growing = log.locator('[data-role="bot"][data-done="false"]')
        await expect(growing).to_have_text("It is")
        await expect(growing.locator("span")).to_have_attribute("aria-hidden", "true")
        metrics = {"message_id": "m2", "transcript_ms": 180, "heard_ms": 684}
        await call.play(event("turn.metrics", **metrics))
        await page.click(".timing summary")
        await expect(page.locator(".timing")).to_contain_text("0.68 s to answer")
        await expect(page.locator(".timing li")).to_have_text(["0.18 s words written down", "0.68 s heard"])
        await call.play(event("bot.interrupted", message_id="m2", words_spoken=2, reason="user_spoke"))
        await expect(log.locator("[data-cut]")).to_have_text("It is")


async def test_a_tool_of_whose_result_nothing_is_told_does_not_run_for_ever(browser: Browser) -> None:
    async with calling(browser) as (page, call):
        row = page.locator('[data-tool="slow"]')
        await call.play(event("turn.end", turn_id=1), event("llm.tool_call", tool_calls=[{"id": "tc", "name": "slow"}]))
        await expect(row).to_have_attribute("data-state", "running")
        await call.play(event("turn.end", turn_id=2))
        await expect(row).to_have_attribute("data-state", "done")


async def test_levels_move_with_the_sound_of_both_sides(browser: Browser) -> None:
    async with calling(browser) as (page, call):
        level = "side => Number(document.querySelector(`.meter[data-side=${side}]`).style.getPropertyValue('--level'))"
        await page.wait_for_function(f"() => ({level})('user') > 0.1")
        assert await page.evaluate(level, "bot") == 0
        await call.play(event("bot.speaking", message_id="m1", text=""))
        await page.wait_for_function(f"() => ({level})('bot') > 0.5")
        await page.wait_for_function("() => document.querySelector('.call-place .time').textContent > '0:00'")


async def test_mute_by_key_and_by_button_silences_the_microphone(browser: Browser) -> None:
    async with calling(browser) as (page, call):
        mute = page.locator(".mute")
        await expect(mute).to_be_focused()
        await page.keyboard.press("m")
        await expect(mute).to_have_attribute("aria-pressed", "true")
        assert await page.evaluate(MICROPHONE) == ["live false"]
        await call.until(lambda call: call.actions == [{"action": "mute"}])
        await page.focus("#message")
        await page.keyboard.type("m")
        await expect(page.locator("#message")).to_have_value("m")
        await expect(mute).to_have_attribute("aria-pressed", "true")
        await mute.press("Enter")
        await call.until(lambda call: call.actions[1:] == [{"action": "unmute"}])
        assert await page.evaluate(MICROPHONE) == ["live true"]
        await page.keyboard.press("Escape")
        await expect(page.locator("#state")).to_have_text("on a call")


async def test_the_server_hears_that_the_browser_is_there(browser: Browser) -> None:
    async with calling(browser) as (_, call):
        await call.until(lambda call: call.pings >= 2)
        assert call.offer["token"] == "wrt_2"  # the first was the chat's
        assert call.offer["type"] == "offer"


async def test_what_is_written_during_a_call_is_said_once(browser: Browser) -> None:
    async with calling(browser) as (page, call):
        await page.fill("#message", "ORD-1001")
        await page.keyboard.press("Enter")
        await call.until(lambda call: call.actions == [{"action": "inject_text", "text": "ORD-1001"}])
        echo = event("user.message", text="ORD-1001", message_id="u1")
        await call.play(echo, *utterance("m1", "Thanks."))
        await expect(page.locator('#log [data-role="bot"]')).to_have_text("Thanks.")
        await expect(page.locator('#log [data-role="user"]')).to_have_text("ORD-1001")


async def test_hang_up_and_call_again(browser: Browser) -> None:
    async with stub_server() as stub, opened(browser, stub) as page:
        call = await called(page, stub)
        await call.play(*utterance("m1", "Hello"))
        await expect(page.locator('[data-role="bot"]')).to_have_text("Hello")
        await page.focus(".hang-up")
        await page.keyboard.press("Space")
        await call.until(lambda call: call.is_over)
        await expect(page.locator("#notice-text")).to_have_text("you hung up; the call took 0:00")
        await expect(page.locator("[data-cut]")).to_have_text("Hello")
        await expect(page.locator("#again")).to_be_focused()
        await expect(page.locator("#send")).to_be_disabled()
        assert await page.evaluate(MICROPHONE) == ["ended true"]
        again = await called(page, stub, "#again")
        assert again is not call
        await page.click(".hang-up")
        await page.click("#restart")
        await expect(page.locator("#state")).to_have_text("connected")
        await expect(page.locator("#call")).to_be_visible()


async def test_another_agent_ends_the_call(browser: Browser) -> None:
    async with calling(browser) as (page, call):
        await page.click('#agents [data-agent="desk"]')
        await call.until(lambda call: call.is_over)
        await expect(page.locator("#state")).to_have_text("connected")
        await expect(page.locator("#call")).to_be_hidden()  # it takes no calls


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("idle_timeout", "the call ended because nobody spoke"),
        ("full moon", "the call has ended: full moon"),
        (None, "the call has ended"),
    ],
)
async def test_why_it_ended_in_plain_words(browser: Browser, reason: str | None, sentence: str) -> None:
    async with calling(browser) as (page, call):
        await call.play(event("session.idle_warning", remaining_seconds=14.2))
        await expect(page.locator(".status")).to_have_text("the call ends in 15 s if you do not speak")
        await call.play(event("speech.started"))
        await expect(page.locator(".status")).to_have_text("")
        await call.play(event("call.ended", reason=reason, duration_seconds=75.4))
        await expect(page.locator("#notice-text")).to_have_text(f"{sentence}; the call took 1:15")
        await expect(page.locator("#notice")).to_have_attribute("data-fault", "false")
        await call.until(lambda call: call.is_over)


async def test_a_server_that_vanishes(browser: Browser) -> None:
    async with calling(browser) as (page, call):
        await call.connection.close()
        await expect(page.locator("#notice-text")).to_contain_text("the connection to the server is lost")
        await expect(page.locator("#notice")).to_have_attribute("data-fault", "true")
        assert await page.evaluate(MICROPHONE) == ["ended true"]


async def test_a_server_that_hangs_up_after_a_timeout_says_why(browser: Browser) -> None:
    async with calling(browser) as (page, call):
        await call.play(event("session.timeout", reason="max_duration"))
        await asyncio.sleep(0.2)  # what is sent is lost when the connection goes at once
        await call.connection.close()
        await expect(page.locator("#notice-text")).to_contain_text("the longest time that it may take")


async def test_garbage_on_the_channel_is_passed_over(browser: Browser) -> None:
    async with calling(browser) as (page, call):
        for text in ("pong", "{", "null", "7", '{"event":7}', '{"event":"new.one"}', '{"event":"llm.tool_call"}'):
            await call.say(text)
        odd: list[dict[str, Any]] = [event("llm.tool_result", results=[{}]), event("user.message", text={"a": 1})]
        await call.play(*odd, event("llm.error", error={"message": "it is out"}), *utterance("m1", "Hello"))
        await expect(page.locator('[data-note="trouble"]')).to_have_text("it is out")
        await expect(page.locator('[data-role="bot"]')).to_have_text("Hello")


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/webrtc/ice-servers", 501, "this server carries no sound: write instead"),
        ("/webrtc/ice-servers", 404, "this server carries no sound: write instead"),
        ("/webrtc/token", 404, "the agent is not there now: try again in a moment"),
        ("/webrtc/token", 401, "this server wants a key: open the page with #key=YOUR_KEY"),
        ("/webrtc/offer", 501, "this server carries no sound: write instead"),
        ("/webrtc/offer", 503, "every line is taken"),
    ],
)
async def test_a_call_that_is_refused(browser: Browser, path: str, status: int, sentence: str) -> None:
    async with stub_server() as stub, opened(browser, stub) as page:
        stub.refusals[path] = (status, "every line is taken")
        await page.click("#call")
        await expect(page.locator("#notice-text")).to_contain_text(sentence)
        assert await page.evaluate("() => !window.microphone || window.microphone.active") is ("ice" in path)
        stub.refusals.clear()
        await called(page, stub, "#again")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (NO_MICROPHONE % "NotAllowedError", "allow it for this page, beside the address, and call again"),
        (NO_MICROPHONE % "NotFoundError", "connect one and call again"),
        (NO_MICROPHONE % "NotReadableError", "close what else uses it"),
        (NO_MICROPHONE % "OverconstrainedError", "(OverconstrainedError): try another one"),
        (INSECURE, "only to pages over https or on localhost"),
    ],
)
async def test_a_microphone_that_cannot_be_had(browser: Browser, script: str, sentence: str) -> None:
    async with stub_server() as stub, opened(browser, stub, script) as page:
        await page.click("#call")
        await expect(page.locator("#notice-text")).to_contain_text(sentence)
        await expect(page.locator("#again")).to_be_focused()
        assert stub.tokens == 1  # the chat's: none is spent


async def test_no_way_through_for_the_sound(browser: Browser) -> None:
    async with stub_server() as stub, opened(browser, stub) as page:
        stub.is_deaf = True
        await page.clock.install()
        async with page.expect_response("**/webrtc/offer"):
            await page.click("#call")
        await page.wait_for_function("() => window.microphone")
        await page.clock.run_for(16_000)
        await expect(page.locator("#notice-text")).to_contain_text("a firewall is between here and the server")
        assert await page.evaluate(MICROPHONE) == ["ended true"]


async def test_what_is_done_while_the_call_connects_is_not_lost(browser: Browser) -> None:
    async with stub_server() as stub, opened(browser, stub, SLOW_MICROPHONE) as page:
        await page.click("#call")
        await page.fill("#message", "hello")
        await page.keyboard.press("Enter")
        await page.click(".mute")
        await page.evaluate("() => window.allow()")
        await expect(page.locator("#state")).to_have_text("on a call")
        assert await page.evaluate(MICROPHONE) == ["live false"]
        wanted = [{"action": "inject_text", "text": "hello"}, {"action": "mute"}]
        await stub.calls[0].until(lambda call: call.actions == wanted)


async def test_hanging_up_while_the_browser_asks_frees_the_microphone(browser: Browser) -> None:
    async with stub_server() as stub, opened(browser, stub, SLOW_MICROPHONE) as page:
        await page.click("#call")
        await expect(page.locator(".status")).to_have_text("allow the microphone if the browser asks for it")
        await page.click(".hang-up")
        await expect(page.locator("#notice-text")).to_have_text("you hung up")
        await page.evaluate("() => window.allow()")
        await page.wait_for_function("() => window.microphone?.getTracks()[0].readyState === 'ended'")
        assert (stub.tokens, stub.calls) == (1, [])
