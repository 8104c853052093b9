"""The client against the emulated Graph API: what it sends, and what failures come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.emulators._whatsapp_rules import Fault, Upload
from tests.emulators.trouble import Trouble
from tests.emulators.whatsapp_server import NUMBER, TOKEN, VERSION, WhatsappServer, whatsapp_server

from pinecall_run.transports import whatsapp_graph
from pinecall_run.transports.voice_note import MIME_TYPE
from pinecall_run.transports.whatsapp_graph import Graph, GraphError, Sender

ADA = "34600111222"
SENDER = Sender(NUMBER, TOKEN)
TEXT: dict[str, Any] = {"type": "text", "text": {"body": "Hello"}}
OGG = b"OggS" + bytes(24) + b"OpusHead" + bytes(20)


@pytest.fixture
async def meta() -> AsyncIterator[WhatsappServer]:
    async with whatsapp_server() as meta:
        meta._heard[NUMBER, ADA] = meta.now
        yield meta


@pytest.fixture
async def graph(meta: WhatsappServer) -> AsyncIterator[Graph]:
    graph = Graph(f"{meta.url}/{VERSION}", pauses=(0.01, 0.01))
    yield graph
    await graph.close()


async def test_a_message_is_sent_and_has_an_id(meta: WhatsappServer, graph: Graph) -> None:
    id = await graph.send(SENDER, ADA, TEXT)
    assert [(sent.id, sent.text) for sent in meta.sent] == [(id, "Hello")]


async def test_a_message_is_shown_as_read_with_an_answer_being_written(meta: WhatsappServer, graph: Graph) -> None:
    meta._ids.add("wamid.1")
    await graph.mark_read(SENDER, "wamid.1")
    assert meta.receipts[0]["typing_indicator"] == {"type": "text"}


async def test_a_receipt_is_tried_once_and_for_a_moment(
    meta: WhatsappServer, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whatsapp_graph, "RECEIPT_SECONDS", 0.1)
    for trouble in (Trouble("refuse", status=503), Trouble("hang")):
        meta.trouble = trouble
        with pytest.raises(GraphError):
            await graph.mark_read(SENDER, "wamid.1")
    assert len(meta.requests) == 2


async def test_media_goes_up_and_comes_down(meta: WhatsappServer, graph: Graph) -> None:
    media = await graph.upload(SENDER, OGG, MIME_TYPE, "note.ogg")
    assert meta.media[media] == Upload(OGG, MIME_TYPE)
    assert await graph.download(SENDER, media) == OGG


@pytest.mark.parametrize(
    "trouble", [Trouble("refuse", status=503, times=2), Trouble("refuse", status=429, times=2), None]
)
async def test_what_may_pass_is_tried_again(meta: WhatsappServer, graph: Graph, trouble: Trouble | None) -> None:
    meta.trouble = trouble
    if trouble is None:
        meta.faults += [Fault(130429), Fault(131056)]
    await graph.send(SENDER, ADA, TEXT)
    assert len(meta.sent) == 1
    assert len(meta.requests) == 3


@pytest.mark.parametrize("code", [131047, 131026, 190])
async def test_what_does_not_pass_is_asked_once(meta: WhatsappServer, graph: Graph, code: int) -> None:
    meta.faults.append(Fault(code))
    with pytest.raises(GraphError) as refused:
        await graph.send(SENDER, ADA, TEXT)
    assert (refused.value.code, len(meta.requests)) == (code, 1)


async def test_the_last_try_tells(meta: WhatsappServer, graph: Graph) -> None:
    meta.faults += [Fault(130429)] * 3
    with pytest.raises(GraphError, match=r"meta refused \(130429\)") as refused:
        await graph.send(SENDER, ADA, TEXT)
    assert refused.value.is_passing


async def test_a_token_is_in_no_message(meta: WhatsappServer, graph: Graph) -> None:
    meta.faults.append(Fault(131026, f"Malformed access token {TOKEN}"))
    with pytest.raises(GraphError) as refused:
        await graph.send(SENDER, ADA, TEXT)
    assert TOKEN not in str(refused.value)
    assert TOKEN not in repr(SENDER)


@pytest.mark.parametrize(
    ("kind", "says"), [("drop", "broke the connection off"), ("garbage", "no answer of its interface")]
)
async def test_what_may_have_been_carried_out_is_not_sent_twice(
    meta: WhatsappServer, graph: Graph, kind: Any, says: str
) -> None:
    meta.trouble = Trouble(kind)
    with pytest.raises(GraphError, match=says):
        await graph.send(SENDER, ADA, TEXT)
    assert len(meta.requests) == 1


async def test_silence_ends(meta: WhatsappServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatsapp_graph, "ANSWER_SECONDS", 0.1)
    graph = Graph(f"{meta.url}/{VERSION}")
    meta.trouble = Trouble("hang")
    with pytest.raises(GraphError, match="did not answer in time"):
        await graph.send(SENDER, ADA, TEXT)
    await graph.close()


async def test_nobody_there_is_told() -> None:
    graph = Graph("http://127.0.0.1:9/v1", pauses=())
    with pytest.raises(GraphError, match="cannot be reached"):
        await graph.send(SENDER, ADA, TEXT)
    await graph.close()


async def test_a_file_that_is_too_large_is_not_read(
    meta: WhatsappServer, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whatsapp_graph, "MAX_MEDIA", 50)
    media = meta._keep(Upload(bytes(51), "audio/ogg"))
    with pytest.raises(GraphError, match="larger than"):
        await graph.download(SENDER, media)
    assert meta.requests == [f"GET /{VERSION}/{media}"]


async def test_the_token_is_shown_at_no_other_address_without_tls() -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"url": "http://127.0.0.1:9/elsewhere", "id": "1"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    graph = Graph(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(GraphError, match="without TLS"):
        await graph.download(SENDER, "1")
    await graph.close()
    server.close()
    assert len(asked) == 1
