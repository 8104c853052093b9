"""Runs the application on a socket until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import uvicorn

from pinecall_run.transports.handshakes import Handshakes
from pinecall_run.voice.app import Settings, create_app
from pinecall_run.voice.patient_http import MAX_HEAD, patient
from pinecall_run.voice.surface import MAX_FRAME

CLOSING_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket and its address for people."""

    socket: socket.socket
    url: str


def listen(host: str, ports: list[int], *, scheme: str = "http") -> Listening:
    """Bind the first port that is free; 0 is any. ``scheme`` is that of the address for people.

    Raises:
        OSError: none is free, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number, port in enumerate(ports):
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
            bound.listen()  # now: two servers may be bound to one port until the first of them listens
        except OSError:
            bound.close()
            if number == len(ports) - 1:
                raise
            continue
        shown = f"[{host}]" if ":" in host else host
        return Listening(bound, f"{scheme}://{shown}:{bound.getsockname()[1]}")
    raise OSError("no port was given")


def spare_the_collector() -> None:
    """What there is now stays as long as the process: the garbage collector need not look at it again.

    A call that is over is a circle of objects. Python collects such when a quarter of all objects that it looks at are
    new; modules are far the most of them, so that hundreds of calls would wait, and each collection would hold up every
    call for tens of milliseconds. For a process that serves and does nothing else.
    """
    gc.collect()
    gc.freeze()


async def serve(
    settings: Settings, listening: Listening, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until ``stop`` is set, then end conversations and connections in good order."""
    app = create_app(replace(settings, host=listening.socket.getsockname()[0]))
    refused, is_proxied = app.state.refusals.at("http"), bool(settings.proxies.trusted)
    http: Any = patient(refused, is_proxied=is_proxied)
    handshakes = None
    if settings.certificate is not None:
        handshakes = Handshakes(settings.certificate.context, refused, is_proxied=is_proxied)
        http = handshakes.before(http)
    config = uvicorn.Config(
        app,
        http=http,
        h11_max_incomplete_event_size=MAX_HEAD,
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME,
        ws_ping_interval=10.0,
        ws_ping_timeout=12.0,
        ws_per_message_deflate=False,  # docs/decisions/no-compression.md
        lifespan="on",
        proxy_headers=False,  # voice/proxies.py knows whom to believe
        server_header=False,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    server = _Server(config, on_ready)
    serving = asyncio.create_task(server.serve(sockets=[listening.socket]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        await app.state.hub.close()  # while the sockets are still open, so that everybody hears it
        if handshakes is not None:
            await handshakes.close()
        server.should_exit = True
        await serving


def _is_news(record: logging.LogRecord) -> bool:
    """Not of a socket that was refused by a response: uvicorn takes it for one that nobody answered."""
    return record.getMessage() != "ASGI callable returned without completing handshake."


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to whoever called serve()
