"""The gate before every route, on a real server: how often, how much, how many; each refusal counted once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from tests.voice._door import Answer, Socket, chat, client, counted, get, server
from tests.voice._stage import KEY, LOOKING
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from pinecall_run.transports.rates import Rate
from pinecall_run.voice import gate, surface
from pinecall_run.voice.app import Settings, create_app
from pinecall_run.voice.proxies import read_proxies
from pinecall_run.voice.surface import MAX_OFFER, Who

PROXIED = {"proxies": read_proxies(["127.0.0.1"])}
ANA, BOB = "203.0.113.7", "203.0.113.8"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three requests of a kind, and then one in a hundred seconds."""
    rates = {surface.PEOPLE: Rate(3, 0.01), surface.PAGES: Rate(5, 0.01), surface.VENDORS: Rate(4, 0.01)}
    table = {path: replace(row, rate=rates[row.rate]) for path, row in surface._BY_PATH.items()}
    monkeypatch.setattr(surface, "_BY_PATH", table)


async def ask(address: str, target: str, host: str = ANA, **more: Any) -> Answer:
    return await get(address, target, x_forwarded_for=host, **more)


@asynccontextmanager
async def socket(address: str, target: str, host: str = ANA) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://{address}{target}", additional_headers={"X-Forwarded-For": host}) as opened:
        yield opened


# how often


@pytest.mark.usefixtures("slow")
async def test_each_address_has_its_own_rate_and_is_told_when_to_come_again() -> None:
    async with server(**PROXIED) as address:
        before = await counted(address)
        answers = [await ask(address, "/chat/token?agent_id=desk") for _ in range(5)]
        assert [answer.status for answer in answers] == [401, 401, 401, 429, 429]
        assert answers[-1].json["detail"] == "too many requests: 3 at once, and 0.01 a second"
        assert 90 <= int(answers[-1].headers["retry-after"]) <= 100
        assert (await ask(address, "/chat/token?agent_id=desk", BOB)).status == 401
        assert (await ask(address, "/healthz")).status == 200, "pages have a rate of their own"
        assert await counted(address, before) == {"http origins": 4, "http rates": 2}


@pytest.mark.usefixtures("slow")
async def test_a_network_of_ipv6_is_one_visitor_and_the_key_is_none() -> None:
    async with server(**PROXIED) as address:
        hosts = [f"2001:db8:1:2::{n}" for n in range(4)] + ["2001:db8:1:3::1"]
        statuses = [(await ask(address, "/chat/token?agent_id=x", host)).status for host in hosts]
        assert statuses == [401, 401, 401, 429, 401]
        for _ in range(9):
            answer = await ask(address, "/api/sdk/agents", hosts[0], authorization=f"Bearer {KEY}")
            assert answer.status == 200


@pytest.mark.usefixtures("slow")
async def test_sockets_count_and_are_turned_away_before_they_open() -> None:
    async with server(**PROXIED) as address:
        before = await counted(address)
        for _ in range(3):
            async with socket(address, "/chat/ws?token=guess") as opened:
                assert json.loads(await opened.recv())["event"] == "error"
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{address}/chat/ws", additional_headers={"X-Forwarded-For": ANA})
        assert refused.value.response.status_code == 429
        assert int(refused.value.response.headers["Retry-After"]) >= 90
        assert await counted(address, before) == {"tokens chat": 3, "sockets rates": 1}


@pytest.mark.usefixtures("slow")
async def test_what_a_vendor_signed_does_not_count_and_what_it_did_not_does() -> None:
    async with server(**PROXIED) as address:
        keys = {"accessToken": "t", "appSecret": "s", "verifyToken": "word"}
        asked = "/whatsapp/webhook?hub.mode=subscribe&hub.verify_token={}&hub.challenge=1"
        async with client(address, "desk", llm=LOOKING) as runner:
            await runner.send("channel.add", agent_id="desk", type="whatsapp", ref="1", **keys)
            await runner.until("channel.added")
            for _ in range(9):
                assert (await ask(address, asked.format("word"))).status == 200
            before = await counted(address)
            statuses = [(await ask(address, asked.format("guess"))).status for _ in range(5)]
            assert statuses == [403, 403, 403, 403, 429]
            assert await counted(address, before) == {"whatsapp unverified": 4, "http rates": 1}


async def test_keys_are_not_guessed_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "WRONG_KEYS", Rate(3, 0.01))
    async with server(**PROXIED) as address:
        before = await counted(address)
        for _ in range(2):
            assert (await ask(address, "/api/sdk/agents", authorization="Bearer guess")).status == 401
        async with socket(address, "/client") as opened:
            it = Socket(opened)
            await it.send("connect", api_key="guess")
            assert await it.closed() == (1008, "invalid key")
        for key in ("guess", KEY):
            assert (await ask(address, "/metrics", authorization=f"Bearer {key}")).status == 429
        assert (await ask(address, "/metrics", BOB, authorization=f"Bearer {KEY}")).status == 200
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{address}/client", additional_headers={"X-Forwarded-For": ANA})
        async with socket(address, "/client", BOB) as opened:
            it = Socket(opened)
            await it.send("connect", api_key=KEY)
            await it.until("connected")
        assert (await ask(address, "/chat/token", authorization="Basic of-a-proxy")).status == 401
        assert await counted(address, before) == {
            "http keys": 2,
            "client keys": 1,
            "http rates": 2,
            "sockets rates": 1,
        }


async def test_a_line_break_behind_a_path_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A route takes ``/client%0A`` for ``/client``."""
    monkeypatch.setattr(gate, "WRONG_KEYS", Rate(1, 0.01))
    async with server(**PROXIED) as address:
        async with socket(address, "/client%0A") as opened:
            it = Socket(opened)
            await it.send("connect", api_key="guess")
            assert await it.closed() == (1008, "invalid key")
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{address}/client%0A", additional_headers={"X-Forwarded-For": ANA})


async def test_keys_are_not_guessed_in_addresses_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "WRONG_KEYS", Rate(3, 0.01))
    async with server(**PROXIED) as address:
        before = await counted(address)
        for _ in range(9):
            assert (await ask(address, f"/live?token={quote(KEY)}")).status == 200
            assert (await ask(address, "/live/wrt_1/player?token=stm_x")).status == 200
        statuses = [(await ask(address, "/live?token=guess")).status for _ in range(4)]
        assert statuses == [401, 401, 401, 429]
        assert (await ask(address, f"/live?token={quote(KEY)}")).status == 429, "nor told that one was right"
        assert (await ask(address, f"/live?token={quote(KEY)}", BOB)).status == 200
        assert await counted(address, before) == {"http keys": 3, "http rates": 2}


async def test_a_key_is_not_guessed_before_another_authorization(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "WRONG_KEYS", Rate(3, 0.01))
    async with server(**PROXIED) as address:
        before = await counted(address)
        for _ in range(3):
            host, port = address.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            head = "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {}\r\nConnection: close\r\n{}\r\n"
            keys = "Authorization: Bearer guess\r\nAuthorization: Basic x\r\n"
            writer.write(head.format(ANA, keys).encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 401")
            writer.close()
        assert (await ask(address, "/metrics", authorization="Bearer guess")).status == 429
        assert await counted(address, before) == {"http keys": 3, "http rates": 1}


@pytest.mark.usefixtures("slow")
async def test_whoever_has_no_address_is_no_developer() -> None:
    told: list[Any] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "path": "/chat/token", "query_string": b"", "headers": [], "client": None, "method": "GET"}
    app = create_app(Settings(KEY, open_on_loopback=True))
    for _ in range(5):
        await app(dict(scope), receive, send)
    assert told == [401, 401, 401, 429, 429]


@pytest.mark.usefixtures("slow")
async def test_this_machine_is_held_to_no_rate_but_what_is_passed_on_is_no_machine() -> None:
    async with server() as address:
        for _ in range(9):
            assert (await get(address, "/chat/token?agent_id=desk")).status == 404
        statuses = [(await ask(address, "/chat/token?agent_id=desk")).status for _ in range(4)]
        assert statuses == [401, 401, 401, 429]


# how much


async def post(address: str, target: str, body: bytes, *, chunked: bool = False) -> Answer:
    if not chunked:
        return await get(address, target, method="POST", body=body)
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(body[at : at + 9_000]), body[at : at + 9_000])
                      for at in range(0, len(body), 9_000))  # fmt: skip
    reader, writer = await asyncio.open_connection(*address.split(":"))
    head = f"POST {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    writer.write(head.encode() + pieces + b"0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    head_, _, rest = answer.partition(b"\r\n\r\n")
    return Answer(int(head_.split()[1]), {}, rest)


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(
    ("target", "most"),
    [("/webrtc/offer", MAX_OFFER), ("/twilio/voice", 16_384), ("/whatsapp/webhook", 3 * 2**20), ("/healthz", 1_024)],
)
async def test_a_body_has_its_routes_length_at_most(target: str, most: int, is_chunked: bool) -> None:
    async with server() as address:
        before = await counted(address)
        answer = await post(address, target, b"x" * (most + 1), chunked=is_chunked)
        assert (answer.status, answer.json["detail"]) == (413, f"a request to it has at most {most:,} bytes")
        assert await counted(address, before) == {"http large bodies": 1}
        assert (await post(address, target, b"x" * most, chunked=is_chunked)).status not in (413, 500)


async def test_a_body_that_is_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.1)
    async with server() as address:
        before = await counted(address)
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(b"POST /webrtc/offer HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"a request has to be there within 0.1 s" in answer
        assert await counted(address, before) == {"http slow bodies": 1}


async def test_all_bodies_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_BODIES", 50_000)
    async with server() as address:
        before = await counted(address)
        writers = []
        for _ in range(2):
            _, writer = await asyncio.open_connection(*address.split(":"))
            writer.write(b"POST /webrtc/offer HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n" + b" " * 20_000)
            writers.append(writer)
        await asyncio.sleep(0.1)
        assert (await post(address, "/webrtc/offer", b" " * 20_000)).status == 503
        for writer in writers:
            writer.close()
        await asyncio.sleep(0.1)
        assert (await post(address, "/webrtc/offer", b" " * 20_000)).status == 400, "what is gone takes no room"
        assert await counted(address, before) == {"http too many bodies": 1}


@pytest.mark.parametrize(
    ("target", "first", "then"),
    [("/client", 65_536, 4 * 2**20), ("/chat/ws", 65_536, 65_536), ("/audio/ws", 262_144, 262_144)],
)
async def test_a_message_has_its_routes_length_at_most(target: str, first: int, then: int) -> None:
    row = surface.route_of(target)
    assert (row.first, row.message) == (first, then)


async def test_the_first_message_to_a_runners_socket_is_short_and_the_next_need_not_be() -> None:
    async with server() as address:
        before = await counted(address)
        async with connect(f"ws://{address}/client") as opened:
            await opened.send(json.dumps({"event": "connect", "api_key": KEY, "more": "x" * 65_536}))
            assert await Socket(opened).closed() == (1009, "a message has at most 65,536 bytes")
        async with client(address, "desk", llm=LOOKING) as runner:
            await runner.send("agent.configure", agent_id="desk", prompt="x" * 3_000_000)
            await runner.until("agent.configured")
            await runner.send("agent.configure", agent_id="desk", prompt="x" * 4 * 2**20)
            assert (await runner.closed())[0] == 1009
        assert await counted(address, before) == {"sockets giant frames": 2}


async def test_a_giant_message_ends_its_chat_and_no_other() -> None:
    async with server() as address, client(address, "desk", llm=LOOKING) as runner, chat(address, "desk") as calm:
        before = await counted(address)
        async with chat(address, "desk") as page:
            await page.send("message", text="x" * 65_536)
            assert await page.closed() == (1009, "a message has at most 65,536 bytes")
        await runner.until("llm.chat.ended")
        await calm.send("message", text="hi")
        await calm.until("chat.done")
        assert await counted(address, before) == {"sockets giant frames": 1}


# how many


async def test_one_visitor_holds_so_many_sockets_and_all_together_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(surface._BY_PATH, "/client", replace(surface.route_of("/client"), sockets=2))
    monkeypatch.setattr(gate, "MOST_SOCKETS", 4)
    async with server(**PROXIED) as address:
        before = await counted(address)
        async with socket(address, "/client"), socket(address, "/client"):
            with pytest.raises(InvalidStatus, match="503"):
                await connect(f"ws://{address}/client", additional_headers={"X-Forwarded-For": ANA})
            async with socket(address, "/client", BOB), socket(address, "/client", BOB):
                with pytest.raises(InvalidStatus, match="503"):
                    await connect(f"ws://{address}/client", additional_headers={"X-Forwarded-For": "192.0.2.1"})
        async with socket(address, "/client"):
            pass
        assert await counted(address, before) == {"sockets too many": 2}


async def test_a_proxy_that_nobody_named_is_mentioned_once(caplog: pytest.LogCaptureFixture) -> None:
    async with server() as address:
        for _ in range(3):
            await ask(address, "/healthz")
    assert caplog.text.count("requests come by a proxy that is not trusted") == 1
    caplog.clear()
    async with server(**PROXIED) as address:
        await ask(address, "/healthz")
        await get(address, "/healthz")
    assert "not trusted" not in caplog.text


async def test_an_address_that_nothing_is_at_has_the_least_of_each() -> None:
    row = surface.route_of("/no/such/place")
    assert (row.who, row.body, row.message) == (Who.ANYBODY, 1_024, 1_024)
    async with server() as address:
        assert (await get(address, "/no/such/place")).status == 404
