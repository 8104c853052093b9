"""OpenAI's chat completions through the real library, against a server on loopback that keeps the API's rules."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk as CompletionChunk
from tests.emulators.openai_server import Answer, OpenAIServer, Usage, calls, fails, openai_server, says
from tests.emulators.trouble import Trouble

from pinecall_run.providers import endpoints, openai_model
from pinecall_run.providers.contracts import (
    LanguageModel,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    Text,
    TokensUsed,
    ToolRequest,
)
from pinecall_run.vendors.compatible import DIALECTS

ASKED: list[dict[str, Any]] = [
    {"role": "system", "content": "You are the front desk."},
    {"role": "user", "content": "¿Dónde está el pedido 42?"},
]
ALWAYS = {"stream": True, "stream_options": {"include_usage": True}}
TOOL = {
    "type": "function",
    "function": {"name": "lookup_order", "description": "d", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """No connection outlives a test: a socket that was not closed warns when it is collected."""
    yield
    await openai_model.close()


def model_at(server: OpenAIServer, **options: Any) -> LanguageModel:
    environ = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": server.key}
    return openai_model.open_model(ModelSpec("openai", "gpt-4.1-mini", options), environ)


async def answer(
    model: LanguageModel, messages: list[dict[str, Any]] = ASKED, tools: tuple[Any, ...] = ()
) -> list[ModelPiece]:
    return [piece async for piece in model.stream(ModelRequest(messages, tools))]


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for something that nobody tells."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def without_usage(pieces: list[ModelPiece]) -> list[ModelPiece]:
    return [piece for piece in pieces if not isinstance(piece, TokensUsed)]


def told(pieces: list[ModelPiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


async def test_a_text_comes_in_pieces_and_the_request_is_what_was_asked() -> None:
    async with openai_server([says("Sí, 😀 llega  el martes.\n")]) as server:
        pieces = await answer(model_at(server))
    assert told(pieces) == "Sí, 😀 llega  el martes.\n"
    assert len(pieces) > 3
    assert server.requests == [{**ALWAYS, "model": "gpt-4.1-mini", "messages": ASKED}]


async def test_options_and_tools_go_along_and_nothing_else_does() -> None:
    options = {"temperature": 0.2, "max_tokens": 50, "top_p": 0.9, "seed": 7, "service_tier": "priority"}
    async with openai_server([says("x")]) as server:
        await answer(model_at(server, **options, parallel_tool_calls=False), tools=(TOOL,))
    assert {key: value for key, value in server.requests[0].items() if key != "messages"} == {
        **ALWAYS,
        **options,
        "model": "gpt-4.1-mini",
        "parallel_tool_calls": False,
        "tools": [TOOL],
    }


@pytest.mark.parametrize(
    ("model", "options", "sent"),
    [("gpt-6.2-sol", {"max_tokens": 50}, {"max_completion_tokens": 50, "reasoning_effort": "none"}),
     ("gpt-5-mini", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
     ("gpt-5-mini", {}, {"reasoning_effort": "minimal"}),
     ("o4-mini", {}, {"reasoning_effort": "low"}),
     ("gpt-5-chat-latest", {"temperature": 0.2, "max_tokens": 9}, {"temperature": 0.2, "max_tokens": 9})],
)  # fmt: skip
async def test_a_model_that_thinks_is_asked_for_as_little_of_that_as_it_can(
    model: str, options: dict[str, Any], sent: dict[str, Any]
) -> None:
    async with openai_server([says("x")]) as server:
        await answer(openai_model.open_model(ModelSpec("openai", model, options), server.environ))
    assert server.requests == [{**ALWAYS, **sent, "model": model, "messages": ASKED}]


@pytest.mark.parametrize(
    ("model", "options", "named"),
    [("gpt-4.1", {"script": {}}, "script"), ("gpt-4.1", {"temperature": 3}, "temperature"),
     ("gpt-5", {"temperature": 0.2}, "temperature"),
     ("gpt-6.2-sol", {"top_p": 0.2, "reasoning_effort": "low"}, "top_p"),
     ("gpt-4.1", {"base_url": "ftp://x"}, "base_url"), ("gpt-4.1", {"reasoning_effort": "much"}, "reasoning_effort")],
)  # fmt: skip
def test_what_a_model_does_not_take_is_refused_at_once(model: str, options: dict[str, Any], named: str) -> None:
    with pytest.raises(ProviderError, match=f"`{named}`") as raised:
        openai_model.open_model(ModelSpec("openai", model, options), {"OPENAI_API_KEY": "k"})
    assert raised.value.kind == "request"


@pytest.mark.parametrize(
    "wanted",
    [
        [("lookup_order", {"id": "42"})],
        [("a", {"text": 'ñ 😀 " \\ {'}), ("b", {}), ("a", {"long": "x" * 50})],
        [("a", "")],
        [("a", "{ no json")],
    ],
)
async def test_tool_calls_are_joined_by_index_and_come_when_they_are_complete(wanted: list[tuple[str, Any]]) -> None:
    async with openai_server([calls(*wanted)]) as server:
        pieces = await answer(model_at(server), tools=(TOOL,))
    assert [piece.name for piece in pieces if isinstance(piece, ToolRequest)] == [name for name, _ in wanted]
    for piece, (_, given) in zip(without_usage(pieces), wanted, strict=True):
        assert isinstance(piece, ToolRequest)
        assert piece.arguments == given if isinstance(given, str) else json.loads(piece.arguments) == given
    assert len({piece.id for piece in pieces if isinstance(piece, ToolRequest)}) == len(wanted)


async def test_a_whole_round_with_tools_keeps_the_rules_of_the_api() -> None:
    script = [replace(calls(("lookup_order", {"id": "42"})), text="One moment."), says("Tuesday.")]
    async with openai_server(script) as server:
        model = model_at(server)
        *texts, request = without_usage(await answer(model, tools=(TOOL,)))
        assert isinstance(request, ToolRequest)
        assert told(texts) == "One moment."
        function = {"name": request.name, "arguments": request.arguments}
        call = {"id": request.id, "type": "function", "function": function}
        asked = {"role": "assistant", "content": None, "tool_calls": [call]}
        answered = {"role": "tool", "tool_call_id": request.id, "content": '{"ships":"Tuesday"}'}
        assert told(await answer(model, [*ASKED, asked, answered], (TOOL,))) == "Tuesday."


# failures

SAID = "my card is 4111"


@pytest.mark.parametrize(
    ("failure", "kind", "sentence", "hint"),
    [
        (fails(401), "key", "OpenAI refused the key: invalid_request_error", "OPENAI_API_KEY"),
        (fails(402), "credit", "OpenAI has no credit left: invalid_request_error", "top up"),
        (fails(403), "key", "OpenAI refused the key", "OPENAI_API_KEY"),
        (fails(404), "request", "OpenAI has no model `gpt-4.1-mini`", "OPENAI_BASE_URL"),
        (fails(429), "rate_limit", "OpenAI is asked too much at once", "try again"),
        (fails(429, SAID, "insufficient_quota"), "credit", "OpenAI has no credit left: insufficient_quota", "top up"),
        (fails(400, SAID), "request", "OpenAI answered 400: invalid_request_error", ""),
        (fails(400, SAID, "context_length_exceeded"), "request",
         "OpenAI answered 400: context_length_exceeded, invalid_request_error", ""),
        (fails(400, SAID, f"it was: {SAID}"), "request", "OpenAI answered 400: invalid_request_error", ""),
        (fails(500, SAID), "unavailable", "OpenAI answered 500: server_error", ""),
        (fails(503, SAID), "unavailable", "OpenAI answered 503: server_error", ""),
        (replace(says("x"), stream_error=SAID), "unavailable", "OpenAI broke the answer off: server_error", ""),
        (replace(says("Hello there, you"), cut_after=2), "network", "OpenAI broke the connection off", "_BASE_URL"),
        (replace(says("Hello there, you"), ends_after=2), "network", "OpenAI broke the answer off", "OPENAI_BASE_URL"),
        (replace(says(""), finish="content_filter"), "failed", "OpenAI gave no answer (content_filter)", ""),
        (replace(says(""), finish="length"), "failed", "OpenAI gave no answer (length)", ""),
        (replace(calls(("a", '{"id')), finish="length"), "failed", "OpenAI had too few tokens", "max_tokens"),
    ],
)  # fmt: skip
async def test_a_failure_is_a_sentence(failure: Answer, kind: str, sentence: str, hint: str) -> None:
    async with openai_server([failure] * 3) as server:
        with pytest.raises(ProviderError) as raised:
            await answer(model_at(server), tools=(TOOL,))
    assert str(raised.value).startswith(sentence)
    assert raised.value.kind == kind
    assert hint in raised.value.hint
    assert server.key not in str(raised.value)
    assert SAID not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(Trouble("refuse", status=429, headers={"Retry-After": "7"}), "rate_limit"),
     (Trouble("refuse", status=529), "unavailable"), (Trouble("hang"), "timeout"), (Trouble("drop"), "network"),
     (Trouble("close", after=2), "network"), (Trouble("stall", after=2), "timeout"), (Trouble("garbage"), "garbage"),
     (Trouble("error", after=2), "unavailable")],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)  # fmt: skip
async def test_each_trouble_is_an_error_of_its_kind(
    trouble: Trouble, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "TIMEOUT_SECONDS", 0.2)
    async with openai_server(lambda request: says("Hello there, you.")) as server:
        server.trouble = trouble
        with pytest.raises(ProviderError) as raised:
            await answer(model_at(server))
        assert raised.value.kind == kind
        assert raised.value.retry_after == (7.0 if kind == "rate_limit" else 0.0)
        server.trouble = None
        assert told(await answer(model_at(server))) == "Hello there, you."
        await openai_model.close()
        await eventually(lambda: server.open_connections == 0)


async def test_what_the_server_says_about_key_and_model_is_told_apart() -> None:
    async with openai_server(key="other", models=["gpt-5"]) as server:
        environ = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "wrong"}
        with pytest.raises(ProviderError, match="refused the key"):
            await answer(openai_model.open_model(ModelSpec("openai", "gpt-5"), environ))
        with pytest.raises(ProviderError, match=r"has no model `gpt-4\.1-mini`"):
            await answer(model_at(server))


async def test_a_passing_failure_is_tried_again() -> None:
    async with openai_server([fails(500), fails(429), says("Hello.")]) as server:
        assert told(await answer(model_at(server))) == "Hello."


async def test_what_came_before_the_line_broke_is_not_lost() -> None:
    pieces: list[ModelPiece] = []

    async def listen(model: LanguageModel) -> None:
        async for piece in model.stream(ModelRequest(ASKED)):
            pieces.append(piece)

    async with openai_server([replace(says("one two three four"), cut_after=3)]) as server:
        with pytest.raises(ProviderError):
            await listen(model_at(server))
    assert told(pieces) == "one two"
    assert len(server.requests) == 1


async def test_half_a_tool_call_is_no_tool_call() -> None:
    async with openai_server([replace(calls(("a", {"long": "x" * 50})), cut_after=4)] * 3) as server:
        with pytest.raises(ProviderError):
            await answer(model_at(server), tools=(TOOL,))


async def test_nobody_at_the_address() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    model = openai_model.open_model(ModelSpec("openai", "m"), {"OPENAI_BASE_URL": url})
    with pytest.raises(ProviderError, match="cannot be reached"):
        await answer(model)


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999"])
async def test_an_address_that_cannot_be_fails_as_any_vendor_does(url: str) -> None:
    model = openai_model.open_model(ModelSpec("openai", "m"), {"OPENAI_BASE_URL": url})
    with pytest.raises(ProviderError):
        await answer(model)


async def test_a_slow_first_byte_is_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async with openai_server([replace(says("Hello."), first_after=0.05, each_after=0.01)]) as server:
        assert told(await answer(model_at(server))) == "Hello."
    monkeypatch.setattr(endpoints, "TIMEOUT_SECONDS", 0.05)
    async with openai_server([replace(says("Hello."), first_after=5)]) as server:
        with pytest.raises(ProviderError, match="OpenAI did not answer in time"):
            await answer(model_at(server))


def test_without_a_key_there_must_be_an_endpoint() -> None:
    with pytest.raises(ProviderError, match="the model m needs a key") as raised:
        openai_model.open_model(ModelSpec("openai", "m"), {})
    assert "OPENAI_API_KEY" in raised.value.hint


async def test_an_endpoint_of_ones_own_needs_no_key() -> None:
    async with openai_server([says("Hello.")], key="none") as server:
        model = openai_model.open_model(ModelSpec("openai", "m"), {"OPENAI_BASE_URL": server.base_url})
        assert told(await answer(model)) == "Hello."


# vendors that speak it too

VENDORS = sorted(DIALECTS)


def chunk_of(told: dict[str, Any]) -> CompletionChunk:
    head = {"id": "x", "created": 1, "model": "m", "object": "chat.completion.chunk"}
    return CompletionChunk.model_validate({**head, **told})


ROUND = [
    {"role": "assistant", "content": None,
     "tool_calls": [{"id": "call_0_lookup_order", "type": "function",
                     "function": {"name": "lookup_order", "arguments": '{"id":"42"}'}}]},
    {"role": "tool", "tool_call_id": "call_0_lookup_order", "content": '{"ships":"Tuesday"}'},
]  # fmt: skip


@pytest.mark.parametrize("vendor", VENDORS)
async def test_every_vendor_is_asked_as_it_wants_to_be_and_tells_what_it_took(vendor: str) -> None:
    said = {"role": "assistant", "content": "One moment."}
    history = [*ASKED, said, *ROUND, {"role": "user", "content": "Hello?"}, {"role": "system", "content": "Be brief."}]
    options = {name: value for name, value in OPTIONS.items() if name in DIALECTS[vendor].options}
    usage = Usage(input=100, cached=2000, output=5)
    async with openai_server([replace(says("On Tuesday."), usage=usage)], flavour=vendor) as server:
        model = openai_model.open_model(ModelSpec(vendor, "m", options), server.environ)
        pieces = await answer(model, history, (TOOL,))
    assert told(pieces) == "On Tuesday."
    assert pieces[-1] == TokensUsed(2100, 5, 2000)
    sent = server.requests[0]
    for name, value in options.items():
        assert sent[DIALECTS[vendor].fields.get(name, name)] == value


OPTIONS = {"temperature": 0.5, "max_tokens": 50, "top_p": 0.5, "seed": 3, "reasoning_effort": "high",
           "parallel_tool_calls": False, "service_tier": "auto", "verbosity": "low"}  # fmt: skip


@pytest.mark.parametrize("vendor", VENDORS)
async def test_every_vendor_fails_by_its_name_and_with_its_own_bodies(vendor: str) -> None:
    title = DIALECTS[vendor].title
    async with openai_server([fails(429, SAID, "rate_limit_exceeded"), says("x")], flavour=vendor) as server:
        wrong = {**server.environ, f"{vendor.upper()}_API_KEY": "wrong"}
        with pytest.raises(ProviderError, match=f"^{title} refused the key") as raised:
            await answer(openai_model.open_model(ModelSpec(vendor, "m"), wrong))
        assert raised.value.kind == "key"
        assert f"{vendor.upper()}_API_KEY" in raised.value.hint
        model = openai_model.open_model(ModelSpec(vendor, "m"), server.environ)
        assert told(await answer(model)) == "x", "too much at once may pass"
    async with openai_server([fails(422, SAID)], flavour=vendor) as server:
        with pytest.raises(ProviderError, match=f"^{title} answered 422") as raised:
            await answer(openai_model.open_model(ModelSpec(vendor, "m"), server.environ))
        assert SAID not in f"{raised.value} {raised.value.hint}"


async def test_deepseek_is_told_not_to_think_and_its_own_count_of_the_cache_is_read() -> None:
    async with openai_server([says("x")], flavour="deepseek") as server:
        await answer(openai_model.open_model(ModelSpec("deepseek", "m"), server.environ))
    assert server.requests[0]["thinking"] == {"type": "disabled"}
    chunk = chunk_of(
        {
            "choices": [],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10, "prompt_cache_hit_tokens": 8},
        }
    )
    assert openai_model._used(chunk) == TokensUsed(9, 1, 8)


async def test_mistral_is_given_roles_in_turn_and_ids_of_nine() -> None:
    history = [*ASKED, *ROUND, {"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Yes"}]
    async with openai_server([says("x")], flavour="mistral") as server:
        await answer(openai_model.open_model(ModelSpec("mistral", "m"), server.environ), history, (TOOL,))
    sent = server.requests[0]["messages"]
    roles = " ".join(one["role"] for one in sent)
    assert roles == "system user assistant tool assistant user assistant user"
    assert sent[2]["tool_calls"][0]["id"] == sent[3]["tool_call_id"]
    assert len(sent[3]["tool_call_id"]) == 9
    assert sent[3]["content"] == '{"ships":"Tuesday"}'


@pytest.mark.parametrize(("vendor", "is_named"), [("openai", True), ("groq", False)])
async def test_who_said_something_is_told_to_those_that_take_it(vendor: str, is_named: bool) -> None:
    async with openai_server([says("x")], flavour=vendor) as server:
        model = openai_model.open_model(ModelSpec(vendor, "m"), server.environ)
        await answer(model, [{"role": "user", "name": "ada", "content": "Hello?"}])
    assert ("name" in server.requests[0]["messages"][0]) is is_named


async def test_arguments_that_are_no_json_do_not_make_a_history_unusable() -> None:
    broken = [{**ROUND[0], "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{ no json"}}, CALL]}]
    results = [{"role": "tool", "tool_call_id": "c1", "content": "1"}]
    async with openai_server([says("x")], flavour="vllm") as server:
        model = openai_model.open_model(ModelSpec("vllm", "m"), server.environ)
        broken[0]["tool_calls"].pop()
        await answer(model, [*ASKED, *broken, *results])
    sent = server.requests[0]["messages"][2]["tool_calls"]
    assert sent == [{**CALL, "function": {"name": "f", "arguments": "{}"}}]
    assert broken[0]["tool_calls"][0]["function"]["arguments"] == "{ no json", "the history is not ours to change"


async def test_a_call_without_an_id_is_given_one_that_no_other_has() -> None:
    delta = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}
    chunk = chunk_of({"choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]})
    ids = set()
    for _ in range(2):
        collected = openai_model._Answer()
        collected.add(chunk)
        request = collected.requests()[0]
        assert isinstance(request, ToolRequest)
        ids.add(request.id)
    assert len(ids) == 2


async def test_what_a_model_thinks_is_not_said() -> None:
    delta = {"reasoning_content": "Let me think.", "reasoning": "Let me think."}
    chunk = chunk_of({"choices": [{"index": 0, "delta": delta}]})
    assert openai_model._Answer().add(chunk) == []


async def test_an_endpoint_of_the_configuration_gets_no_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    environ = {"OPENAI_API_KEY": "sk-environment", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for options in ({}, {"api_key": "sk-brought"}):
        spec = ModelSpec("openai", "m", {"base_url": f"http://127.0.0.1:{port}/v1", **options})
        with pytest.raises(ProviderError, match=f"^the endpoint at 127.0.0.1:{port} refused the key"):
            await answer(openai_model.open_model(spec, environ))
    server.close()
    await server.wait_closed()
    assert ["sk-environment" in head or "org-secret" in head for head in heads] == [False, False]
    assert "Bearer sk-brought" in heads[1]


# connections


async def test_conversations_share_connections_and_opening_a_model_opens_none() -> None:
    async with openai_server(lambda request: says("Hello there.")) as server:
        models = [model_at(server) for _ in range(50)]
        assert server.connections == 0
        for model in models[:5]:
            await answer(model)
        assert server.connections == 1
        await asyncio.gather(*(answer(model) for model in models[:3]))
        assert server.connections <= 4
        await openai_model.close()
        await eventually(lambda: server.open_connections == 0)
        assert told(await answer(models[0])) == "Hello there."


async def test_an_answer_that_nobody_wants_any_more_is_not_read_on() -> None:
    """A barge-in cancels the task that listens."""
    slow = replace(says("word " * 200), each_after=0.005)
    async with openai_server([slow, says("Hello.")]) as server:
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


def test_each_event_loop_has_connections_of_its_own() -> None:
    async def once() -> str:
        async with openai_server([says("Hello.")]) as server:
            try:
                return told(await answer(model_at(server)))
            finally:
                await openai_model.close()

    assert [asyncio.run(once()) for _ in range(2)] == ["Hello.", "Hello."]


# the server of these tests


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "m", "stream": True, "messages": ASKED, **changes}


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASSISTANT = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "1"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (body(stream=False), "stream"),
        (body(model=""), "model"),
        (body(messages=[]), "messages"),
        (body(tools=[]), "tools"),
        (body(tools=[{"type": "function", "function": {"name": "not a name"}}]), "tools[0].function.name"),
        (body(temperature=3), "temperature"),
        (body(script={}), "script"),
        (body(messages=[{"role": "bot", "content": "x"}]), "messages[0].role"),
        (body(messages=[{"role": "user", "content": None}]), "content"),
        (body(messages=[*ASKED, RESULT]), "must answer a preceding message"),
        (body(messages=[*ASKED, ASSISTANT]), "no answers to ['c1']"),
        (body(messages=[*ASKED, ASSISTANT, ASKED[1]]), "must be followed"),
        (body(messages=[*ASKED, ASSISTANT, RESULT, RESULT]), "must answer a preceding message"),
        (body(messages=[*ASKED, {**ASSISTANT, "tool_calls": []}]), "tool_calls"),
    ],
)
async def test_the_emulated_server_refuses_what_the_api_refuses(wrong: dict[str, Any], sentence: str) -> None:
    answers: list[tuple[int, str]] = []

    async def ask() -> None:
        async with openai_server([says("x")]) as server:
            answers.append(await _post(server, wrong))

    with pytest.raises(AssertionError) as raised:
        await ask()
    assert sentence in str(raised.value)
    assert answers[0][0] == 400
    assert sentence in answers[0][1]


async def test_the_emulated_server_takes_what_the_api_takes() -> None:
    async with openai_server([says("x")]) as server:
        assert (await _post(server, body(messages=[*ASKED, ASSISTANT, RESULT, ASKED[1]], tools=[TOOL])))[0] == 200


async def _post(server: OpenAIServer, sent: dict[str, Any]) -> tuple[int, str]:
    host, port = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    data = json.dumps(sent).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    answered = (await reader.readuntil(b"\r\n\r\n")).decode()
    text = (await reader.read(4096)).decode()
    writer.close()
    await writer.wait_closed()
    return int(answered.split(" ")[1]), json.loads(text)["error"]["message"] if text.startswith("{") else text
