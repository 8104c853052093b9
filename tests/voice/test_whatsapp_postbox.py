"""Messages go out in pieces that fit, within the window, and what fails is told once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators._whatsapp_rules import Fault
from tests.emulators.trouble import Trouble
from tests.emulators.whatsapp_server import NUMBER, TOKEN, WhatsappServer, whatsapp_server

from pinecall_run.transports.whatsapp_graph import Graph
from pinecall_run.voice.whatsapp_numbers import Number
from pinecall_run.voice.whatsapp_postbox import CLOSED, LONGEST, Postbox, pieces_of

ADA = "34600111222"
DAY = 24 * 3600.0


class Sending:
    def __init__(self, meta: WhatsappServer, graph: Graph, **number: Any) -> None:
        self.meta = meta
        self.now = 1000.0
        self.failures: list[tuple[int, str]] = []
        made = Number(NUMBER, TOKEN, "s", **number)
        fail = lambda *what: self.failures.append(what)  # noqa: E731
        self.box = Postbox(ADA, lambda: made, graph, clock=lambda: self.now, on_failure=fail)
        self.box.heard(self.now)
        meta._heard[NUMBER, ADA] = meta.now

    @property
    def kinds(self) -> list[str]:
        return [str(sent.body["type"]) for sent in self.meta.sent]


@asynccontextmanager
async def sending(**number: Any) -> AsyncIterator[Sending]:
    async with whatsapp_server() as meta:
        graph = Graph(meta.environ["WHATSAPP_GRAPH_URL"], pauses=())
        yield Sending(meta, graph, **number)
        await graph.close()


async def test_a_long_text_arrives_in_its_order() -> None:
    text = "\n\n".join(f"{number}: {'word ' * 150}".strip() for number in range(20))
    async with sending() as it:
        assert await it.box.say(text)
        assert len(it.meta.sent) == 4
        assert "\n\n".join(sent.text for sent in it.meta.sent) == text


@given(st.text(alphabet="ab \n", max_size=3 * LONGEST))
def test_pieces_fit_and_lose_nothing_but_space(text: str) -> None:
    pieces = pieces_of(text)
    assert all(0 < len(piece) <= LONGEST for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


async def test_after_a_day_nothing_is_sent_and_that_is_told() -> None:
    async with sending() as it:
        it.now += DAY + 1
        assert not await it.box.say("Still there?")
        assert it.failures == [(131047, CLOSED)]
        assert it.meta.requests == []
        it.box.heard(it.now)
        assert await it.box.say("Welcome back.")


async def test_a_template_goes_in_its_place_once_until_they_write() -> None:
    async with sending(template={"name": "still_there", "language": "es"}) as it:
        it.now += DAY + 1
        assert not await it.box.say("Still there?")
        assert not await it.box.say("Hello?")
        assert it.kinds == ["template"]
        assert it.meta.sent[0].body["template"] == {"name": "still_there", "language": {"code": "es"}}
        assert len(it.failures) == 2
        it.box.heard(it.now)
        it.now += DAY + 1
        await it.box.say("And now?")
        assert it.kinds == ["template", "template"]


async def test_meta_knows_better_whether_the_window_is_open() -> None:
    async with sending(template={"name": "still_there"}) as it:
        it.meta.closed = "answer"
        assert not await it.box.say("Hello?")
        assert it.failures == [(131047, CLOSED)]
        assert it.meta.sent[0].body["template"]["language"] == {"code": "en_US"}


async def test_a_template_that_there_is_not_is_told() -> None:
    async with sending(template={"name": "gone"}) as it:
        it.now += DAY + 1
        await it.box.say("Hello?")
        assert [code for code, _ in it.failures] == [131047, 132001]


async def test_a_token_that_is_refused_is_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    async with sending() as it:
        it.meta.faults.append(Fault(190))
        assert not await it.box.say("Hello")
        assert it.failures == [(190, f"meta refused the access token of whatsapp:{NUMBER}; put a new one in its place")]
        assert ADA not in caplog.text
        assert "Hello" not in caplog.text


async def test_a_receipt_that_fails_is_of_no_importance() -> None:
    async with sending() as it:
        it.meta.trouble = Trouble("refuse", status=500)
        await it.box.mark_read("wamid.1")
        assert it.failures == []


async def test_a_voice_note_is_put_up_and_sent_as_one() -> None:
    ogg = b"OggS" + bytes(24) + b"OpusHead" + bytes(20)
    async with sending() as it:
        assert await it.box.say_aloud(ogg, "audio/ogg; codecs=opus")
        audio = it.meta.sent[0].body["audio"]
        assert audio["voice"] is True
        assert it.meta.media[audio["id"]].data == ogg
        it.meta.trouble = Trouble("refuse", status=500)
        assert not await it.box.say_aloud(ogg, "audio/ogg; codecs=opus")
        assert it.failures == [(0, "meta answered 500")]
        it.now += DAY + 1
        assert not await it.box.say_aloud(ogg, "audio/ogg; codecs=opus")
        assert it.failures[1:] == [(131047, CLOSED)]
