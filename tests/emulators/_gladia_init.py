"""The first half of the emulated Gladia: ``POST /v2/live``, on plain asyncio."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from tests.emulators._gladia_rules import wrong
from tests.emulators._gladia_session import Session
from tests.emulators._sockets import GARBAGE, Vendor, answer, now, phrase, reset
from tests.emulators.trouble import Kind, Trouble
from websockets.http11 import Response

PATH = "/v2/live"
REGIONS = ("eu-west", "us-west")
HEARD = ("wav/pcm", 16, 1)


class Init(Vendor):
    """What begins sessions."""

    def __init__(self, sentences: Sequence[str], key: str, models: Sequence[str]) -> None:
        super().__init__(key)
        self.sentences = sentences
        self.models = models
        self.sessions: list[Session] = []
        self.strikes_at: Literal["", "init", "socket"] = ""
        self.concurrency: int | None = None
        self.ends_inclusive = False
        self.socket_url = ""
        self._posts: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    def strike(self, *kinds: Kind, passed: float = 0.0) -> Trouble | None:
        """What strikes a WebSocket."""
        return None if self.strikes_at == "init" else super().strike(*kinds, passed=passed)

    def kill(self) -> None:
        """Reset everything that is open, and whatever connects from now on."""
        super().kill()
        for writer in self._posts.values():
            reset(writer.transport)

    async def end_posts(self) -> None:
        """Let go of the POSTs that are left."""
        tasks = list(self._posts)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def serve_post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection."""
        task = asyncio.current_task()
        assert task is not None
        self._posts[task] = writer
        try:
            if self._is_dead:
                reset(writer.transport)
            else:
                await self._serve_one(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            del self._posts[task]
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        trouble = self._strike_post()
        if trouble is None:
            response = self._judge(method, target, headers, body)
        elif trouble.kind == "hang":
            await self.hang()
            return
        elif trouble.kind == "drop":
            reset(writer.transport)
            return
        else:
            response = self._troubled(trouble)
        whole = _written(response)
        writer.write(whole[:-10] if trouble is not None and trouble.kind == "close" else whole)
        await writer.drain()

    def _strike_post(self) -> Trouble | None:
        kinds: dict[str, Sequence[Kind]] = {
            "": ("refuse", "hang"),
            "init": ("refuse", "hang", "close", "drop", "garbage"),
            "socket": (),
        }
        return super().strike(*kinds[self.strikes_at])

    def _troubled(self, trouble: Trouble) -> Response:
        if trouble.kind == "garbage":
            return answer(201, "<html>" + GARBAGE)
        if trouble.kind == "close":
            return answer(201, {"id": "cut", "url": self.socket_url})
        return self.error(trouble.status, trouble.reason, headers=trouble.headers)

    def _judge(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        url = urlsplit(target)
        query = parse_qs(url.query)
        if url.path != PATH or method != "POST":
            return self.problem(404, f"Cannot {method} {url.path}")
        if headers.get("x-gladia-key") != self.key:
            return self.error(401, "gladia key not found" if "x-gladia-key" in headers else "missing gladia key")
        if not headers.get("content-type", "").startswith("application/json"):
            return self.problem(400, f"unsupported content type {headers.get('content-type')}")
        if query.keys() - {"region"} or any(region not in REGIONS for region in query.get("region", ())):
            return self.problem(400, "region must be one of the following values: " + ", ".join(REGIONS))
        try:
            config = json.loads(body)
        except ValueError as error:
            return self.problem(400, str(error))
        if faults := wrong(config):
            return self.problem(400, "Invalid parameter(s)", faults)
        return self._begin(config)

    def _begin(self, config: dict[str, Any]) -> Response:
        model = config.get("model") or self.models[0]
        if model not in self.models:
            faults = [f"model must be one of the following values: {', '.join(self.models)}"]
            return self.error(400, "Invalid parameter(s)", faults)
        if self.concurrency is not None and self.open_connections >= self.concurrency:
            return self.error(429, "Too many concurrent live sessions")
        asked = tuple(config.get(name) or HEARD[at] for at, name in enumerate(("encoding", "bit_depth", "channels")))
        if asked != HEARD:
            self.problems.append(f"this emulator hears {HEARD} only, not {asked}")
        session = Session(config, self.sentences, self.ends_inclusive)
        self.requests.append(config)
        self.sessions.append(session)
        url = f"{self.socket_url}{PATH}?token={session.token}"
        return answer(201, {"id": session.id, "created_at": session.created_at, "url": url})

    # answers

    def problem(self, status: int, message: str, faults: Sequence[str] = ()) -> Response:
        """What a client must not ask for."""
        self.problems.append("; ".join([message, *faults]))
        return self.error(status, message, faults)

    def error(
        self,
        status: int,
        message: str,
        faults: Sequence[str] = (),
        headers: Mapping[str, str] = {},
    ) -> Response:
        """The body has the names that the vendor's library reads; the timestamp and the path are from memory."""
        body: dict[str, Any] = {
            "timestamp": now(),
            "path": PATH,
            "request_id": f"G-{uuid.uuid4().hex[:8]}",
            "statusCode": status,
            "message": message,
        }
        return answer(status, {**body, "validation_errors": list(faults)} if faults else body, headers)


def _written(response: Response) -> bytes:
    head = f"HTTP/1.1 {response.status_code} {phrase(response.status_code)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in response.headers.raw_items())
    return f"{head}\r\n".encode() + bytes(response.body or b"")
