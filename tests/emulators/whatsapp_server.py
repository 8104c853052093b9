"""A server on loopback that is Meta: the Graph API of the WhatsApp Business Platform, and who sends webhooks for it.

    async with whatsapp_server() as meta:
        meta.environ                     # WHATSAPP_GRAPH_URL, with its version: http://127.0.0.1:port/v24.0
        meta.add_number("106540352242922", token="EAA…")             # one is there from the beginning: NUMBER, TOKEN
        meta.webhook = Webhook("http://127.0.0.1:7420/whatsapp/webhook", secret="…")
        await meta.verify("the verify token")                        # what the App Dashboard does; the Answer
        await meta.write("34600111222", "Where is my order?", name="Ada")        # a signed webhook; its status
        await meta.send_voice("34600111222", ogg)                    # a voice note of hers
        await meta.redeliver()                                       # the last webhook once more, byte by byte
        (await meta.answer("34600111222")).text                      # what was sent to her, in its order
        meta.receipts                    # messages that were marked as read, and whether with a typing indicator
        meta.faults.append(Fault(130429))                            # what comes of the next message that is sent
        meta.closed = "answer"           # the 24-hour window: "answer" refuses at once, "status" takes the message and
                                         # says in a webhook that it failed; "" is open while the person wrote in time
        meta.trouble = Trouble("drop")   # refuse, hang, drop and garbage, of any request

Strict: bearer, version, number, fields, types and sizes; whatever is refused that no test asked for is in
``problems``, which are asserted at the end. Media is fetched in two steps, by an address that is good for five minutes
and wants the bearer, too.

Sources, read in November 2026: https://developers.facebook.com/documentation/business-messaging/whatsapp/ with
…/messages/text-messages, …/messages/audio-messages, …/typing-indicators, …/business-phone-numbers/media,
…/support/error-codes, …/webhooks/create-webhook-endpoint and …/webhooks/reference/messages (text, audio, image,
document, status). That a redelivery is the same to the byte is a guess.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from tests.emulators._sockets import reset
from tests.emulators._whatsapp_rules import Fault, Upload, upload, wrong
from tests.emulators.trouble import Trouble

NUMBER, TOKEN, SECRET = "106540352242922", "EAAemulatedtoken", "emulated-app-secret"
VERSION = "v24.0"
WINDOW_SECONDS = 24 * 3600.0
ADDRESS_SECONDS = 300.0
PATIENCE = 10.0


@dataclass(frozen=True)
class Webhook:
    """Where an app wants its webhooks, and what it signs them with."""

    url: str
    secret: str = SECRET


@dataclass(frozen=True)
class Sent:
    """A message of the business that was taken."""

    number: str
    id: str
    body: Mapping[str, Any]

    @property
    def to(self) -> str:
        return str(self.body["to"]).lstrip("+")

    @property
    def text(self) -> str:
        return str(self.body["text"]["body"])


@dataclass(frozen=True)
class Answer:
    """What the webhook's endpoint answered."""

    status: int
    body: str


@dataclass
class WhatsappServer:
    """What a test sees of it."""

    numbers: dict[str, str] = field(default_factory=lambda: {NUMBER: TOKEN})
    templates: set[str] = field(default_factory=lambda: {"still_there"})
    webhook: Webhook | None = None
    url: str = ""
    sent: list[Sent] = field(default_factory=list)
    receipts: list[Mapping[str, Any]] = field(default_factory=list)
    media: dict[str, Upload] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    closed: str = ""
    shift: float = 0.0
    """Seconds by which Meta's clock is ahead of ours."""
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    trouble: Trouble | None = None
    _struck: int = 0
    _heard: dict[tuple[str, str], float] = field(default_factory=dict)
    _ids: set[str] = field(default_factory=set)
    _addresses: dict[str, tuple[str, float]] = field(default_factory=dict)
    _count: Any = field(default_factory=lambda: itertools.count(1))
    _last: tuple[bytes, str] = (b"", "")
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which the voice server finds it."""
        return {"WHATSAPP_GRAPH_URL": f"{self.url}/{VERSION}"}

    def add_number(self, number: str, token: str) -> None:
        """Give the business another number."""
        self.numbers[number] = token

    # what a person does

    async def write(self, sender: str, text: str, **more: Any) -> int:
        """Somebody writes; the status of the webhook. ``more`` is for :meth:`deliver`."""
        return await self.deliver(sender, {"type": "text", "text": {"body": text}}, **more)

    async def send_voice(self, sender: str, ogg: bytes, **more: Any) -> int:
        """Somebody sends a voice note."""
        media = self._keep(Upload(ogg, "audio/ogg; codecs=opus"))
        audio = {"mime_type": "audio/ogg; codecs=opus", "sha256": _sha256(ogg), "id": media, "voice": True}
        return await self.deliver(sender, {"type": "audio", "audio": audio}, **more)

    async def deliver(
        self, sender: str, message: Mapping[str, Any], *, number: str = NUMBER, name: str = "Ada", ago: float = 0.0
    ) -> int:
        """A message of any type, with or without an id; ``ago``: so many seconds after it was sent."""
        sent_at = self.now - ago
        whole = {"from": sender, "id": self._new_id("in"), "timestamp": str(int(sent_at)), **message}
        self._ids.add(str(whole["id"]))
        self._heard[number, sender] = sent_at
        contacts = [{"profile": {"name": name}, "wa_id": sender}]
        return (await self.post(self.envelope(number, contacts=contacts, messages=[whole]))).status

    async def report(self, sent: Sent, status: str, *faults: Fault) -> int:
        """What became of a message of the business: ``sent``, ``delivered``, ``read``, ``played`` or ``failed``."""
        told = {"id": sent.id, "status": status, "timestamp": str(int(self.now)), "recipient_id": sent.to}
        errors = {"errors": [fault.in_webhook for fault in faults]} if faults else {}
        return (await self.post(self.envelope(sent.number, statuses=[{**told, **errors}]))).status

    async def answer(self, to: str, count: int = 1) -> Sent:
        """The ``count``-th message that was sent to somebody, once it is there."""
        async with asyncio.timeout(PATIENCE):
            while len(found := [one for one in self.sent if one.to == to]) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]

    # what Meta does

    @property
    def now(self) -> float:
        """Meta's clock, in epoch seconds."""
        return time.time() + self.shift

    def envelope(self, number: str, **value: Any) -> dict[str, Any]:
        """The body of a webhook."""
        about = {"display_phone_number": "15550783881", "phone_number_id": number}
        change = {"value": {"messaging_product": "whatsapp", "metadata": about, **value}, "field": "messages"}
        return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [change]}]}

    async def post(self, body: Mapping[str, Any] | bytes, *, signature: str | None = None) -> Answer:
        """A webhook, signed as it must be unless a signature is given."""
        assert self.webhook is not None
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if signature is None:
            signature = "sha256=" + hmac.new(self.webhook.secret.encode(), data, hashlib.sha256).hexdigest()
        self._last = data, signature
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature}
        return await _asked("POST", self.webhook.url, headers, data)

    async def redeliver(self) -> int:
        """The last webhook once more."""
        data, signature = self._last
        return (await self.post(data, signature=signature)).status

    async def verify(self, token: str, challenge: str = "1158201444") -> Answer:
        """Ask whether the endpoint is the app's."""
        assert self.webhook is not None
        query = f"hub.mode=subscribe&hub.challenge={quote(challenge)}&hub.verify_token={quote(token)}"
        return await _asked("GET", f"{self.webhook.url}?{query}", {}, b"")

    # the Graph API

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(f"{method} {urlsplit(target).path}")
        if (trouble := self._strike()) is not None:
            return await self._suffer(trouble, reader, writer)
        answer = self._answered(method, target, headers, body)
        if isinstance(answer, Fault):
            _write(writer, answer.status, json.dumps(answer.body).encode(), answer.headers)
        elif isinstance(answer, Upload):
            _write(writer, 200, answer.data, {"Content-Type": answer.mime_type})
        else:
            _write(writer, 200, json.dumps(answer).encode(), {})
        await writer.drain()
        return True

    def _strike(self) -> Trouble | None:
        trouble = self.trouble
        if trouble is not None:
            self._struck += 1
            if self._struck == trouble.times:
                self.trouble, self._struck = None, 0
        return trouble

    async def _suffer(self, trouble: Trouble, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        match trouble.kind:
            case "hang":
                await reader.read()
            case "drop":
                reset(writer.transport)
            case "garbage":
                _write(writer, 200, b"<html>no JSON", {})
                await writer.drain()
                return True
            case _:
                _write(writer, trouble.status, b"<html>a proxy's page</html>", trouble.headers)
                await writer.drain()
                return True
        return False

    def _answered(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, Any] | Upload | Fault:
        url = urlsplit(target)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.numbers.values():
            return Fault(190, subcode=463)
        parts = url.path.strip("/").split("/")
        match method, parts:
            case "POST", [version, number, "messages"] if version == VERSION:
                return self._owned(number, token) or self._message(number, headers, body)
            case "POST", [version, number, "media"] if version == VERSION:
                return self._owned(number, token) or self._upload(headers, body)
            case "GET", [version, media] if version == VERSION and media in self.media:
                return self._address(media)
            case "GET", ["whatsapp_business", "attachments"]:
                return self._file(parse_qs(url.query).get("mid", [""])[0])
        return self._problem(Fault(100, f"Unsupported {method} request for {url.path}.", subcode=33))

    def _owned(self, number: str, token: str) -> Fault | None:
        if number not in self.numbers:
            return self._problem(Fault(100, f"Object with ID '{number}' does not exist.", subcode=33))
        return None if self.numbers[number] == token else self._problem(Fault(10))

    def _message(self, number: str, headers: Mapping[str, str], written: bytes) -> Mapping[str, Any] | Fault:
        if headers.get("content-type", "").partition(";")[0] != "application/json":
            return self._problem(Fault(100, "The body is not JSON."))
        body = json.loads(written)
        if (fault := wrong(body)) is not None:
            return self._problem(fault)
        if "status" in body:
            if body["message_id"] not in self._ids:
                return self._problem(Fault(131009, "message_id is of no message that was received"))
            self.receipts.append(body)
            return {"success": True}
        if self.faults:
            return self.faults.pop(0)
        return self._sent(number, body)

    def _sent(self, number: str, body: Mapping[str, Any]) -> Mapping[str, Any] | Fault:
        if "audio" in body and body["audio"].get("id") not in self.media:
            return self._problem(Fault(131009, "audio['id'] is of no media"))
        if "template" in body and body["template"]["name"] not in self.templates:
            return Fault(132001)
        to = str(body["to"]).lstrip("+")
        is_late = self.now - self._heard.get((number, to), 0.0) > WINDOW_SECONDS
        is_closed = "template" not in body and (is_late or bool(self.closed))
        if is_closed and self.closed != "status":
            return Fault(131047)
        sent = Sent(number, self._new_id("out"), body)
        if is_closed:
            self._later(self.report(sent, "failed", Fault(131047)))
        else:
            self.sent.append(sent)
            self._news.set()
        contacts = [{"input": body["to"], "wa_id": to}]
        return {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": sent.id}]}

    def _upload(self, headers: Mapping[str, str], body: bytes) -> Mapping[str, Any] | Fault:
        taken = upload(headers.get("content-type", ""), body)
        return self._problem(taken) if isinstance(taken, Fault) else {"id": self._keep(taken)}

    def _address(self, media: str) -> Mapping[str, Any]:
        kept = self.media[media]
        address = f"mid{next(self._count)}"
        self._addresses[address] = media, self.now + ADDRESS_SECONDS
        return {
            "messaging_product": "whatsapp",
            "url": f"{self.url}/whatsapp_business/attachments/?mid={address}&ext={int(self.now)}&hash=x",
            "mime_type": kept.mime_type,
            "sha256": _sha256(kept.data),
            "file_size": len(kept.data),
            "id": media,
        }

    def _file(self, address: str) -> Upload | Fault:
        media, until = self._addresses.get(address, ("", 0.0))
        if self.now > until:
            return self._problem(Fault(100, "The address is not good, or not any more.", subcode=33))
        return self.media[media]

    def _problem(self, fault: Fault) -> Fault:
        self.problems.append(f"{fault.code}: {fault.details}")
        return fault

    def _keep(self, kept: Upload) -> str:
        media = str(1_000_000_000_000_000 + next(self._count))
        self.media[media] = kept
        return media

    def _new_id(self, way: str) -> str:
        return f"wamid.HBgL{way}{next(self._count):08d}"

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drop every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def whatsapp_server() -> AsyncIterator[WhatsappServer]:
    """The server, while the block runs, on a free port of loopback.

    Raises:
        AssertionError: at the end, a request broke the rules of the API.
    """
    meta = WhatsappServer()
    server = await asyncio.start_server(meta.serve, "127.0.0.1", 0, limit=1 << 20)
    meta.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield meta
    finally:
        server.close()
        await meta.close()
        await server.wait_closed()
    assert not meta.problems, meta.problems


async def _asked(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    told = {"Host": parts.netloc, "Connection": "close", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    writer.write(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body)
    with contextlib.suppress(ConnectionError):  # whoever has heard enough may answer before the end
        await writer.drain()
    async with asyncio.timeout(PATIENCE):
        answered = (await reader.read()).decode()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    head, _, rest = answered.partition("\r\n\r\n")
    return Answer(int(head.split(" ", 2)[1]), rest)


def _write(writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    writer.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode() + body)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
