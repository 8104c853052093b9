"""A server that cannot be reached is a sentence with what went wrong, where, and what to do; never a credential."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.exceptions import InvalidProxy, InvalidProxyMessage, InvalidProxyStatus, InvalidStatus, InvalidURI
from websockets.http11 import Response

from pinecall_run.link.failure import Target, closing, sentence

DIRECT = Target("wss://voice.example/client")
PROXIED = Target("wss://voice.example/client", "http://me:secret@proxy.example:3128")
MULTIPLE = "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111] Connect call failed"

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def status(number: int) -> InvalidStatus:
    return InvalidStatus(Response(number, "", Headers()))


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "strange"
    return error


@pytest.mark.parametrize(
    ("error", "target", "said"),
    [
        (ConnectionRefusedError(111, "x"), DIRECT, "nothing listens at voice.example:443: start the voice server"),
        (OSError(MULTIPLE), DIRECT, "nothing listens at voice.example:443: start the voice server"),
        (ExceptionGroup("", [ConnectionRefusedError(111, "x")]), DIRECT, "nothing listens at voice.example:443"),
        (ConnectionRefusedError(111, "x"), PROXIED, "nothing listens at the proxy proxy.example:3128: check HTTPS_PR"),
        (OSError("Multiple exceptions: [Errno 101] a, [Errno 113] b"), DIRECT, "cannot be reached: check server.url"),
        (OSError(101, "Network is unreachable"), DIRECT, "there is no way to voice.example:443: check the network"),
        (OSError(5, "Input/output error"), DIRECT, "connecting to voice.example:443 failed: Input/output error"),
        (socket.gaierror(-2, "Name or service not known"), DIRECT, "the name of voice.example is not known: check it"),
        (socket.gaierror(-2, "x"), PROXIED, "the name of the proxy proxy.example is not known"),
        (ConnectionResetError(104, "x"), DIRECT, "voice.example:443 hung up before it answered: check server.url"),
        (status(200), DIRECT, "voice.example:443 answered with HTTP 200 instead of a WebSocket: that is a web page"),
        (status(404), DIRECT, "HTTP 404 instead of a WebSocket: no voice server is there"),
        (status(426), DIRECT, "something on the way takes the upgrade off"),
        (status(418), DIRECT, "HTTP 418 instead of a WebSocket: check server.url"),
        (status(503), DIRECT, "it is not well; it is tried again"),
        (certificate(18), DIRECT, "the certificate of voice.example:443 is self-signed: name it in SSL_CERT_FILE"),
        (certificate(10), DIRECT, "has expired"),
        (certificate(62), DIRECT, "is for another name"),
        (certificate(99), DIRECT, "was not accepted (strange)"),
        (InvalidProxy("http://me:secret@x", "path is meaningless"), PROXIED, "its address path is meaningless"),
        (
            InvalidProxyStatus(Response(407, "", Headers())),
            PROXIED,
            "did not let us through to voice.example:443 (HTTP",
        ),
        (InvalidProxyMessage("x"), PROXIED, "(no answer of a proxy): check HTTPS_PROXY"),
        (ImportError("python-socks"), PROXIED, "is a SOCKS proxy: install python-socks"),
        (InvalidURI("https://a/b", "scheme"), DIRECT, "redirects to https://a/b, which is not a WebSocket address"),
        (
            InvalidURI("ws://u:secret@", "no"),
            Target("ws://u:secret@"),
            "ws:// is not a WebSocket address: write server",
        ),
        (RuntimeError(), DIRECT, "connecting to voice.example:443 failed: RuntimeError"),
    ],
)
def test_each_failure_has_its_sentence(error: Exception, target: Target, said: str) -> None:
    told = sentence(error, target)
    assert said in told
    assert "secret" not in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        (1012, "", "the server restarts"),
        (1009, "", "the server takes no message of that size"),
        (None, "", "connection lost"),
        (4711, "", "the server closed the connection with code 4711"),
        (4001, "Displaced: x", "Displaced: x"),
    ],
)
def test_an_end_is_told_in_the_servers_words_or_by_its_code(code: int | None, reason: str, said: str) -> None:
    assert closing(code, reason) == said


# real ones: what the libraries raise, not what we believe they do


@contextlib.asynccontextmanager
async def listening(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async with await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


async def told(url: str, proxy: str | None = None) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any
        await connect(url, proxy=proxy, open_timeout=5)
    return sentence(caught.value, Target(url, proxy))


def answering(data: bytes) -> Handle:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
            writer.write(data)
            writer.close()

    return handle


async def test_a_name_of_two_addresses_that_both_refuse() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert (await told(f"ws://localhost:{port}")).startswith(f"nothing listens at localhost:{port}: ")


async def test_a_name_that_does_not_exist() -> None:
    assert "is not known" in await told("ws://no-such-host.invalid")


async def test_a_web_page_and_no_http_at_all() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    async with listening(answering(page)) as port:
        assert "that is a web page" in await told(f"ws://127.0.0.1:{port}")
    async with listening(answering(b"HTTP/1.0 404 Not Found\r\n\r\n")) as port:
        assert "is a web server that knows no WebSockets" in await told(f"ws://127.0.0.1:{port}")
    async with listening(answering(b"")) as port:
        assert "does not speak HTTP: check the port" in await told(f"ws://127.0.0.1:{port}")
    async with listening(answering(page)) as port:
        assert "write http:// in server.url" in await told(f"wss://127.0.0.1:{port}")


async def test_a_proxy_that_lets_nobody_through() -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with listening(answering(refusal)) as port:
        sentence = await told("wss://voice.example", f"http://me:secret@127.0.0.1:{port}")
    assert f"the proxy 127.0.0.1:{port} did not let us through to voice.example:443 (HTTP 407)" in sentence
    assert "secret" not in sentence


def self_signed(folder: Path) -> ssl.SSLContext:
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    return tls


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_a_self_signed_certificate(tmp_path: Path) -> None:
    async with listening(answering(b""), self_signed(tmp_path)) as port:
        sentence = await told(f"wss://localhost:{port}")
    assert sentence == (
        f"the certificate of localhost:{port} is self-signed: name it in SSL_CERT_FILE, "
        "or have one issued by a known authority"
    )
