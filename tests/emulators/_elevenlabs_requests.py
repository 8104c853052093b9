"""Requests to the emulated ElevenLabs that are no WebSocket: speech by request, voices, models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.emulators import _elevenlabs_rules as rules
from tests.emulators._elevenlabs_rules import Answer, Refusal
from tests.emulators._elevenlabs_socket import Gone, Stalled, reset, write_answer
from tests.emulators._elevenlabs_sound import pieces

if TYPE_CHECKING:
    from tests.emulators._elevenlabs_rules import Asked
    from tests.emulators.elevenlabs_server import ElevenLabsServer

Received = tuple[str, Mapping[str, str], bytes]
"""Method, headers, body."""
DEFAULT_MODEL = "eleven_multilingual_v2"
KINDS = {"pcm": "audio/pcm", "ulaw": "audio/basic"}


async def answer_request(
    server: ElevenLabsServer, writer: asyncio.StreamWriter, asked: Asked, received: Received
) -> bool:
    """True while the connection may go on."""
    method, headers, body = received
    wrong = _judge(server, asked, method)
    if wrong is None and method == "POST":
        wrong = _judge_speech(server, asked, headers, body)
    if wrong is not None:
        if wrong.is_wrong:
            server.problem(f"{method} {asked.path}: {wrong.status}: {wrong.body}")
        write_answer(writer, wrong.status, wrong.body)
    elif method == "GET":
        write_answer(writer, 200, _catalogue(server, asked))
    else:
        return await _speak(server, writer, asked)
    await writer.drain()
    return True


def _judge(server: ElevenLabsServer, asked: Asked, method: str) -> Answer | None:
    parts = asked.path.strip("/").split("/")
    is_speech = parts[:2] == ["v1", "text-to-speech"] and len(parts) in (3, 4) and parts[3:] in ([], ["stream"])
    is_list = asked.path in ("/v1/voices", "/v1/models") or (parts[:2] == ["v1", "voices"] and len(parts) == 3)
    if not is_speech and not is_list:
        return Answer(404, {"detail": "Not Found"})
    if method != ("POST" if is_speech else "GET"):
        return Answer(405, {"detail": "Method Not Allowed"})
    if not asked.key:
        text = "Neither authorization header nor xi-api-key received, please provide one."
        return rules.refused(401, "needs_authorization", text, is_wrong=False)
    if asked.key != server.key:
        return rules.wrong_key()
    if parts[:2] == ["v1", "voices"] and len(parts) == 3 and parts[2] not in server.voices:
        return rules.no_such_voice(parts[2])
    return None


def _judge_speech(server: ElevenLabsServer, asked: Asked, headers: Mapping[str, str], body: bytes) -> Answer | None:
    if not headers.get("content-type", "").startswith("application/json"):
        return _unprocessable("body", f"content type {headers.get('content-type')}")
    try:
        given = json.loads(body)
    except ValueError:
        return _unprocessable("body", "JSON decode error")
    asked.body = given
    if not isinstance(given, dict):
        return _unprocessable("body", "not an object")
    for name in (*rules.unknown(given, rules.BODY_FIELDS), *rules.unknown(asked.parameters, rules.REQUEST_PARAMETERS)):
        server.problem(f"an unknown field or parameter {name}")
    if given.get("text") is None:
        return _unprocessable("text", "Field required")
    wrong = rules.wrong_field(given, rules.BODY_FIELDS)
    if wrong is not None:
        return _unprocessable(wrong, f"got {given[wrong]!r}")
    return _judge_values(server, asked, given)


def _judge_values(server: ElevenLabsServer, asked: Asked, given: Mapping[str, Any]) -> Answer | None:
    model = given.get("model_id") or DEFAULT_MODEL
    wrong = next(rules.wrong_parameters(asked.query, rules.REQUEST_PARAMETERS), None)
    wrong = wrong or rules.wrong_model(model, on_socket=False)
    if wrong is not None:
        return wrong
    server.check_language(model, given.get("language_code"))
    if asked.voice not in server.voices:
        return rules.no_such_voice(asked.voice)
    said = rules.wrong_settings(given.get("voice_settings") or {})
    if said is not None:
        return rules.refused(400, "invalid_voice_settings", said)
    most = rules.MODELS[model][0]
    if len(given["text"]) > most:
        text = f"This request's text has {len(given['text'])} characters and exceeds the character limit of {most}."
        return rules.refused(400, "max_character_limit_exceeded", text)
    if asked.form not in rules.RATES:
        return _unprocessable("output_format", f"this emulator has no encoder for {asked.form}")
    try:
        server.charge(given["text"], asked)
    except Refusal as refusal:
        return rules.refused(401, refusal.error, refusal.message, is_wrong=False)
    return None


def _unprocessable(place: str, text: str) -> Answer:
    return Answer(422, {"detail": [{"type": "missing", "loc": ["body", place], "msg": text, "input": None}]})


async def _speak(server: ElevenLabsServer, writer: asyncio.StreamWriter, asked: Asked) -> bool:
    kind = KINDS[asked.form.partition("_")[0]]
    lines = f"Content-Type: {kind}\r\nrequest-id: emulated\r\ncharacter-cost: {len(asked.body['text'])}\r\n"
    lines += "current-concurrent-requests: 1\r\nmaximum-concurrent-requests: 10\r\n"
    writer.write(f"HTTP/1.1 200 OK\r\n{lines}Transfer-Encoding: chunked\r\n\r\n".encode())
    for count, piece in enumerate(pieces(asked.body["text"], asked.form)):
        await asyncio.sleep(server.pace)
        await _suffer(server, writer, count)
        writer.write(f"{len(piece.audio):x}\r\n".encode() + piece.audio + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _suffer(server: ElevenLabsServer, writer: asyncio.StreamWriter, at: int) -> None:
    trouble = server.due(at, "close", "drop", "stall", "garbage", "error")
    if trouble is None:
        return
    if trouble.kind == "stall":
        await writer.drain()
        raise Stalled
    if trouble.kind == "drop":
        reset(writer)
    if trouble.kind == "garbage":
        writer.write(b"<html>502 Bad Gateway</html>\r\n")
    await writer.drain()
    raise Gone


def _catalogue(server: ElevenLabsServer, asked: Asked) -> Any:
    voices = [{"voice_id": voice, "name": name, "category": "premade"} for voice, name in server.voices.items()]
    if asked.path == "/v1/voices":
        return {"voices": voices}
    if asked.path != "/v1/models":
        return next(voice for voice in voices if voice["voice_id"] == asked.path.rpartition("/")[2])
    return [
        {
            "model_id": model,
            "name": model.replace("_", " ").title(),
            "can_do_text_to_speech": True,
            "maximum_text_length_per_request": most,
            "languages": [{"language_id": language, "name": language} for language in languages],
        }
        for model, (most, languages) in rules.MODELS.items()
    ]
