"""``pinecall-run serve``: the key it wants, and what it leaves open."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pytest
from tests.stories._stage import clean_environment, command
from tests.voice._door import get_over_tls
from tests.voice.test_certificate import certified
from websockets.asyncio.client import connect

from pinecall_run.cli import serve


@asynccontextmanager
async def _serving(*words: str, **environment: str) -> AsyncIterator[list[str]]:
    process = await asyncio.create_subprocess_exec(
        *command("serve", "--port", "0", *words), env=clean_environment(**environment), stdout=asyncio.subprocess.PIPE
    )
    lines: list[str] = []
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            while not lines or "Ctrl-C" not in lines[-1]:
                lines.append((await process.stdout.readline()).decode())
                assert lines[-1], lines
        yield lines
    finally:
        process.terminate()
        async with asyncio.timeout(5):
            assert await process.wait() == 0


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def test_runners_need_the_key_that_was_given() -> None:
    async with _serving(PINECALL_API_KEY="pk_given") as lines:
        assert "pk_given" not in "".join(lines)
        url = lines[0].split()[-1]
        for key, event in (("pk_given", "connected"), ("pk_other", "error")):
            async with connect(url.replace("http", "ws") + "/client") as client:
                await client.send(json.dumps({"event": "connect", "api_key": key}))
                assert json.loads(await client.recv())["event"] == event


async def test_a_fresh_key_is_shown_and_differs_each_time() -> None:
    keys = set()
    for _ in range(2):
        async with _serving() as lines:
            keys.add(next(line.split()[1] for line in lines if line.startswith("  key")))
    assert len(keys) == 2


@pytest.mark.parametrize(("words", "status"), [([], 200), (["--closed"], 401)])
async def test_this_machine_needs_no_key_unless_it_is_closed(words: list[str], status: int) -> None:
    async with _serving(*words) as lines:
        url = lines[0].split()[-1]
        assert await asyncio.to_thread(_status, f"{url}/api/sdk/agents") == status


async def test_a_taken_port_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = await asyncio.create_subprocess_exec(
            *command("serve", "--port", port), env=clean_environment(), stderr=asyncio.subprocess.PIPE
        )
        _, error = await process.communicate()
    assert process.returncode == 1
    assert error.decode() == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n"


async def test_ice_servers_come_from_the_environment() -> None:
    servers = [{"urls": "stun:127.0.0.1:9"}]
    async with _serving(PINECALL_ICE_SERVERS=json.dumps(servers)) as lines:
        url = lines[0].split()[-1] + "/webrtc/ice-servers"
        answer = await asyncio.to_thread(urllib.request.urlopen, url, timeout=20)
        with answer:
            assert json.load(answer) == {"iceServers": servers}


async def test_the_public_address_comes_from_the_environment() -> None:
    twilio = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}
    async with _serving(PINECALL_PUBLIC_URL="https://voice.example", **twilio) as lines:
        url = lines[0].split()[-1] + "/twilio/voice"
        with pytest.raises(urllib.error.HTTPError) as caught:
            await asyncio.to_thread(urllib.request.urlopen, url, b"CallSid=CA1", 20)
        with caught.value as error:
            assert error.code == 403, "a signature is asked for, no setting"


async def test_ice_servers_that_are_none_stop_it_without_being_shown() -> None:
    process = await asyncio.create_subprocess_exec(
        *command("serve", "--port", "0"),
        env=clean_environment(PINECALL_ICE_SERVERS='[{"urls": "turn:h", "credential": "hunter2"}]'),
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    assert process.returncode == 1
    assert b"PINECALL_ICE_SERVERS: server 1: a TURN server needs username and credential" in said
    assert b"hunter2" not in said


async def test_sip_that_is_set_up_wrongly_stops_it_without_showing_a_password() -> None:
    process = await asyncio.create_subprocess_exec(
        *command("serve", "--port", "0"),
        env=clean_environment(PINECALL_SIP='{"trunks": [{"username": "ana", "passwort": "hunter2"}]}'),
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    assert process.returncode == 1
    assert b"PINECALL_SIP: trunks: number 1 has unknown keys: passwort" in said
    assert b"hunter2" not in said


async def _refusal(*words: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command("serve", "--port", "0", *words), env=clean_environment(**environment), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        _, error = await process.communicate()
    assert process.returncode in (1, 2)
    return error.decode()


async def test_settings_of_the_public_face_that_are_none_stop_it() -> None:
    assert await _refusal("--trusted-proxies", "10.0.0.0/8,proxy") == (
        "Error: trusted proxies: proxy is no IP address and no network, such as 10.0.0.0/8\n"
    )
    assert "--tls-cert and --tls-key go together" in await _refusal("--tls-cert", "cert.pem")
    missing = await _refusal("--tls-cert", "/no/cert.pem", "--tls-key", "/no/key.pem")
    assert missing == "Error: /no/cert.pem and /no/key.pem are no certificate and its key: No such file or directory\n"


async def test_a_proxy_on_this_machine_that_is_named_makes_its_requests_strangers() -> None:
    async with _serving(PINECALL_TRUSTED_PROXIES="127.0.0.1") as lines:
        url = lines[0].split()[-1]
        assert await asyncio.to_thread(_status, f"{url}/api/sdk/agents") == 401
        assert await asyncio.to_thread(_status, f"{url}/healthz") == 200


async def test_tls_is_spoken_and_a_renewed_certificate_is_shown_at_a_signal(tmp_path: Path) -> None:
    certificate, key = certified(tmp_path)
    words = ("serve", "--port", "0", "--tls-cert", certificate, "--tls-key", key)
    process = await asyncio.create_subprocess_exec(
        *command(*words), env=clean_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            url = (await process.stdout.readline()).decode().split()[-1]
            while b"Ctrl-C" not in await process.stdout.readline():
                pass
            assert url.startswith("https://127.0.0.1:")
            address = url.removeprefix("https://")
            trusting = ssl.create_default_context(cafile=certificate)
            assert b" 200 " in await get_over_tls(address, "/healthz", trusting)
            certified(tmp_path, "second")
            process.send_signal(signal.SIGHUP)
            assert b"the certificate was read again" in await process.stdout.readline()
            assert b" 200 " in await get_over_tls(address, "/healthz", ssl.create_default_context(cafile=certificate))
    finally:
        process.terminate()
        await process.communicate()


def test_what_a_parent_says_of_sip_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    trunks = [{"peers": ["127.0.0.1"]}]
    monkeypatch.setenv(serve.SIP, json.dumps({"listen": "127.0.0.1:5070", "trunks": trunks}))
    told, found = serve._sip({"trunks": trunks}), serve._sip()
    assert (told and told.port, found and found.port) == (5060, 5070)
    assert serve._sip({}) is None, "a conversation from the terminal takes no telephone calls"
    with pytest.raises(click.ClickException, match=r"^server\.sip: trunks: name who"):
        serve._sip({"trunks": []})
