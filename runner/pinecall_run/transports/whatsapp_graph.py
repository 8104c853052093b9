"""Meta's Graph API as far as WhatsApp needs it: messages, receipts and media of a business's numbers.

Sources, read in November 2026: https://developers.facebook.com/documentation/business-messaging/whatsapp/ with
messages/, typing-indicators, business-phone-numbers/media and support/error-codes. Needs the extra ``whatsapp``.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx2

VARIABLE = "WHATSAPP_GRAPH_URL"
ADDRESS = "https://graph.facebook.com/v24.0"
"""With the version; :data:`VARIABLE` names another."""

CONNECT_SECONDS, ANSWER_SECONDS, RECEIPT_SECONDS = 5.0, 20.0, 2.0
PAUSES = (1.0, 4.0)
"""Before a message that was not taken is sent again. Meta asks for powers of four of whoever is too fast."""

MAX_MEDIA = 16 * 2**20
"""Bytes of sound that Meta keeps (supported media types)."""

WINDOW_CLOSED, BAD_TOKEN = 131047, 190
_PASSING = frozenset((1, 2, 4, 80007, 130429, 131000, 131016, 131056, 133004))
"""Codes of what may be well in a moment: unavailable, too fast, and "something went wrong"."""


class GraphError(Exception):
    """Meta did not do what it was asked; the message is one sentence, ``code`` is Meta's, or 0.

    ``is_passing``: asking again may help, and does no harm: the request was not carried out.
    """

    def __init__(self, message: str, code: int = 0, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.is_passing = is_passing


@dataclass(frozen=True, slots=True)
class Sender:
    """A number of the business, by its id, and what opens it."""

    number: str
    token: str = field(repr=False)


class Graph:
    """The API at one address. ``pauses`` are seconds before each try after the first."""

    def __init__(self, address: str = ADDRESS, *, pauses: Sequence[float] = PAUSES) -> None:
        self._address = address.rstrip("/")
        self._pauses = pauses
        self._client: httpx2.AsyncClient | None = None

    async def send(self, sender: Sender, to: str, content: Mapping[str, Any]) -> str:
        """Send a message, whose ``content`` has its ``type``; gives Meta's id of it.

        Raises:
            GraphError: it was not taken. Where no answer came in time, nobody knows: it is not sent a second time.
        """
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, **content}
        answer = await self._tried(sender, "POST", f"{self._address}/{sender.number}/messages", json=body)
        try:
            return str(answer["messages"][0]["id"])
        except (KeyError, IndexError, TypeError):
            raise _garbage() from None

    async def mark_read(self, sender: Sender, message_id: str) -> None:
        """Show that a message was read, and that an answer is being written. It is tried once and for a moment: the
        answer is more important.

        Raises:
            GraphError: it was not taken.
        """
        receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
        body = {**receipt, "typing_indicator": {"type": "text"}}
        url = f"{self._address}/{sender.number}/messages"
        await self._asked(sender, "POST", url, json=body, timeout=RECEIPT_SECONDS)

    async def upload(self, sender: Sender, data: bytes, mime_type: str, name: str) -> str:
        """Put a file where messages can name it; gives its id.

        Raises:
            GraphError: it was not taken.
        """
        form = {"messaging_product": "whatsapp", "type": mime_type}
        files = {"file": (name, data, mime_type)}
        answer = await self._tried(sender, "POST", f"{self._address}/{sender.number}/media", data=form, files=files)
        if not isinstance(answer.get("id"), str):
            raise _garbage()
        return str(answer["id"])

    async def download(self, sender: Sender, media_id: str) -> bytes:
        """A file that somebody sent.

        Raises:
            GraphError: it is not there, is too large, or is nowhere that the token may be shown.
        """
        told = await self._tried(
            sender, "GET", f"{self._address}/{media_id}", params={"phone_number_id": sender.number}
        )
        url, size = told.get("url"), told.get("file_size")
        if not isinstance(url, str):
            raise _garbage()
        if isinstance(size, int) and size > MAX_MEDIA:
            raise _too_large()
        if urlsplit(url).scheme != "https" and _origin(url) != _origin(self._address):
            raise GraphError("meta names a file at an address without TLS")
        return await self._fetched(sender, url)

    async def close(self) -> None:
        """Close the connections. The next request opens them anew."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _tried(self, sender: Sender, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        for pause in (*self._pauses, None):
            try:
                return await self._asked(sender, method, url, **more)
            except GraphError as error:
                if not error.is_passing or pause is None:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError

    async def _asked(self, sender: Sender, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        try:
            answer = await (await self._opened()).request(method, url, headers=_bearer(sender), **more)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _unreached(error) from error
        return _understood(answer, sender)

    async def _fetched(self, sender: Sender, url: str) -> bytes:
        data = bytearray()
        try:
            client = await self._opened()
            async with client.stream("GET", url, headers=_bearer(sender)) as answer:
                if answer.status_code != httpx2.codes.OK:
                    await answer.aread()
                    _understood(answer, sender)
                async for piece in answer.aiter_bytes():
                    data += piece
                    if len(data) > MAX_MEDIA:
                        raise _too_large()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _unreached(error) from error
        return bytes(data)

    async def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            tls = await asyncio.to_thread(_tls)
        if self._client is None:  # nobody else opened it meanwhile
            timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
            self._client = httpx2.AsyncClient(timeout=timeout, verify=tls, headers={"User-Agent": "pinecall-run"})
        return self._client


@cache
def _tls() -> ssl.SSLContext:
    """Made once, and not where calls are served: to read the certificates takes long."""
    return httpx2.create_ssl_context()


def _bearer(sender: Sender) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {sender.token}"}


def _understood(answer: httpx2.Response, sender: Sender) -> Mapping[str, Any]:
    try:
        body = json.loads(answer.content)
    except ValueError:
        body = None
    if answer.status_code == httpx2.codes.OK and isinstance(body, dict) and "error" not in body:
        return body
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        if answer.status_code == httpx2.codes.OK:
            raise _garbage()
        raise GraphError(f"meta answered {answer.status_code}", is_passing=answer.status_code in (429, 502, 503))
    raise _refused(error, sender)


def _refused(error: Mapping[str, Any], sender: Sender) -> GraphError:
    code = error.get("code") if isinstance(error.get("code"), int) else 0
    assert isinstance(code, int)
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    words = str(details or error.get("message") or "no reason was given").replace(sender.token, "…")  # 190 may quote it
    known = _SENTENCES.get(code)
    sentence = known(sender) if known else f"meta refused ({code}): {' '.join(words.split())[:300]}"
    return GraphError(sentence, code, is_passing=code in _PASSING)


_SENTENCES: Mapping[int, Callable[[Sender], str]] = {
    BAD_TOKEN: lambda sender: f"meta refused the access token of whatsapp:{sender.number}; put a new one in its place",
    WINDOW_CLOSED: lambda sender: (
        "the 24-hour window is closed: the person has to write first, or a template is needed"
    ),
}


def _unreached(error: Exception) -> GraphError:
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return GraphError("meta cannot be reached", is_passing=True)
    if isinstance(error, httpx2.TimeoutException):
        return GraphError("meta did not answer in time")
    return GraphError("meta broke the connection off")


def _garbage() -> GraphError:
    return GraphError("meta sent what is no answer of its interface")


def _too_large() -> GraphError:
    return GraphError(f"the file is larger than {MAX_MEDIA // 2**20} MB")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
