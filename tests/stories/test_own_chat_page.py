"""The page of docs/channels/chat.md, in a browser, on an origin of its own: it talks, and goes on where it was."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, expect
from tests.stories._browser import browsing, has_chromium
from tests.stories._network import Network, reached
from tests.stories._stage import ROOT, Program, copy_project, edit, running

pytestmark = has_chromium

(PAGE,) = re.findall(
    r"```html\n(<!doctype.*?)```", (ROOT / "docs/channels/chat.md").read_text(encoding="utf-8"), re.DOTALL
)
ANSWER = "assistant: Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."


@asynccontextmanager
async def shop(voice: str) -> AsyncIterator[str]:
    """A web server of somebody else's, with the page."""
    body = PAGE.replace("https://voice.example.com", voice).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        writer.close()

    server = await asyncio.start_server(answer, "localhost", 0)
    try:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}/orders"
    finally:
        server.close()


@asynccontextmanager
async def visited(folder: Path) -> AsyncIterator[tuple[Program, Network, Page]]:
    """The page in a browser, and the network between it and a project that allows its origin."""
    project = copy_project(folder)
    allowed = "  support:\n    allowed_origins: ['http://localhost:*']\n"
    edit(project / "pinecall.yaml", lambda text: text.replace("  support:\n", allowed, 1))
    async with (
        running(project) as program,
        reached(program) as (network, voice),
        shop(voice) as address,
        browsing() as browser,
    ):
        page = await browser.new_page()
        await page.goto(address)
        await page.wait_for_function("sessionStorage.getItem('thread')")
        yield program, network, page


async def test_the_documented_page_talks_and_goes_on(tmp_path: Path) -> None:
    async with visited(tmp_path) as (program, network, page):
        lines = page.locator("#said li")
        await page.fill("#ask input", "Where is order ORD-1001?")
        await page.keyboard.press("Enter")
        await expect(lines).to_have_text(["user: Where is order ORD-1001?", ANSWER])

        seen = len(program.lines)
        network.cut()
        network.mend()
        await program.until(r"began", after=seen)
        await page.reload()
        await expect(lines).to_have_text(["user: Where is order ORD-1001?", ANSWER])
        await page.fill("#ask input", "ORD-1003")
        await page.keyboard.press("Enter")
        await expect(lines.nth(3)).to_have_text("assistant: Order ORD-1003, the gooseneck kettle, is delivered.")


async def test_on_an_origin_that_is_not_allowed_it_gets_no_token(tmp_path: Path) -> None:
    async with running(copy_project(tmp_path)) as program, shop(program.url) as address, browsing() as browser:
        page = await browser.new_page()
        async with page.expect_event("requestfailed") as failing:  # the browser does not even let it see the 401
            await page.goto(address)
        assert "/chat/token" in (await failing.value).url
        assert await page.evaluate("sessionStorage.getItem('thread')") is None
