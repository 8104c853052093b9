"""The webhook on a real socket: what Meta signs comes in, all else is refused and counted."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.emulators.whatsapp_server import NUMBER, SECRET, TOKEN, Webhook, WhatsappServer, whatsapp_server
from tests.voice._door import Socket, client, server
from tests.voice._stage import KEY, scripted

from pinecall_run.transports.whatsapp_webhook import MAX_BODY
from pinecall_run.voice import whatsapp_desk
from pinecall_run.voice.whatsapp_door import PATH

ADA = "34600111222"


@asynccontextmanager
async def door(*, has_channel: bool = True) -> AsyncIterator[tuple[WhatsappServer, Socket]]:
    """The server with one agent, and Meta."""
    async with whatsapp_server() as meta, server(environ=meta.environ) as address, client(address) as socket:
        meta.webhook = Webhook(f"http://{address}{PATH}")
        await socket.send("agent.create", agent_id="front", llm=scripted(otherwise="I heard you."))
        if has_channel:
            keys = {"accessToken": TOKEN, "appSecret": SECRET, "verifyToken": "wörd"}
            await socket.send("channel.add", agent_id="front", type="whatsapp", ref=NUMBER, **keys)
            await socket.until("channel.added")
        yield meta, socket


async def test_the_verification_is_answered_with_its_challenge() -> None:
    async with door() as (meta, _):
        answered = await meta.verify("wörd", "1158201444")
        assert (answered.status, answered.body) == (200, "1158201444")
        assert (await meta.verify("word")).status == 403
        assert (await meta.verify("")).status == 403
        assert (await meta.verify("wörd", "x" * 999)).status == 403


async def test_a_challenge_is_no_page() -> None:
    async with door() as (meta, _):
        assert meta.webhook is not None
        from tests.voice._door import get

        address = meta.webhook.url.removeprefix("http://").removesuffix(PATH)
        query = "hub.mode=subscribe&hub.verify_token=w%C3%B6rd&hub.challenge=%3Cscript%3E"
        answered = await get(address, f"{PATH}?{query}")
        assert answered.headers["content-type"].startswith("text/plain")
        assert answered.headers["x-content-type-options"] == "nosniff"
        assert (await get(address, f"{PATH}?{query.replace('subscribe', 'other')}")).status == 403


async def test_a_message_is_answered() -> None:
    async with door() as (meta, socket):
        assert await meta.write(ADA, "hello") == 200
        assert (await meta.answer(ADA)).text == "I heard you."
        await socket.until("whatsapp.response")


async def test_what_meta_did_not_sign_is_refused_and_counted_once_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with door() as (meta, socket):
        body = meta.envelope(NUMBER, messages=[])
        for signature in ("", "sha256=" + "0" * 64, "sha1=" + "0" * 40):
            assert (await meta.post(body, signature=signature)).status == 401
        assert (await meta.post(b"[]")).status == 400
        assert (await meta.post({"object": "page", "entry": []})).status == 400
        assert (await meta.post(b" " * (MAX_BODY + 1))).status == 413
        assert await socket.so_far() == []
    told = [record.getMessage() for record in caplog.records if "so far" in record.getMessage()]
    counted = ("whatsapp, 1 forged", "whatsapp, 1 malformed", "http, 1 large bodies")
    assert told == [f"refused at the doors so far: {each}" for each in counted]


async def test_a_redelivery_and_a_replay_are_taken_for_what_they_are(caplog: pytest.LogCaptureFixture) -> None:
    async with door() as (meta, socket):
        await meta.write(ADA, "hello")
        await meta.answer(ADA)
        assert await meta.redeliver() == 200
        assert await meta.redeliver() == 200
        assert await meta.write(ADA, "from the day before yesterday", ago=48 * 3600) == 200
        frames = await socket.so_far()
        assert frames.count("whatsapp.message") == 1
        assert len(meta.sent) == 1
    assert "so far: whatsapp, 1 replayed" in caplog.text


async def test_what_nobody_can_take_now_is_delivered_again_later() -> None:
    async with door(has_channel=False) as (meta, socket):
        assert await meta.write(ADA, "hello") == 503
        keys = {"accessToken": TOKEN, "appSecret": SECRET}
        await socket.send("channel.add", agent_id="front", type="whatsapp", ref=NUMBER, **keys)
        await socket.until("channel.added")
        assert await meta.redeliver() == 200
        assert (await meta.answer(ADA)).text == "I heard you."


async def test_one_delivery_that_breaks_us_keeps_none_of_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    deliver = whatsapp_desk.WhatsappDesk.deliver

    def break_at(self: whatsapp_desk.WhatsappDesk, item: object, secret: str) -> whatsapp_desk.Outcome:
        if getattr(item, "text", "") == "break":
            raise KeyError("what a caller said")
        return deliver(self, item, secret)  # type: ignore[arg-type]

    monkeypatch.setattr(whatsapp_desk.WhatsappDesk, "deliver", break_at)
    async with door() as (meta, _):
        about = {"from": ADA, "timestamp": str(int(meta.now)), "type": "text"}
        messages = [{**about, "id": f"wamid.{text}", "text": {"body": text}} for text in ("break", "hello")]
        meta._ids |= {"wamid.hello"}
        meta._heard[NUMBER, ADA] = meta.now
        assert (await meta.post(meta.envelope(NUMBER, messages=messages))).status == 200
        assert (await meta.answer(ADA)).text == "I heard you."
    assert "a delivery of WhatsApp failed: KeyError" in caplog.text
    assert "what a caller said" not in caplog.text


async def test_the_servers_lists_hold_no_secret() -> None:
    async with door() as (meta, _):
        from tests.voice._door import get

        assert meta.webhook is not None
        address = meta.webhook.url.removeprefix("http://").removesuffix(PATH)
        listed = await get(address, "/api/sdk/agents?include_config=1", authorization=f"Bearer {KEY}")
        assert json.loads(listed.body)["agents"][0]["channels"]["whatsapp"]["refs"] == [NUMBER]
        assert TOKEN.encode() not in listed.body
        assert SECRET.encode() not in listed.body
