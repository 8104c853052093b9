"""What Gemini's ``streamGenerateContent`` refuses in a request, model by model.

Messages are those of the API, as far as they are public; see ``google_server.py`` for the pages.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

FIELDS = frozenset((
    "model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings",
    "cachedContent", "serviceTier", "store",
))  # fmt: skip
CONFIG = frozenset((
    "temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed", "presencePenalty",
    "frequencyPenalty", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities",
    "thinkingConfig", "responseLogprobs", "logprobs",
))  # fmt: skip
SCHEMA = frozenset((
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering",
    "default", "items", "minimum", "maximum",
))  # fmt: skip
DECLARATION = frozenset(("name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema"))
DATA = ("text", "functionCall", "functionResponse")
LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
UNSIGNED = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""What may be sent in place of a signature for a call that the model did not make itself."""

ORDER = "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
COUNT = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn."
)
UNSEALED = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, "
    "and missing thought_signature may lead to degraded model performance. Additional data, function call "
)


def generation(model: str) -> tuple[int, int]:
    """``(3, 8)`` of ``gemini-3.8-flash``; models that are not called so are as old as can be."""
    found = re.match(r"gemini-(\d+)(?:\.(\d+))?", model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def wrong(request: Any, model: str, signatures: Collection[str]) -> Iterator[str]:
    """What the API would refuse in a request, in its order of looking. ``signatures`` are those that it gave away."""
    if not isinstance(request, dict):
        yield "Invalid JSON payload received. Root element must be a message."
        return
    request = camels(request)
    yield from _unknown(request, FIELDS, "")
    yield from _wrong_config(camels(request.get("generationConfig", {})), model)
    yield from _wrong_tools(request)
    if "systemInstruction" in request and not _texts(request["systemInstruction"]):
        yield "* GenerateContentRequest.system_instruction.parts: contents.parts must not be empty."
    contents = request.get("contents")
    if not isinstance(contents, list) or not contents:
        yield "* GenerateContentRequest.contents: contents is not specified"
        return
    for number, content in enumerate(contents):
        yield from _wrong_content(f"GenerateContentRequest.contents[{number}]", content)
    yield from _wrong_turns([camels(content) for content in contents])
    if generation(model) >= (3, 0):
        yield from _wrong_signatures([camels(content) for content in contents], signatures)


def camels(message: Any) -> dict[str, Any]:
    """The fields by their names in JSON; those of the protocol buffer are taken too."""
    found = message if isinstance(message, dict) else {}
    return {re.sub(r"_([a-z])", lambda match: match[1].upper(), name): value for name, value in found.items()}


def _unknown(message: Mapping[str, Any], known: Collection[str], where: str) -> Iterator[str]:
    for name in message.keys() - known:
        place = f" at '{where}'" if where else ""
        yield f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'


def _texts(content: Any) -> bool:
    parts = content.get("parts") if isinstance(content, dict) else None
    return isinstance(parts, list) and bool(parts) and all(isinstance(part.get("text"), str) for part in parts)


def _wrong_config(config: Mapping[str, Any], model: str) -> Iterator[str]:
    yield from _unknown(config, CONFIG, "generation_config")
    temperature, most = config.get("temperature", 1), config.get("maxOutputTokens", 1)
    if not 0 <= temperature <= 2:
        yield f"* GenerateContentRequest.generation_config.temperature: {temperature} must be in the range [0.0, 2.0]."
    if type(most) is not int or most < 1:
        yield "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive."
    if len(config.get("stopSequences", ())) > 5:
        yield "* GenerateContentRequest.generation_config.stop_sequences: at most 5 are allowed."
    thinking = camels(config.get("thinkingConfig", {}))
    yield from _unknown(
        thinking, ("includeThoughts", "thinkingBudget", "thinkingLevel"), "generation_config.thinking_config"
    )
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        yield "You can only set only one of thinking budget and thinking level."
    level = str(thinking.get("thinkingLevel", "LOW")).upper()
    if level not in LEVELS:
        yield f"Invalid value at 'generation_config.thinking_config.thinking_level': \"{level}\""
    elif "thinkingLevel" in thinking and generation(model) < (3, 0):
        yield "Thinking level is not supported for this model."
    elif level == "MINIMAL" and ("-pro" in model or generation(model) >= (3, 8)):
        yield f"Thinking level {level} is not supported for this model."


def _wrong_tools(request: Mapping[str, Any]) -> Iterator[str]:
    names: list[str] = []
    for place, tool in enumerate(request.get("tools", ())):
        yield from _unknown(camels(tool), ("functionDeclarations",), f"tools[{place}]")
        for number, given in enumerate(camels(tool).get("functionDeclarations", ())):
            where = f"tools[{place}].function_declarations[{number}]"
            declaration = camels(given)
            yield from _unknown(declaration, DECLARATION, where)
            if not isinstance(declaration.get("name"), str) or not NAME.fullmatch(declaration["name"]):
                yield f"* GenerateContentRequest.{where}.name: Invalid function name."
                return
            if "parameters" in declaration and "parametersJsonSchema" in declaration:
                yield f"* GenerateContentRequest.{where}: only one of parameters and parameters_json_schema may be set."
            yield from _wrong_schema(declaration.get("parameters", {}), f"{where}.parameters")
            names.append(declaration["name"])
    if len(set(names)) != len(names):
        yield f"Duplicate function declaration found: {max(names, key=names.count)}"
    config = camels(camels(request.get("toolConfig", {})).get("functionCallingConfig", {}))
    if config and not names:
        yield "Function calling config is set without function_declarations."
    if str(config.get("mode", "AUTO")).upper() not in ("AUTO", "ANY", "NONE", "VALIDATED"):
        yield "Invalid value at 'tool_config.function_calling_config.mode'"
    for name in set(config.get("allowedFunctionNames", ())) - set(names):
        yield f"* GenerateContentRequest.tool_config.allowed_function_names: {name} is not declared."


def _wrong_schema(schema: Any, where: str) -> Iterator[str]:
    """``parameters`` is a message of its own and no JSON Schema, which goes into ``parametersJsonSchema``."""
    found = camels(schema)
    yield from _unknown(found, SCHEMA, where)
    if isinstance(found.get("type"), list):
        yield (
            f"Invalid JSON payload received. Unknown name \"type\" at '{where}': "
            "Proto field is not repeating, cannot start list."
        )
    for number, inner in enumerate(found.get("properties", {}).values()):
        yield from _wrong_schema(inner, f"{where}.properties[{number}].value")
    if "items" in found:
        yield from _wrong_schema(found["items"], f"{where}.items")
    for number, inner in enumerate(found.get("anyOf", ())):
        yield from _wrong_schema(inner, f"{where}.any_of[{number}]")


def _wrong_content(where: str, content: Any) -> Iterator[str]:
    found = camels(content)
    yield from _unknown(found, ("role", "parts"), where)
    if found.get("role", "user") not in ("user", "model", "function"):
        yield "Please use a valid role: user, model."
    if not isinstance(found.get("parts"), list) or not found["parts"]:
        yield f"* {where}.parts: contents.parts must not be empty."
        return
    for number, given in enumerate(found["parts"]):
        part, place = camels(given), f"{where}.parts[{number}]"
        yield from _unknown(part, (*DATA, "thought", "thoughtSignature"), place)
        data = [name for name in DATA if name in part]
        call, response = camels(part.get("functionCall", {})), camels(part.get("functionResponse", {}))
        if len(data) != 1:
            yield f"* {place}.data: required oneof field 'data' must have one initialized field"
        elif data == ["text"] and not isinstance(part["text"], str):
            yield f"Invalid value at '{place}.text' (TYPE_STRING)"
        elif call and found.get("role") != "model":
            yield ORDER
        elif data != ["text"] and not isinstance({**call, **response}.get("name"), str):
            yield f"* {place}.{'function_call' if call else 'function_response'}.name: Name cannot be empty."
        elif call and not isinstance(call.get("args", {}), dict):
            yield f"Invalid value at '{place}.function_call.args' (type.googleapis.com/google.protobuf.Struct)"
        elif response and not isinstance(response.get("response"), dict):
            yield f"Invalid value at '{place}.function_response.response' (type.googleapis.com/google.protobuf.Struct)"


def _named(content: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [camels(part[kind]) for part in map(camels, content["parts"]) if kind in part]


def _wrong_turns(contents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    open_calls: list[dict[str, Any]] = []
    before = ""
    for content in contents:
        wanted, given = _named(content, "functionCall"), _named(content, "functionResponse")
        if given and not open_calls:
            yield "Please ensure that function response turn comes immediately after a function call turn."
        elif len(given) != len(open_calls):
            yield COUNT
        elif sorted(_key(call) for call in given) != sorted(_key(call) for call in open_calls):
            yield "Please ensure that function responses have the names and ids of the function calls before them."
        if wanted and before not in ("user", "function"):
            yield ORDER
        open_calls, before = wanted, content.get("role", "user")
    if open_calls:
        yield COUNT
    elif before == "model":
        yield "Please ensure that multiturn requests end with a user role or a function response."


def _key(call: Mapping[str, Any]) -> tuple[str, str]:
    return str(call.get("name")), str(call.get("id", ""))


def _wrong_signatures(contents: Sequence[Mapping[str, Any]], signatures: Collection[str]) -> Iterator[str]:
    """Since the person last said something, the first call of each step has the signature that came with it."""
    asked = [number for number, content in enumerate(contents) if _is_asking(content)]
    for number, content in enumerate(contents):
        parts = [part for part in map(camels, content["parts"]) if "functionCall" in part]
        if content.get("role") != "model" or not parts:
            continue
        signature = parts[0].get("thoughtSignature")
        if signature is None and number > max(asked, default=-1):
            name = camels(parts[0]["functionCall"])["name"]
            yield f"{UNSEALED}`default_api:{name}`, position {number + 1}."
        elif signature is not None and not _is_signed(signature, signatures):
            yield "Corrupted thought signature."


def _is_asking(content: Mapping[str, Any]) -> bool:
    return content.get("role", "user") == "user" and any("text" in part for part in content["parts"])


def _is_signed(signature: str, signatures: Collection[str]) -> bool:
    """Libraries write bytes in the alphabet for URLs, curl does not."""
    plain = signature.replace("-", "+").replace("_", "/")
    dummies = {base64.b64encode(dummy.encode()).decode().rstrip("=") for dummy in UNSIGNED}
    return signature in UNSIGNED or plain in signatures or plain.rstrip("=") in dummies
