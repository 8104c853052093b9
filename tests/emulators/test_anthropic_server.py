"""The emulated messages serve Anthropic's own library, and refuse what the API refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import pytest
from tests.emulators._raw import NO_CERTIFICATES, Reply, answering, post, problems_of
from tests.emulators.anthropic_server import AnthropicServer, Usage, anthropic_server, calls, fails, says
from tests.emulators.trouble import Trouble

MODEL = "claude-haiku-5-5"
ASKED: list[Any] = [{"role": "user", "content": "Where is my order?"}]
TOOL = {"name": "lookup_order", "input_schema": {"type": "object"}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "lookup_order", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Tuesday"}
CALLED: list[Any] = [*ASKED, {"role": "assistant", "content": [CALL]}]
EPHEMERAL = {"type": "ephemeral"}


def client(server: AnthropicServer, **changes: Any) -> anthropic.AsyncAnthropic:
    http = httpx2.AsyncClient(verify=NO_CERTIFICATES)
    settings = {"api_key": server.key, "base_url": server.base_url, "max_retries": 0, "http_client": http, **changes}
    return anthropic.AsyncAnthropic(**settings)


async def answer(server: AnthropicServer, *, using: Mapping[str, Any] | None = None, **changes: Any) -> Any:
    """The whole message, as the library puts it together."""
    wanted = {"model": MODEL, "max_tokens": 100, "messages": ASKED, **changes}
    async with client(server, **(using or {})) as library, library.messages.stream(**wanted) as stream:
        return await stream.get_final_message()


def texts(message: Any) -> list[str]:
    return [block.text for block in message.content if block.type == "text"]


async def test_a_text_comes_in_pieces_between_the_events_of_its_block() -> None:
    async with anthropic_server([says("Sí, 😀 el martes.\n")]) as server:
        async with client(server) as library:
            stream = await library.messages.create(model=MODEL, max_tokens=9, messages=ASKED, stream=True)
            events = [event async for event in stream]
        assert server.requests == [{"model": MODEL, "max_tokens": 9, "messages": ASKED, "stream": True}]
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    deltas: list[Any] = [event for event in events if event.type == "content_block_delta"]
    assert "".join(event.delta.text for event in deltas) == "Sí, 😀 el martes.\n"
    assert len(deltas) == 5


async def test_a_ping_comes_that_the_library_keeps_to_itself() -> None:
    async with anthropic_server([says("Hello.")]) as server:
        reply = await ask(server, body())
    assert reply.events[2] == 'event: ping\ndata: {"type": "ping"}'
    assert reply.headers["request-id"].startswith("req_")


async def test_a_round_with_tools_and_a_thought_goes_back_and_forth() -> None:
    wanted = replace(
        calls(("lookup_order", {"id": "42"}), ("lookup_order", "")), text="One moment.", thought="The order"
    )
    async with anthropic_server([wanted, says("Tuesday.")]) as server:
        asked = await answer(server, tools=[TOOL], thinking={"type": "adaptive", "display": "summarized"})
        thought, text, first, second = asked.content
        assert (thought.thinking, text.text) == ("The order", "One moment.")
        assert (first.input, second.input, asked.stop_reason) == ({"id": "42"}, {}, "tool_use")
        results = [{**RESULT, "tool_use_id": block.id} for block in (first, second)]
        messages = [*ASKED, asked.to_param(), {"role": "user", "content": results}]
        assert texts(await answer(server, tools=[TOOL], messages=messages)) == ["Tuesday."]


async def test_a_thought_is_signed_but_not_told_unless_it_is_asked_for() -> None:
    async with anthropic_server([replace(says("Hello."), thought="Greet.")]) as server:
        message = await answer(server)
    assert message.content[0].thinking == ""
    assert message.content[0].signature
    assert message.usage.output_tokens_details.thinking_tokens == 2


@pytest.mark.parametrize("changed", [{"system": "Be brief."}, {"messages": [{"role": "user", "content": "Other"}]}])
async def test_a_thought_is_bound_to_all_that_was_before_it(changed: dict[str, Any]) -> None:
    async with anthropic_server([replace(says("Hello."), thought="Greet.")]) as server:
        message = await answer(server)
        before = changed.get("messages", ASKED)
        messages = [*before, message.to_param(), {"role": "user", "content": "And?"}]
        with pytest.raises(anthropic.BadRequestError, match="bound to a different conversation"):
            await answer(server, **{**changed, "messages": messages})
        assert problems_of(server)


async def test_the_usage_is_told_at_the_beginning_and_for_good_at_the_end() -> None:
    usage = Usage(input=50, cached=1000, written=200, output=9, thought=4)
    async with anthropic_server([replace(says("Hello."), usage=usage, finish="max_tokens")]) as server:
        message = await answer(server)
    assert (message.usage.input_tokens, message.usage.output_tokens) == (50, 13)
    assert (message.usage.cache_read_input_tokens, message.usage.cache_creation_input_tokens) == (1000, 200)
    assert message.stop_reason == "max_tokens"


async def test_an_answer_may_lack_its_end_without_anybody_s_notice() -> None:
    async with anthropic_server([replace(says("one two three"), ends_after=5)]) as server:
        message = await answer(server)
    assert (texts(message), message.stop_reason) == (["one two"], None)


# the prompt cache


async def cost(server: AnthropicServer, **changes: Any) -> tuple[Any, Any]:
    usage = (await answer(server, **changes)).usage
    return usage.cache_creation_input_tokens, usage.cache_read_input_tokens


def system(text: str, mark: Any = EPHEMERAL) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text, "cache_control": mark}]


async def test_what_is_marked_is_written_once_and_then_read() -> None:
    async with anthropic_server(lambda request: says("Yes.")) as server:
        written, read = await cost(server, system=system("word " * 1000))
        assert written > 1200
        assert read == 0
        assert await cost(server, system=system("word " * 1000)) == (0, written)
        assert await cost(server, system=system("word " * 1001)) == (pytest.approx(written, abs=2), 0)
        assert await cost(server, system=system("word " * 1000), tools=[TOOL]) == (pytest.approx(written, abs=20), 0)
        assert await cost(server, system=system("word " * 1000), model="claude-opus-5-5") == (written, 0)
        assert await cost(server, system="word " * 1000) == (0, 0)


async def test_a_conversation_that_grows_is_read_up_to_where_it_was() -> None:
    async with anthropic_server(lambda request: says("Yes.")) as server:
        first = await cost(server, system="word " * 1000, cache_control=EPHEMERAL)
        grown = [*ASKED, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And now?"}]
        second = await cost(server, system="word " * 1000, messages=grown, cache_control=EPHEMERAL)
    assert second == (pytest.approx(35, abs=10), first[0])


@pytest.mark.parametrize(
    ("model", "words", "is_cached"),
    [(MODEL, 300, False), (MODEL, 450, True), ("claude-haiku-4-5", 1000, False), ("claude-sonnet-4-6", 1000, True)],
)
async def test_each_model_caches_from_a_length_of_its_own(model: str, words: int, *, is_cached: bool) -> None:
    async with anthropic_server(lambda request: says("Yes.")) as server:
        assert bool((await cost(server, model=model, system=system("word " * words)))[0]) == is_cached


async def test_an_hour_is_told_apart_from_five_minutes() -> None:
    async with anthropic_server([says("Yes.")]) as server:
        message = await answer(server, system=system("word " * 1000, {"type": "ephemeral", "ttl": "1h"}))
    assert message.usage.cache_creation.ephemeral_1h_input_tokens > 1200
    assert message.usage.cache_creation.ephemeral_5m_input_tokens == 0


# errors


@pytest.mark.parametrize(
    ("failure", "error", "kind"),
    [
        (fails(400, "too long"), anthropic.BadRequestError, "invalid_request_error"),
        (fails(401), anthropic.AuthenticationError, "authentication_error"),
        (fails(402), anthropic.APIStatusError, "billing_error"),
        (fails(403), anthropic.PermissionDeniedError, "permission_error"),
        (fails(404), anthropic.NotFoundError, "not_found_error"),
        (fails(413), anthropic.APIStatusError, "request_too_large"),
        (fails(429, "slow down"), anthropic.RateLimitError, "rate_limit_error"),
        (fails(500), anthropic.InternalServerError, "api_error"),
        (fails(504), anthropic.InternalServerError, "timeout_error"),
        (fails(529, "Overloaded"), anthropic.InternalServerError, "overloaded_error"),
    ],
)
async def test_each_error_is_an_exception_of_the_library_s(failure: Any, error: type[Exception], kind: str) -> None:
    async with anthropic_server([failure]) as server:
        with pytest.raises(error) as raised:
            await answer(server)
    assert isinstance(raised.value, anthropic.APIStatusError)
    assert (raised.value.status_code, raised.value.type) == (failure.status, kind)
    assert raised.value.api_message == failure.message
    assert raised.value.request_id


async def test_a_limit_says_when_to_come_back_and_a_spent_budget_does_not() -> None:
    spent = fails(429, "You have reached your limit", "enforced_spend_limit_reached")
    async with anthropic_server([replace(fails(429), headers={"retry-after": "7"}), spent]) as server:
        with pytest.raises(anthropic.RateLimitError) as limited:
            await answer(server)
        with pytest.raises(anthropic.RateLimitError) as broke:
            await answer(server)
    assert limited.value.response.headers["retry-after"] == "7"
    assert broke.value.error_code == "enforced_spend_limit_reached"


async def test_keys_and_models_that_are_not_known_are_no_problem() -> None:
    async with anthropic_server([says("x")], models=["claude-opus-5"]) as server:
        with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
            await answer(server, using={"api_key": "wrong"})
        with pytest.raises(anthropic.NotFoundError, match=f"model: {MODEL}"):
            await answer(server)


async def test_the_library_tries_again_what_may_pass() -> None:
    async with anthropic_server([fails(529), fails(429), says("Hello.")]) as server:
        assert texts(await answer(server, using={"max_retries": 2})) == ["Hello."]


async def test_an_error_in_the_middle_of_the_stream_is_told_as_such() -> None:
    async with anthropic_server([replace(says("one two"), stream_error="Overloaded", code="api_error")]) as server:
        with pytest.raises(anthropic.APIStatusError, match="Overloaded") as raised:
            await answer(server)
    assert (raised.value.status_code, raised.value.type) == (200, "api_error")


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Trouble("refuse", status=529, reason="Overloaded"), anthropic.InternalServerError),
        (Trouble("hang"), anthropic.APITimeoutError),
        (Trouble("close", after=1), httpx2.RemoteProtocolError),  # what breaks a stream, the library lets through
        (Trouble("drop", after=1), httpx2.ReadError),
        (Trouble("stall", after=1), httpx2.ReadTimeout),
        (Trouble("garbage", after=1), json.JSONDecodeError),
        (Trouble("error", after=1, reason="Overloaded"), anthropic.APIStatusError),
    ],
    ids=lambda value: value.kind if isinstance(value, Trouble) else "",
)
async def test_each_trouble_is_an_exception(trouble: Trouble, error: type[Exception]) -> None:
    async with anthropic_server(lambda request: says("one two three")) as server:
        server.trouble = replace(trouble, times=1)
        with pytest.raises(error):
            await answer(server, using={"timeout": anthropic.Timeout(0.05, connect=1)})
        assert texts(await answer(server)) == ["one two three"]


async def test_a_killed_server_resets_everything_until_it_is_revived() -> None:
    async with anthropic_server(lambda request: replace(says("one two three"), each_after=0.01)) as server:
        asking = asyncio.create_task(answer(server))
        await answering(server)
        server.kill()
        with pytest.raises((httpx2.ReadError, anthropic.APIConnectionError)):
            await asking
        with pytest.raises(anthropic.APIConnectionError):
            await answer(server)
        server.revive()
        assert texts(await answer(server)) == ["one two three"]


# what it refuses


def body(**changes: Any) -> dict[str, Any]:
    """A right request, but for the changes; a change to ``...`` leaves the field out."""
    whole = {"model": MODEL, "max_tokens": 9, "messages": ASKED, "stream": True, **changes}
    return {name: value for name, value in whole.items() if value is not ...}


async def ask(server: AnthropicServer, sent: Any, path: str = "/v1/messages", **headers: str) -> Reply:
    told = {"x-api-key": server.key, "anthropic-version": "2026-10-21"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await post(server, path, sent, headers={name: value for name, value in told.items() if value})


def marked(*lives: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": live}} for live in lives]


def talk(*contents: Any) -> list[dict[str, Any]]:
    """Contents of the person and of the model in turn."""
    return [{"role": ("user", "assistant")[number % 2], "content": content} for number, content in enumerate(contents)]


THOUGHT = {"type": "thinking", "thinking": "", "signature": "made up"}
WRONG: list[tuple[dict[str, Any], str]] = [
    (body(script=1), "script: Extra inputs are not permitted"),
    (body(model=...), "model: Field required"),
    (body(max_tokens=...), "max_tokens"),
    (body(max_tokens=0), "max_tokens"),
    (body(stream=False), "stream"),
    (body(temperature=1), "temperature: Extra inputs"),
    (body(top_p=0.5), "top_p: Extra inputs"),
    (body(thinking={"type": "some"}), "thinking.type"),
    (body(thinking={"type": "enabled", "budget_tokens": 2000}), "'enabled' is not supported"),
    (body(thinking={"type": "enabled", "budget_tokens": 9}, model="claude-sonnet-4-5"), "budget_tokens"),
    (body(thinking={"type": "adaptive"}, model="claude-haiku-4-5-20251001"), "'adaptive' is not supported"),
    (body(thinking={"type": "disabled"}, model="claude-opus-5-5"), "cannot be disabled"),
    (body(thinking={"type": "disabled"}, model="claude-sonnet-5-5"), "Use 'between_tools'"),
    (body(tools={}), "tools: Input should be a valid list"),
    (body(tools=[{**TOOL, "name": "not a name"}]), "tools.0.custom.name"),
    (body(tools=[{"name": "f"}]), "tools.0.custom.input_schema.type"),
    (body(tools=[{"name": "f", "input_schema": {"type": "object", "anyOf": []}}]), "oneOf, allOf, or anyOf"),
    (body(tools=[{"type": "function", **TOOL}]), "tools.0.type"),
    (body(tools=[{**TOOL, "parameters": {}}]), "tools.0.custom.parameters"),
    (body(tools=[TOOL, TOOL]), "Tool names must be unique"),
    (body(tools=[TOOL], tool_choice="auto"), "tool_choice"),
    (body(tool_choice={"type": "auto"}), "while providing tools"),
    (body(tools=[TOOL], tool_choice={"type": "tool", "name": "other"}), "Tool 'other' not found"),
    (body(tools=[TOOL], tool_choice={"type": "any"}, model="claude-sonnet-5-5"), "forced tool use"),
    (body(system=1), "system: Input should be a valid string or list"),
    (body(system=[{"type": "image"}]), "system.0"),
    (body(system=[{"type": "text", "text": ""}]), "must be non-empty"),
    (body(system=marked("5m", "5m", "5m"), messages=talk(marked("5m", "5m"))), "A maximum of 4 blocks"),
    (body(system=marked("5m"), messages=talk(marked("1h"))), "must not come after"),
    (body(system=marked("9h")), "cache_control"),
    (body(messages=[]), "at least one message"),
    (body(messages=[{"role": "tool", "content": "x"}]), "messages.0.role"),
    (body(messages=[{"role": "system", "content": "x"}, *ASKED]), "top-level `system` parameter"),
    (body(messages=talk("x", "y")[1:]), 'first message must use the "user" role'),
    (body(messages=talk("")), "text content blocks must be non-empty"),
    (body(messages=talk("x", " ", "x")), "must contain non-whitespace text"),
    (body(messages=talk([])), "non-empty content"),
    (body(messages=talk(None)), "messages.0.content.0.text.text"),
    (body(messages=talk([CALL]), tools=[TOOL]), "not permitted in a message of the role `user`"),
    (body(messages=talk("x", "y")), "does not support assistant message prefill"),
    (body(messages=talk("x", "y "), model="claude-haiku-4-5"), "trailing whitespace"),
    (body(messages=talk("x", [CALL]), tools=[TOOL]), "without `tool_result` blocks immediately after: toolu_1"),
    (body(messages=talk("x", [CALL], "y"), tools=[TOOL]), "without `tool_result` blocks immediately after: toolu_1"),
    (body(messages=talk("x", "y", [RESULT]), tools=[TOOL]), "unexpected `tool_use_id`"),
    (body(messages=talk("x", [CALL], [{"type": "text", "text": "y"}, RESULT]), tools=[TOOL]), "must come first"),
    (body(messages=talk("x", [CALL], [RESULT, RESULT]), tools=[TOOL]), "a single result"),
    (body(messages=talk("x", [CALL, CALL], [RESULT]), tools=[TOOL]), "ids must be unique"),
    (body(messages=talk("x", [CALL], [RESULT])), "must define tools"),
    (body(messages=talk("x", [{**CALL, "id": "!"}], [{**RESULT, "tool_use_id": "!"}]), tools=[TOOL]), "tool_use.id"),
    (body(messages=talk("x", [{**CALL, "input": "{}"}], [RESULT]), tools=[TOOL]), "tool_use.input"),
    (body(messages=talk("x", [CALL], [{**RESULT, "content": 1}]), tools=[TOOL]), "tool_result.content"),
    (body(messages=talk("x", [CALL], [{**RESULT, "name": "f"}]), tools=[TOOL]), "tool_result.name"),
    (body(messages=talk("x", [THOUGHT], "y")), "Invalid `signature`"),
    (body(messages=talk("x", [{"type": "thinking"}], "y")), "thinking.signature"),
    (body(system={}, tools=[1], messages=1), "tools.0"),
    (body(messages=ASKED, thinking={"type": "enabled", "budget_tokens": "x"}, model="claude-haiku-4-5"), "wrong type"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
async def test_what_the_api_refuses_is_refused(sent: dict[str, Any], sentence: str) -> None:
    async with anthropic_server([says("x")]) as server:
        reply = await ask(server, sent)
        assert reply.status == 400
        assert sentence in reply.json["error"]["message"]
        assert reply.json["error"]["type"] == "invalid_request_error"
        assert sentence in problems_of(server)[0]
        assert server.requests == []


@pytest.mark.parametrize(
    ("sent", "headers", "status"),
    [
        (b"{", {}, 400),
        (body(), {"anthropic_version": ""}, 400),
        (body(), {"anthropic_version": "2024-01-01"}, 400),
        (body(), {"content_type": "text/plain"}, 400),
        (body(), {"path": "/v1/message"}, 404),
    ],
)
async def test_heads_that_are_wrong_are_problems(sent: Any, headers: dict[str, str], status: int) -> None:
    async with anthropic_server([says("x")]) as server:
        assert (await ask(server, sent, **headers)).status == status
        assert problems_of(server)


async def test_a_request_without_a_key_is_refused() -> None:
    async with anthropic_server([says("x")]) as server:
        assert (await ask(server, body(), x_api_key="")).json["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    "sent",
    [
        body(temperature=0.5, model="claude-haiku-4-5"),
        body(thinking={"type": "between_tools"}, model="claude-sonnet-5-5"),
        body(tools=[TOOL], tool_choice={"type": "any"}),
        body(messages=talk("x", [CALL], [{**RESULT, "is_error": True}, {"type": "text", "text": "y"}]), tools=[TOOL]),
        body(messages=[*ASKED, *ASKED]),
        body(messages=[*talk("x", "y", "z"), {"role": "system", "content": "Be brief."}]),
        body(messages=talk("x", "y"), model="claude-haiku-4-5"),
    ],
)
async def test_what_the_older_version_takes_is_taken(sent: dict[str, Any]) -> None:
    async with anthropic_server([says("x")]) as server:
        assert (await ask(server, sent, anthropic_version="2023-06-01")).status == 200


async def test_a_problem_that_nobody_looks_at_fails_the_test() -> None:
    async def careless() -> None:
        async with anthropic_server() as server:
            await ask(server, body(script=1))

    with pytest.raises(AssertionError, match="script"):
        await careless()


async def test_a_request_more_than_the_script_has_is_a_problem() -> None:
    async with anthropic_server() as server:
        assert (await ask(server, body())).status == 500
        assert "the script has 0 answers" in problems_of(server)[0]
