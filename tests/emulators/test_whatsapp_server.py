"""The emulated Graph API takes what Meta's reference shows, and refuses the rest in Meta's form."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from tests.emulators._raw import NO_CERTIFICATES
from tests.emulators._whatsapp_rules import Fault
from tests.emulators.trouble import Trouble
from tests.emulators.whatsapp_server import NUMBER, TOKEN, VERSION, WhatsappServer, whatsapp_server

ADA = "34600111222"
TEXT = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": ADA, "type": "text"}
OGG = b"OggS" + bytes(24) + b"OpusHead" + bytes(20)


@pytest.fixture
async def meta() -> AsyncIterator[WhatsappServer]:
    async with whatsapp_server() as meta:
        meta._heard[NUMBER, ADA] = meta.now
        yield meta
        meta.problems.clear()


@pytest.fixture
async def graph(meta: WhatsappServer) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(base_url=f"{meta.url}/{VERSION}/", headers=headers, verify=NO_CERTIFICATES) as client:
        yield client


async def send(graph: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    return await graph.post(f"{NUMBER}/messages", json={**TEXT, **body})


async def test_a_text_is_taken(meta: WhatsappServer, graph: httpx2.AsyncClient) -> None:
    answer = await send(graph, text={"preview_url": False, "body": "Hello"})
    assert answer.status_code == 200
    assert answer.json()["contacts"] == [{"input": ADA, "wa_id": ADA}]
    assert answer.json()["messages"][0]["id"].startswith("wamid.")
    assert (await meta.answer(ADA)).text == "Hello"
    assert not meta.problems


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": {"body": ""}}, 100),
        ({"text": {"body": "x" * 4097}}, 100),
        ({"text": {"body": "x", "markdown": True}}, 100),
        ({"text": {"body": "x"}, "audio": {"id": "1"}}, 100),
        ({"text": {"body": "x"}, "to": "Ada"}, 131009),
        ({"text": {"body": "x"}, "messaging_product": "sms"}, 100),
        ({"type": "hologram", "hologram": {}}, 131051),
        ({"type": "audio", "audio": {"id": "1", "link": "https://x"}}, 100),
        ({"type": "audio", "audio": {"id": "404"}}, 131009),
        ({"type": "template", "template": {"name": "still_there"}}, 100),
        ({"status": "delivered", "message_id": "x"}, 100),
    ],
)
async def test_what_is_wrong_is_refused_in_metas_form(
    meta: WhatsappServer, graph: httpx2.AsyncClient, body: dict[str, Any], code: int
) -> None:
    answer = await send(graph, **body)
    error = answer.json()["error"]
    assert (error["code"], answer.status_code) == (code, Fault(code).status)
    assert error["message"].startswith(f"(#{code}) ")
    assert (error["type"], error["error_data"]["messaging_product"]) == ("OAuthException", "whatsapp")
    assert meta.problems


async def test_a_bearer_that_is_not_the_numbers_is_refused(meta: WhatsappServer, graph: httpx2.AsyncClient) -> None:
    meta.add_number("222333444", "another")
    refused = await graph.post(f"{NUMBER}/messages", json=TEXT, headers={"Authorization": "Bearer gone"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, 190)
    assert (await graph.post("222333444/messages", json=TEXT)).json()["error"]["code"] == 10
    assert (await graph.post("999/messages", json=TEXT)).json()["error"]["error_subcode"] == 33


async def test_faults_come_in_their_order_and_are_no_problems(meta: WhatsappServer, graph: httpx2.AsyncClient) -> None:
    meta.faults += [Fault(130429), Fault(131047)]
    assert (await send(graph, text={"body": "x"})).status_code == 429
    assert (await send(graph, text={"body": "x"})).json()["error"]["code"] == 131047
    assert (await send(graph, text={"body": "x"})).status_code == 200
    assert not meta.problems


async def test_the_window_closes_after_a_day_but_for_templates(meta: WhatsappServer, graph: httpx2.AsyncClient) -> None:
    meta.shift = 24 * 3600 + 5
    assert (await send(graph, text={"body": "x"})).json()["error"]["code"] == 131047
    template = {"name": "still_there", "language": {"code": "en_US"}}
    assert (await send(graph, type="template", template=template)).status_code == 200
    unknown = await send(graph, type="template", template={**template, "name": "gone"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, 132001)


async def test_media_goes_up_and_comes_down_in_two_steps(meta: WhatsappServer, graph: httpx2.AsyncClient) -> None:
    form = {"messaging_product": "whatsapp", "type": "audio/ogg"}
    up = await graph.post(f"{NUMBER}/media", data=form, files={"file": ("note.ogg", OGG, "audio/ogg")})
    media = up.json()["id"]
    told = (await graph.get(media)).json()
    assert (told["mime_type"], told["file_size"], told["id"]) == ("audio/ogg", len(OGG), media)
    assert (await graph.get(told["url"])).content == OGG
    assert (await graph.get(told["url"], headers={"Authorization": "Bearer gone"})).status_code == 401
    meta.shift = 301
    assert (await graph.get(told["url"])).status_code == 400
    assert (await send(graph, type="audio", audio={"id": media, "voice": True})).status_code == 200


async def test_an_upload_that_is_none_is_refused(meta: WhatsappServer, graph: httpx2.AsyncClient) -> None:
    form = {"messaging_product": "whatsapp", "type": "audio/ogg"}
    for data, file in (
        ({**form, "type": "text/plain"}, ("a.txt", b"x", "text/plain")),
        (form, ("note.ogg", b"OggS, but Vorbis", "audio/ogg")),
        ({"type": "audio/ogg"}, ("note.ogg", OGG, "audio/ogg")),
    ):
        assert (await graph.post(f"{NUMBER}/media", data=data, files={"file": file})).status_code == 400


async def test_only_what_was_received_can_be_read(meta: WhatsappServer, graph: httpx2.AsyncClient) -> None:
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"}
    assert (await graph.post(f"{NUMBER}/messages", json=receipt)).status_code == 400
    meta._ids.add("wamid.x")
    receipt["typing_indicator"] = {"type": "text"}  # type: ignore[assignment]
    assert (await graph.post(f"{NUMBER}/messages", json=receipt)).json() == {"success": True}
    assert meta.receipts == [receipt]


async def test_trouble_strikes_any_request(meta: WhatsappServer, graph: httpx2.AsyncClient) -> None:
    meta.trouble = Trouble("drop", times=1)
    with pytest.raises(httpx2.TransportError):
        await send(graph, text={"body": "x"})
    meta.trouble = Trouble("garbage", times=1)
    with pytest.raises(json.JSONDecodeError):
        (await send(graph, text={"body": "x"})).json()
    meta.trouble = Trouble("refuse", status=503, times=1)
    assert (await send(graph, text={"body": "x"})).status_code == 503
    assert (await send(graph, text={"body": "x"})).status_code == 200
