"""The page in a real headless Chromium: a person asks, a tool runs, the answer is on the screen."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from tests.stories._stage import copy_project, edit, running

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")


async def test_a_person_asks_on_the_page(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project) as program, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
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
        await browser.close()
