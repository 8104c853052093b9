"""``pinecall-run serve``: the voice server alone; also the child process of ``run`` and ``chat``."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable
from typing import Any

import click

from pinecall_run.cli._log import Format, Log, log_format_option, log_modules_to
from pinecall_run.voice.app import Settings
from pinecall_run.voice.ice_servers import BadIceServersError, read_ice_servers
from pinecall_run.voice.serving import Listening, listen, serve, spare_the_collector
from pinecall_run.voice.sip_settings import BadSipSettingsError, SipSettings, read_sip, sip_settings

ICE_SERVERS = "PINECALL_ICE_SERVERS"
"""The variable with STUN and TURN servers, as JSON. None are used that it does not name."""

PUBLIC_URL = "PINECALL_PUBLIC_URL"
"""The variable with the address at which the world reaches the server."""

SIP = "PINECALL_SIP"
"""The variable that says how calls over SIP come in and go out, as JSON. None do without it."""


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=7420, show_default=True, help="Port to listen on; 0 takes any."
)
@click.option(
    "--key",
    envvar="PINECALL_API_KEY",
    help="What runners must send [env: PINECALL_API_KEY]; else a fresh one.",
)
@click.option(
    "--public-url",
    envvar=PUBLIC_URL,
    default="",
    help=f"Where the world reaches this server, for vendors that call it [env: {PUBLIC_URL}].",
)
@click.option("--closed", is_flag=True, help="Ask for the key on this machine too.")
@log_format_option
@click.option("--child", is_flag=True, hidden=True)
def command(
    host: str, port: int, key: str | None, public_url: str, closed: bool, log_format: Format, child: bool
) -> None:
    """Run the voice server for runners elsewhere. Only this machine can reach it unless --host says more."""
    log = Log(log_format, to_stderr=child)  # a child's stdout is its parent's to read
    log_modules_to(log, None)
    if child:
        _serve_as_child()
        return
    try:
        listening = listen(host, [port])
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    is_fresh = not key
    settings = Settings(
        key or secrets.token_urlsafe(24),
        open_on_loopback=host in ("127.0.0.1", "::1", "localhost") and not closed,
        environ=os.environ,
        ice_servers=_ice_servers(),
        public_url=public_url,
        sip=_sip(),
    )
    asyncio.run(_until_signal(settings, listening, lambda: _greet(listening, settings, log, is_fresh=is_fresh)))


def _ice_servers() -> list[dict[str, Any]]:
    try:
        return read_ice_servers(os.environ.get(ICE_SERVERS, ""))
    except BadIceServersError as error:
        raise click.ClickException(f"{ICE_SERVERS}: {error}") from error


def _sip(told: dict[str, Any] | None = None) -> SipSettings | None:
    """What the parent's project says, which may be that there is no SIP; else what the environment does."""
    try:
        if told is not None:
            return sip_settings(told) if told else None
        return read_sip(os.environ.get(SIP, ""))
    except BadSipSettingsError as error:
        raise click.ClickException(f"{'server.sip' if told else SIP}: {error}") from error


def _greet(listening: Listening, settings: Settings, log: Log, *, is_fresh: bool) -> None:
    if log.is_json:
        hint = "; its key is a fresh one, which is not logged: set PINECALL_API_KEY" if is_fresh else ""
        log.write("info", "started", f"voice server on {listening.url}{hint}", {"server": listening.url})
        return
    click.echo(f"voice server   {listening.url}")
    click.echo(f"  runners      server: {{url: {listening.url.replace('http', 'ws', 1)}, api_key: …}}")
    if is_fresh:
        click.echo(f"  key          {settings.key}   (fresh; set PINECALL_API_KEY to keep one)")
    else:
        click.echo("  key          the one you gave")
    click.echo("  Ctrl-C ends it")


async def _until_signal(settings: Settings, listening: Listening, on_ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    spare_the_collector()
    await serve(settings, listening, stop, on_ready)


def _serve_as_child() -> None:
    """The protocol with the parent: one JSON line in (key, ports, project, ice_servers, public_url, sip), one out
    (url); an end of input, which the parent's death brings too, means stop."""
    order = json.loads(sys.stdin.readline() or "null")
    if order is None:
        return
    try:
        listening = listen("127.0.0.1", order["ports"])
    except OSError as error:
        message = f"cannot listen on 127.0.0.1:{order['ports'][0]}: {error.strerror or error}"
        raise click.ClickException(message) from error
    settings = Settings(
        order["key"],
        open_on_loopback=True,
        environ=os.environ,
        project=order["project"],
        ice_servers=order.get("ice_servers") or _ice_servers(),
        public_url=order.get("public_url") or os.environ.get(PUBLIC_URL, ""),
        sip=_sip(order.get("sip")),
    )

    def ready() -> None:
        click.echo(json.dumps({"url": listening.url}))

    asyncio.run(_until_end_of_input(settings, listening, ready))


async def _until_end_of_input(settings: Settings, listening: Listening, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C is the parent's to handle
    loop.add_reader(sys.stdin.fileno(), lambda: stop.set() if not os.read(sys.stdin.fileno(), 1024) else None)
    spare_the_collector()
    await serve(settings, listening, stop, ready)
