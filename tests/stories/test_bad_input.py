"""Each kind of bad input, sent for real to one server with every door open: exactly its own counter goes up, by one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests._ports import free_port
from tests.emulators.speech import emulated
from tests.transports.test_sdp import OFFER
from tests.voice._door import Socket, client, counted, get, server
from tests.voice._stage import LOOKING
from tests.voice.test_twilio_door import ENVIRON, NUMBER, PUBLIC, SID, form, opened, post, stream_of
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from pinecall_run.transports.refusals import HANDSHAKES, KINDS
from pinecall_run.transports.sip_sockets import STRANGER
from pinecall_run.voice import twilio_door
from pinecall_run.voice.sip_settings import SipSettings, read_sip

SECRET = "app-secret"
HOOK = "/whatsapp/webhook"


@dataclass
class World:
    address: str
    runner: Socket
    sip: int
    phones: list[Phone] = field(default_factory=list)

    def phone(self, host: str = "127.0.0.1") -> Phone:
        self.phones.append(Phone(self.sip, host))
        return self.phones[-1]

    async def limit(self, **limits: Any) -> None:
        await self.runner.send("agent.configure", agent_id="desk", config={"limits": limits})
        await self.runner.until("agent.configured")

    async def hook(self, body: bytes, *, secret: str = SECRET) -> int:
        signed = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return (await get(self.address, HOOK, method="POST", body=body, x_hub_signature_256=signed)).status

    async def wrote(self, id: str, *, number: str = "1") -> int:
        text = {"from": "34600", "id": id, "timestamp": str(int(time.time())), "type": "text", "text": {"body": "hi"}}
        value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}, "messages": [text]}
        entry = [{"id": "0", "changes": [{"field": "messages", "value": value}]}]
        return await self.hook(json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode())

    async def say(self, *messages: str) -> int:
        """Say something to Twilio's socket; how it is closed."""
        async with connect(f"ws://{self.address}/twilio/stream") as stream:
            try:
                for message in messages:
                    await stream.send(message)
                await stream.wait_closed()
            except ConnectionClosed:
                pass
            return stream.close_code or 0

    async def guess(self, path: str) -> None:
        async with connect(f"ws://{self.address}{path}?token=guess") as page:
            assert json.loads(await page.recv())["event"] == "error"

    async def call(self, call: str = "CA1") -> bytes:
        return (await post(self.address, "/twilio/voice", form(call))).body


@asynccontextmanager
async def world(*, sip: str = '{"peers": ["127.0.0.1"]}', **more: Any) -> AsyncIterator[World]:
    port = free_port()
    settings: SipSettings | None = read_sip(f'{{"listen": "127.0.0.1:{port}", "trunks": [{sip}]}}')
    own = {"llm": LOOKING, "stt": "emulated", "voice": "emulated"}
    with emulated():
        async with (
            server(environ=ENVIRON, public_url=PUBLIC, sip=settings, **more) as address,
            client(address, "desk", **own) as runner,
        ):
            keys = {"accessToken": "t", "appSecret": SECRET, "verifyToken": "word"}
            for channel in (
                {"type": "phone", "ref": NUMBER},
                {"type": "phone", "ref": "sip:lobby@127.0.0.1"},
                {"type": "whatsapp", "ref": "1", **keys},
            ):
                await runner.send("channel.add", agent_id="desk", **channel)
                await runner.until("channel.added")
            it = World(address, runner, port)
            try:
                yield it
            finally:
                for phone in it.phones:
                    phone.socket.close()


class Phone:
    """A telephone that speaks SIP by hand."""

    def __init__(self, server: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self._server = ("127.0.0.1", server)
        self.host, self.port = self.socket.getsockname()

    async def take(self) -> str:
        """The next message."""
        async with asyncio.timeout(10):
            return (await asyncio.get_running_loop().sock_recv(self.socket, 65_536)).decode()

    def ask(self, method: str, *, user: str = "lobby", tag: str = "", body: str = "", number: int = 1) -> None:
        to = f"<sip:{user}@127.0.0.1>" + (f";tag={tag}" if tag else "")
        kind = "Content-Type: application/sdp\r\n" if body else ""
        head = (
            f"{method} sip:{user}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{number}"
            f"{method}\r\nFrom: <sip:+15550001111@{self.host}>;tag=a\r\nTo: {to}\r\nCall-ID: {self.port}\r\n"
            f"Max-Forwards: 70\r\nCSeq: {number} {method}\r\nContact: <sip:a@{self.host}:{self.port}>\r\n{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self.send(head.encode())

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, self._server)

    async def answer(self, status: int) -> str:
        while not (text := await self.take()).startswith(f"SIP/2.0 {status}"):
            pass
        return text


async def _forged_key(it: World) -> None:
    async with connect(f"ws://{it.address}/client") as runner:
        stranger = Socket(runner)
        await stranger.send("connect", api_key="guess")
        await stranger.closed()


async def _forged_offer(it: World) -> None:
    body = json.dumps({"sdp": OFFER, "type": "offer", "token": "guess"}).encode()
    assert (await get(it.address, "/webrtc/offer", method="POST", body=body)).status == 403


async def _foreign_page(it: World) -> None:
    answer = await get(it.address, "/chat/token?agent_id=desk", origin="https://evil.example")
    assert answer.status == 401


async def _copied_call(it: World) -> None:
    await it.call()
    await it.call()


async def _stolen_stream(it: World) -> None:
    assert await opened(it.address, "guess") == (1008, "no stream of this call is awaited")


async def _flooding_streams(it: World) -> None:
    async with connect(f"ws://{it.address}/twilio/stream"), connect(f"ws://{it.address}/twilio/stream"):
        assert await it.say() == 1013


async def _garbage_in_a_call(it: World) -> None:
    token = stream_of(await post(it.address, "/twilio/voice", form())).nouns[0].attributes["value"]
    start = {
        "streamSid": "MZ1",
        "callSid": "CA1",
        "accountSid": SID,
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token},
    }
    await it.say(json.dumps({"event": "start", "start": start}), '{"event":"nonsense"}', '{"event":"stop"}')


async def _two_of_one(it: World) -> None:
    await it.wrote("m1")
    await it.wrote("m1")


async def _full(it: World, **limits: Any) -> None:
    """A call goes on, and one more comes."""
    await it.limit(**limits)
    await asyncio.gather(_talk(it), _one_more(it))


async def _talk(it: World) -> None:
    token = (await get(it.address, "/stream/token?agent_id=desk")).json["token"]
    async with connect(f"ws://{it.address}/audio/ws?token={token}") as line:
        async with asyncio.timeout(3):
            while (await counted(it.address))["calls agent full"] + (await counted(it.address))[
                "calls server full"
            ] == 0:
                await line.send(bytes(640))
                await asyncio.sleep(0.01)


async def _one_more(it: World) -> None:
    await it.runner.until("call.started")
    assert b"busy" in await it.call()


async def _agent_full(it: World) -> None:
    await _full(it, max_calls=1)


async def _channel_full(it: World) -> None:
    await it.runner.send("channel.add", agent_id="desk", type="chat", maxCalls=1)
    await it.runner.until("channel.added")
    tokens = [(await get(it.address, "/chat/token?agent_id=desk")).json["token"] for _ in range(2)]
    async with connect(f"ws://{it.address}/chat/ws?token={tokens[0]}") as first:
        await first.recv()
        async with connect(f"ws://{it.address}/chat/ws?token={tokens[1]}") as second:
            assert json.loads(await second.recv())["error"] == "all lines are busy; try again later"
            await second.wait_closed()
            assert second.close_code == 1013
        await first.send('{"event":"message","text":"hi"}')
        while json.loads(await first.recv())["event"] != "chat.done":
            pass


async def _frequent_caller(it: World) -> None:
    await it.limit(caller_calls_per_hour=1)
    await it.call("CA1")
    assert b"busy" in await it.call("CA2")


async def _frequent_writer(it: World) -> None:
    await it.limit(caller_messages_per_minute=1)
    assert [await it.wrote("m1"), await it.wrote("m2")] == [200, 200]


async def _frequent_dialer(it: World) -> None:
    await it.limit(number_dials_per_hour=1)
    for _ in range(2):
        await it.runner.send("call.dial", agent_id="desk", to="+15550001111", **{"from": NUMBER})
    assert (await it.runner.until("call.error", code="RATE_LIMITED"))["agent_id"] == "desk"


async def _nonsense(it: World) -> None:
    it.phone().send(b"OPTIONS nonsense")
    await asyncio.sleep(0.1)


async def _unknown_method(it: World) -> None:
    phone = it.phone()
    phone.ask("PUBLISH")
    await phone.answer(405)


async def _nobody(it: World) -> None:
    phone = it.phone()
    phone.ask("INVITE", user="nobody", body=_sdp(9_000))
    await phone.answer(404)
    phone.ask("ACK", user="nobody", tag="x")


def _sdp(port: int) -> str:
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )


def _tag(answer: str) -> str:
    return answer.partition("\r\nTo:")[2].partition("tag=")[2].partition("\r\n")[0]


async def _forged_sound(it: World) -> None:
    phone, stranger = it.phone(), it.phone("127.0.0.2")
    phone.ask("INVITE", body=_sdp(free_port()))
    answer = await phone.answer(200)
    tag = _tag(answer)
    phone.ask("ACK", tag=tag)
    port = int(answer.partition("m=audio ")[2].split()[0])
    stranger.socket.sendto(b"\x80\x00\x00\x01" + bytes(168), ("127.0.0.1", port))
    await asyncio.sleep(0.1)
    phone.ask("BYE", tag=tag, number=2)
    await phone.answer(200)
    await it.runner.until("call.ended")


TABLE: dict[str, Callable[[World], Awaitable[Any]]] = {
    "client keys": _forged_key,
    "tokens chat": lambda it: it.guess("/chat/ws"),
    "tokens stream": lambda it: it.guess("/audio/ws"),
    "tokens webrtc": _forged_offer,
    "http origins": _foreign_page,
    "http large bodies": lambda it: get(it.address, "/twilio/voice", method="POST", body=b"x" * 20_000),
    "twilio signatures": lambda it: post(it.address, "/twilio/voice", form(), token="guess"),
    "twilio replays": _copied_call,
    "twilio tokens": _stolen_stream,
    "twilio floods": _flooding_streams,
    "twilio media before start": lambda it: it.say('{"event":"media","media":{"payload":"AAAA"}}'),
    "twilio giant frames": lambda it: it.say("x" * 100_000),
    "twilio garbage": _garbage_in_a_call,
    "twilio no start": lambda it: it.say('{"event":"connected"}'),
    "whatsapp forged": lambda it: it.hook(b"{}", secret="guess"),
    "whatsapp replayed": _two_of_one,
    "whatsapp malformed": lambda it: it.hook(b"[]"),
    "whatsapp unverified": lambda it: get(it.address, f"{HOOK}?hub.mode=subscribe&hub.verify_token=guess"),
    "whatsapp away": lambda it: it.wrote("m1", number="2"),
    "calls agent full": _agent_full,
    "calls channel full": _channel_full,
    "calls server full": _full,
    "calls caller rate": _frequent_caller,
    "calls message rate": _frequent_writer,
    "calls dial rate": _frequent_dialer,
    "sip messages without sense": _nonsense,
    "sip requests": _unknown_method,
    "sip calls of nobody": _nobody,
    "sip packets of forged sound": _forged_sound,
}

BESIDE = {"twilio floods": {"twilio no start": 2}}
"""The streams that made it one too many say nothing either."""

ELSEWHERE = {
    "http": "test_gate.py, test_patient_http.py and test_certificate.py",
    **{f"sip {kind}": "test_handshakes.py and test_sip_sockets.py" for kind in HANDSHAKES},
    "sockets": "test_gate.py",
    "sip floods": "below: more than one message is needed",
}


@pytest.mark.parametrize("kind", TABLE)
async def test_each_has_one_counter(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecall_run.transports.twilio_stream.START_SECONDS", 0.3)
    monkeypatch.setattr(twilio_door, "MAX_OPENING", 2)
    async with world(**({"max_calls": 1} if kind == "calls server full" else {})) as it:
        before = await counted(it.address)
        await TABLE[kind](it)
        await asyncio.sleep(0.05)
        assert await counted(it.address, before) == {kind: 1, **BESIDE.get(kind, {})}


async def test_a_flood_of_strangers_is_counted_as_that(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with world(sip='{"username": "ana", "password": "hush"}') as it:
        before = await counted(it.address)
        phone = it.phone()
        for number in range(STRANGER[0] + 300):
            phone.ask("OPTIONS", number=number + 1)
            if number % 20 == 0:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.2)
        found = await counted(it.address, before)
        assert 0 < found.pop("sip floods") <= 300
        assert found == {}
    assert "refused at the doors: " in caplog.text
    assert "floods" in caplog.text.rpartition("refused at the doors: ")[2]


def test_the_table_has_every_kind() -> None:
    every = {f"{door} {kind}" for door, kinds in KINDS.items() for kind in kinds}
    assert TABLE.keys() <= every
    missing = {kind for kind in every - TABLE.keys() if kind not in ELSEWHERE and kind.split()[0] not in ELSEWHERE}
    assert missing == set()


@pytest.mark.parametrize(
    ("limits", "max_calls", "status"), [({"max_calls": 1}, None, 486), ({}, 1, 503), ({"overflow": "Busy."}, 1, 200)]
)
async def test_one_caller_too_many_over_sip(limits: dict[str, Any], max_calls: int | None, status: int) -> None:
    async with world(max_calls=max_calls) as it:
        await it.limit(**limits)
        first, second = it.phone(), it.phone()
        first.ask("INVITE", body=_sdp(free_port()))
        tag = _tag(await first.answer(200))
        first.ask("ACK", tag=tag)
        second.ask("INVITE", body=_sdp(free_port()))
        answer = await second.answer(status)
        second.ask("ACK", tag=_tag(answer))
        if status == 200:
            while not (await second.take()).startswith("BYE "):
                pass
        assert "call.ended" not in [frame["event"] for frame in it.runner.frames]
        first.ask("BYE", tag=tag, number=2)
        await first.answer(200)
        await it.runner.until("call.ended")
        assert len([frame for frame in it.runner.frames if frame["event"] == "call.started"]) == 1
