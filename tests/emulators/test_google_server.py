"""The emulated Gemini serves Google's own library, and refuses what the API refuses."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from tests.emulators._raw import NO_CERTIFICATES, Reply, answering, post, problems_of
from tests.emulators.google_server import GoogleServer, Usage, blocked, calls, fails, google_server, says
from tests.emulators.trouble import Trouble

MODEL = "gemini-3.8-flash"
TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="lookup_order", parameters_json_schema={"type": "object"}),
        types.FunctionDeclaration(name="hang_up"),
    ]
)
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)


def person(text: str) -> types.Content:
    return types.Content(role="user", parts=[types.Part(text=text)])


ASKED = [person("Where is my order?")]


async def responses(
    server: GoogleServer,
    contents: list[types.Content] = ASKED,
    *,
    model: str = MODEL,
    seconds: float = 5,
    **config: Any,
) -> list[types.GenerateContentResponse]:
    """The events of one answer, as the library understands them."""
    settings = {"verify": NO_CERTIFICATES}
    async with httpx2.AsyncClient(**settings) as http:  # where aiohttp is installed the library takes that, else
        options = types.HttpOptions(
            base_url=server.base_url, timeout=int(seconds * 1000), client_args=settings, httpx_async_client=http
        )
        library = genai.Client(api_key=config.pop("api_key", server.key), http_options=options)
        async with library.aio:
            return await streamed(library, contents, model, **config)


async def streamed(
    library: genai.Client, contents: list[types.Content], model: str, **config: Any
) -> list[types.GenerateContentResponse]:
    wanted = types.GenerateContentConfig(automatic_function_calling=BY_HAND, **config)
    stream = await library.aio.models.generate_content_stream(model=model, contents=list(contents), config=wanted)
    return [event async for event in stream]


def parts(found: list[types.GenerateContentResponse]) -> list[types.Part]:
    contents = [event.candidates[0].content for event in found if event.candidates]
    return [part for content in contents if content is not None for part in content.parts or ()]


def told(found: list[types.GenerateContentResponse]) -> str:
    return "".join(part.text or "" for part in parts(found) if not part.thought)


def finish(found: list[types.GenerateContentResponse]) -> Any:
    assert found[-1].candidates
    return found[-1].candidates[0].finish_reason


async def test_a_text_comes_in_pieces_and_the_request_is_what_was_asked() -> None:
    async with google_server([says("Sí, 😀 el martes.\n")]) as server:
        found = await responses(server, system_instruction="Be brief.", temperature=0.5)
    assert told(found) == "Sí, 😀 el martes.\n"
    assert len(found) == 6
    assert finish(found) == "STOP"
    assert server.requests == [
        {
            "model": MODEL,
            "contents": [{"role": "user", "parts": [{"text": "Where is my order?"}]}],
            "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
            "generationConfig": {"temperature": 0.5},
        }
    ]


async def test_the_environment_leads_the_library_here(monkeypatch: pytest.MonkeyPatch) -> None:
    async with google_server([says("Hello.")]) as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        async with httpx2.AsyncClient() as http:
            options = types.HttpOptions(httpx_async_client=http)
            async with genai.Client(http_options=options).aio as library:
                stream = await library.models.generate_content_stream(model=MODEL, contents="Hello?")
                assert told([event async for event in stream]) == "Hello."


async def test_a_round_with_tools_goes_back_and_forth_with_its_signature() -> None:
    wanted = replace(calls(("lookup_order", {"id": "42"}), ("hang_up", "")), text="One moment.")
    async with google_server([wanted, says("Tuesday.")]) as server:
        found = await responses(server, tools=[TOOL])
        first, second = (part for part in parts(found) if part.function_call)
        assert first.function_call is not None
        assert second.function_call is not None
        assert (first.function_call.args, second.function_call.args) == ({"id": "42"}, {})
        assert first.thought_signature
        assert not second.thought_signature
        answers = [
            types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "x"}))
            for call in (first.function_call, second.function_call)
        ]
        contents = [*ASKED, types.Content(role="model", parts=parts(found)), types.Content(role="user", parts=answers)]
        assert told(await responses(server, contents, tools=[TOOL])) == "Tuesday."


async def test_models_before_the_third_sign_nothing_and_name_no_call() -> None:
    async with google_server([calls(("hang_up", {}))]) as server:
        (part,) = parts(await responses(server, model="gemini-2.5-flash", tools=[TOOL]))
    assert part.function_call is not None
    assert (part.function_call.id, part.thought_signature) == (None, None)


async def test_arguments_that_are_no_object_are_a_malformed_call() -> None:
    async with google_server([calls(("lookup_order", "{ no json"))]) as server:
        found = await responses(server, tools=[TOOL])
    assert parts(found) == []
    assert finish(found) == "MALFORMED_FUNCTION_CALL"


@pytest.mark.parametrize(("is_wanted", "thoughts"), [(True, ["Greet them."]), (False, [])])
async def test_thoughts_are_told_if_they_are_wanted(*, is_wanted: bool, thoughts: list[str]) -> None:
    async with google_server([replace(says("Hello."), thought="Greet them.")]) as server:
        found = await responses(server, thinking_config=types.ThinkingConfig(include_thoughts=is_wanted))
    assert [part.text for part in parts(found) if part.thought] == thoughts
    assert told(found) == "Hello."
    assert found[-1].usage_metadata is not None
    assert found[-1].usage_metadata.thoughts_token_count == 3


async def test_the_usage_grows_from_event_to_event() -> None:
    usage = Usage(input=50, cached=100, output=9, thought=4)
    async with google_server([replace(says("one two three"), usage=usage)]) as server:
        found = await responses(server)
    counts = [event.usage_metadata for event in found if event.usage_metadata is not None]
    assert [count.candidates_token_count for count in counts] == [3, 6, 9, 9]
    assert {(count.prompt_token_count, count.cached_content_token_count) for count in counts} == {(150, 100)}
    assert counts[-1].total_token_count == 150 + 9 + 4


async def test_prompts_that_begin_alike_are_cached() -> None:
    async with google_server(lambda request: says("Yes.")) as server:
        cached = []
        for prompt in ("word " * 1000, "word " * 1000, "another " + "word " * 1000):
            usage = (await responses(server, system_instruction=prompt))[-1].usage_metadata
            assert usage is not None
            cached.append(usage.cached_content_token_count or 0)
    assert cached == [0, pytest.approx(1290, abs=30), 0]


@pytest.mark.parametrize("reason", ["SAFETY", "MAX_TOKENS", "PROHIBITED_CONTENT"])
async def test_an_answer_may_end_for_any_reason(reason: str) -> None:
    async with google_server([replace(says("One two"), finish=reason)]) as server:
        found = await responses(server)
    assert (told(found), finish(found)) == ("One two", reason)


async def test_a_prompt_may_be_blocked() -> None:
    async with google_server([blocked("PROHIBITED_CONTENT")]) as server:
        (event,) = await responses(server)
    assert event.candidates is None
    assert event.prompt_feedback is not None
    assert event.prompt_feedback.block_reason == "PROHIBITED_CONTENT"


# errors


@pytest.mark.parametrize(
    ("failure", "error", "status"),
    [
        (fails(400, "bad"), errors.ClientError, "INVALID_ARGUMENT"),
        (fails(400, "no billing", "FAILED_PRECONDITION"), errors.ClientError, "FAILED_PRECONDITION"),
        (fails(403), errors.ClientError, "PERMISSION_DENIED"),
        (fails(429), errors.ClientError, "RESOURCE_EXHAUSTED"),
        (fails(500), errors.ServerError, "INTERNAL"),
        (fails(503, "The model is overloaded."), errors.ServerError, "UNAVAILABLE"),
        (fails(504), errors.ServerError, "DEADLINE_EXCEEDED"),
    ],
)
async def test_each_error_is_an_exception_of_the_library_s(failure: Any, error: type[Exception], status: str) -> None:
    async with google_server([failure]) as server:
        with pytest.raises(error) as raised:
            await responses(server)
    assert isinstance(raised.value, errors.APIError)
    assert (raised.value.code, raised.value.status, raised.value.message) == (failure.status, status, failure.message)


async def test_a_limit_says_when_to_come_back_in_the_body() -> None:
    async with google_server([replace(fails(429), headers={"Retry-After": "7"})]) as server:
        with pytest.raises(errors.ClientError) as raised:
            await responses(server)
    assert raised.value.details["error"]["details"] == [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    ]


async def test_keys_and_models_that_are_not_known_are_no_problem() -> None:
    async with google_server([says("x")], models=["gemini-4-neon"]) as server:
        with pytest.raises(errors.ClientError, match="API_KEY_INVALID") as raised:
            await responses(server, api_key="wrong")
        assert raised.value.code == 400
        with pytest.raises(errors.ClientError, match=f"models/{MODEL} is not found"):
            await responses(server)


async def test_an_error_in_the_middle_of_the_stream_is_raised() -> None:
    async with google_server([replace(says("one two"), stream_error="Quota", code="RESOURCE_EXHAUSTED")]) as server:
        with pytest.raises(errors.ClientError, match="Quota") as raised:
            await responses(server)
    assert raised.value.code == 429


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Trouble("refuse", status=503, reason="down"), errors.ServerError),
        (Trouble("hang"), httpx2.ReadTimeout),
        (Trouble("close", after=1), httpx2.RemoteProtocolError),
        (Trouble("drop", after=1), httpx2.ReadError),
        (Trouble("stall", after=1), httpx2.ReadTimeout),
        (Trouble("garbage", after=1), errors.UnknownApiResponseError),
        (Trouble("error", after=1, reason="Overloaded"), errors.ServerError),
    ],
    ids=lambda value: value.kind if isinstance(value, Trouble) else "",
)
async def test_each_trouble_is_an_exception(trouble: Trouble, error: type[Exception]) -> None:
    async with google_server(lambda request: says("one two three")) as server:
        server.trouble = replace(trouble, times=1)
        with pytest.raises(error):
            await responses(server, seconds=0.05)
        assert told(await responses(server)) == "one two three"


async def test_a_killed_server_resets_everything_until_it_is_revived() -> None:
    async with google_server(lambda request: replace(says("one two three"), each_after=0.01)) as server:
        asking = asyncio.create_task(responses(server))
        await answering(server)
        server.kill()
        with pytest.raises(httpx2.TransportError):
            await asking
        with pytest.raises(httpx2.TransportError):
            await responses(server)
        server.revive()
        assert told(await responses(server)) == "one two three"


# what it refuses


def body(**changes: Any) -> dict[str, Any]:
    return {"contents": talk("x"), **changes}


def talk(*contents: Any) -> list[dict[str, Any]]:
    """Contents of the person and of the model in turn; a text is a part of its own."""
    return [
        {"role": ("user", "model")[number % 2], "parts": [{"text": content}] if isinstance(content, str) else content}
        for number, content in enumerate(contents)
    ]


PATH = "/v1beta/models/{model}:streamGenerateContent?alt=sse"


async def ask(server: GoogleServer, sent: Any, *, model: str = MODEL, path: str = PATH, **headers: str) -> Reply:
    told = {"x-goog-api-key": server.key, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await post(server, path.format(model=model), sent, headers=told)


SIGNED = base64.b64encode(b"skip_thought_signature_validator").decode()
CALL = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": SIGNED}
RESPONSE = {"functionResponse": {"name": "f", "response": {}}}
OTHER = {"functionResponse": {"name": "g", "response": {}}}


def tool(**declaration: Any) -> list[dict[str, Any]]:
    return [{"functionDeclarations": [{"name": "f", **declaration}]}]


WRONG: list[tuple[dict[str, Any], str]] = [
    (body(script=1), 'Unknown name "script": Cannot find field.'),
    (body(generationConfig={"maxTokens": 1}), "Unknown name \"maxTokens\" at 'generation_config'"),
    (body(generationConfig={"temperature": 3}), "temperature"),
    (body(generationConfig={"maxOutputTokens": 0}), "max_output_tokens must be positive"),
    (body(generationConfig={"stopSequences": [*"abcdef"]}), "stop_sequences"),
    (body(generationConfig={"thinkingConfig": {"thinkingLevel": "SOME"}}), "thinking_level"),
    (body(generationConfig={"thinkingConfig": {"thinkingLevel": "MINIMAL"}}), "level MINIMAL is not supported"),
    (body(generationConfig={"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 0}}), "only one of thinking"),
    (body(systemInstruction={"parts": []}), "system_instruction"),
    (body(systemInstruction="Be brief."), "system_instruction"),
    (body(tools=[{"functions": []}]), 'Unknown name "functions"'),
    (body(tools=tool(name="not a name")), "Invalid function name"),
    (body(tools=tool(input_schema={})), 'Unknown name "inputSchema"'),
    (body(tools=tool(parameters={"additionalProperties": False})), 'Unknown name "additionalProperties"'),
    (body(tools=tool(parameters={"properties": {"a": {"const": 1}}})), "parameters.properties[0].value'"),
    (body(tools=tool(parameters={"items": {"$ref": "x"}})), "parameters.items'"),
    (body(tools=tool(parameters={"anyOf": [{"type": ["string", "null"]}]})), "Proto field is not repeating"),
    (body(tools=tool(parameters={}, parametersJsonSchema={})), "only one of parameters"),
    (body(tools=[*tool(), *tool()]), "Duplicate function declaration found: f"),
    (body(toolConfig={"functionCallingConfig": {"mode": "AUTO"}}), "without function_declarations"),
    (body(tools=tool(), toolConfig={"functionCallingConfig": {"mode": "SOME"}}), "function_calling_config.mode"),
    (body(tools=tool(), toolConfig={"functionCallingConfig": {"allowedFunctionNames": ["g"]}}), "g is not declared"),
    (body(contents=[]), "contents is not specified"),
    (body(contents=[{"role": "assistant", "parts": [{"text": "x"}]}]), "valid role: user, model"),
    (body(contents=talk([])), "contents.parts must not be empty"),
    (body(contents=talk([{}])), "required oneof field 'data'"),
    (body(contents=talk([{"text": "x", **RESPONSE}])), "required oneof field 'data'"),
    (body(contents=talk([{"text": 1}])), "TYPE_STRING"),
    (body(contents=talk([{"image": 1}])), 'Unknown name "image"'),
    (body(contents=talk([CALL])), "function call turn comes immediately after"),
    (body(contents=talk("x", [CALL])[1:]), "function call turn comes immediately after"),
    (body(contents=talk("x", [{"functionCall": {"args": {}}}], "y")), "Name cannot be empty"),
    (body(contents=talk("x", [{"functionCall": {"name": "f", "args": "{}"}}], "y")), "google.protobuf.Struct"),
    (body(contents=talk("x", [CALL], [{"functionResponse": {"name": "f", "response": "x"}}])), "response.response'"),
    (body(contents=talk("x", [CALL], [RESPONSE, RESPONSE])), "number of function response parts"),
    (body(contents=talk("x", [CALL], "y")), "number of function response parts"),
    (body(contents=talk("x", [CALL])), "number of function response parts"),
    (body(contents=talk("x", [CALL], [OTHER])), "names and ids"),
    (body(contents=talk("x", "y", [RESPONSE])), "function response turn comes immediately after"),
    (body(contents=talk("x", "y")), "end with a user role"),
    (body(contents=talk("x", [{"functionCall": {"name": "f"}}], [RESPONSE])), "missing a thought_signature"),
    (body(contents=talk("x", [{**CALL, "thoughtSignature": "bWFkZQ=="}], [RESPONSE])), "Corrupted thought signature"),
    (body(generationConfig={"temperature": "hot"}), "wrong type"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "sentence"), WRONG, ids=[f"{number} {wrong[1]}" for number, wrong in enumerate(WRONG)]
)
async def test_what_the_api_refuses_is_refused(sent: dict[str, Any], sentence: str) -> None:
    async with google_server([says("x")]) as server:
        reply = await ask(server, sent)
        assert reply.status == 400
        assert sentence in reply.json["error"]["message"]
        assert reply.json["error"]["status"] == "INVALID_ARGUMENT"
        assert sentence in problems_of(server)[0]
        assert server.requests == []


async def test_levels_of_thinking_are_only_for_the_third_generation() -> None:
    async with google_server([says("x")]) as server:
        sent = body(generationConfig={"thinkingConfig": {"thinkingLevel": "LOW"}})
        assert (await ask(server, sent, model="gemini-2.5-flash")).status == 400
        assert "Thinking level is not supported" in problems_of(server)[0]


@pytest.mark.parametrize(
    "path", [PATH.replace("?alt=sse", ""), PATH.replace("models", "model"), PATH.replace("stream", "")]
)
async def test_paths_that_are_wrong_are_problems(path: str) -> None:
    async with google_server([says("x")]) as server:
        assert (await ask(server, body(), path=path)).status in (400, 404)
        assert problems_of(server)


async def test_a_request_without_a_key_is_refused() -> None:
    async with google_server([says("x")]) as server:
        reply = await ask(server, body(), x_goog_api_key="")
    assert (reply.status, reply.json["error"]["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    "sent",
    [
        body(system_instruction={"parts": [{"text": "x"}]}, generation_config={"max_output_tokens": 5}),
        body(contents=talk("x", "y", "z")[1:]),
        body(contents=talk("x", [CALL, {"functionCall": {"name": "g"}}], [OTHER, RESPONSE])),
        body(contents=talk("x", [{"functionCall": {"name": "f"}}], [RESPONSE], "y", "and now?")),
        body(contents=talk("x", [{**CALL, "thoughtSignature": "skip_thought_signature_validator"}], [RESPONSE])),
        body(tools=tool(parametersJsonSchema={"$schema": "x", "additionalProperties": False})),
    ],
)
async def test_what_the_api_takes_is_taken(sent: dict[str, Any]) -> None:
    async with google_server([says("x")]) as server:
        reply = await ask(server, sent, path=PATH + "&key=" + server.key, x_goog_api_key="")
        assert reply.status == 200, reply.body
