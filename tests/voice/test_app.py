"""The application alone and mounted in another one; what breaks in it is logged without its text."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.voice._door import PATIENCE, Socket, chat, client, get, server
from tests.voice._stage import KEY, LOOKING
from websockets.asyncio.client import connect

from pinecall_run.voice import app as module
from pinecall_run.voice.app import Settings, create_app
from pinecall_run.voice.surface import MAX_OFFER


@asynccontextmanager
async def mounted() -> AsyncIterator[tuple[str, Any]]:
    """The application under /voice in somebody's own, served by their own server."""
    ours = create_app(Settings(KEY, open_on_loopback=True))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with ours.router.lifespan_context(ours):
            yield

    outer = Starlette(routes=[Mount("/voice", ours)], lifespan=lifespan)
    config = uvicorn.Config(outer, port=0, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    theirs = uvicorn.Server(config)
    serving = asyncio.create_task(theirs._serve())  # without its signal handlers
    try:
        async with asyncio.timeout(PATIENCE):
            while not theirs.started:  # noqa: ASYNC110 - it has no event for that
                await asyncio.sleep(0.005)
        port = theirs.servers[0].sockets[0].getsockname()[1]
        yield f"127.0.0.1:{port}", ours.state.hub
    finally:
        theirs.should_exit = True
        await serving


async def test_mounted_under_a_prefix_it_works_and_its_lifespan_ends_conversations() -> None:
    async with mounted() as (address, hub):
        async with client(f"{address}/voice", "desk", llm=LOOKING) as runner:
            answer = await get(address, "/voice/chat/token?agent_id=desk")
            async with connect(f"ws://{address}/voice/chat/ws?token={answer.json['token']}") as page:
                await page.recv()
                await page.send('{"event":"message","text":"hi"}')
                await runner.until("chat.response")
                assert (await get(address, "/voice/api/sdk/agents")).json["agents"][0]["active"] == 1
        assert (await get(address, "/voice/page/app.js")).status == 200
        offer = b" " * MAX_OFFER
        assert (await get(address, "/voice/webrtc/offer", method="POST", body=offer)).status == 400
        assert (await get(address, "/voice/webrtc/offer", method="POST", body=offer + b" ")).status == 413
        async with client(f"{address}/voice", "desk", llm=LOOKING) as runner:
            await runner.send("llm.chat", agent_id="desk", session_id="chat-run-1", text="hi")
            await runner.until("llm.chat.done")
            assert hub.conversations.get("chat-run-1") is not None
            await hub.close()
            assert (await runner.until("llm.chat.ended"))["reason"] == "server_stopped"


async def test_the_lifespan_sweeps_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    ours = create_app(Settings(KEY))
    swept, forgotten = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(ours.state.hub.conversations, "sweep", swept.set)
    monkeypatch.setattr(ours.state.hub.threads, "sweep", forgotten.set)
    closed = asyncio.Event()

    async def close() -> None:
        closed.set()

    async def close_providers() -> None:
        assert closed.is_set()
        models_closed.set()

    models_closed = asyncio.Event()
    monkeypatch.setattr(ours.state.hub, "close", close)
    monkeypatch.setattr(module, "close_providers", close_providers)
    async with ours.router.lifespan_context(ours):
        async with asyncio.timeout(PATIENCE):
            await swept.wait()
            await forgotten.wait()
        assert not closed.is_set()
    assert models_closed.is_set()


async def test_without_its_extra_the_socket_of_sound_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pinecall_run.transports.audio_socket", None)
    async with server() as address, connect(f"ws://{address}/audio/ws?token=stm_x") as socket:
        assert await Socket(socket).closed() == (1011, module.MISSING)


async def test_a_connection_that_breaks_is_logged_without_its_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with server() as address, client(address, "desk", llm=LOOKING):

        def fail(*_: object) -> None:
            raise ValueError("my card is 4111")

        monkeypatch.setattr("pinecall_run.voice.chat_session.ChatSession.post", fail)
        async with chat(address, "desk") as page:
            await page.send("message", text="my card is 4111")
            await page.closed()
    assert "a connection broke: ValueError" in caplog.text
    assert "4111" not in caplog.text


def test_what_settings_show_of_themselves_holds_no_keys_of_vendors() -> None:
    assert "sk-1" not in repr(Settings("k", environ={"OPENAI_API_KEY": "sk-1"}))
