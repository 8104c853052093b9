"""The voice server of a project: the one that is named, or a child that ends with us."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from pinecall_run.config.model import Config, IceServer, Server
from pinecall_run.live import embedded as module
from pinecall_run.live.embedded import FIRST_PORT, StartError, embedded_server, ports, server_of


async def test_a_server_that_is_named_is_used() -> None:
    config = Config(1, Server("wss://voice.example", "k"), {})
    async with server_of(config, "mark", None) as server:
        assert (server.url, server.key) == ("wss://voice.example", "k")
        assert repr(server) == "Server(url='wss://voice.example')"


async def test_the_embedded_one_answers_and_ends_with_the_block() -> None:
    async with server_of(Config(1, Server(), {}), "mark", 0) as server:
        assert await asyncio.to_thread(_get, server.url) == 200
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(_get, server.url)


async def test_a_child_that_ends_at_once_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(StartError, match="ended before it was ready"):
        async with embedded_server("mark", 0):
            pass


async def test_a_child_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 0.05)
    with pytest.raises(StartError, match=r"did not start within 0\.05 s"):
        async with embedded_server("mark", 0):
            pass


def test_the_usual_ports_are_tried_before_any() -> None:
    assert ports(None)[:2] == [FIRST_PORT, FIRST_PORT + 1]
    assert ports(None)[-1] == 0
    assert ports(8000) == [8000]


def _get(url: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url + "/", timeout=5) as answer:
        return int(answer.status)


async def test_the_child_is_told_of_stun_and_turn_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child, order = tmp_path / "child", tmp_path / "order"
    child.write_text(f'#!/bin/sh\nhead -n 1 > {order}\necho \'{{"url": "http://127.0.0.1:1"}}\'\n')
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    servers = (IceServer(("stun:a.example",)), IceServer(("turn:a.example", "turns:a.example"), "acme", "hush"))
    async with server_of(Config(1, Server(None, "", servers), {}), "mark", 0):
        assert json.loads(order.read_text())["ice_servers"] == [
            {"urls": ["stun:a.example"]},
            {"urls": ["turn:a.example", "turns:a.example"], "username": "acme", "credential": "hush"},
        ]


@pytest.mark.parametrize(("public_url", "status"), [("https://voice.example", 403), ("", 503)])
async def test_the_child_is_told_where_the_world_reaches_it(
    public_url: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC1")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "t")
    monkeypatch.delenv("PINECALL_PUBLIC_URL", raising=False)
    async with server_of(Config(1, Server(public_url=public_url), {}), "mark", 0) as server:
        with pytest.raises(urllib.error.HTTPError) as caught:
            await asyncio.to_thread(urllib.request.urlopen, f"{server.url}/twilio/voice", b"CallSid=CA1", 5)
        with caught.value as error:
            assert error.code == status


@pytest.mark.parametrize(
    ("told", "reaches"),
    [
        (None, None),
        ({}, {}),
        ({"trunks": [{"peers": ["127.0.0.1"]}]}, {"trunks": [{"peers": ["127.0.0.1"]}]}),
        (
            {"tls": {"certificate": "c.pem", "key": "/etc/k.pem", "port": 7}},
            {"tls": {"certificate": "/project/c.pem", "key": "/etc/k.pem", "port": 7}},
        ),
    ],
)
async def test_the_child_is_told_how_it_telephones(
    told: dict[str, Any] | None, reaches: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, order = tmp_path / "child", tmp_path / "order"
    child.write_text(f'#!/bin/sh\nhead -n 1 > {order}\necho \'{{"url": "http://127.0.0.1:1"}}\'\n')
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    async with server_of(Config(1, Server(sip=told), {}), "mark", 0, folder=Path("/project")):
        assert json.loads(order.read_text())["sip"] == reaches


async def test_the_child_uses_the_stun_servers_that_it_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PINECALL_ICE_SERVERS", raising=False)
    config = Config(1, Server(ice_servers=(IceServer(("stun:127.0.0.1:9",)),)), {})
    async with server_of(config, "mark", 0) as server:
        answer = await asyncio.to_thread(urllib.request.urlopen, f"{server.url}/webrtc/ice-servers", None, 20)
        with answer:
            assert json.load(answer) == {"iceServers": [{"urls": ["stun:127.0.0.1:9"]}]}
