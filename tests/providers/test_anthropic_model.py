"""Claude through the real library, against a server on loopback that keeps the API's rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.emulators.anthropic_server import Answer, AnthropicServer, Usage, anthropic_server, calls, fails, says
from tests.emulators.trouble import Trouble
from tests.providers._models import (
    ASKED,
    HISTORIES,
    SAID,
    TOOL,
    TROUBLES,
    answer,
    calling,
    eventually,
    round_of,
    told,
)

from pinecall_run.providers import anthropic_model, endpoints
from pinecall_run.providers.contracts import (
    LanguageModel,
    ModelRequest,
    ModelSpec,
    ProviderError,
    TokensUsed,
    ToolRequest,
)

MODELS = ["claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-5", "claude-sonnet-5", "claude-haiku-5-5",
          "claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-1", "acme-model"]  # fmt: skip
CACHED = {"cache_control": {"type": "ephemeral"}}


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    yield
    await anthropic_model.close()


def model_at(server: AnthropicServer, model: str = "claude-haiku-5-5", **options: Any) -> LanguageModel:
    return anthropic_model.open_model(ModelSpec("anthropic", model, options), server.environ)


async def test_a_text_comes_in_pieces_and_the_request_is_what_was_asked() -> None:
    usage = Usage(input=10, cached=2000, written=300, output=5, thought=7)
    async with anthropic_server([replace(says("Sí, 😀 llega  el martes.\n"), usage=usage)]) as server:
        pieces = await answer(model_at(server), tools=(TOOL,))
    assert told(pieces) == "Sí, 😀 llega  el martes.\n"
    assert len(pieces) > 3
    assert pieces[-1] == TokensUsed(2310, 12, 2000)
    function = TOOL["function"]
    assert server.requests == [
        {
            "model": "claude-haiku-5-5",
            "stream": True,
            "max_tokens": 4096,
            "thinking": {"type": "disabled"},
            "system": [{"type": "text", "text": "You are the front desk.", **CACHED}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": ASKED[1]["content"]}]}],
            "tools": [
                {
                    "name": "lookup_order",
                    "description": "Looks an order up.",
                    "input_schema": function["parameters"],
                    **CACHED,
                }
            ],
            **CACHED,
        }
    ]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("options", [{}, {"reasoning_effort": "high", "max_tokens": 9000}], ids=["none", "high"])
async def test_models_think_as_little_as_they_can_or_as_much_as_is_asked(model: str, options: dict[str, Any]) -> None:
    if options and model == "claude-haiku-4-5":
        with pytest.raises(ProviderError, match="`reasoning_effort` of anthropic is not for claude-haiku-4-5"):
            anthropic_model.open_model(ModelSpec("anthropic", model, options), {"ANTHROPIC_API_KEY": "k"})
        return
    if options and model == "acme-model":  # nobody knows what it takes: the emulator thinks that it is old
        return
    async with anthropic_server([replace(says("Yes."), thought="Hm, well.")]) as server:
        assert told(await answer(model_at(server, model, **options))) == "Yes."
    sent = server.requests[0]
    assert (sent.get("thinking"), sent.get("output_config")) == (
        ({"type": "adaptive"}, {"effort": "high"}) if options else LEAST[model]
    )


LEAST = {
    **dict.fromkeys(["claude-haiku-4-5", "claude-sonnet-4-6", "acme-model"], (None, None)),
    **dict.fromkeys(["claude-opus-5", "claude-sonnet-5", "claude-haiku-5-5"], ({"type": "disabled"}, None)),
    "claude-sonnet-5-5": ({"type": "between_tools"}, None),
    **dict.fromkeys(["claude-opus-5-5", "claude-fable-5-1"], (None, {"effort": "low"})),
}


async def test_temperature_is_for_models_that_know_it() -> None:
    async with anthropic_server([says("x")]) as server:
        await answer(model_at(server, "claude-haiku-4-5", temperature=0.2))
    assert server.requests[0]["temperature"] == 0.2
    for model in ("claude-haiku-5-5", "claude-opus-4-7", "acme-model"):
        with pytest.raises(ProviderError, match="`temperature`") as raised:
            anthropic_model.open_model(ModelSpec("anthropic", model, {"temperature": 1}), {"ANTHROPIC_API_KEY": "k"})
        assert raised.value.kind == "request"


async def test_other_options_go_along() -> None:
    async with anthropic_server([says("x"), says("x")]) as server:
        model = model_at(server, max_tokens=50, service_tier="standard_only", parallel_tool_calls=False)
        await answer(model, tools=(TOOL,))
        await answer(model)
    first, second = server.requests
    assert (first["max_tokens"], first["service_tier"]) == (50, "standard_only")
    assert first["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert "tool_choice" not in second


@pytest.mark.parametrize(
    "wanted",
    [[("lookup_order", {"id": "42"})], [("a", {"text": 'ñ 😀 " \\ {'}), ("b", {}), ("a", {"long": "x" * 50})],
     [("a", "")], [("a", "{ no json")]],
)  # fmt: skip
async def test_tool_calls_come_when_they_are_complete(wanted: list[tuple[str, Any]]) -> None:
    async with anthropic_server([replace(calls(*wanted), text="One moment.")]) as server:
        pieces = await answer(model_at(server), tools=(TOOL,))
    requests = [piece for piece in pieces if isinstance(piece, ToolRequest)]
    assert told(pieces) == "One moment."
    for one, (name, given) in zip(requests, wanted, strict=True):
        assert one.name == name
        assert one.arguments == given if given == "{ no json" else json.loads(one.arguments) == (given or {})


async def test_a_conversation_with_tools_keeps_the_rules_and_is_read_from_the_cache() -> None:
    script = [calls(("lookup_order", {"id": "42"}), ("lookup_order", {"id": "43"})), says("Tuesday."), says("Bye.")]
    prompt = {"role": "system", "content": "You are the front desk. " * 200}
    async with anthropic_server(script) as server:
        model = model_at(server)
        history = [prompt, ASKED[1]]
        history += round_of(await answer(model, history, (TOOL,)))
        second = await answer(model, history, (TOOL,))
        history += [{"role": "assistant", "content": told(second)}, {"role": "user", "content": "Thanks."}]
        third = await answer(model, history, (TOOL,))
    used = [one for one in (second[-1], third[-1]) if isinstance(one, TokensUsed)]
    assert all(one.cached > 1000 for one in used)
    assert used[1].cached > used[0].cached, "what was said is cached, too"
    assert [block["type"] for block in server.requests[1]["messages"][2]["content"]] == ["tool_result", "tool_result"]


@pytest.mark.parametrize("tools", [(TOOL,), ()], ids=["tools", "no tools"])
@pytest.mark.parametrize("history", HISTORIES.values(), ids=list(HISTORIES))
async def test_a_history_of_any_making_is_taken(history: list[dict[str, Any]], tools: tuple[Any, ...]) -> None:
    for model in ("claude-haiku-4-5", "claude-haiku-5-5"):
        async with anthropic_server([says("Yes.")]) as server:
            assert told(await answer(model_at(server, model), history, tools)) == "Yes."


async def test_what_was_said_is_in_its_place() -> None:
    history = [
        *ASKED,
        *calling("call_1"),
        {"role": "user", "content": "Hello?"},
        {"role": "system", "content": "Hush."},
    ]
    async with anthropic_server([says("x")]) as server:
        await answer(model_at(server), history, (TOOL,))
    messages = server.requests[0]["messages"]
    assert messages[1]["content"] == [
        {"type": "tool_use", "id": "call_1", "name": "lookup_order", "input": {"id": "42"}}
    ]
    assert messages[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "call_1", "content": '{"ships":"Tuesday"}'},
        {"type": "text", "text": "Hello?\n<system>\nHush.\n</system>"},
    ]


# failures


@pytest.mark.parametrize(
    ("failure", "kind", "sentence", "hint"),
    [
        (fails(401), "key", "Anthropic refused the key: authentication_error", "check ANTHROPIC_API_KEY"),
        (fails(404), "request", "Anthropic has no model `claude-haiku-5-5`", "ANTHROPIC_BASE_URL"),
        (fails(400, SAID), "request", "Anthropic answered 400: invalid_request_error", ""),
        (fails(400, f"{SAID}: x"), "request", "Anthropic answered 400: invalid_request_error", ""),
        (fails(400, f"messages.3.content: {SAID}"), "request",
         "Anthropic answered 400: invalid_request_error, messages.3.content", ""),
        (fails(400, "Your credit balance is too low to access the API."), "credit", "Anthropic has no", "top"),
        (fails(429, SAID, "enforced_spend_limit_reached"), "credit", "Anthropic has no credit left", "top up"),
        (fails(529, SAID), "unavailable", "Anthropic answered 529: overloaded_error", ""),
        (replace(says("Hello there"), stream_error=SAID), "unavailable",
         "Anthropic broke the answer off: overloaded_error", ""),
        (replace(says("Hello there"), stream_error=SAID, code="rate_limit_error"), "rate_limit",
         "Anthropic broke the answer off: rate_limit_error", ""),
        (replace(says("Hello there, you"), ends_after=5), "network", "Anthropic broke the answer off", "network"),
        (replace(says("Hello there, you"), cut_after=5), "network", "Anthropic broke the connection off", "network"),
        (replace(says(""), finish="refusal"), "failed", "Anthropic gave no answer (refusal)", ""),
        (replace(says("I"), finish="refusal"), "failed", "Anthropic gave no answer (refusal)", ""),
        (replace(says(""), finish="max_tokens"), "failed", "Anthropic gave no answer (max_tokens)", ""),
        (replace(calls(("a", '{"id')), finish="max_tokens"), "failed", "Anthropic had too few tokens", "max_tokens"),
    ],
)  # fmt: skip
async def test_a_failure_is_a_sentence(failure: Answer, kind: str, sentence: str, hint: str) -> None:
    async with anthropic_server([failure] * 3) as server:
        with pytest.raises(ProviderError) as raised:
            await answer(model_at(server), tools=(TOOL,))
    assert str(raised.value).startswith(sentence)
    assert raised.value.kind == kind
    assert hint in raised.value.hint
    assert SAID not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize(("trouble", "kind"), TROUBLES, ids=[f"{one.kind}-{one.status}" for one, _ in TROUBLES])
async def test_each_trouble_is_an_error_of_its_kind(
    trouble: Trouble, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "TIMEOUT_SECONDS", 0.3)
    async with anthropic_server(lambda request: says("Hello there, you.")) as server:
        server.trouble = trouble
        with pytest.raises(ProviderError, match=r"^Anthropic ") as raised:
            await answer(model_at(server))
        assert raised.value.kind == kind
        assert raised.value.retry_after == (7.0 if kind == "rate_limit" else 0.0)
        assert SAID not in str(raised.value)
        server.trouble = None
        assert told(await answer(model_at(server))) == "Hello there, you."
        await anthropic_model.close()
        await eventually(lambda: server.open_connections == 0)


async def test_what_passes_is_tried_again_unless_something_was_said() -> None:
    async with anthropic_server([fails(529), fails(500), says("Hello.")]) as server:
        assert told(await answer(model_at(server))) == "Hello."
    async with anthropic_server([replace(says("Hello there"), stream_error="no")]) as server:
        with pytest.raises(ProviderError):
            await answer(model_at(server))
        assert len(server.requests) == 1


async def test_a_wrong_key_and_an_answer_that_is_cut_at_its_bound() -> None:
    async with anthropic_server([replace(says("Hello the"), finish="max_tokens")]) as server:
        wrong = {**server.environ, "ANTHROPIC_API_KEY": "sk-ant-wrong"}
        with pytest.raises(ProviderError, match="refused the key") as raised:
            await answer(anthropic_model.open_model(ModelSpec("anthropic", "claude-haiku-5-5"), wrong))
        assert "sk-ant" not in str(raised.value)
        assert told(await answer(model_at(server))) == "Hello the"


async def test_an_answer_that_nobody_wants_any_more_is_not_read_on() -> None:
    async with anthropic_server([replace(says("word " * 200), each_after=0.005), says("Hello.")]) as server:
        heard = asyncio.Event()

        async def listen() -> None:
            async for _ in model_at(server).stream(ModelRequest(ASKED)):
                heard.set()

        task = asyncio.create_task(listen())
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: server.cut_short == 1)
        assert told(await answer(model_at(server))) == "Hello."


async def test_conversations_share_connections() -> None:
    async with anthropic_server(lambda request: says("Hello there.")) as server:
        for _ in range(5):
            await answer(model_at(server))
        assert server.connections == 1


def test_without_a_key_there_must_be_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "of the process")
    with pytest.raises(ProviderError, match="the model m needs a key") as raised:
        anthropic_model.open_model(ModelSpec("anthropic", "m"), {})
    assert (raised.value.kind, "ANTHROPIC_API_KEY" in raised.value.hint) == ("missing", True)


async def test_headers_of_the_process_are_for_anthropic_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-proxy-key: secret")
    environ = {"ANTHROPIC_API_KEY": "k"}
    own = anthropic_model.open_model(ModelSpec("anthropic", "m"), environ)
    other = anthropic_model.open_model(ModelSpec("anthropic", "m", {"base_url": "http://127.0.0.1:1"}), environ)
    for model, is_told in ((own, True), (other, False)):
        assert isinstance(model, anthropic_model.AnthropicModel)
        client = await anthropic_model._CLIENTS.get(model._endpoint)
        assert ("x-proxy-key" in client.default_headers) is is_told
        assert (client.api_key == "k") is is_told
