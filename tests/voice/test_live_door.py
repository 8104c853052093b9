"""Who may listen to which call, on the real server and its sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tests.voice._door import PATIENCE, Socket, client, get, server
from tests.voice._stage import scripted
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pinecall_run.audio.chunk import CHUNK_SAMPLES, SILENCE, Samples

LOUD: Samples = (np.sin(np.arange(CHUNK_SAMPLES) * 0.3) * 12_000).astype(np.int16)
AGENT: dict[str, Any] = {"llm": scripted(otherwise="Yes."), "stt": "local", "voice": "local", "language": "en"}
LIVE = {**AGENT, "media": {"live": True}, "greeting": "Welcome to the shop, how can I help you today?"}
OPEN = "plain-key"


@dataclass
class Person:
    """Somebody on the socket of sound, who is silent unless ``says`` has something."""

    socket: Any
    says: list[Samples] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    async def talk(self) -> None:
        while True:
            await self.socket.send((self.says.pop(0) if self.says else SILENCE).astype("<i2").tobytes())
            await asyncio.sleep(0.02)

    async def listen(self) -> None:
        async for message in self.socket:
            if isinstance(message, bytes):
                self.heard.append(message)
            else:
                self.told.append(json.loads(message))


@asynccontextmanager
async def calling(address: str, agent: str = "desk") -> AsyncIterator[Person]:
    """A call that goes on."""
    token = (await get(address, f"/stream/token?agent_id={agent}", authorization=f"Bearer {OPEN}")).json["token"]
    async with connect(f"ws://{address}/audio/ws?token={token}") as socket:
        person = Person(socket)
        works = [asyncio.create_task(person.talk()), asyncio.create_task(person.listen())]
        try:
            yield person
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)


@asynccontextmanager
async def shop(**configuration: Any) -> AsyncIterator[tuple[str, Socket]]:
    """A server that wants its key, and a runner with an agent."""
    async with (
        server(OPEN, open_on_loopback=False) as address,
        client(address, "desk", key=OPEN, **{**LIVE, **configuration}) as runner,
    ):
        yield address, runner


async def call_of(address: str) -> dict[str, Any]:
    """The one call that there is."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await get(address, "/live", authorization=f"Bearer {OPEN}")
            if answer.json["calls"]:
                (call,) = answer.json["calls"]
                assert isinstance(call, dict)
                return call
            await asyncio.sleep(0.01)


async def status(address: str, call: str, token: str = "") -> int:
    """How a socket is refused."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{address}/live/{call}/ws?token={token}")
    return refused.value.response.status_code


async def sound_of(socket: Any, seconds: float) -> np.ndarray[Any, Any]:
    pieces = []
    async with asyncio.timeout(PATIENCE + seconds):
        while sum(map(len, pieces)) < seconds * 32_000:
            message = await socket.recv()
            if isinstance(message, bytes):
                pieces.append(message)
    return np.frombuffer(b"".join(pieces), "<i2")


async def event(socket: Any, name: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while True:
            message = await socket.recv()
            if isinstance(message, str) and (frame := json.loads(message)).get("event", frame.get("type")) == name:
                assert isinstance(frame, dict)
                return frame


async def test_a_call_is_found_listened_to_and_ends() -> None:
    async with shop() as (address, _):
        async with calling(address) as person:
            call = await call_of(address)
            assert (call["agent_id"], call["transport"], call["is_live"]) == ("desk", "audio", True)
            async with connect(f"ws://{address}/live/{call['call_id']}/ws?token={OPEN}&events=1") as ear:
                assert await event(ear, "metadata") == {
                    "type": "metadata", "sampleRate": 16000, "channels": 1, "bitDepth": 16,
                    "sessionId": call["call_id"],
                }  # fmt: skip
                assert (await call_of(address))["listeners"] == 1
                greeting = await sound_of(ear, 0.5)
                assert np.abs(greeting).max() > 1_000
                person.says += [LOUD] * 50
                both = await sound_of(ear, 1.0)
                assert np.abs(both.astype(int)).max() >= 11_000
                await person.socket.send('{"action":"hangup"}')
                with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - after whatever is left
                    while True:
                        last = await ear.recv()
                assert last == b""
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1000
        async with asyncio.timeout(PATIENCE):  # its goodbyes may take a moment
            while (await get(address, "/live", authorization=f"Bearer {OPEN}")).json != {"calls": []}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_supervisor_takes_over_speaks_writes_and_hands_back() -> None:
    async with shop() as (address, runner), calling(address) as person:
        call = (await call_of(address))["call_id"]
        async with connect(f"ws://{address}/live/{call}/ws?token={OPEN}&events=1") as boss:
            await runner.until("bot.speaking")
            await boss.send('{"action":"take_over"}')
            assert (await runner.until("bot.interrupted"))["reason"] == "cancelled"
            assert (await runner.until("handoff.active"))["call_id"] == call
            await event(boss, "handoff.active")
            person.heard.clear()
            for _ in range(20):
                await boss.send(LOUD.astype("<i2").tobytes())
            loud = LOUD.astype("<i2").tobytes()
            async with asyncio.timeout(PATIENCE):
                while loud not in person.heard:  # noqa: ASYNC110 - another task hears
                    await asyncio.sleep(0.02)
            await boss.send('{"action":"say","text":"This is Ann."}')
            assert (await runner.until("supervisor.said"))["text"] == "This is Ann."
            assert (await runner.until("message.confirmed"))["text"] == "This is Ann."
            async with connect(f"ws://{address}/live/{call}/ws?token={OPEN}") as other:
                await other.send('{"action":"take_over"}')
                assert (await event(other, "error"))["error"] == "another supervisor has this call"
            await boss.send('{"action":"whisper","text":"be brief"}')
            await event(boss, "supervisor.whispered")
            await boss.send('{"action":"hand_back"}')
            assert (await runner.until("handoff.released"))["reason"] == "handed_back"
        assert "supervisor.said" in [frame["event"] for frame in person.told]
        assert "supervisor.whispered" not in [frame["event"] for frame in person.told], "the caller's page is not told"


async def test_without_the_key_there_is_nothing() -> None:
    async with shop() as (address, _), calling(address):
        call = (await call_of(address))["call_id"]
        for token in ("", "wrong", "stm_forged.x"):
            assert await status(address, call, token) == 401
        for target in ("/live", f"/live/{call}/player", f"/live/{call}/player?token=wrong"):
            assert (await get(address, target)).status == 401
        player = await get(address, f"/live/{call}/player?token={OPEN}")
        assert player.status == 200
        assert b"player.js" in player.body
        assert "default-src 'self'" in player.headers["content-security-policy"]
        assert await status(address, "nobody", OPEN) == 404


async def test_tokens_of_a_participant_do_not_listen_and_those_for_listening_do_not_call() -> None:
    async with shop() as (address, _), calling(address):
        call = (await call_of(address))["call_id"]

        async def token(**query: str) -> str:
            asked = "&".join(f"{key}={value}" for key, value in {"agent_id": "desk", **query}.items())
            answer = await get(address, f"/stream/token?{asked}", authorization=f"Bearer {OPEN}")
            return str(answer.json["token"])

        assert await status(address, call, await token()) == 401
        assert await status(address, call, await token(scope="observe", call_id="another")) == 401
        observe = await token(scope="observe", call_id=call)
        async with connect(f"ws://{address}/live/{call}/ws?token={observe}") as ear:
            await event(ear, "metadata")
            await ear.send('{"action":"take_over"}')
            assert "no more" in (await event(ear, "error"))["error"]
        assert await status(address, call, observe) == 401, "it is good once"
        async with connect(f"ws://{address}/live/{call}/ws?token={await token(scope='supervise')}&events=1") as boss:
            await boss.send('{"action":"take_over"}')
            await event(boss, "handoff.active")
        async with connect(f"ws://{address}/audio/ws?token={await token(scope='observe')}") as socket:
            assert "listening" in (await Socket(socket).read())["error"]


async def test_calls_are_private_unless_the_project_says_otherwise() -> None:
    async with shop(media={"recording": False}) as (address, _), calling(address):
        call = await call_of(address)
        assert call["is_live"] is False
        assert await status(address, call["call_id"], OPEN) == 403


async def test_this_machine_needs_no_key_and_foreign_pages_get_nothing() -> None:
    async with server() as address, client(address, "desk", **LIVE), calling(address):
        call = (await call_of(address))["call_id"]
        async with connect(f"ws://{address}/live/{call}/ws") as ear:
            await event(ear, "metadata")
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{address}/live/{call}/ws", origin="https://evil.example")  # type: ignore[arg-type]
        assert refused.value.response.status_code == 401


async def test_a_chat_is_no_call_to_listen_to() -> None:
    async with shop() as (address, _):
        token = (await get(address, "/chat/token?agent_id=desk", authorization=f"Bearer {OPEN}")).json["token"]
        async with connect(f"ws://{address}/chat/ws?token={token}") as socket:
            chat = await Socket(socket).read()
            assert await status(address, chat.get("session_id") or chat.get("call_id") or "x", OPEN) == 404
            assert (await get(address, "/live", authorization=f"Bearer {OPEN}")).json == {"calls": []}
