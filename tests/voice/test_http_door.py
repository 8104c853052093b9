"""The HTTP door: tokens for whom they are meant, the list of agents, and a page that no other site can use."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.voice._door import client, get, server
from tests.voice._stage import LOOKING

from pinecall_run.voice.http_door import MAX_METADATA

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEARER = "Bearer plain-key"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with server(project="digest") as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed() -> AsyncIterator[str]:
    """A server that trusts nobody without its key."""
    async with server(open_on_loopback=False, key="plain-key") as address:
        yield address


def query(**values: str) -> str:
    return "?" + urllib.parse.urlencode(values)


def claims(token: str) -> dict[str, Any]:
    payload = token.removeprefix("cht_").split(".")[0]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return said


async def test_a_token_says_its_agent_and_lives_a_minute(address: str) -> None:
    async with client(address, "org:desk ñ", llm=LOOKING):
        answer = await get(address, "/chat/token" + query(agent_id="org:desk ñ", metadata='{"userId":"7"}'))
        assert answer.status == 200
        assert answer.json["expires_in"] == 60
        said = claims(answer.json["token"])
        assert (said["agent"], said["metadata"], said["scope"]) == ("org:desk ñ", {"userId": "7"}, "participate")
        assert "access-control-allow-origin" not in answer.headers
        supervised = await get(address, "/chat/token" + query(agent_id="org:desk ñ", scope="supervise"))
        assert claims(supervised.json["token"])["scope"] == "supervise"


async def test_an_agent_that_is_not_there(address: str) -> None:
    answer = await get(address, "/chat/token" + query(agent_id="nobody ñ"))
    assert (answer.status, answer.json) == (404, {"detail": "Agent 'nobody ñ' is not online"})
    assert (await get(address, "/chat/token")).status == 404


@pytest.mark.parametrize(
    ("metadata", "detail"),
    [
        ("x" * (MAX_METADATA + 1), "more than"),
        ("{", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ('"text"', "not a JSON object"),
        ('{"a":NaN}', "not a JSON object"),
        ('{"a":"\\ud800"}', "not a JSON object"),
        ("[" * 2000, "not a JSON object"),
    ],
)
async def test_metadata_that_cannot_be_sealed(address: str, metadata: str, detail: str) -> None:
    async with client(address, "sealed", llm=LOOKING):
        answer = await get(address, "/chat/token" + query(agent_id="sealed", metadata=metadata))
        assert answer.status == 400
        assert detail in answer.json["detail"]


async def test_numbers_of_any_size_can_be_sealed(address: str) -> None:
    async with client(address, "numbers", llm=LOOKING):
        answer = await get(
            address, "/chat/token" + query(agent_id="numbers", metadata='{"n":123456789012345678901234}')
        )
        assert answer.status == 200


async def test_an_allowed_origin_gets_a_token_and_no_more(closed: str) -> None:
    async with client(closed, "open", key="plain-key", llm=LOOKING, allowed_origins=["https://*.shop.example"]):
        origin = "https://www.shop.example"
        target = "/chat/token" + query(agent_id="open", scope="supervise")
        allowed = await get(closed, target, origin=origin, sec_fetch_site="cross-site")
        assert allowed.status == 200
        assert allowed.headers["access-control-allow-origin"] == origin
        assert allowed.headers["vary"] == "Origin"
        assert claims(allowed.json["token"])["scope"] == "participate"
        sealed = await get(closed, target + "&metadata=%7B%7D", origin=origin)
        assert (sealed.status, "key" in sealed.json["detail"]) == (400, True)
        for headers in ({"origin": "https://evilshop.example"}, {"origin": "null"}, {}):
            refused = await get(closed, target, **headers)
            assert refused.status == 401
            assert "access-control-allow-origin" not in refused.headers
        for target in ("/api/sdk/agents", "/chat/token" + query(agent_id="nobody")):
            assert (await get(closed, target, origin=origin)).status == 401  # not even which agents there are
        kept = await get(closed, "/api/sdk/agents/open", method="DELETE", origin=origin)
        assert kept.status == 401
        with_key = await get(closed, target, origin=origin, authorization=BEARER)
        assert with_key.status == 404


async def test_foreign_pages_and_rebound_names_get_nothing_of_an_open_server(address: str) -> None:
    for headers in (
        {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "cross-site"},
        {"host": "evil.example", "origin": "http://evil.example", "sec_fetch_site": "same-origin"},
    ):
        for target in ("/api/sdk/agents", "/chat/token?agent_id=x"):
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
