"""The page when the network breaks under a conversation: it goes on, nothing is lost and nothing said twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, expect
from tests.stories._browser import browsing, has_chromium, problems_of
from tests.stories._network import reached
from tests.stories._stage import Program, copy_project, running

pytestmark = has_chromium

ANSWER = "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."


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
        await say(page, "ORD-1001")
        done = page.locator('[data-role="bot"][data-done="true"]')
        await expect(done).to_have_count(1)

        network.hold_up()
        await say(page, "ORD-1001")  # which never arrives
        await asyncio.sleep(0.2)
        network.cut()
        await expect(page.locator("#state")).to_have_attribute("data-state", "connecting")
        await say(page, "ORD-1003")  # while there is no connection
        network.mend()

        await expect(page.locator("#state")).to_have_attribute("data-state", "open", timeout=10_000)
        await expect(done).to_have_count(3)
        third = "Order ORD-1003, the gooseneck kettle, is delivered."
        asked = ["ORD-1001", "tool", ANSWER, "ORD-1001", "ORD-1003"]
        assert await log_of(page) == [*asked, "tool", ANSWER, "tool", third]
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


def _user(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


def _agent(*texts: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text} for text in texts]


BEFORE = [*_agent("Hello."), *_user("a"), *_agent("1")]
CASES: list[tuple[list[str], int, list[dict[str, str]], tuple[list[str], list[str], list[str]]]] = [
    ([], 1, BEFORE, ([], [], [])),
    (["b"], 0, [], ([], [], ["b"])),
    (["b"], 1, BEFORE, ([], [], ["b"])),
    (["b"], 1, [*BEFORE, *_user("b")], ([], ["b"], [])),
    (["b", "c"], 1, [*BEFORE, *_user("b")], ([], ["b"], ["c"])),
    (["b", "c"], 1, [*BEFORE, *_user("b"), *_agent("2"), *_user("c")], (["2"], ["c"], [])),
    (["b"], 1, [*BEFORE, *_user("b"), *_agent("2", "and 3")], (["2\n\nand 3"], [], [])),
    (["a"], 0, BEFORE, (["1"], [], [])),
    (["a"], 1, BEFORE, ([], [], ["a"])),  # said once more, and lost
    (["a", "a"], 0, [*BEFORE, *_user("a")], (["1"], ["a"], [])),
    (
        ["b", "c", "d"],
        40,
        [*_user("b"), *_agent("2"), *_user("c")],
        (["2"], ["c"], ["d"]),
    ),  # the beginning is forgotten
    (["b"], 1, [*BEFORE, *_user("added by the agent's program", "b")], ([], ["b"], [])),
]


async def test_what_a_page_makes_of_what_the_server_remembers(tmp_path: Path) -> None:
    async with running(copy_project(tmp_path)) as program, browsing() as browser:
        page = await browser.new_page()
        await page.goto(program.url)
        for *given, expected in CASES:
            call = "async (given) => (await import('/page/thread.js')).reconcile(...given)"
            found = await page.evaluate(call, given)
            assert (found["answers"], found["owed"], found["lost"]) == expected, given
