"""Gemini through the real library, against a server on loopback that keeps the API's rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.emulators.google_server import Answer, GoogleServer, Usage, blocked, calls, fails, google_server, says
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

from pinecall_run.providers import endpoints, google_model
from pinecall_run.providers.contracts import (
    LanguageModel,
    ModelRequest,
    ModelSpec,
    ProviderError,
    TokensUsed,
    ToolRequest,
)

LEAST = {
    "gemini-3.8-flash": {"thinking_level": "LOW"},
    "gemini-3.1-pro-preview": {"thinking_level": "LOW"},
    "gemini-3.1-flash-lite": {"thinking_level": "MINIMAL"},
    "gemini-2.5-flash": {"thinking_budget": 0},
    "gemini-2.5-pro": {"thinking_budget": 128},
    "gemini-flash-latest": None,
}


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    yield
    await google_model.close()


def model_at(server: GoogleServer, model: str = "gemini-3.8-flash", **options: Any) -> LanguageModel:
    return google_model.open_model(ModelSpec("google", model, options), server.environ)


async def test_a_text_comes_in_pieces_and_the_request_is_what_was_asked() -> None:
    usage = Usage(input=10, cached=2000, output=5, thought=7)
    async with google_server([replace(says("Sí, 😀 llega  el martes.\n"), usage=usage)]) as server:
        pieces = await answer(model_at(server, "gemini-2.5-flash"), tools=(TOOL,))
    assert told(pieces) == "Sí, 😀 llega  el martes.\n"
    assert len(pieces) > 3
    assert pieces[-1] == TokensUsed(2010, 12, 2000)
    function = TOOL["function"]
    declared = {
        "name": "lookup_order",
        "description": "Looks an order up.",
        "parameters_json_schema": function["parameters"],
    }
    sent = dict(server.requests[0])
    assert sent.pop("systemInstruction")["parts"] == [{"text": "You are the front desk."}]
    assert sent == {
        "model": "gemini-2.5-flash",
        "contents": [{"role": "user", "parts": [{"text": ASKED[1]["content"]}]}],
        "tools": [{"functionDeclarations": [declared]}],
        "generationConfig": {"thinkingConfig": {"thinking_budget": 0}},
    }


@pytest.mark.parametrize("model", list(LEAST))
async def test_models_think_as_little_as_they_can_or_as_much_as_is_asked(model: str) -> None:
    options = {"max_tokens": 50, "temperature": 0.2, "top_p": 0.5, "seed": 3}
    async with google_server([replace(says("Yes."), thought="Hm."), says("Yes.")]) as server:
        assert told(await answer(model_at(server, model, **options))) == "Yes."
        if LEAST[model]:  # of the others nobody knows what they take
            await answer(model_at(server, model, reasoning_effort="high"))
    first, second = [*(one["generationConfig"] for one in server.requests), None][:2]
    assert first.pop("thinkingConfig", None) == LEAST[model]
    assert first == {"maxOutputTokens": 50, "temperature": 0.2, "topP": 0.5, "seed": 3}
    is_old = model.startswith("gemini-2")
    if second:
        assert second["thinkingConfig"] == ({"thinking_budget": 24576} if is_old else {"thinking_level": "HIGH"})


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "gemini-2.5-flash"])
async def test_a_conversation_with_tools_gives_signatures_back(model: str) -> None:
    twice = calls(("lookup_order", {"id": "42"}), ("lookup_order", {"text": 'ñ 😀 " \\ {'}))
    script = [replace(twice, text="One moment."), calls(("lookup_order", {})), says("Tuesday.")]
    async with google_server(script) as server:
        asked = model_at(server, model)
        first = await answer(asked, ASKED, (TOOL,))
        requests = [one for one in first if isinstance(one, ToolRequest)]
        assert told(first) == "One moment."
        assert [json.loads(one.arguments) for one in requests] == [{"id": "42"}, {"text": 'ñ 😀 " \\ {'}]
        assert len({one.id for one in requests}) == 2
        history = [*ASKED, {"role": "assistant", "content": "One moment."}, *round_of(first)]
        history += round_of(await answer(asked, history, (TOOL,)))
        assert told(await answer(asked, history, (TOOL,))) == "Tuesday."
    parts = server.requests[2]["contents"][1]["parts"]
    given = [part["functionCall"].get("id") for part in parts if "functionCall" in part]
    assert given == ([None, None] if model == "gemini-2.5-flash" else [one.id for one in requests])
    responses = [part["functionResponse"] for part in server.requests[2]["contents"][2]["parts"]]
    assert [one["response"] for one in responses] == [{"output": "result of lookup_order"}] * 2


async def test_a_call_that_the_model_did_not_make_is_said_to_be_so() -> None:
    async with google_server([says("x")] * 2) as server:
        await answer(model_at(server), [*ASKED, *calling("toolu_01")], (TOOL,))
        await answer(model_at(server, "gemini-2.5-flash"), [*ASKED, *calling("toolu_01")], (TOOL,))
    new, old = (one["contents"][1]["parts"][0] for one in server.requests)
    assert "thoughtSignature" in new
    assert "id" not in new["functionCall"]
    assert old == {"functionCall": {"name": "lookup_order", "args": {"id": "42"}}}


async def test_signatures_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_model, "MOST_SIGNATURES", 3)
    script = [calls(*[("lookup_order", {})] * 5), says("x")]
    async with google_server(script) as server:
        model = model_at(server)
        assert isinstance(model, google_model.GoogleModel)
        asked = round_of(await answer(model, ASKED, (TOOL,)))
        assert len(model._made) == 3
        assert told(await answer(model, [*ASKED, *asked], (TOOL,))) == "x"


@pytest.mark.parametrize("tools", [(TOOL,), ()], ids=["tools", "no tools"])
@pytest.mark.parametrize("history", HISTORIES.values(), ids=list(HISTORIES))
async def test_a_history_of_any_making_is_taken(history: list[dict[str, Any]], tools: tuple[Any, ...]) -> None:
    async with google_server([says("Yes.")] * 2) as server:
        for model in ("gemini-2.5-flash", "gemini-3.8-flash"):
            assert told(await answer(model_at(server, model), history, tools)) == "Yes."


async def test_prompts_that_begin_alike_are_cached() -> None:
    prompt = {"role": "system", "content": "You are the front desk. " * 400}
    async with google_server([says("Hello."), says("Bye.")]) as server:
        model = model_at(server)
        await answer(model, [prompt, ASKED[1]], (TOOL,))
        *_, used = await answer(model, [prompt, ASKED[1], {"role": "user", "content": "Bye."}], (TOOL,))
    assert isinstance(used, TokensUsed)
    assert used.cached > 1024


# failures


@pytest.mark.parametrize(
    ("failure", "kind", "sentence", "hint"),
    [
        (fails(404), "request", "Google has no model `gemini-3.8-flash`", "GOOGLE_GEMINI_BASE_URL"),
        (fails(400, SAID), "request", "Google answered 400: INVALID_ARGUMENT", ""),
        (fails(429, SAID), "rate_limit", "Google is asked too much at once: RESOURCE_EXHAUSTED", "later"),
        (fails(503, SAID), "unavailable", "Google answered 503: UNAVAILABLE", ""),
        (fails(504, SAID), "timeout", "Google answered 504: DEADLINE_EXCEEDED", ""),
        (replace(says("Hello there"), stream_error=SAID), "unavailable", "Google answered 503: UNAVAILABLE", ""),
        (replace(says("Hello there, you"), ends_after=2), "network", "Google broke the answer off", "network"),
        (replace(says("Hello there, you"), cut_after=2), "network", "Google broke the connection off", "network"),
        (blocked("PROHIBITED_CONTENT"), "failed", "Google gave no answer (PROHIBITED_CONTENT)", ""),
        (replace(says("I"), finish="SAFETY"), "failed", "Google gave no answer (SAFETY)", ""),
        (replace(says(""), finish="MAX_TOKENS"), "failed", "Google gave no answer (MAX_TOKENS)", ""),
        (calls(("a", "{ no json")), "failed", "Google gave no answer (MALFORMED_FUNCTION_CALL)", ""),
    ],
)  # fmt: skip
async def test_a_failure_is_a_sentence(failure: Answer, kind: str, sentence: str, hint: str) -> None:
    async with google_server([failure] * 3) as server:
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
    async with google_server(lambda request: says("Hello there, you.")) as server:
        server.trouble = trouble
        with pytest.raises(ProviderError, match=r"^Google ") as raised:
            await answer(model_at(server))
        assert raised.value.kind == kind
        assert raised.value.retry_after == (7.0 if kind == "rate_limit" else 0.0)
        assert SAID not in str(raised.value)
        server.trouble = None
        assert told(await answer(model_at(server))) == "Hello there, you."
        await google_model.close()
        await eventually(lambda: server.open_connections == 0)


async def test_what_passes_is_tried_again() -> None:
    async with google_server([fails(503), fails(429), says("Hello.")]) as server:
        assert told(await answer(model_at(server))) == "Hello."


async def test_a_wrong_key_and_an_answer_that_is_cut_at_its_bound() -> None:
    async with google_server([replace(says("Hello the"), finish="MAX_TOKENS")]) as server:
        wrong = {**server.environ, "GOOGLE_API_KEY": "AIza-wrong"}
        with pytest.raises(
            ProviderError, match=r"^Google refused the key: INVALID_ARGUMENT, API_KEY_INVALID"
        ) as raised:
            await answer(google_model.open_model(ModelSpec("google", "gemini-3.8-flash"), wrong))
        assert raised.value.kind == "key"
        assert "AIza" not in str(raised.value)
        other = {"GEMINI_API_KEY": server.key, "GOOGLE_GEMINI_BASE_URL": server.base_url}
        model = google_model.open_model(ModelSpec("google", "gemini-3.8-flash"), other)
        assert told(await answer(model)) == "Hello the"


async def test_an_answer_that_nobody_wants_any_more_is_not_read_on() -> None:
    async with google_server([replace(says("word " * 200), each_after=0.005), says("Hello.")]) as server:
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


async def test_conversations_share_connections_and_the_process_decides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_API_KEY", "of the process")
    async with google_server(lambda request: says("Hello there.")) as server:
        for _ in range(5):
            await answer(model_at(server))
        assert server.connections == 1


def test_without_a_key_there_must_be_an_endpoint() -> None:
    with pytest.raises(ProviderError, match="the model m needs a key") as raised:
        google_model.open_model(ModelSpec("google", "m"), {})
    assert (raised.value.kind, "GOOGLE_API_KEY" in raised.value.hint) == ("missing", True)
