"""One call at the emulated Twilio: it asks for TwiML, carries it out, and tells how the call goes."""

from __future__ import annotations

import asyncio
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.emulators._twilio_stream import FRAME, Stream
from tests.emulators._twilio_twiml import TwimlError, Verb, parse
from tests.voice._fakes import until
from twilio.request_validator import RequestValidator
from websockets.exceptions import InvalidHandshake

WEBHOOK_SECONDS = 15.0
"""After which an answer to a webhook counts no more (error 11200)."""

FINAL = frozenset(("completed", "busy", "no-answer", "failed", "canceled"))


@dataclass
class Line:
    """A call with one person at its other end.

    Attributes:
        status: Twilio's word; ``log`` has all of them, ``spoken`` what Say said, ``whispered`` what the other side of
            a Dial was told, ``dialed`` whom it reached, ``rejected`` the reason of a Reject.
        said: what the person will say on the next stream, in mu-law.
    """

    sid: str
    from_: str
    to: str
    direction: str
    account_sid: str
    auth_token: str
    problems: list[str]
    url: str = ""
    twiml: bytes = b""
    status_url: str = ""
    status_events: Sequence[str] = ("completed",)
    answered_by: str = ""
    status: str = "queued"
    log: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    whispered: list[str] = field(default_factory=list)
    dialed: list[str] = field(default_factory=list)
    rejected: str = ""
    said: deque[bytes] = field(default_factory=deque)
    stream: Stream | None = None
    streamed: list[Stream] = field(default_factory=list)
    webhooks: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    """URL, parameters and signature of every request to the application."""
    parameters_changed: Callable[[dict[str, str]], None] = lambda _: None
    _work: asyncio.Task[None] | None = None
    _reporting: set[asyncio.Task[Any]] = field(default_factory=set)
    _is_redirected: bool = False
    _streaming: asyncio.Event = field(default_factory=asyncio.Event)
    _is_hung_up: bool = False

    # the person

    def say(self, mu_law: bytes) -> None:
        """Say something, from now on."""
        pieces = [mu_law[at : at + FRAME].ljust(FRAME, b"\xff") for at in range(0, len(mu_law), FRAME)]
        (self.stream.said if self.stream else self.said).extend(pieces)

    async def press(self, digit: str) -> None:
        """A key."""
        assert self.stream is not None
        await self.stream.press(digit)

    async def hang_up(self) -> None:
        """The person hangs up."""
        self._is_hung_up = True
        if self._work is not None and not self._work.done():
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        await self.ended("completed" if self.status == "in-progress" else "no-answer")
        await asyncio.gather(*self._reporting)

    async def streaming(self) -> Stream:
        """The stream, once there is one."""
        async with asyncio.timeout(10):
            await self._streaming.wait()
        assert self.stream is not None
        return self.stream

    async def over(self) -> str:
        """The last status, once there is one."""
        await until(lambda: self.status in FINAL)
        await asyncio.gather(*self._reporting)
        return self.status

    # Twilio

    def begin(self) -> None:
        """Somebody calls us, or answered when we called."""
        self._work = asyncio.create_task(self._go_on(first=True))

    def redirect(self, *, twiml: bytes = b"", url: str = "") -> None:
        """The REST API gave the call new instructions: those that are carried out end."""
        assert self._work is not None
        self._work.cancel()
        self.twiml, self.url = twiml, url
        self._work = asyncio.create_task(self._go_on(first=False))

    async def becomes(self, status: str, event: str = "", **more: str) -> None:
        """Another status, reported where it was asked for."""
        self.status = status
        self.log.append(status)
        if self.status_url and (event or status) in self.status_events:
            told = {**self.parameters(), "CallbackSource": "call-progress-events", "SequenceNumber": str(len(self.log))}
            task = asyncio.create_task(self.fetch(self.status_url, {**told, **more}))
            self._reporting.add(task)
            task.add_done_callback(self._reporting.discard)

    async def ended(self, status: str) -> None:
        """The end. Twilio reports each final status as the event ``completed``."""
        if self.status not in FINAL:
            duration = {"CallDuration": "1", "Duration": "1"} if status == "completed" else {}
            await self.becomes(status, "completed", **duration)

    def parameters(self) -> dict[str, str]:
        """What every request to an application has."""
        found = {
            "CallSid": self.sid,
            "AccountSid": self.account_sid,
            "From": self.from_,
            "To": self.to,
            "Caller": self.from_,
            "Called": self.to,
            "CallStatus": self.status,
            "ApiVersion": "2010-04-01",
            "Direction": self.direction,
            "FromCity": "",
        }
        self.parameters_changed(found)
        return found

    async def fetch(self, url: str, parameters: Mapping[str, str]) -> bytes | None:
        """Ask the application, signed as Twilio signs; ``None`` where it does not answer well."""
        signature = RequestValidator(self.auth_token).compute_signature(url, parameters)
        self.webhooks.append((url, dict(parameters), signature))
        status, body = await asyncio.to_thread(post, url, parameters, signature)
        if status not in (200, 204):
            self.problems.append(f"11200: {urllib.parse.urlsplit(url).path} answered {status}")
            return None
        return body

    async def _go_on(self, *, first: bool) -> None:
        document = self.twiml or None
        if document is None:
            asked = self.parameters() | ({"AnsweredBy": self.answered_by} if self.answered_by else {})
            document = await self.fetch(self.url, asked)
        if document is not None:
            try:
                for verb in parse(document):
                    if not await self._carry_out(verb):
                        return
            except TwimlError as error:
                self.problems.append(str(error))
        await self.ended("completed" if self.status == "in-progress" else "failed")

    async def _carry_out(self, verb: Verb) -> bool:
        """Whether the document goes on after it."""
        if verb.name == "Reject":
            self.rejected = verb.attributes.get("reason", "rejected")
            await self.ended("busy" if self.rejected == "busy" else "no-answer")
            return False
        if self.status != "in-progress":
            await self.becomes("in-progress", "answered")
        match verb.name:
            case "Say":
                self.spoken.append(verb.text)
            case "Connect":
                await self._connect(verb.nouns[0])
            case "Dial":
                await self._dial(verb)
            case "Hangup":
                await self.ended("completed")
                return False
        return True

    async def _connect(self, noun: Verb) -> None:
        url = noun.attributes["url"]
        self.stream = Stream(
            url,
            "MZ" + secrets.token_hex(16),
            self.sid,
            self.account_sid,
            {each.attributes["name"]: each.attributes["value"] for each in noun.nouns},
            RequestValidator(self.auth_token).compute_signature(url, {}),
            self.problems,
            said=self.said,
        )
        self.streamed.append(self.stream)
        asyncio.get_running_loop().call_soon(self._streaming.set)
        try:
            await self.stream.run()
        except (OSError, InvalidHandshake) as error:
            self.problems.append(f"31920: the stream's handshake failed: {type(error).__name__}")

    async def _dial(self, verb: Verb) -> None:
        reached = verb.text or verb.nouns[0].text
        for noun in verb.nouns:
            if "url" in noun.attributes:
                child = {**self.parameters(), "CallSid": "CA" + secrets.token_hex(16), "ParentCallSid": self.sid}
                document = await self.fetch(noun.attributes["url"], {**child, "To": reached})
                self.whispered += [each.text for each in parse(document or b"<Response/>") if each.name == "Say"]
        self.dialed.append(reached)

    async def close(self) -> None:
        """End whatever goes on."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        await asyncio.gather(*self._reporting, return_exceptions=True)


def post(url: str, parameters: Mapping[str, str], signature: str) -> tuple[int, bytes]:
    """A webhook, as Twilio sends it: the status and the body of the answer."""
    request = urllib.request.Request(
        url,
        urllib.parse.urlencode(parameters).encode(),
        {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": signature,
            "User-Agent": "TwilioProxy/1.1",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""
