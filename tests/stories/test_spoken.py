"""A person calls the root project in a real browser, offline, and is answered from its database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import expect
from tests.stories._browser import browsing, has_chromium, problems_of, stand_still
from tests.stories._stage import copy_project, running
from tests.voice._speech import needs_flite, said

from pinecall_run.audio.chunk import RATE
from pinecall_run.audio.wav import write_wav

PATIENCE_MS = 20_000
STANDSTILL = 1.2


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """What the microphone hears: the greeting's time in silence, the question, and silence to the end."""
    silence = np.zeros(5 * RATE, np.int16)
    file = tmp_path / "question.wav"
    spoken = said("where is order one thousand and one")
    file.write_bytes(write_wav(np.concatenate((silence, spoken, silence, silence, silence, silence))))
    return file


@pytest.fixture
def impatience(tmp_path: Path) -> Path:
    """The question again and again (the browser begins the file anew at its end), each time before it is answered."""
    spoken = said("where is order one thousand and one")
    file = tmp_path / "impatience.wav"
    file.write_bytes(write_wav(np.concatenate((np.zeros(round(2.4 * RATE), np.int16), spoken))))
    return file


@has_chromium
@needs_flite
async def test_a_person_calls_asks_and_is_answered(tmp_path: Path, question: Path) -> None:
    project = copy_project(tmp_path / "project")
    microphone = f"--use-file-for-fake-audio-capture={question}"
    async with running(project) as program, browsing(microphone) as browser:
        page = await browser.new_page()
        problems = problems_of(page)
        await page.goto(f"{program.url}/#agent=support")
        await page.click("#call")
        await expect(page.locator("#state")).to_have_text("on a call", timeout=PATIENCE_MS)
        log = page.locator("#log")
        greeting = log.locator('[data-role="bot"]').first
        await expect(greeting).to_contain_text("Acme support, hello.", timeout=PATIENCE_MS)
        asked = log.locator('[data-role="user"][data-done="true"]')
        await expect(asked).to_contain_text("where is order 1001", timeout=PATIENCE_MS)
        await expect(log.locator('[data-tool="lookup_order"]')).to_contain_text("shipped", timeout=PATIENCE_MS)
        answer = log.locator('[data-role="bot"][data-done="true"]').last
        await expect(answer).to_contain_text("is shipped and should arrive on Tuesday", timeout=PATIENCE_MS)
        await program.until(rf"tool lookup_order\(.*pid {program.pid}")
        await page.click(".hang-up")
        await program.until(r"support .* ended \(disconnected")
        assert problems == []


@has_chromium
@needs_flite
async def test_a_person_whose_browser_stands_still_in_the_middle_of_a_sentence_is_answered(
    tmp_path: Path, question: Path
) -> None:
    """All that it records comes later from then on."""
    project = copy_project(tmp_path / "project")
    microphone = f"--use-file-for-fake-audio-capture={question}"
    async with running(project) as program, browsing(microphone) as browser:
        page = await browser.new_page()
        await page.goto(f"{program.url}/#agent=support")
        await page.click("#call")
        said = page.locator('#log [data-role="user"]')
        await page.wait_for_function(  # with every frame: what is expected of a locator is looked at once a second
            """() => document.querySelector('#log [data-role="user"]')?.textContent.includes("where")""",
            timeout=PATIENCE_MS,
        )
        await stand_still(microphone, STANDSTILL)
        await expect(said.filter(has_text="where is order 1001").first).to_be_visible(timeout=PATIENCE_MS)
        answer = page.locator('#log [data-role="bot"][data-done="true"]').last
        await expect(answer).to_contain_text("is shipped and should arrive on Tuesday", timeout=PATIENCE_MS)
        assert await said.count() == 1
        assert await page.locator('#log [data-cut="true"]').count() == 0, "half a question is not answered"


@has_chromium
@needs_flite
async def test_a_person_talks_over_the_agent_who_falls_silent(tmp_path: Path, impatience: Path) -> None:
    project = copy_project(tmp_path / "project")
    microphone = f"--use-file-for-fake-audio-capture={impatience}"
    async with running(project) as program, browsing(microphone) as browser:
        page = await browser.new_page()
        problems = problems_of(page)
        await page.goto(f"{program.url}/#agent=support")
        await page.click("#call")
        log = page.locator("#log")
        cut = log.locator('[data-role="bot"][data-cut="true"]').filter(has_text="Order").first
        await expect(cut).to_be_visible(timeout=3 * PATIENCE_MS)
        await expect(cut).not_to_contain_text("Tuesday")  # what nobody heard is not shown
        await page.click(".hang-up")
        await program.until(r"support .* ended \(disconnected")
        assert problems == []
