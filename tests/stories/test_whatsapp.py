"""The root project on WhatsApp: the real programs, and Meta emulated on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.emulators._whatsapp_rules import Fault
from tests.emulators.whatsapp_server import NUMBER, SECRET, TOKEN, Webhook, WhatsappServer, whatsapp_server
from tests.stories._stage import Program, copy_project, edit, running
from tests.voice._door import client, server
from tests.voice._speech import needs_flite, said
from tests.voice._stage import KEY

from pinecall_run.transports.voice_note import decode, encode

ADA = "34600111222"
ORDER = "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."
KEYS = {
    "WHATSAPP_ACCESS_TOKEN": TOKEN,
    "WHATSAPP_APP_SECRET": SECRET,
    "WHATSAPP_VERIFY_TOKEN": "acme-verifies",
}


SECOND, SECOND_TOKEN = "222333444555666", "EAAtheothertoken"


@asynccontextmanager
async def shop(folder: Path, change: Callable[[str], str] = str) -> AsyncIterator[tuple[Program, WhatsappServer]]:
    """The project runs, its file changed, and Meta delivers to it."""
    project = copy_project(folder)
    edit(project / "pinecall.yaml", change)
    async with whatsapp_server() as meta, running(project, **KEYS, **meta.environ) as program:
        meta.webhook = Webhook(f"{program.url}/whatsapp/webhook")
        yield program, meta


def with_option(line: str) -> Callable[[str], str]:
    """One more line for the WhatsApp channel."""
    return lambda text: text.replace("      - type: whatsapp\n", f"      - type: whatsapp\n        {line}\n")


async def test_a_message_to_support_is_answered_from_the_shops_database(tmp_path: Path) -> None:
    async with shop(tmp_path) as (program, meta):
        assert (await meta.verify("acme-verifies", "1158201444")).body == "1158201444"
        assert (await meta.verify("guessed")).status == 403
        assert await meta.write(ADA, "Where is order ORD-1001?") == 200
        sent = await meta.answer(ADA)
        assert (sent.number, sent.text) == (NUMBER, ORDER)
        await program.until(rf"tool lookup_order\(.*pid {program.pid}")
        assert [receipt["typing_indicator"] for receipt in meta.receipts] == [{"type": "text"}]
        assert await meta.report(sent, "delivered") == 200
        assert TOKEN not in "\n".join(program.lines)
        assert ADA not in "\n".join(program.lines)


async def test_a_redelivery_is_answered_once(tmp_path: Path) -> None:
    async with shop(tmp_path) as (_, meta):
        await meta.write(ADA, "Where is order ORD-1001?")
        await meta.answer(ADA)
        assert [await meta.redeliver() for _ in range(3)] == [200, 200, 200]
        await meta.write(ADA, "And ORD-1003?")
        assert "gooseneck kettle" in (await meta.answer(ADA, 2)).text
        assert len(meta.sent) == 2


@needs_flite
async def test_a_voice_note_is_heard_offline_and_answered_aloud_where_the_project_says_so(tmp_path: Path) -> None:
    async with shop(tmp_path, with_option("voice_notes: true")) as (program, meta):
        await meta.send_voice(ADA, encode(said("where is order one thousand and one")))
        sent = await meta.answer(ADA)
        assert sent.body["audio"]["voice"] is True
        seconds = len(decode(meta.media[sent.body["audio"]["id"]].data)) / 16_000
        assert 3 < seconds < 12, "the answer has thirteen words and a number"
        await program.until(r"tool lookup_order\(.*\) ok")
        await meta.write(ADA, "Where is order ORD-1001?")
        assert (await meta.answer(ADA, 2)).text == ORDER


async def test_a_picture_is_announced_and_what_meta_did_not_sign_is_refused(tmp_path: Path) -> None:
    async with shop(tmp_path) as (_, meta):
        picture = {"id": "1", "mime_type": "image/jpeg", "caption": "my order is ORD-1003"}
        await meta.deliver(ADA, {"type": "image", "image": picture})
        assert "gooseneck kettle" in (await meta.answer(ADA)).text
        body = meta.envelope(NUMBER, messages=[])
        assert (await meta.post(body, signature="sha256=" + "0" * 64)).status == 401
        assert (await meta.post(b" " * (3 * 2**20 + 1))).status == 413


async def test_a_closed_window_is_told_and_a_template_goes_in_its_place(tmp_path: Path) -> None:
    async with shop(tmp_path, with_option("template: {name: still_there, language: es}")) as (program, meta):
        meta.faults.append(Fault(131047))
        await meta.write(ADA, "Where is order ORD-1001?")
        template = (await meta.answer(ADA)).body["template"]
        assert template == {"name": "still_there", "language": {"code": "es"}}
        await program.until("the 24-hour window of this contact is closed")
        await meta.write(ADA, "I am here. Where is order ORD-1001?")
        assert (await meta.answer(ADA, 2)).text == ORDER


async def test_two_numbers_belong_to_two_agents(tmp_path: Path) -> None:
    channel = f'{{type: whatsapp, ref: "{SECOND}", access_token: "{SECOND_TOKEN}", app_secret: "{SECRET}"}}'
    change = lambda text: text.replace(  # noqa: E731
        'channels: [webrtc, chat, "+15557654321"]', f'channels: [webrtc, chat, "+15557654321", {channel}]'
    )
    async with shop(tmp_path, change) as (_, meta):
        meta.add_number(SECOND, SECOND_TOKEN)
        await meta.write(ADA, "Where is order ORD-1001?")
        await meta.write(ADA, "Do you have a kettle?", number=SECOND)
        await meta.answer(ADA, 2)
        answers = {sent.number: sent.text for sent in meta.sent}
        assert answers[NUMBER] == ORDER
        assert answers[SECOND].startswith("The gooseneck kettle is 59.00 EUR")


# a voice server of its own


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Path, str, WhatsappServer]]:
    """A voice server apart from the project, which is told to use it."""
    async with whatsapp_server() as meta, server(environ=meta.environ) as address:
        project = copy_project(folder)
        found = f'server: {{url: "ws://{address}", api_key: "{KEY}"}}'
        edit(project / "pinecall.yaml", lambda text: text.replace("server: embedded", found))
        meta.webhook = Webhook(f"http://{address}/whatsapp/webhook")
        yield project, address, meta


async def test_a_human_takes_over_and_gives_back(tmp_path: Path) -> None:
    async with served(tmp_path) as (project, address, meta), running(project, **KEYS), client(address) as operator:
        await meta.write(ADA, "Where is order ORD-1001?")
        await meta.answer(ADA)
        await operator.send("session.pause", agent_id="support", contact=f"+{ADA}")
        await operator.until("session.paused")
        await meta.write(ADA, "I want to talk to somebody about ORD-1003.")
        await operator.send("session.send", agent_id="support", contact=f"+{ADA}", text="Eva here. What is it?")
        await operator.until("session.sent")
        assert (await meta.answer(ADA, 2)).text == "Eva here. What is it?"
        await operator.send("session.resume", agent_id="support", contact=f"+{ADA}")
        await operator.until("session.resumed")
        await meta.write(ADA, "Thank you!")
        assert (await meta.answer(ADA, 3)).text == "You are welcome. Goodbye!"
        assert len(meta.sent) == 3


async def test_a_runner_that_dies_loses_no_message(tmp_path: Path) -> None:
    async with served(tmp_path) as (project, _, meta):
        async with running(project, **KEYS) as program:
            await meta.write(ADA, "hello")
            await meta.answer(ADA)
            program.process.kill()
            await program.ended()
        assert await meta.write(ADA, "Where is order ORD-1001?") == 200, "the conversation waits for its tools"
        assert await meta.write("34600333444", "Where is order ORD-1003?") == 503
        async with running(project, **KEYS):
            assert (await meta.answer(ADA, 2)).text == ORDER
            assert await meta.redeliver() == 200
            assert "gooseneck kettle" in (await meta.answer("34600333444")).text
