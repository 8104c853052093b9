"""OpenAI's chat completions through the real library, against a server on loopback that keeps the API's rules."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.emulators.openai_server import Answer, OpenAIServer, calls, fails, openai_server, says

from pinecall_run.providers import openai_model
from pinecall_run.providers.contracts import (
    LanguageModel,
    ModelPiece,
    ModelRequest,
    ModelSpec,
    ProviderError,
    Text,
    ToolRequest,
)

ASKED: list[dict[str, Any]] = [
    {"role": "system", "content": "You are the front desk."},
    {"role": "user", "content": "¿Dónde está el pedido 42?"},
]
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


def told(pieces: list[ModelPiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


async def test_a_text_comes_in_pieces_and_the_request_is_what_was_asked() -> None:
    async with openai_server([says("Sí, 😀 llega  el martes.\n")]) as server:
        pieces = await answer(model_at(server))
    assert told(pieces) == "Sí, 😀 llega  el martes.\n"
    assert len(pieces) > 3
    assert server.requests == [{"model": "gpt-4.1-mini", "messages": ASKED, "stream": True}]


async def test_options_and_tools_go_along_and_nothing_else_does() -> None:
    async with openai_server([says("x")]) as server:
        await answer(model_at(server, temperature=0.2, max_tokens=50, script={"x": 1}, voice="v"), tools=(TOOL,))
    assert {key: value for key, value in server.requests[0].items() if key != "messages"} == {
        "model": "gpt-4.1-mini",
        "stream": True,
        "temperature": 0.2,
        "max_tokens": 50,
        "tools": [TOOL],
    }


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
    for piece, (_, given) in zip(pieces, wanted, strict=True):
        assert isinstance(piece, ToolRequest)
        assert piece.arguments == given if isinstance(given, str) else json.loads(piece.arguments) == given
    assert len({piece.id for piece in pieces if isinstance(piece, ToolRequest)}) == len(wanted)


async def test_a_whole_round_with_tools_keeps_the_rules_of_the_api() -> None:
    script = [replace(calls(("lookup_order", {"id": "42"})), text="One moment."), says("Tuesday.")]
    async with openai_server(script) as server:
        model = model_at(server)
        *texts, request = await answer(model, tools=(TOOL,))
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
    ("failure", "sentence", "hint"),
    [
        (fails(401), "OpenAI refused the key", "OPENAI_API_KEY"),
        (fails(404), "the endpoint has no model `gpt-4.1-mini`", "OPENAI_BASE_URL"),
        (fails(429), "OpenAI's rate limit or quota is reached", "try again"),
        (fails(400, SAID), "the model's endpoint answered 400 (invalid_request_error)", ""),
        (fails(400, SAID, "context_length_exceeded"),
         "the model's endpoint answered 400 (context_length_exceeded, invalid_request_error)", ""),
        (fails(400, SAID, f"it was: {SAID}"), "the model's endpoint answered 400 (invalid_request_error)", ""),
        (fails(500, SAID), "the model's endpoint answered 500 (", ""),
        (replace(says("x"), stream_error=SAID), "the model's endpoint broke off (server_error)", ""),
        (replace(says("Hello there, you"), cut_after=2), "the model's endpoint cannot be reached", ""),
    ],
)  # fmt: skip
async def test_a_failure_is_a_sentence(failure: Answer, sentence: str, hint: str) -> None:
    async with openai_server([failure] * 3) as server:
        with pytest.raises(ProviderError) as raised:
            await answer(model_at(server))
    assert str(raised.value).startswith(sentence)
    assert hint in raised.value.hint
    assert server.key not in str(raised.value)
    assert SAID not in f"{raised.value} {raised.value.hint}"


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
    async with openai_server([replace(calls(("a", {"long": "x" * 50})), cut_after=4)]) as server:
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
    monkeypatch.setattr(openai_model, "TIMEOUT_SECONDS", 0.05)
    async with openai_server([replace(says("Hello."), first_after=5)] * 3) as server:
        with pytest.raises(ProviderError, match=r"did not answer within 0\.05 s"):
            await answer(model_at(server))


def test_without_a_key_there_must_be_an_endpoint() -> None:
    with pytest.raises(ProviderError, match="the model m needs a key") as raised:
        openai_model.open_model(ModelSpec("openai", "m"), {})
    assert "OPENAI_API_KEY" in raised.value.hint


async def test_an_endpoint_of_ones_own_needs_no_key() -> None:
    async with openai_server([says("Hello.")], key="none") as server:
        model = openai_model.open_model(ModelSpec("openai", "m"), {"OPENAI_BASE_URL": server.base_url})
        assert told(await answer(model)) == "Hello."


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
