"""The HTTP door: the list of agents, and a page that no other site can use."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.voice._door import client, get, server
from tests.voice._stage import LOOKING

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with server(project="digest") as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed() -> AsyncIterator[str]:
    """A server that trusts nobody without its key."""
    async with server(open_on_loopback=False, key="plain-key") as address:
        yield address


async def test_foreign_pages_and_rebound_names_get_nothing_of_an_open_server(address: str) -> None:
    for headers in (
        {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "cross-site"},
        {"host": "evil.example", "origin": "http://evil.example", "sec_fetch_site": "same-origin"},
    ):
        for target in ("/api/sdk/agents", "/chat/token?agent_id=x", "/webrtc/token?agent_id=x"):
            answer = await get(address, target, **headers)
            assert answer.status == 401, headers
            assert "access-control-allow-origin" not in answer.headers


async def test_the_list_of_agents(address: str) -> None:
    async with client(address, "desk", llm=LOOKING, language="en", prompt="a secret of the house") as runner:
        await runner.send("channel.add", agent_id="desk", type="phone", ref="+1 555 0000")
        await runner.send("channel.add", agent_id="desk", type="chat")
        await runner.so_far()
        answer = await get(address, "/api/sdk/agents")
        (desk,) = [agent for agent in answer.json["agents"] if agent["slug"] == "desk"]
        assert desk["channels"] == {
            "phone": {"count": 1, "refs": ["+1 555 0000"]},
            "chat": {"count": 1, "refs": ["chat"]},
        }
        assert (desk["active"], desk["language"], desk["scripted"], desk["model"]) == (0, "en", True, "s")
        assert answer.json["phone_map"] == {"+1 555 0000": "desk"}
        assert answer.json["total"] == len(answer.json["agents"])
        assert b"secret" not in answer.body


async def test_health_says_whose_server_it_is(closed: str, address: str) -> None:
    answer = await get(address, "/healthz")
    assert (answer.json["ok"], answer.json["project"]) == (True, "digest")
    assert (await get(closed, "/healthz", origin="https://evil.example")).status == 200


@pytest.mark.parametrize("target", ["/", "/page/app.js", "/page/style.css", "/widget.js"])
async def test_the_page_runs_only_its_own_code_and_in_no_frame(address: str, target: str) -> None:
    answer = await get(address, target)
    assert answer.status == 200
    assert answer.body
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["permissions-policy"] == "microphone=(self), camera=(), geolocation=()"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers


@pytest.mark.parametrize("target", ["/widget.js", "/page/view-widget.js", "/page/webrtc.js", "/page/base.css"])
async def test_what_the_widget_is_made_of_may_be_loaded_by_any_page(closed: str, target: str) -> None:
    answer = await get(closed, target, origin="https://shop.example", sec_fetch_site="cross-site")
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    kind = "text/css" if target.endswith("css") else "text/javascript"
    assert answer.headers["content-type"].startswith(kind)  # with nosniff a browser takes nothing else


async def test_the_page_itself_is_for_no_other_page(closed: str) -> None:
    assert "access-control-allow-origin" not in (await get(closed, "/", origin="https://shop.example")).headers


@pytest.mark.parametrize("target", ["/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py", "/page//etc/passwd"])
async def test_the_page_is_all_that_is_served(address: str, target: str) -> None:
    assert (await get(address, target)).status == 404
