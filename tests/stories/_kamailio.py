"""kamailio, a registrar and proxy that is not ours, in front of the voice server: its table of users is one line."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK

DOMAIN, PASSWORD = "acme.example", "secret"
PATIENCE = 15.0

needs_kamailio = pytest.mark.skipif(
    shutil.which("kamailio") is None, reason="kamailio is not installed (apt-get install kamailio)"
)

CONFIG = f"""#!KAMAILIO
debug=1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{LOOPBACK}:@port@
alias="{DOMAIN}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "min_expires", 1)
modparam("registrar", "max_expires", @expires@)

request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (has_totag()) {{
    if (loose_route()) {{ t_relay(); exit; }}
    if (is_method("ACK") && t_check_trans()) {{ t_relay(); exit; }}
    if (!is_method("ACK")) sl_send_reply("403", "Follow the route");
    exit;
  }}
  t_check_trans();
  if (is_method("REGISTER")) {{
    if (!pv_www_authenticate("{DOMAIN}", "{PASSWORD}", "0")) {{ www_challenge("{DOMAIN}", "1"); exit; }}
    save("location");
    exit;
  }}
  if (is_method("INVITE")) {{
    if (!pv_proxy_authenticate("{DOMAIN}", "{PASSWORD}", "0")) {{ proxy_challenge("{DOMAIN}", "1"); exit; }}
    consume_credentials();
    record_route();
    if (lookup("location")) {{ t_relay(); exit; }}
    if ($rU == "lobby") {{ $du = "sip:{LOOPBACK}:@lobby@"; t_relay(); exit; }}
  }}
  sl_send_reply("404", "Nobody");
}}
"""
"""Who calls or registers knows the password; in a call, who does not follow the route that was recorded is refused."""


@asynccontextmanager
async def kamailio(folder: Path, lobby: int = 0, *, expires: int = 60) -> AsyncIterator[int]:
    """The port of one that sends calls to sip:lobby@acme.example to a port of this machine, and others to where they
    registered; who registers has to do it again after so many seconds."""
    folder.mkdir()
    port = free_port()
    config = folder / "kamailio.cfg"
    given = {"port": port, "lobby": lobby, "expires": expires}
    text = CONFIG
    for name, value in given.items():
        text = text.replace(f"@{name}@", str(value))
    config.write_text(text)
    words = ["-f", str(config), "-DD", "-E", "-Y", str(folder), "-w", str(folder), "-m", "16", "-M", "4"]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec("kamailio", *words, stdout=log, stderr=log)
    try:
        await _listens(process, port)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE)


async def _listens(process: asyncio.subprocess.Process, port: int) -> None:
    """Come back once it answers."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.bind((LOOPBACK, 0))
        here = f"{LOOPBACK}:{asking.getsockname()[1]}"
        ask = (
            f"OPTIONS sip:{LOOPBACK}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKready\r\n"
            f"Max-Forwards: 9\r\nFrom: <sip:{here}>;tag=1\r\nTo: <sip:{LOOPBACK}:{port}>\r\n"
            "Call-ID: ready\r\nCSeq: 1 OPTIONS\r\n\r\n"
        )
        async with asyncio.timeout(PATIENCE):
            while process.returncode is None:
                asking.sendto(ask.encode(), (LOOPBACK, port))
                try:
                    await asyncio.wait_for(loop.sock_recv(asking, 2_048), 0.2)
                except (TimeoutError, OSError):
                    continue
                return
        raise AssertionError("kamailio ended; its log says why")
