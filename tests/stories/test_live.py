"""Supervisors of whole calls: by the page in a real browser, and of a telephone call that an emulated Twilio has."""

from __future__ import annotations

import asyncio

import numpy as np
from playwright.async_api import Page, expect
from tests.stories._browser import browsing, has_chromium, problems_of
from tests.stories._phone import phones, spoken
from tests.voice._door import Socket, client, server
from tests.voice._fakes import until
from tests.voice._speech import needs_flite
from tests.voice.test_live_door import LIVE, LOUD, OPEN, Person, call_of, calling, event, sound_of
from websockets.asyncio.client import connect

from pinecall_run.audio.chunk import from_bytes
from pinecall_run.audio.g711 import mu_law_decode

PATIENCE_MS = 10_000

HEARD = "() => Number(document.querySelector('#level').value) > 0.05"


async def hears(person: Person, least: int) -> None:
    """Wait until the caller hears something so loud."""
    person.heard.clear()
    is_loud = lambda sound: len(sound) and np.abs(from_bytes(sound).astype(int)).max() >= least  # noqa: E731
    await until(lambda: any(map(is_loud, person.heard)), PATIENCE_MS / 1000)


async def listens(page: Page, address: str, call: str) -> None:
    await page.goto(f"http://{address}/live/{call}/player?token={OPEN}")
    await expect(page.locator("#state")).to_have_text("connected", timeout=PATIENCE_MS)
    await expect(page.locator("#call")).to_have_text(call)


@has_chromium
async def test_a_supervisor_listens_takes_over_speaks_and_hands_back() -> None:
    async with (
        server(OPEN, open_on_loopback=False) as address,
        client(address, "desk", key=OPEN, **{**LIVE, "greeting": " ".join([LIVE["greeting"]] * 6)}) as runner,
        calling(address) as person,
        browsing() as browser,
    ):
        call = (await call_of(address))["call_id"]
        page = await browser.new_page()
        problems = problems_of(page)
        await listens(page, address, call)
        await page.click("#listen")
        await page.wait_for_function(HEARD, timeout=PATIENCE_MS)
        await expect(page.locator("#lines li[data-who=agent]").first).to_contain_text("shop", timeout=PATIENCE_MS)
        await takes_over(page, runner)
        await page.click("#microphone")
        await hears(person, 1_000)
        await page.fill("#text", "This is Ann speaking.")
        await page.click("#say")
        assert (await runner.until("supervisor.said", text="This is Ann speaking."))["message_id"]
        await page.fill("#text", "be brief")
        await page.click("#whisper")
        await expect(page.locator("#lines li[data-who=whispered]")).to_have_text("be brief", timeout=PATIENCE_MS)
        await page.click("#take")
        assert (await runner.until("handoff.released"))["reason"] == "handed_back"
        await expect(page.locator("#microphone")).to_be_hidden()
        person.says += [LOUD] * 10
        await page.wait_for_function(HEARD, timeout=PATIENCE_MS)
        await person.socket.send('{"action":"hangup"}')
        await expect(page.locator("#state")).to_have_text("the call is over", timeout=PATIENCE_MS)
        assert problems == []


async def takes_over(page: Page, runner: Socket) -> None:
    await page.click("#take")
    assert (await runner.until("handoff.active"))["agent_id"] == "desk"
    await expect(page.locator("#state")).to_contain_text("you have this call", timeout=PATIENCE_MS)


@has_chromium
async def test_a_page_whose_call_is_not_there_says_so() -> None:
    async with server(OPEN, open_on_loopback=False) as address, browsing() as browser:
        page = await browser.new_page()
        await page.goto(f"http://{address}/live/nobody/player?token={OPEN}")
        await expect(page.locator("#problem")).to_contain_text("cannot be listened to", timeout=PATIENCE_MS)
        await expect(page.locator("#listen")).to_be_disabled()


@needs_flite
async def test_a_telephone_call_is_taken_over_at_the_telephone_s_rate() -> None:
    async with phones(media={"live": True}) as calls:
        await calls.add()
        line = await calls.call()
        call = str((await calls.runner.until("call.started"))["call_id"])
        async with connect(f"ws://{calls.address}/live/{call}/ws?events=1") as boss:
            assert (await event(boss, "metadata"))["sampleRate"] == 8000
            assert np.abs(await sound_of(boss, 0.2)).max() > 500, "the greeting"
            await calls.runner.until("bot.finished")
            await boss.send('{"action":"take_over"}')
            await calls.runner.until("handoff.active")
            stream = await line.streaming()
            before = len(stream.loud_since(0))
            voice = mu_law_decode(spoken("hello this is a human")).astype("<i2").tobytes()
            for at in range(0, len(voice), 800):
                await boss.send(voice[at : at + 800])
                await asyncio.sleep(0.045)
            await until(lambda: len(stream.loud_since(0)) > before + 20)
            assert (await calls.runner.until("supervisor.said"))["text"]
            await boss.send('{"action":"say","text":"I send you a new one."}')
            finished = await calls.runner.until("message.confirmed")
            assert finished["text"] == "I send you a new one.", "the telephone says what of it was heard"
            line.say(spoken("where is my order"))
            said = await calls.runner.until("turn.end")
            await boss.send('{"action":"hand_back"}')
            await calls.runner.until("handoff.released")
            await calls.runner.until("bot.speaking")
            await line.hang_up()
            messages = (await calls.runner.until("call.ended"))["messages"]
            assert [m["role"] for m in messages[:4]] == ["assistant", "assistant", "assistant", "user"]
            assert messages[3]["content"] == said["text"]
