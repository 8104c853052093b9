"""Tokens of every kind, for whom they are meant."""

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

from pinecall_run.voice.token_door import MAX_METADATA
from pinecall_run.voice.tokens import PREFIXES

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.parametrize("kind", list(PREFIXES))]

BEARER = "Bearer plain-key"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with server() as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed() -> AsyncIterator[str]:
    """A server that trusts nobody without its key."""
    async with server(open_on_loopback=False, key="plain-key") as address:
        yield address


def query(**values: str) -> str:
    return "?" + urllib.parse.urlencode(values)


def claims(token: str) -> dict[str, Any]:
    payload = token[4:].split(".")[0]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return said


async def test_a_token_for_one_call_is_a_developers_and_one_of_sound(address: str, closed: str, kind: str) -> None:
    is_sound = kind == "stream"
    asked = {"scope": "observe", "call_id": "call-7"}
    async with client(address, "watched", llm=LOOKING):
        said = claims((await get(address, f"/{kind}/token" + query(agent_id="watched", **asked))).json["token"])
        assert (said["scope"], said["call"]) == (("observe", "call-7") if is_sound else ("participate", ""))
    origin = "https://shop.example"
    async with client(closed, "watched", key="plain-key", llm=LOOKING, allowed_origins=[origin]):
        answer = await get(closed, f"/{kind}/token" + query(agent_id="watched", **asked), origin=origin)
        said = claims(answer.json["token"])
        assert (said["scope"], said["call"]) == ("participate", ""), "a page of anybody's"


async def test_a_token_says_its_agent_and_lives_a_minute(address: str, kind: str) -> None:
    async with client(address, "org:desk ñ", llm=LOOKING):
        answer = await get(address, f"/{kind}/token" + query(agent_id="org:desk ñ", metadata='{"userId":"7"}'))
        assert answer.status == 200
        assert answer.json["expires_in"] == 60
        assert answer.json["token"].startswith(PREFIXES[kind])
        said = claims(answer.json["token"])
        assert (said["agent"], said["kind"]) == ("org:desk ñ", kind)
        assert (said["metadata"], said["scope"]) == ({"userId": "7"}, "participate")
        assert "access-control-allow-origin" not in answer.headers
        supervised = await get(address, f"/{kind}/token" + query(agent_id="org:desk ñ", scope="supervise"))
        assert claims(supervised.json["token"])["scope"] == "supervise"


async def test_an_agent_that_is_not_there(address: str, kind: str) -> None:
    answer = await get(address, f"/{kind}/token" + query(agent_id="nobody ñ"))
    assert (answer.status, answer.json) == (404, {"detail": "Agent 'nobody ñ' is not online"})
    assert (await get(address, f"/{kind}/token")).status == 404


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
async def test_metadata_that_cannot_be_sealed(address: str, kind: str, metadata: str, detail: str) -> None:
    async with client(address, "sealed", llm=LOOKING):
        answer = await get(address, f"/{kind}/token" + query(agent_id="sealed", metadata=metadata))
        assert answer.status == 400
        assert detail in answer.json["detail"]


async def test_numbers_of_any_size_can_be_sealed(address: str, kind: str) -> None:
    async with client(address, "numbers", llm=LOOKING):
        answer = await get(
            address, f"/{kind}/token" + query(agent_id="numbers", metadata='{"n":123456789012345678901234}')
        )
        assert answer.status == 200


async def test_an_allowed_origin_gets_a_token_and_no_more(closed: str, kind: str) -> None:
    async with client(closed, "open", key="plain-key", llm=LOOKING, allowed_origins=["https://*.shop.example"]):
        origin = "https://www.shop.example"
        target = f"/{kind}/token" + query(agent_id="open", scope="supervise")
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
        for target in ("/api/sdk/agents", f"/{kind}/token" + query(agent_id="nobody")):
            assert (await get(closed, target, origin=origin)).status == 401  # not even which agents there are
        kept = await get(closed, "/api/sdk/agents/open", method="DELETE", origin=origin)
        assert kept.status == 401
        with_key = await get(closed, target, origin=origin, authorization=BEARER)
        assert with_key.status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "rebound.example:80"},
        {"host": "127.0.0.1.rebound.example"},
        {"origin": "https://evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"authorization": "Bearer wrong"},
    ],
)
async def test_a_foreign_page_in_a_browser_on_this_machine_gets_none(
    address: str, kind: str, headers: dict[str, str]
) -> None:
    async with client(address, "mine", llm=LOOKING):
        answer = await get(address, f"/{kind}/token" + query(agent_id="mine", scope="supervise"), **headers)
        expected = 200 if "authorization" in headers else 401  # this machine needs no key, so a wrong one is none
        assert answer.status == expected
        assert "access-control-allow-origin" not in answer.headers
