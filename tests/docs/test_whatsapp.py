"""docs/channels/whatsapp.md: what it says of the server is what the server does."""

from tests.rules._scan import ROOT

from pinecall_run.transports import voice_note, whatsapp_graph, whatsapp_webhook
from pinecall_run.voice import whatsapp_desk, whatsapp_door, whatsapp_numbers, whatsapp_postbox, whatsapp_talk

PAGE = (ROOT / "docs/channels/whatsapp.md").read_text(encoding="utf-8")


def test_the_numbers_of_the_page_are_the_servers() -> None:
    said = {
        f"`{whatsapp_door.PATH}`": True,
        whatsapp_graph.ADDRESS: True,
        whatsapp_graph.VARIABLE: True,
        f"`idle_minutes` | a conversation ends without a message for so long: {whatsapp_numbers.IDLE_MINUTES}": True,
        f"more of one person than {whatsapp_talk.WAITING} that wait": True,
        f"{whatsapp_desk.REMEMBERED:,} deliveries are remembered": True,
        f"longer than {whatsapp_postbox.LONGEST:,} characters": True,
        f"more than {whatsapp_webhook.MAX_BODY // 2**20} MiB": True,
        f"at most {whatsapp_graph.MAX_MEDIA // 2**20} MB": True,
        "five minutes of it": voice_note.LONGEST_SECONDS == 300,
        "after 1 s and 4 s": whatsapp_graph.PAUSES == (1.0, 4.0),
        f"code: {whatsapp_graph.WINDOW_CLOSED}": whatsapp_graph.WINDOW_CLOSED == whatsapp_desk.WINDOW_CLOSED,
        whatsapp_talk.UNHEARD: True,
    }
    assert {sentence: sentence in PAGE for sentence in said} == said
