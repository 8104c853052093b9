"""Tests of the web application: with the embedded voice server, and with one that a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pinecall_run import Runner
from pinecall_run.testing import ScriptedServer, talking_to, virtual_time

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient

HERE = Path(__file__).parent


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The application's module, imported from its own folder as in production."""
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.delenv("PINECALL_MODEL", raising=False)
    import app
    import tickets

    yield app
    tickets.tickets.clear()


def test_it_starts_with_its_agents_and_ends_with_them(app: ModuleType) -> None:
    with TestClient(app.create_app()) as web:
        assert list(web.get("/health").json()) == ["revision"]
        assert web.get("/calls").json() == []
        refused = web.post("/calls", json={"to": "+15550000001"})
        assert (refused.status_code, refused.json()["detail"]) == (
            502,
            "telephone calls need TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and PINECALL_PUBLIC_URL "
            "where the voice server runs",
        )


@virtual_time
async def test_a_call_that_is_answered_is_listed(app: ModuleType) -> None:
    server = ScriptedServer(agent_id="desk")
    web_app = app.create_app(Runner(HERE, **server.address))
    async with (
        web_app.router.lifespan_context(web_app),
        AsyncClient(transport=ASGITransport(web_app), base_url="http://app") as web,
    ):
        dialling = asyncio.create_task(web.post("/calls", json={"to": "+15550000001"}))
        await server.play("""
            > call.dial {"to": "+15550000001", "from": "+15551234567"}
            . 12
            < call.started {"call_id": "CA1", "to": "+15550000001", "direction": "outbound", "transport": "phone"}
        """)
        placed = (await dialling).json()
        assert placed == {
            "id": "CA1", "agent": "desk", "channel": "phone", "direction": "outbound", "to": "+15550000001",
        }  # fmt: skip
        assert (await web.get("/calls")).json() == [placed]
        await server.play('< call.ended {"call_id": "CA1", "reason": "hangup"}')
        assert (await web.get("/calls")).json() == []

        server.network.is_down = True
        server.network.cut()
        await asyncio.sleep(1)
        assert (await web.get("/health")).status_code == 503


@virtual_time
async def test_what_a_caller_says_becomes_a_ticket_of_the_application(app: ModuleType) -> None:
    async with talking_to(HERE, "desk") as chat:
        reply = await chat.say("My coffee machine is broken.")
        assert reply.text == "I wrote it down as ticket 1. A colleague calls you back."
        call = chat.call.id
    web_app = app.create_app()
    async with AsyncClient(transport=ASGITransport(web_app), base_url="http://app") as web:
        ticket = {"number": 1, "topic": "My coffee machine is broken.", "call": call}
        assert (await web.get("/tickets")).json() == [ticket]
