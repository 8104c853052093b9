"""The page when the network breaks under a conversation: it goes on, nothing is lost and nothing said twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from playwright.async_api import Page, expect
from tests.stories._browser import browsing, has_chromium, problems_of
from tests.stories._stage import Program, copy_project, running

pytestmark = has_chromium

ANSWER = "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."


class Network:
    """A way to a server that can be cut, held up, and mended."""

    def __init__(self, program: Program) -> None:
        self.lead_to(program)
        self._pairs: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self._flows = asyncio.Event()
        self._is_there = True
        self._flows.set()

    def lead_to(self, program: Program) -> None:
        """To whom connections lead from now on."""
        self._port = int(program.url.rpartition(":")[2])

    def hold_up(self) -> None:
        """What the browser sends from now on does not arrive."""
        self._flows.clear()

    def cut(self) -> None:
        """Every connection breaks, and there is none to be had; what was held up is lost."""
        self._is_there = False
        for writers in self._pairs:
            for writer in writers:
                writer.transport.abort()
        self._pairs.clear()

    def mend(self) -> None:
        self._is_there = True
        self._flows.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_there:
            writer.transport.abort()
            return
        back, forth = await asyncio.open_connection("127.0.0.1", self._port)
        self._pairs.append((writer, forth))
        with suppress(ConnectionError):
            await asyncio.gather(self._pipe(reader, forth, is_up=True), self._pipe(back, writer, is_up=False))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool) -> None:
        while data := await reader.read(65536):
            if is_up:
                await self._flows.wait()
            writer.write(data)
        writer.close()


@asynccontextmanager
async def reached(program: Program) -> AsyncIterator[tuple[Network, str]]:
    """A network before a program, and the page's address through it."""
    network = Network(program)
    server = await asyncio.start_server(network.carry, "127.0.0.1", 0)
    try:
        yield network, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        network.cut()
        server.close()


async def say(page: Page, text: str) -> None:
    await page.fill("#message", text)
    await page.keyboard.press("Enter")


async def log_of(page: Page) -> list[str]:
    """Who said what, and the tools, in the order of the page."""
    rows: list[str] = await page.locator("#log > :not(.waiting)").evaluate_all(
        "rows => rows.map((row) => (row.dataset.role === 'tool' ? 'tool' : row.textContent))"
    )
    return rows


async def test_a_conversation_survives_the_network(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project) as program, reached(program) as (network, url), browsing() as browser:
        page = await browser.new_page()
        problems = problems_of(page)
        await page.goto(url)
        await page.click('#agents [data-agent="support"]')
        await say(page, "Where is order ORD-1001?")
        done = page.locator('[data-role="bot"][data-done="true"]')
        await expect(done).to_have_count(1)

        network.hold_up()
        await say(page, "ORD-1003")  # which never arrives
        await asyncio.sleep(0.2)
        network.cut()
        await expect(page.locator("#state")).to_have_attribute("data-state", "connecting")
        await say(page, "And ORD-1001 again?")  # while there is no connection
        network.mend()

        await expect(page.locator("#state")).to_have_attribute("data-state", "open", timeout=10_000)
        await expect(done).to_have_count(3)
        third = "Order ORD-1003, the gooseneck kettle, is delivered."
        asked = ["Where is order ORD-1001?", "tool", ANSWER, "ORD-1003", "And ORD-1001 again?"]
        assert await log_of(page) == [*asked, "tool", third, "tool", ANSWER]
        assert await page.is_hidden("#notice")
        assert [problem for problem in problems if "ERR_" not in problem] == []
        assert len([line for line in program.lines if "began" in line]) == 2


@asynccontextmanager
async def two_servers(folder: Path) -> AsyncIterator[tuple[Program, Program]]:
    async with running(copy_project(folder / "one")) as one, running(copy_project(folder / "two")) as two:
        yield one, two


async def test_where_nobody_remembers_the_page_says_so_and_goes_on(tmp_path: Path) -> None:
    async with two_servers(tmp_path) as (one, two), reached(one) as (network, url), browsing() as browser:
        page = await browser.new_page()
        await page.goto(url)
        await page.click('#agents [data-agent="support"]')
        await say(page, "Where is order ORD-1001?")
        done = page.locator('[data-role="bot"][data-done="true"]')
        await expect(done).to_have_count(1)
        network.cut()
        network.lead_to(two)
        network.mend()
        await expect(page.locator('[data-note="divide"]')).to_contain_text("a new conversation", timeout=10_000)
        await say(page, "And ORD-1001 again?")
        await expect(done).to_have_count(2)
        await two.until("lookup_order")


async def test_a_server_that_stays_away_is_not_tried_for_ever(tmp_path: Path) -> None:
    async with running(copy_project(tmp_path)) as program, reached(program) as (network, url), browsing() as browser:
        page = await browser.new_page()
        await page.clock.install()
        await page.goto(url)
        await page.click('#agents [data-agent="support"]')
        await expect(page.locator("#state")).to_have_attribute("data-state", "open")
        network.cut()
        notice = page.locator("#notice-text")
        async with asyncio.timeout(20):
            while await page.is_hidden("#notice"):
                await page.clock.run_for(15_000)
                await asyncio.sleep(0.05)
        await expect(notice).to_contain_text("the server cannot be reached")
        network.mend()
        await page.click("#restart")
        await expect(page.locator("#state")).to_have_attribute("data-state", "open")
