"""Every route of the application is decided on: a row of the table, and a row of docs/public.md."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator

import pytest
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from tests.rules._scan import ROOT
from tests.voice._door import get, server
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pinecall_run.protocol.keepalive import Pace
from pinecall_run.voice.app import Settings, create_app
from pinecall_run.voice.surface import ROUTES, Who, route_of
from pinecall_run.voice.surface import Route as TableRow

PAGE = ROOT / "docs/public.md"


def paths(routes: Iterable[BaseRoute]) -> Iterator[str]:
    for route in routes:
        assert isinstance(route, Route | WebSocketRoute | Mount), route
        yield re.sub(r"/\{(?!call}).*", "", route.path)


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(paths(create_app(Settings("k")).routes)) == {row.path for row in ROUTES}


def test_the_page_says_of_each_who_may_and_how_much() -> None:
    written = re.findall(r"^\| `(/[^`]*)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|", PAGE.read_text("utf-8"), re.M)
    expected = []
    for row in ROUTES:
        sizes = f"{row.first:,}, then {row.message:,}" if row.message != row.first else f"{row.message:,}"
        size = f"messages of {sizes}" if row.message else f"{row.body:,}"
        expected.append((row.path, row.who.value, f"{row.rate.burst}, then {row.rate.per_second:g}/s", size))
    assert [tuple(cell.strip() for cell in line) for line in written] == expected


async def fate(address: str, path: str) -> set[int]:
    """What becomes of a stranger with nothing in their hands: how a socket is closed, or what requests come to."""
    if route_of(path).message:
        try:
            async with connect(f"ws://{address}{path}") as socket:
                with contextlib.suppress(ConnectionClosed):
                    await socket.send('{"event":"start","start":{}}')
                await socket.wait_closed()
                return {socket.close_code or 0}
        except InvalidStatus as refusal:
            return {refusal.response.status_code}
    return {(await get(address, path, method=method)).status for method in ("GET", "POST", "DELETE")}


BELOW = {
    "/page": "/page/app.js",
    "/live/{call}/player": "/live/wrt_1/player",
    "/live/{call}/ws": "/live/wrt_1/ws",
    "/twilio/answered": "/twilio/answered/key",
    "/twilio/announce": "/twilio/announce/key",
}
"""What there is of routes that are nothing themselves."""

REFUSED = {
    Who.DEVELOPER: {401},
    Who.ORIGIN: {401},
    Who.ONCE: {400, 403},
    Who.KEY_INSIDE: {1008},
    Who.SIGNED: {403, 503},
}


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: row.path)
async def test_a_stranger_gets_in_where_the_table_says_so_and_nowhere_else(row: TableRow) -> None:
    async with server(open_on_loopback=False, pace=Pace(open=0.5)) as address:
        found = await fate(address, BELOW.get(row.path, row.path)) - {404, 405}
        allowed = REFUSED.get(row.who, {200}) | ({1008} if row.message else set())
        assert found
        assert found <= allowed


@pytest.mark.parametrize(
    ("path", "row"),
    [("/", "/"), ("/page/app.js", "/page"), ("/twilio/answered/key", "/twilio/answered"), ("/api/sdk/agents/a/b",
     "/api/sdk/agents"), ("/chat/token/", "/chat/token"),
     ("/live/wrt_1/ws", "/live/{call}/ws"), ("/live/wrt_1/wss", "/live"), ("/chat", ""), ("/pages", ""), ("", ""),
     ("/client\n", "/client"), ("/live/wrt_1/ws\n", "/live/{call}/ws"), ("/client\n\n", "")],
)  # fmt: skip
def test_the_row_of_a_path(path: str, row: str) -> None:
    assert route_of(path).path == row


@pytest.mark.parametrize("path", ["/a" * 8_000, "/" * 16_000, "/page" + "/a" * 8_000])
def test_the_row_of_a_path_of_very_many_steps_is_found_at_once(path: str) -> None:
    begin = time.process_time()
    assert route_of(path).path in ("", "/", "/page")
    assert time.process_time() - begin < 0.01
