"""TLS on the server's port: what it shows, and what becomes of it when the files are renewed."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest
from tests.voice._door import get_over_tls, server
from tests.voice._stage import KEY
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage

from pinecall_run.voice.certificate import BadCertificateError, Certificate


def certified(folder: Path, name: str = "localhost") -> tuple[str, str]:
    """A certificate for a name and this machine's address, and its key."""
    certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
         certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key


async def test_pages_and_sockets_are_served_over_it_and_renewed_files_are_shown(tmp_path: Path) -> None:
    files = certified(tmp_path, "first")
    shown = Certificate(*files)
    async with server(certificate=shown) as address:
        trusting = ssl.create_default_context(cafile=files[0])
        answer = await get_over_tls(address, "/healthz", trusting)
        assert answer.startswith(b"HTTP/1.1 200")
        async with connect(f"wss://{address}/client", ssl=trusting) as socket:
            await socket.send(f'{{"event":"connect","api_key":"{KEY}"}}')
            assert '"connected"' in str(await socket.recv())
            certified(tmp_path, "second")
            shown.load()
            with pytest.raises(ssl.SSLCertVerificationError):
                await get_over_tls(address, "/healthz", trusting)
            renewed = ssl.create_default_context(cafile=files[0])
            assert (await get_over_tls(address, "/healthz", renewed)).startswith(b"HTTP/1.1 200")
            await socket.send('{"event":"ping"}')
            assert '"pong"' in str(await socket.recv()), "what goes on goes on"


async def test_plain_text_is_not_answered_there_and_counted(tmp_path: Path) -> None:
    files = certified(tmp_path)
    async with server(certificate=Certificate(*files)) as address:
        with pytest.raises((InvalidMessage, ConnectionError)):
            await connect(f"ws://{address}/client")
        metrics = await get_over_tls(address, "/metrics", ssl.create_default_context(cafile=files[0]))
        assert b'refused_total{door="http",kind="failed_handshakes"} 1' in metrics


def test_files_that_are_none_are_one_sentence(tmp_path: Path) -> None:
    certificate, key = certified(tmp_path)
    shown = Certificate(certificate, key)
    with pytest.raises(BadCertificateError, match=f"{certificate} and /no/such are no certificate and its key"):
        Certificate(certificate, "/no/such")
    Path(key).write_text("nonsense")
    with pytest.raises(BadCertificateError, match="are no certificate and its key"):
        shown.load()
