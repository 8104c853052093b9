"""Twilio's REST API by Twilio's own library (extra ``twilio``): calls placed and changed, numbers listed and set up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from pinecall_run.wire.codec import object_from_json

if TYPE_CHECKING:  # an extra, which calls that come in do without
    from twilio.rest import Client  # type: ignore[import-untyped]

ACCOUNT, TOKEN, ADDRESS = "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_URL"

API = "https://api.twilio.com"

VOICE_PATH, STATUS_PATH = "/twilio/voice", "/twilio/status"
"""Where a voice server is asked what to do with a call to a number, and told how it ended."""

REQUEST_SECONDS = 10.0

RING_SECONDS = 25
"""How long a call that we place rings: the runner waits for 30 s (protocol 1.3)."""

MISSING = "calls out and forwarding need Twilio's library: pip install 'pinecall-run[twilio]'"

_T = TypeVar("_T")


class TwilioError(Exception):
    """Twilio refused, or could not be asked; the message is one sentence, ``code`` Twilio's number of the error."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and where its API is."""

    sid: str
    token: str = field(repr=False)
    api: str = API


@dataclass(frozen=True, slots=True)
class Number:
    """A number of an account: what is asked when it is called, and what is told of how the call goes."""

    sid: str
    number: str
    name: str
    voice_url: str
    voice_method: str
    status_url: str


def account_of(environ: Mapping[str, str]) -> Account | None:
    """The account that an environment names; ``None`` where the sid or the token is not there."""
    sid, token = environ.get(ACCOUNT, "").strip(), environ.get(TOKEN, "").strip()
    return Account(sid, token, environ.get(ADDRESS, "").strip() or API) if sid and token else None


def is_installed() -> bool:
    """Whether the library is there."""
    return find_spec("twilio") is not None


class TwilioRest:
    """One account's API. Every method waits for the answer: on an event loop it belongs into a thread.

    Each raises :class:`TwilioError`.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: Client | None = None

    def place(self, to: str, from_: str, *, answer_url: str, status_url: str, machine_detection: str = "") -> str:
        """Place a call, and return its sid. ``answer_url`` is asked what to do once somebody took it, ``status_url``
        told how it ended. ``machine_detection`` is ``Enable`` or ``DetectMessageEnd``."""
        more: dict[str, Any] = {"machine_detection": machine_detection} if machine_detection else {}
        call = self._ask(
            lambda client: client.calls.create(
                to=to,
                from_=from_,
                url=answer_url,
                method="POST",
                status_callback=status_url,
                status_callback_event=["completed"],
                status_callback_method="POST",
                timeout=RING_SECONDS,
                **more,
            )
        )
        return str(call.sid)

    def redirect(self, call_sid: str, twiml: str) -> None:
        """Give a call that is going on other instructions; its stream ends."""
        self._ask(lambda client: client.calls(call_sid).update(twiml=twiml))

    def cancel(self, call_sid: str) -> None:
        """Take a call back that nobody has answered."""
        self._ask(lambda client: client.calls(call_sid).update(status="canceled"))

    def numbers(self) -> list[Number]:
        """The account's numbers."""
        return [
            Number(
                sid=str(each.sid),
                number=str(each.phone_number),
                name=each.friendly_name or "",
                voice_url=each.voice_url or "",
                voice_method=each.voice_method or "",
                status_url=each.status_callback or "",
            )
            for each in self._ask(lambda client: client.incoming_phone_numbers.list(page_size=200))
        ]

    def point(self, number_sid: str, *, voice_url: str, status_url: str) -> None:
        """Have a number ask ``voice_url`` when it is called."""
        self._ask(
            lambda client: client.incoming_phone_numbers(number_sid).update(
                voice_url=voice_url,
                voice_method="POST",
                status_callback=status_url,
                status_callback_method="POST",
            )
        )

    def _ask(self, work: Callable[[Client], _T]) -> _T:
        try:
            from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]
        except ImportError as error:
            raise TwilioError(MISSING) from error
        try:
            return work(self._client())
        except TwilioException as error:
            raise _refused(error) from error
        except (OSError, ValueError) as error:  # requests' own are OSErrors; what is no JSON is a ValueError
            raise TwilioError(f"Twilio could not be asked: {type(error).__name__}") from error

    def _client(self) -> Client:
        if self._known is None:
            from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
            from twilio.rest import Client

            # It logs what it asks, with people's numbers, where somebody has debugging on.
            http = TwilioHttpClient(timeout=REQUEST_SECONDS, logger=logging.Logger("twilio", logging.CRITICAL))
            client = Client(self._account.sid, self._account.token, http_client=http)
            if self._account.api != API:
                client.api.base_url = self._account.api
            self._known = client
        return self._known


def _refused(error: Exception) -> TwilioError:
    """What Twilio said, of which the library keeps the whole answer where a list was asked for."""
    said, code = getattr(error, "msg", ""), getattr(error, "code", None)
    if len(error.args) == 2 and isinstance(answer := object_from_json(getattr(error.args[1], "text", "")), dict):
        said, code = answer.get("message", ""), answer.get("code")
    for its_own in ("Unable to create record: ", "Unable to update record: "):
        said = str(said or type(error).__name__).removeprefix(its_own)
    return TwilioError(f"Twilio refused: {said}", code if isinstance(code, int) else None)
