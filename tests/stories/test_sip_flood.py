"""Scanners, floods and forgers come while somebody telephones over SIP: each is counted, and the call goes on."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from tests.sip._sipp import LOOPBACK, needs_sipp
from tests.stories._sip_phone import Lobby, Player, lobby, player
from tests.voice._fakes import until
from tests.voice._speech import needs_flite

pytestmark = [needs_sipp, needs_flite]

STRANGER = "127.0.0.2"
PROBE = (
    "{method} sip:{user}@{host}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-{number};rport\r\n"
    'From: "sipvicious" <sip:{user}@1.1.1.1>;tag=64393561{number}\r\nTo: "sipvicious" <sip:{user}@1.1.1.1>\r\n'
    "Call-ID: 88270{number}\r\nCSeq: 1 {method}\r\nContact: <sip:{user}@{here}>\r\nMax-Forwards: 70\r\n"
    "User-Agent: friendly-scanner\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
)
"""What SIPVicious' svmap (OPTIONS), svwar (REGISTER, INVITE) and svcrack (REGISTER) ask."""


@contextmanager
def sender(host: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.setblocking(False)
        way.bind((host, 0))
        yield way


@asynccontextmanager
async def live(folder: Path, stays: int = 2_500) -> AsyncIterator[tuple[Lobby, Player]]:
    """A call that is up meanwhile; it must have been untouched."""
    async with lobby(folder) as line, player() as phone:
        calling = line.call(phone, stays=stays)
        await until(lambda: len(phone.got) > 10)
        yield line, phone
        await calling
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"
        assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(phone.got)} == {1}
        assert sum(frame["event"] == "call.started" for frame in line.runner.frames) == 1


def counted(caplog: pytest.LogCaptureFixture) -> dict[str, int]:
    """What the server says at its end."""
    last = re.findall(r"refused at .*: (.*)", caplog.text)[-1]
    return {what: int(count) for count, what in re.findall(r"(\d+) ([^,]+)", last)}


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pinecall_run.voice")


async def pour(way: socket.socket, packets: list[bytes], to: tuple[str, int]) -> None:
    """1,000 a second."""
    for number, packet in enumerate(packets):
        way.sendto(packet, to)
        if number % 10 == 9:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("host", "statuses", "counts"),
    [
        (STRANGER, {"403"}, {"requests": 60}),
        (LOOPBACK, {"100", "200", "404", "405"}, {"requests": 20, "calls of nobody": 20}),
    ],
)
async def test_scanners_find_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, host: str, statuses: set[str], counts: dict[str, int]
) -> None:
    answers: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    async with live(tmp_path) as (line, _):
        with sender(host) as way:
            loop.add_reader(way, lambda: answers.update([way.recv(4_096)[8:11].decode()]))
            await pour(way, list(probes(f"{host}:{way.getsockname()[1]}", line.port)), (LOOPBACK, line.port))
            await until(lambda: answers.total() >= 60)
            loop.remove_reader(way)
    assert set(answers) == statuses
    assert counted(caplog) == counts


def probes(here: str, port: int) -> Iterator[bytes]:
    """60, each method in turn, of whoever has an extension."""
    for method in ("OPTIONS", "REGISTER", "INVITE"):
        for user in range(100, 120):
            number = f"{method}{user}"
            yield PROBE.format(method=method, user=user, host=LOOPBACK, port=port, here=here, number=number).encode()


async def test_garbage_and_forged_sound_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with live(tmp_path) as (line, phone):
        assert phone.to is not None
        forged = [struct.pack("!BBHLL", 0x80, 0, number, number * 160, 7) + bytes(160) for number in range(100)]
        with sender(LOOPBACK) as way, sender(STRANGER) as forger:
            await pour(way, [b"garbage %d" % number for number in range(200)], (LOOPBACK, line.port))
            await pour(way, forged, phone.to)
            await pour(forger, forged, phone.to)
    assert counted(caplog) == {"messages without sense": 200, "packets of forged sound": 200}


async def test_a_strangers_flood_is_left_unread(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with live(tmp_path) as (line, _):
        with sender(STRANGER) as way:
            await pour(way, [b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"] * 1_000, (LOOPBACK, line.port))
    counts = counted(caplog)
    assert set(counts) == {"floods", "messages without sense"}
    assert counts["floods"] > 500
    assert counts["messages without sense"] <= 450  # 200 at once, and 50 a second
