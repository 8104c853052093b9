"""The widget in a page of another origin: its button, its call, its events, and where its token comes from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from tests.stories._browser import browsing, has_chromium, problems_of
from tests.stories._stub_call_server import PATIENCE, StubCall, StubServer, event, stub_server, utterance

pytestmark = [has_chromium, pytest.mark.asyncio(loop_scope="module")]

SHOP = """<!doctype html><title>shop</title><h1>shop</h1><input id="name">
<style>button, div, p, section { color: red; display: none }</style>
<script type="module" src="%s/widget.js" data-agent="support"%s></script>"""
RECORD = """
window.seen = [];
for (const name of ["call", "ended", "event"]) {
  document.addEventListener(`pinecall:${name}`, ({ detail }) => {
    window.session = detail.session ?? window.session;
    window.seen.push([name, detail.agent, detail.event?.event ?? detail.why ?? null]);
  });
}
"""
NEXT_STATE = """() => new Promise((resolve) => {
  if (window.session.state !== "connecting") resolve(window.session.state);
  window.session.addEventListener("state", ({ detail }) => resolve(detail.state));
})"""
WIDGET_DOC = Path(__file__).resolve().parents[2] / "docs/channels/widget.md"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as browser:
        yield browser


@asynccontextmanager
async def embedded(
    browser: Browser, attributes: str = "", script: str = ""
) -> AsyncIterator[tuple[Page, StubServer, StubServer]]:
    """A page of one server with the widget of another, under the policy that docs/channels/widget.md asks for."""
    async with stub_server() as stub, stub_server() as shop:
        policy = documented_policy().replace("https://voice.example.com", stub.url)
        assert stub.url in policy
        shop.pages["shop"] = (SHOP % (stub.url, attributes), f"{policy} 'unsafe-inline'")
        page = await browser.new_page()
        problems = problems_of(page)
        await page.add_init_script(RECORD + script)
        await page.goto(f"{shop.url}/embedding/shop")
        yield page, stub, shop
        assert [problem for problem in problems if not problem.startswith("Failed to load resource")] == []
        await page.close()


def documented_policy() -> str:
    """The policy in the document, with its style-src last."""
    text = WIDGET_DOC.read_text(encoding="utf-8")
    return text.partition("```text\nContent-Security-Policy: ")[2].partition("\n```")[0]


async def seen(page: Page) -> list[Any]:
    return list(await page.evaluate("window.seen"))


async def test_a_call_from_another_page(browser: Browser) -> None:
    async with embedded(browser) as (page, stub, shop):
        opener = page.get_by_role("button", name="call support")
        await opener.click()
        await expect(page.get_by_role("button", name="mute")).to_be_focused()
        call = await on_a_call(page, stub)
        greeting = [*utterance("m1", "Hello."), event("bot.finished", message_id="m1")]
        await call.play(*greeting, event("user.message", text="Hi.", message_id="u1"))
        await expect(page.locator('[data-role="bot"]')).to_have_text("Hello.")
        await expect(page.locator('[data-role="user"]')).to_have_text("Hi.")
        await page.evaluate("window.session.act('set_context', { key: 'cart', value: '2 beans' })")
        await call.until(lambda call: call.actions == [{"action": "set_context", "key": "cart", "value": "2 beans"}])
        await page.get_by_role("button", name="hang up").click()
        await call.until(lambda call: call.is_over)
        await expect(page.locator(".end")).to_contain_text("you hung up; the call took 0:0")
        await expect(page.get_by_role("button", name="call again")).to_be_focused()
        names = [name for name, *_ in await seen(page)]
        assert names == ["call", *["event"] * 4, "ended"]
        assert (await seen(page))[-1] == ["ended", "support", "you hung up"]
        assert (stub.tokens, shop.tokens) == (1, 0)


async def on_a_call(page: Page, stub: StubServer, count: int = 1) -> StubCall:
    """The call, once it is live."""
    async with asyncio.timeout(PATIENCE):
        assert await page.evaluate(NEXT_STATE) == "live"
    assert len(stub.calls) == count
    return stub.calls[-1]


async def test_a_call_goes_on_behind_a_closed_panel(browser: Browser) -> None:
    async with embedded(browser) as (page, stub, _):
        await page.get_by_role("button", name="call support").click()
        call = await on_a_call(page, stub)
        await page.get_by_role("button", name="hide").click()
        back = page.get_by_role("button", name="back to the call")
        await expect(back).to_be_focused()
        await page.focus("#name")
        await page.keyboard.press("m")
        await page.locator("h1").click()
        await page.keyboard.press("m")  # the page's own key: the panel does not have the focus
        await call.play(event("call.ended", reason="idle_timeout"))
        opener = page.get_by_role("button", name="call support")
        await expect(opener).to_be_visible()
        assert call.actions == []
        await opener.click()
        await on_a_call(page, stub, count=2)


@pytest.mark.parametrize(
    ("attributes", "script"),
    [
        (' data-token-url="/my/token"', "window.pinecallToken = async () => 'unused';"),
        ("", "window.pinecallToken = async (agent) => (await (await fetch('/my/token')).json()).token + agent;"),
    ],
)
async def test_the_token_comes_from_the_pages_own_server(browser: Browser, attributes: str, script: str) -> None:
    async with embedded(browser, attributes + ' data-label="talk to us"', script) as (page, stub, shop):
        await page.get_by_role("button", name="talk to us").click()
        call = await on_a_call(page, stub)
        assert call.offer["token"] == ("wrt_1" if attributes else "wrt_1support")
        assert (stub.tokens, shop.tokens) == (0, 1)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("window.pinecallToken = async () => { throw new Error('log in first'); };", "log in first"),
        ("window.pinecallToken = async () => undefined;", "the page's token provider gave none"),
    ],
)
async def test_a_provider_that_gives_no_token(browser: Browser, script: str, sentence: str) -> None:
    async with embedded(browser, script=script) as (page, stub, _):
        await page.get_by_role("button", name="call support").click()
        await expect(page.locator(".end")).to_contain_text(sentence)
        assert [name for name, *_ in await seen(page)] == ["call", "ended"]
        assert stub.calls == []


async def test_a_page_that_is_not_among_the_allowed_origins_is_told_so(browser: Browser) -> None:
    async with embedded(browser) as (page, _, shop):
        await page.route("**/webrtc/token?*", lambda route: route.abort())  # as without CORS headers
        await page.get_by_role("button", name="call support").click()
        sentence = f"this page may not call support: {shop.url} is not among its allowed_origins"
        await expect(page.locator(".end")).to_have_text(sentence)


async def test_two_tags_are_two_buttons(browser: Browser) -> None:
    async with stub_server() as stub:
        tag = f'<script type="module" src="{stub.url}/widget.js" data-agent={{}}></script>'
        html = f"<title>two</title>{tag.format(json.dumps('sales'))}{tag.format(json.dumps('support'))}"
        stub.pages["two"] = (html, "default-src 'self'")
        page = await browser.new_page()
        await page.goto(f"{stub.url}/embedding/two")
        await expect(page.locator("pinecall-call")).to_have_count(2)
        await page.close()
