"""One runner, one socket, three agents, every door at once, and every answer is what the shop's database holds.

A telephone of SIP calls ``intake``, one of Twilio's and somebody on WhatsApp reach ``support``, a person in the browser
writes to ``sales``, whose tool calls somebody else by telephone. Nobody asks before all of them talk with their agents,
and nobody leaves before all of them have their answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from examples.shop.database import connect
from tests._ports import free_port
from tests.emulators._twilio_line import Line
from tests.emulators.twilio_server import TwilioServer, twilio_server
from tests.emulators.whatsapp_server import SECRET, TOKEN, Webhook, WhatsappServer, whatsapp_server
from tests.sip._sipp import LOOPBACK, SCENARIOS, needs_sipp, sipp
from tests.stories._browser import CHROMIUM, browsing, problems_of
from tests.stories._phone import NUMBER, PERSON, spoken
from tests.stories._sip_phone import LOBBY, Player, player
from tests.stories._stage import Program, chatting, copy_project, edit, running
from tests.voice._fakes import until
from tests.voice._speech import needs_flite

ADA, ALAN = "34600111222", "+15552223333"
LEFT = "my name is ada and it is about a broken kettle"

FACTS = {
    "sip": "message 42",
    "phone": "arrive on Friday",
    "whatsapp": "arrive on Saturday",
    "chat": "we have 7 in stock",
    "dialed": "waiting at the counter",
}
"""What only the database knows, by whose answer has it."""

ASKED = {
    "sip": [LEFT, "goodbye"],
    "phone": ["where is order 1001"],
    "whatsapp": ["Hello", "Where is order ORD-1002?"],
    "chat": [f"Please call {ALAN} about ORD-1003", "Do you have a kettle?"],
    "dialed": ["where is order 1003"],
}
"""What people say, as it is understood."""

STOCK = f"""
INSERT INTO messages VALUES (41, 'Grace', 'a grinder');
UPDATE orders SET expected = 'Friday' WHERE id = 'ORD-1001';
UPDATE orders SET expected = 'Saturday' WHERE id = 'ORD-1002';
UPDATE orders SET status = '{FACTS["dialed"]}' WHERE id = 'ORD-1003';
UPDATE products SET stock = 7 WHERE name = 'gooseneck kettle';
"""

TOOLS = '''\
"""What agents of this story do besides."""

from examples.shop.orders import lookup_order
from pinecall_run import Call


async def call_back(order_id: str, number: str, call: Call) -> str:
    """Call a customer about an order.

    Args:
        order_id: The order number, such as ORD-1001.
        number: Where they can be reached.
    """
    order = lookup_order(order_id)
    greeting = f"Acme here. Your {order['item']} is {order['status']}."
    return (await call.dial(number, agent="support", greeting=greeting)).to


def hang_up(call: Call) -> None:
    """End the call."""
    call.hangup()
'''

CALLING_BACK = """rules:
  - when: 'call (?P<number>[+]\\d+) about (?P<order>\\S+)'
    call: {call_back: {order_id: "{{ order }}", number: "{{ number }}"}}
    reply: I have {{ call_back }} on the telephone.
"""

HANGING_UP = """rules:
  - when: goodbye
    call: {hang_up: {}}
    reply: Goodbye.
"""

CHANGES = {
    "pinecall.yaml": [
        ("check_stock: examples", "call_back: examples.shop.story.call_back, check_stock: examples"),
        ("take_message: examples", "hang_up: examples.shop.story.hang_up, take_message: examples"),
        (
            f'    channels: ["{LOBBY}", chat]',
            f'    channels: ["{LOBBY}"]\n    greeting: The lobby.\n'
            f"    stt: {{provider: local, grammar: [{LEFT}, goodbye]}}",
        ),
    ],
    "examples/shop/sales.script.yaml": [("rules:\n", CALLING_BACK)],
    "examples/shop/intake.script.yaml": [("rules:\n", HANGING_UP)],
}

SENTENCES = LEFT, "goodbye", "where is order one thousand and one", "where is order one zero zero three"

SAID = re.compile(r"(\w+) (\S+)@\w+ (person|agent): (.*)")
BEGAN = re.compile(r"(\w+) (\S+)@\w+ began \((\w+)\)")


@dataclass
class Shop:
    """The project at work, and whoever reaches it."""

    program: Program
    twilio: TwilioServer
    meta: WhatsappServer
    sip_port: int
    folder: Path
    all_are_there: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(6))
    all_are_answered: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(6))
    """For five people, and the test."""

    def conversations(self) -> dict[str, tuple[str, str]]:
        """Agent and channel of each conversation."""
        found = (BEGAN.search(line) for line in self.program.lines)
        return {each[2]: (each[1], each[3]) for each in found if each}

    def said(self, call: str, who: str = "agent") -> list[str]:
        """What one side said in a conversation, as far as it was heard."""
        found = (SAID.search(line) for line in self.program.lines)
        return [each[4] for each in found if each and (each[2], each[3]) == (call, who)]

    async def heard(self, pattern: str) -> str:
        """The conversation in which an agent says something, once it has been heard."""
        line = await self.program.until(rf"agent: .*{pattern}")
        found = SAID.search(line)
        assert found
        return found[2]


@asynccontextmanager
async def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """The example project with every door open."""
    for sentence in SENTENCES:
        spoken(sentence)  # made before: what makes it would stop the clock of everybody else
    project, database = copy_project(folder / "project"), folder / "shop.sqlite3"
    monkeypatch.setenv("SHOP_DATABASE", str(database))
    with connect():
        pass
    sqlite3.connect(database).executescript(STOCK).connection.close()
    (project / "examples/shop/story.py").write_text(TOOLS)
    for file, changes in CHANGES.items():
        for old, new in changes:
            assert old in (project / file).read_text()
            edit(project / file, lambda text, old=old, new=new: text.replace(old, new))  # type: ignore[misc]
    port, sip_port = free_port(), free_port()
    url = f"http://{LOOPBACK}:{port}"
    sip = {"listen": f"{LOOPBACK}:{sip_port}", "trunks": [{"peers": [LOOPBACK]}]}
    server = json.dumps({"public_url": url, "sip": sip})  # which is YAML, too
    edit(project / "pinecall.yaml", lambda text: text.replace("server: embedded", f"server: {server}"))
    keys = {
        "SHOP_DATABASE": str(database),
        "WHATSAPP_ACCESS_TOKEN": TOKEN,
        "WHATSAPP_APP_SECRET": SECRET,
    }
    async with twilio_server([NUMBER]) as twilio, whatsapp_server() as meta:
        environment = {**keys, **twilio.environ, **meta.environ}
        async with running(project, "--port", str(port), "--show-content", **environment) as program:
            twilio.point(NUMBER, f"{url}/twilio/voice", f"{url}/twilio/status")
            meta.webhook = Webhook(f"{url}/whatsapp/webhook")
            try:
                yield Shop(program, twilio, meta, sip_port, folder)
            finally:
                print(*program.lines, sep="\n")  # shown when the story fails


# the people


async def by_sip(it: Shop) -> str:
    """Somebody leaves a message; the agent hangs up."""
    async with player() as phone:
        calling = asyncio.create_task(sipp_calls(it, phone))
        call = await it.heard("The lobby")
        await it.all_are_there.wait()
        before = len(phone.loud)
        phone.say(spoken(LEFT))
        assert await it.heard(FACTS["sip"]) == call
        assert len(phone.loud) - before > 50, "a second of the answer at least was heard"
        await it.all_are_answered.wait()
        phone.say(spoken("goodbye"))
        await calling
    return call


async def sipp_calls(it: Shop, phone: Player) -> None:
    keys = {"sound_port": phone.port, "codec": 0, "domain": LOBBY.partition("@")[2]}
    given = [word for key, value in keys.items() for word in ("-key", key, str(value))]
    scenario = str(SCENARIOS / "hung_up_on.xml")
    await sipp(it.folder, "-sf", scenario, "-s", "lobby", "-m", "1", *given, f"{LOOPBACK}:{it.sip_port}", seconds=40)


async def by_phone(it: Shop) -> str:
    """Somebody telephones, asks, and hangs up."""
    line = it.twilio.call(PERSON, NUMBER)
    return await asks(it, line, "Acme support, hello", "where is order one thousand and one", FACTS["phone"])


async def called(it: Shop) -> str:
    """Somebody is called by telephone, asks, and hangs up."""
    await until(lambda: bool(it.twilio.placed), 30)
    line = it.twilio.placed[0]
    return await asks(it, line, "Acme here", "where is order one zero zero three", f"order.*{FACTS['dialed']}")


async def asks(it: Shop, line: Line, greeting: str, question: str, answer: str) -> str:
    """On the telephone."""
    stream = await line.streaming()
    call = await it.heard(greeting)
    await it.all_are_there.wait()
    before = asyncio.get_running_loop().time()
    line.say(spoken(question))
    assert await it.heard(f"(?i:{answer})") == call
    assert len(stream.loud_since(before)) > 50, "a second of the answer at least was heard"
    await it.all_are_answered.wait()
    await line.hang_up()
    return call


async def by_whatsapp(it: Shop) -> str:
    """Somebody writes a message."""
    assert await it.meta.write(ADA, "Hello") == 200
    assert "Acme support" in (await it.meta.answer(ADA)).text
    await it.all_are_there.wait()
    assert await it.meta.write(ADA, "Where is order ORD-1002?") == 200
    assert FACTS["whatsapp"] in (await it.meta.answer(ADA, 2)).text
    call = await it.heard(FACTS["whatsapp"])
    await it.all_are_answered.wait()
    return call


Ask = Callable[[str], Awaitable[str]]
Visit = Callable[[str], AbstractAsyncContextManager[Ask]]


async def by_browser(it: Shop, visit: Visit) -> str:
    """Somebody writes to sales, has somebody else called, and goes on meanwhile."""
    async with visit(it.program.url) as ask:
        assert await ask(f"Please call {ALAN} about ORD-1003") == f"I have {ALAN} on the telephone."
        await it.all_are_there.wait()
        assert FACTS["chat"] in await ask("Do you have a kettle?")
        call = await it.heard(FACTS["chat"])
        await it.all_are_answered.wait()
    return call


@asynccontextmanager
async def page() -> AsyncIterator[Visit]:
    """The page in Chromium."""
    async with browsing() as browser:
        shown = await browser.new_page()
        answers = shown.locator('[data-role="bot"][data-done="true"]')

        async def ask(text: str) -> str:
            before = await answers.count()
            await shown.fill("#message", text)
            await shown.keyboard.press("Enter")
            await answers.nth(before).wait_for()
            return await answers.nth(before).inner_text()

        @asynccontextmanager
        async def visit(url: str) -> AsyncIterator[Ask]:
            problems = problems_of(shown)
            await shown.goto(url)
            await shown.click('#agents [data-agent="sales"]')
            yield ask
            assert problems == []

        yield visit


@asynccontextmanager
async def socket() -> AsyncIterator[Visit]:
    """The socket that the page uses."""

    @asynccontextmanager
    async def visit(url: str) -> AsyncIterator[Ask]:
        async with chatting(url, "sales") as chat:

            async def ask(text: str) -> str:
                return (await chat.ask(text)).text

            yield ask

    yield visit


def links(program: Program) -> set[str]:
    """The TCP connections between a runner and its voice server, by their inodes."""
    files = [f"/proc/{program.pid}/fd/{name}" for name in os.listdir(f"/proc/{program.pid}/fd")]
    own = {found[1] for name in files if (found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(name)))}
    port = f":{int(program.url.rpartition(':')[2]):04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[2].endswith(port) and row[3] == "01" and row[9] in own}


BROWSERS = [
    pytest.param(page, marks=pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")),
    pytest.param(socket, marks=pytest.mark.skipif(CHROMIUM is not None, reason="Chromium is here, and does the same")),
]


@needs_sipp
@needs_flite
@pytest.mark.parametrize("browser", BROWSERS)
async def test_every_door_at_once_is_answered_from_the_shops_database(
    browser: Callable[[], AbstractAsyncContextManager[Visit]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with browser() as visit, shop(tmp_path, monkeypatch) as it:
        calls = await everybody(it, visit)
        assert {who: it.conversations()[call] for who, call in calls.items()} == {
            "sip": ("intake", "phone"),
            "phone": ("support", "phone"),
            "whatsapp": ("support", "whatsapp"),
            "chat": ("sales", "chat"),
            "dialed": ("support", "phone"),
        }
        assert len(it.conversations()) == 5
        told = {who: " ".join(it.said(call)) for who, call in calls.items()}
        facts = {who: {whose for whose, fact in FACTS.items() if fact in text} for who, text in told.items()}
        assert facts == {who: {who} for who in FACTS}
        asked = {who: it.said(call, "person") for who, call in calls.items()}
        assert asked == ASKED
    with connect() as database:
        (left,) = database.execute("SELECT name, topic FROM messages WHERE id = 42")
    assert tuple(left) == ("ada", "a broken kettle")


async def everybody(it: Shop, visit: Visit) -> dict[str, str]:
    """All of them at once, over one socket between the runner and the voice server; their conversations."""
    before = links(it.program)
    assert len(before) == 1
    async with asyncio.timeout(60), asyncio.TaskGroup() as people:
        talks = {
            "sip": people.create_task(by_sip(it)),
            "phone": people.create_task(by_phone(it)),
            "whatsapp": people.create_task(by_whatsapp(it)),
            "chat": people.create_task(by_browser(it, visit)),
            "dialed": people.create_task(called(it)),
        }
        await it.all_are_there.wait()
        assert links(it.program) == before
        await it.all_are_answered.wait()
        assert links(it.program) == before
    return {who: talk.result() for who, talk in talks.items()}
