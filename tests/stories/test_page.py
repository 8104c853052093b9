"""The page in a real headless Chromium: a person asks, a tool runs, the answer is on the screen."""

from __future__ import annotations

from pathlib import Path

from tests.stories._browser import browsing, has_chromium, problems_of
from tests.stories._stage import copy_project, edit, running

pytestmark = has_chromium


async def test_a_person_asks_on_the_page(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project) as program, browsing() as browser:
        page = await browser.new_page()
        problems = problems_of(page)
        await page.goto(program.url)
        await page.click('#agents [data-agent="support"]')
        await page.fill("#message", "Where is order ORD-1001?")
        await page.keyboard.press("Enter")
        done = page.locator('[data-role="bot"][data-done="true"]')
        await done.wait_for()
        assert (
            await done.inner_text() == "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."
        )
        assert "lookup_order" in await page.inner_text('[data-role="tool"]')
        assert await page.is_visible("#scripted"), "the page says that a script answers"
        await program.until(rf"tool lookup_order\(.*pid {program.pid}")

        edit(project / "pinecall.yaml", lambda text: text.replace("  sales:", "  sales-desk:"))
        await program.until("sales-desk: agent added")
        await page.locator('#agents [data-agent="sales-desk"]').wait_for(timeout=8000)
        assert problems == []
