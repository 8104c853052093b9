"""The root project on WhatsApp: the real programs, and Meta emulated on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.emulators.whatsapp_server import NUMBER, SECRET, TOKEN, Webhook, WhatsappServer, whatsapp_server
from tests.stories._stage import Program, copy_project, running

ADA = "34600111222"
ORDER = "Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday."
KEYS = {
    "WHATSAPP_ACCESS_TOKEN": TOKEN,
    "WHATSAPP_APP_SECRET": SECRET,
    "WHATSAPP_VERIFY_TOKEN": "acme-verifies",
}


@asynccontextmanager
async def shop(folder: Path, *words: str) -> AsyncIterator[tuple[Program, WhatsappServer]]:
    """The project runs, and Meta delivers to it."""
    async with whatsapp_server() as meta, running(copy_project(folder), *words, **KEYS, **meta.environ) as program:
        meta.webhook = Webhook(f"{program.url}/whatsapp/webhook")
        yield program, meta


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
