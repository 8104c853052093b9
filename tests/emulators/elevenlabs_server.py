"""A server on loopback that speaks ElevenLabs: text to speech by WebSocket and by request, and realtime speech to text.

    async with elevenlabs_server(["where is my order"]) as server:
        environ = server.environ       # ELEVENLABS_API_KEY, ELEVENLABS_URL
        ...
        server.requests                # an Asked for each connection or request: parameters, messages or body
        server.said, server.unsaid     # texts that were spoken; texts that a context lost when it was closed
        server.trouble = Trouble("drop", after=3)

* WebSockets ``/v1/text-to-speech/VOICE/multi-stream-input``, ``…/stream-input``, ``/v1/speech-to-text/realtime``;
  ``POST /v1/text-to-speech/VOICE``, ``…/stream``; ``GET /v1/voices``, ``/v1/voices/VOICE``, ``/v1/models``.
* Formats: pcm_8000 … pcm_48000 and ulaw_8000. The vendor's others are taken for a client's mistake here.
* Troubles: all. ``after`` counts a context's pieces of sound, a request's, or an ear's seconds. Of ``error`` the
  ``code`` is the name in the vendor's message ("quota_exceeded"); voices then close with 1008, ears with 1000.
* Attributes make the vendor slow or short of something: ``pace``, ``credits``, ``idle_seconds``, ``silent_seconds``,
  ``tail_seconds``, ``closing_seconds``, ``max_contexts``, ``is_racing``.

It is strict: what ElevenLabs refuses, or ignores in silence, is written into ``server.problems``, which must be empty
at the end of the block. A wrong key, an unknown voice or model, a lack of credits, and a time-out are no problem, only
an answer. Error messages are the vendor's as recorded, but for those of malformed messages, of settings and of
parameters out of range, whose wording is nowhere to be read.

Sources (read in November 2026): https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input,
…-stream-input, …/text-to-speech/stream, …/speech-to-text/v-1-speech-to-text-realtime;
https://elevenlabs.io/docs/eleven-api/guides/how-to/websockets/multi-context-web-socket, …/resources/errors;
sessions recorded by others in https://github.com/cykod/ALLM (test/fixtures/elevenlabs); the limits of contexts in
https://github.com/pipecat-ai/pipecat/issues/4114, 4520, 4681, 5271 and https://github.com/bolna-ai/bolna/pull/790.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.emulators import _elevenlabs_rules as rules
from tests.emulators._elevenlabs_ear import EarSession
from tests.emulators._elevenlabs_requests import answer_request
from tests.emulators._elevenlabs_rules import VOICE, Answer, Asked, Refusal, Said
from tests.emulators._elevenlabs_socket import Gone, Socket, Stalled, read_head, reset, write_answer
from tests.emulators._elevenlabs_voice import VoiceSession
from tests.emulators.trouble import Kind, Trouble

EAR = "/v1/speech-to-text/realtime"
DEFAULT_MODEL = "eleven_multilingual_v2"
VOICES = {"JBFqnCBsd6RMkjVDRZzb": "George", "EXAVITQu4vr4xnSDxMaL": "Sarah"}
MID_STREAM: tuple[Kind, ...] = ("close", "drop", "stall", "garbage", "error")


@dataclass
class ElevenLabsServer:
    """What a test sees of the server.

    Attributes:
        pace: seconds before each piece of sound.
        credits: characters that may still be spoken; None: any number.
        idle_seconds: in place of what ``inactivity_timeout`` asks for.
        silent_seconds: until an ear that is sent nothing gives up; the vendor says no number.
        tail_seconds: of quiet after what is spoken in one go, in a message that says nothing of time.
        closing_seconds: between a closed context's last sound and its isFinal, until which it counts.
        is_racing: a context that is closed before its first sound stays without, as it happens to the vendor.
    """

    sentences: Sequence[str]
    key: str
    voices: Mapping[str, str]
    url: str = ""
    requests: list[Asked] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    trouble: Trouble | None = None
    connections: int = 0
    pace: float = 0.0
    credits: int | None = None
    idle_seconds: float | None = None
    silent_seconds: float = 20.0
    tail_seconds: float = 0.0
    closing_seconds: float = 0.0
    max_contexts: int = 5
    is_racing: bool = False
    _open: dict[asyncio.Task[Any], asyncio.StreamWriter] = field(default_factory=dict)
    _counted: tuple[Trouble | None, int] = (None, 0)
    _is_killed: bool = False

    @property
    def environ(self) -> dict[str, str]:
        """What points an adapter here."""
        return {"ELEVENLABS_API_KEY": self.key, "ELEVENLABS_URL": self.url}

    @property
    def open_connections(self) -> int:
        """How many sockets are open."""
        return len(self._open)

    def kill(self) -> None:
        """Reset all that is open, and from now on all that connects."""
        self._is_killed = True
        for writer in self._open.values():
            reset(writer)

    def revive(self) -> None:
        """As before."""
        self._is_killed = False

    def problem(self, text: str) -> None:
        """A client did what it must not."""
        self.problems.append(text)

    def charge(self, text: str, asked: Asked, context: str = "") -> None:
        """A text is going to be spoken.

        Raises:
            Refusal: nobody pays for it.
        """
        if self.credits is not None:
            if len(text) > self.credits:
                message = f"This request exceeds your quota of {self.credits}. You have {self.credits} credits"
                message += f" remaining, while {len(text)} credits are required for this request."
                raise Refusal("quota_exceeded", message, is_wrong=False)
            self.credits -= len(text)
        self.said.append(Said(text, asked.voice, context))

    def due(self, at: float, *kinds: Kind) -> Trouble | None:
        """The trouble of now, which happens by being asked for."""
        trouble = self.trouble
        if trouble is None or trouble.kind not in kinds or at < trouble.after:
            return None
        last, count = self._counted
        self._counted = (trouble, count + 1 if last is trouble else 1)
        if trouble.times and self._counted[1] >= trouble.times:
            self.trouble = None
        return trouble

    async def suffer(self, socket: Socket, at: float) -> None:
        """What happens to a WebSocket, ``at`` pieces or seconds.

        Raises:
            Refusal: it is closed.
            Gone: it was reset.
            Stalled: it is to be silent.
        """
        trouble = self.due(at, *MID_STREAM)
        if trouble is None:
            return
        if trouble.kind == "garbage":
            await socket.send_text("<html>502 Bad Gateway</html>")
        elif trouble.kind == "stall":
            raise Stalled
        elif trouble.kind == "drop":
            reset(socket.writer)
            raise Gone
        elif trouble.kind == "close":
            code = trouble.code if isinstance(trouble.code, int) else rules.POLICY
            raise Refusal("", trouble.reason, code=code, is_wrong=False)
        else:
            name = trouble.code if isinstance(trouble.code, str) else "internal_error"
            raise Refusal(name, trouble.reason, is_wrong=False)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self._is_killed:
            reset(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.connections += 1
        try:
            while await self._serve_one(reader, writer):
                pass
        except Stalled:
            await reader.read()
        except (Gone, ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            self.problem(f"the emulator failed: {error!r}")
            raise
        finally:
            del self._open[task]
            writer.close()

    async def close(self) -> None:
        """Drop all connections."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await read_head(reader)
        body = await reader.readexactly(int(head.headers.get("content-length", "0")))
        asked = Asked(head.path, head.query, head.headers.get("xi-api-key", ""))
        self.requests.append(asked)
        trouble = self.due(float("inf"), "refuse", "hang")
        if trouble is not None and trouble.kind == "hang":
            await reader.read()
            return False
        if trouble is not None:
            answer = rules.by_status(trouble.status, trouble.code, trouble.reason)
            self._refuse(writer, answer, trouble.headers)
        elif head.is_upgrade:
            return await self._serve_socket(Socket(reader, writer, head), asked)
        else:
            return await answer_request(self, writer, asked, (head.method, head.headers, body))
        await writer.drain()
        return not head.is_upgrade

    async def _serve_socket(self, socket: Socket, asked: Asked) -> bool:
        wrong = self._judge(asked)
        if wrong is not None:
            self._refuse(socket.writer, wrong)
            await socket.writer.drain()
            return False
        socket.accept()
        session: EarSession | VoiceSession
        if asked.path == EAR:
            session = EarSession(self, socket, asked)
        else:
            session = VoiceSession(self, socket, asked, is_multi=asked.path.endswith("/multi-stream-input"))
        try:
            await session.run()
        except Refusal as refusal:
            if refusal.is_wrong:
                self.problem(str(refusal))
            await session.refuse(refusal)
        return False

    def _judge(self, asked: Asked) -> Answer | None:
        """The refusal of an upgrade."""
        if asked.path == EAR:
            return None
        place = asked.path.removeprefix(VOICE + asked.voice)
        if not asked.path.startswith(VOICE) or place not in ("/multi-stream-input", "/stream-input"):
            return Answer(403, {"detail": "Forbidden"})
        for name in rules.unknown(asked.parameters, rules.SOCKET_PARAMETERS):
            self.problem(f"an unknown parameter {name}")
        named = asked.parameters
        model = named.get("model_id", DEFAULT_MODEL)
        self.check_language(model, named.get("language_code"))
        if named.get("apply_text_normalization") == "on" and model in rules.NO_NORMALIZATION:
            self.problem(f"apply_text_normalization cannot be on for {model}")
        wrong = next(rules.wrong_parameters(asked.query, rules.SOCKET_PARAMETERS), None)
        if wrong is not None:
            return Answer(403, wrong.body)
        if asked.form not in rules.RATES:
            self.problem(f"this emulator has no encoder for {asked.form}")
            return Answer(403, {"detail": "Forbidden"})
        return rules.wrong_model(model, on_socket=True)

    def check_language(self, model: str, language: str | None) -> None:
        """A language that the model does not have; the vendor's answers to those changed more than once."""
        known = rules.MODELS.get(model)
        if language is not None and known is not None and language not in known[1]:
            self.problem(f"{model} has no language {language}")

    def _refuse(self, writer: asyncio.StreamWriter, answer: Answer, headers: Mapping[str, str] | None = None) -> None:
        if answer.is_wrong:
            self.problem(f"{answer.status}: {answer.body}")
        write_answer(writer, answer.status, answer.body, headers)


@contextlib.asynccontextmanager
async def elevenlabs_server(
    sentences: Sequence[str] = ("hello",), *, key: str = "sk_emulated", voices: Mapping[str, str] | None = None
) -> AsyncIterator[ElevenLabsServer]:
    """The server, while the block runs. ``sentences`` are what the ear hears, ``voices`` names by their ids.

    Raises:
        AssertionError: at the end, a client broke the rules.
    """
    emulated = ElevenLabsServer(sentences, key, VOICES if voices is None else voices)
    server = await asyncio.start_server(emulated.serve, "127.0.0.1", 0)
    emulated.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield emulated
    finally:
        server.close()
        await emulated.close()
        await server.wait_closed()
    assert not emulated.problems, emulated.problems
