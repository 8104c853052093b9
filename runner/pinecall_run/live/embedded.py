"""The voice server of a project: the one that it names, or the embedded one as a child process on loopback."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pinecall_run.config.model import Config, IceServer, Options

FIRST_PORT, PORTS = 7420, 10
"""Where servers of this machine are looked for, and put while there is room."""

START_SECONDS = 15.0
STOP_SECONDS = 1.2


@dataclass(frozen=True, slots=True)
class Server:
    """A voice server to connect to."""

    url: str
    key: str = field(repr=False)


class StartError(Exception):
    """The child did not start; the message says what it said last."""


def ports(first: int | None) -> list[int]:
    """The ports to try: the one asked for, else the usual ones and then any."""
    return [first] if first is not None else [*range(FIRST_PORT, FIRST_PORT + PORTS), 0]


@asynccontextmanager
async def server_of(
    config: Config, project: str, port: int | None, log_format: str = "text", *, folder: Path = Path()
) -> AsyncIterator[Server]:
    """The voice server that a configuration names, started if it is the embedded one. ``project`` is the mark by which
    it is found, ``log_format`` how its process logs, ``folder`` where the files are that the configuration names.

    Raises:
        StartError: it did not come up.
    """
    if config.server.url is not None:
        yield Server(config.server.url, config.server.api_key)
    else:
        told = config.server
        sip = _with_paths(told.sip, folder)
        async with embedded_server(
            project, port, log_format, ice_servers=told.ice_servers, public_url=told.public_url, sip=sip
        ) as server:
            yield server


@asynccontextmanager
async def embedded_server(
    project: str,
    port: int | None,
    log_format: str = "text",
    *,
    ice_servers: Sequence[IceServer] = (),
    public_url: str = "",
    sip: Options | None = None,
) -> AsyncIterator[Server]:
    """Start the server, and end it with the block. It ends by itself when this process dies in any way, because
    then its standard input ends. Without ``sip`` the environment says how it telephones; with an empty one it does not.

    Raises:
        StartError: it did not come up.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a project may hold a module named like one of the standard library
        "-m",
        "pinecall_run",
        "serve",
        "--child",
        "--log-format",
        log_format,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # so that Ctrl-C reaches only us
    )
    assert child.stdin is not None
    try:
        key = secrets.token_urlsafe(24)
        order = {
            "key": key,
            "ports": ports(port),
            "project": project,
            "ice_servers": _as_browsers_do(ice_servers),
            "public_url": public_url,
            "sip": sip,
        }
        child.stdin.write(json.dumps(order).encode() + b"\n")
        yield Server(await _url(child), key)
    finally:
        child.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()


def _as_browsers_do(servers: Sequence[IceServer]) -> list[dict[str, Any]]:
    """Servers as ``RTCPeerConnection`` takes them, without what is not said of them."""
    return [{key: value for key, value in asdict(server).items() if value} for server in servers]


def _with_paths(sip: Options | None, folder: Path) -> Options | None:
    """Settings of SIP with the files of TLS by names that lead there from anywhere."""
    tls = (sip or {}).get("tls")
    if sip is None or tls is None:
        return sip
    files = {key: str(folder.absolute() / tls[key]) for key in ("certificate", "key")}
    return {**sip, "tls": {**tls, **files}}


async def _url(child: asyncio.subprocess.Process) -> str:
    assert child.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await child.stdout.readline()
    except TimeoutError:
        raise StartError(f"the voice server did not start within {START_SECONDS:g} s") from None
    if not line:
        raise StartError("the voice server ended before it was ready; what it said is above")
    url: str = json.loads(line)["url"]
    return url
