"""The emulated chat completions serve OpenAI's own library, in each vendor's flavour, and refuse what they refuse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
from tests.emulators._openai_flavours import FLAVOURS
from tests.emulators._raw import NO_CERTIFICATES, answering, post, problems_of
from tests.emulators.openai_server import OpenAIServer, Usage, calls, fails, openai_server, says
from tests.emulators.trouble import Trouble
from tests.voice._fakes import until

ASKED = [{"role": "user", "content": "Where is my order?"}]
TOOL = {"type": "function", "function": {"name": "lookup_order", "parameters": {"type": "object"}}}


def client(server: OpenAIServer, **changes: Any) -> openai.AsyncOpenAI:
    http = httpx2.AsyncClient(verify=NO_CERTIFICATES)
    settings = {"api_key": server.key, "base_url": server.base_url, "max_retries": 0, "http_client": http, **changes}
    return openai.AsyncOpenAI(**settings)


async def chunks(server: OpenAIServer, *, using: Mapping[str, Any] | None = None, **changes: Any) -> list[Any]:
    wanted = {"model": "gpt-4.1-mini", "messages": ASKED, "stream": True, **changes}
    async with client(server, **(using or {})) as library:
        stream = await library.chat.completions.create(**wanted)
        return [chunk async for chunk in stream]


def told(found: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in found if chunk.choices)


async def test_the_usage_is_told_in_a_chunk_of_its_own_if_it_is_asked_for() -> None:
    answer = replace(says("Hello there."), usage=Usage(input=90, cached=28, written=10, output=7, thought=3))
    async with openai_server([answer, answer]) as server:
        plain = await chunks(server)
        *texts, last = await chunks(server, stream_options={"include_usage": True})
    assert told(plain) == told(texts) == "Hello there."
    assert [chunk.usage for chunk in plain] == [None] * len(plain)
    assert [chunk.usage for chunk in texts] == [None] * len(texts)
    assert last.choices == []
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (128, 10, 138)
    assert last.usage.prompt_tokens_details.cached_tokens == 28
    assert last.usage.prompt_tokens_details.cache_write_tokens == 10
    assert last.usage.completion_tokens_details.reasoning_tokens == 3


async def test_prompts_that_begin_alike_are_cached_from_1024_tokens_on() -> None:
    async with openai_server(lambda request: says("Yes.")) as server:
        cached = []
        for prompt in ("short", "short", "word " * 1000, "word " * 1000, "another " + "word " * 1000):
            messages = [{"role": "system", "content": prompt}, *ASKED]
            last = (await chunks(server, messages=messages, stream_options={"include_usage": True}))[-1]
            cached.append(last.usage.prompt_tokens_details.cached_tokens)
    assert cached == [0, 0, 0, 1152, 0]


async def test_the_finish_can_be_any() -> None:
    async with openai_server([replace(says("One two"), finish="length")]) as server:
        assert (await chunks(server))[-1].choices[0].finish_reason == "length"


async def test_the_prefix_of_the_path_can_be_any() -> None:
    async with openai_server([says("Hello.")], prefix="/proxy/v9") as server:
        assert server.base_url.endswith("/proxy/v9")
        assert told(await chunks(server)) == "Hello."


async def test_without_a_key_any_will_do() -> None:
    async with openai_server([says("Hello.")], key="") as server:
        assert told(await chunks(server, using={"api_key": "none"})) == "Hello."


# flavours


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_round_with_a_tool_goes_in_every_flavour(flavour: str) -> None:
    async with openai_server([calls(("lookup_order", {"id": "42"})), says("Tuesday.")], flavour=flavour) as server:
        assert set(server.environ) == {f"{flavour.upper()}_BASE_URL", f"{flavour.upper()}_API_KEY"}
        pieces = [chunk.choices[0].delta.tool_calls for chunk in await chunks(server, tools=[TOOL]) if chunk.choices]
        call = next(piece[0] for piece in pieces if piece)
        wanted = {"id": call.id, "type": "function", "function": {"name": "lookup_order", "arguments": "{}"}}
        asked = {"role": "assistant", "content": None, "tool_calls": [wanted]}
        answered = {"role": "tool", "tool_call_id": call.id, "content": "Tuesday"}
        assert told(await chunks(server, messages=[*ASKED, asked, answered], tools=[TOOL])) == "Tuesday."


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_every_flavour_has_errors_that_the_library_knows(flavour: str) -> None:
    script = [fails(402, "Insufficient Balance"), replace(fails(429, "slow down"), headers={"Retry-After": "7"})]
    async with openai_server(script, flavour=flavour, models=["there"]) as server:
        with pytest.raises(openai.APIStatusError) as stranger:
            await chunks(server, using={"api_key": "wrong"})
        with pytest.raises(openai.NotFoundError):
            await chunks(server, model="not there")
        with pytest.raises(openai.APIStatusError) as broke:
            await chunks(server, model="there")
        with pytest.raises(openai.RateLimitError) as limited:
            await chunks(server, model="there")
    assert "Insufficient Balance" in f"{broke.value} {broke.value.body}"  # xAI's words are only in the body
    assert stranger.value.status_code == (400 if flavour == "xai" else 401)
    assert limited.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("flavour", "name"), [(name, sorted(kind.without)[0]) for name, kind in FLAVOURS.items() if kind.without]
)
async def test_a_flavour_refuses_what_its_vendor_does_not_know(flavour: str, name: str) -> None:
    async with openai_server([says("x")], flavour=flavour) as server:
        with pytest.raises(openai.APIStatusError) as raised:
            await chunks(server, extra_body={name: 1})
        assert raised.value.status_code == FLAVOURS[flavour].status
        assert name in problems_of(server)[0]


async def test_mistral_wants_identifiers_of_its_own() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        *ASKED,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": ""},
    ]
    async with openai_server([says("x")], flavour="mistral") as server:
        with pytest.raises(openai.BadRequestError, match="with a length of 9"):
            await chunks(server, messages=messages, tools=[TOOL])
        assert problems_of(server)


@pytest.mark.parametrize(("flavour", "counts"), [("mistral", [0, 0, 1]), ("openrouter", [0, 0, 1]), ("xai", [1, 1, 1])])
async def test_some_tell_the_usage_unasked(flavour: str, counts: list[int]) -> None:
    async with openai_server([says("Hello.")], flavour=flavour) as server:
        assert [int(chunk.usage is not None) for chunk in await chunks(server)] == counts


@pytest.mark.parametrize("flavour", ["deepseek", "openrouter"])
async def test_some_send_comments_between_events(flavour: str) -> None:
    async with openai_server([says("Hello.")], flavour=flavour) as server:
        body = {"model": "m", "messages": ASKED, "stream": True}
        reply = await post(server, f"{server.prefix}/chat/completions", body, headers=authorized(server))
    assert reply.events[0].startswith(": ")


# troubles


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Trouble("refuse", status=503, reason="down"), openai.InternalServerError),
        (Trouble("refuse", status=403), openai.PermissionDeniedError),
        (Trouble("hang"), openai.APITimeoutError),
        (Trouble("close", after=1), openai.APIConnectionError),
        (Trouble("drop", after=1), openai.APIConnectionError),
        (Trouble("stall", after=1), openai.APITimeoutError),
        (Trouble("garbage", after=1), json.JSONDecodeError),
        (Trouble("error", after=1, reason="broken", code="server_error"), openai.APIError),
    ],
    ids=lambda value: value.kind if isinstance(value, Trouble) else "",
)
async def test_each_trouble_is_an_exception_of_the_library_s(trouble: Trouble, error: type[Exception]) -> None:
    async with openai_server(lambda request: says("one two three")) as server:
        server.trouble = replace(trouble, times=1)
        with pytest.raises(error):
            await chunks(server, using={"timeout": openai.Timeout(0.05, connect=1)})
        assert told(await chunks(server)) == "one two three"


async def test_a_trouble_befalls_an_answer_under_way_but_not_one_that_is_over() -> None:
    async with openai_server(lambda request: replace(says("one two three"), each_after=0.01)) as server:
        asking = asyncio.create_task(chunks(server))
        await answering(server)
        server.trouble = Trouble("drop")
        with pytest.raises(openai.APIConnectionError):
            await asking
        server.trouble = Trouble("drop", after=50)
        assert told(await chunks(server)) == "one two three"


async def test_a_killed_server_resets_everything_until_it_is_revived() -> None:
    async with openai_server(lambda request: replace(says("one two three"), each_after=0.01)) as server:
        asking = asyncio.create_task(chunks(server))
        await answering(server)
        server.kill()
        with pytest.raises(openai.APIConnectionError):
            await asking
        with pytest.raises(openai.APIConnectionError):
            await chunks(server)
        await until(lambda: not server.open_connections)  # what was reset is told to the server a moment later
        server.revive()
        assert told(await chunks(server)) == "one two three"


# what it refuses, besides what tests/providers/test_openai_model.py shows


def authorized(server: OpenAIServer) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {server.key}"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"stream_options": {"usage": True}}, "stream_options"),
        ({"stream_options": {"include_usage": 1}}, "stream_options"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": "gpt-5-mini", "max_tokens": 5}, "max_completion_tokens"),
        ({"model": "o3", "temperature": 0}, "temperature"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"temperature": "hot"}, "wrong type"),
    ],
)
async def test_what_openai_refuses_is_refused(changes: dict[str, Any], sentence: str) -> None:
    async with openai_server([says("x")]) as server:
        body = {"model": "m", "messages": ASKED, "stream": True, **changes}
        reply = await post(server, "/v1/chat/completions", body, headers=authorized(server))
        assert (reply.status, sentence in reply.json["error"]["message"]) == (400, True)
        assert sentence in problems_of(server)[0]
