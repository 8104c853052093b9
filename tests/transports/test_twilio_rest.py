"""Twilio's API by its library, against the emulated one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest
from tests.emulators.trouble import Trouble
from tests.emulators.twilio_server import TwilioServer, twilio_server
from tests.voice._fakes import until

from pinecall_run.transports import twilio_rest
from pinecall_run.transports.twilio_rest import API, MISSING, Account, TwilioError, TwilioRest, account_of

NUMBER, PERSON = "+15551234567", "+15550001111"
HERE = "http://127.0.0.1:9/nobody"


def rest(twilio: TwilioServer) -> TwilioRest:
    account = account_of(twilio.environ)
    assert account is not None
    return TwilioRest(account)


async def failure(work: Callable[[], Any]) -> TwilioError:
    with pytest.raises(TwilioError) as caught:
        await asyncio.to_thread(work)
    return caught.value


def test_an_account_is_its_sid_and_its_token() -> None:
    environ = {"TWILIO_ACCOUNT_SID": " AC1 ", "TWILIO_AUTH_TOKEN": "hush"}
    account = account_of(environ)
    assert account == Account("AC1", "hush", API)
    assert "hush" not in repr(account)
    assert account_of({**environ, "TWILIO_API_URL": "http://a"}) == Account("AC1", "hush", "http://a")
    assert account_of({"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": ""}) is None
    assert account_of({"TWILIO_AUTH_TOKEN": "hush"}) is None


async def test_a_call_is_placed_and_taken_back() -> None:
    async with twilio_server([NUMBER]) as twilio:
        twilio.ring_seconds = 5
        api = rest(twilio)
        place = lambda: api.place(PERSON, NUMBER, answer_url=HERE, status_url="")  # noqa: E731
        sid = await asyncio.to_thread(place)
        await until(lambda: twilio.placed[0].status == "ringing")
        await asyncio.to_thread(api.cancel, sid)
        assert await twilio.placed[0].over() == "canceled"
        method, path, asked = twilio.requests[0]
        assert (method, path, asked["To"], asked["From"]) == ("POST", "Calls.json", PERSON, NUMBER)
        assert (asked["Timeout"], asked["StatusCallbackEvent"]) == ("25", "completed")
        assert "MachineDetection" not in asked
        late = await failure(lambda: api.redirect(sid, "<Response/>"))
        assert (late.code, str(late)) == (21220, "Twilio refused: Call is not in-progress. Cannot redirect.")


async def test_numbers_are_listed_and_pointed() -> None:
    async with twilio_server([f"+1555123{n:04}" for n in range(3)]) as twilio:
        numbers = await asyncio.to_thread(rest(twilio).numbers)
        assert [each.number for each in numbers] == list(twilio.numbers)
        point = lambda: rest(twilio).point(numbers[1].sid, voice_url=HERE, status_url=HERE + "/status")  # noqa: E731
        await asyncio.to_thread(point)
        changed = (await asyncio.to_thread(rest(twilio).numbers))[1]
        assert (changed.voice_url, changed.voice_method, changed.status_url) == (HERE, "POST", HERE + "/status")


async def test_what_goes_wrong_is_one_sentence_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    async with twilio_server([NUMBER]) as twilio:
        api = rest(twilio)
        twilio.trouble = Trouble("refuse", status=429, code=20429, reason="Too Many Requests")
        busy = await failure(api.numbers)
        assert (busy.code, str(busy)) == (20429, "Twilio refused: Too Many Requests")
        twilio.trouble = Trouble("garbage")
        assert "could not be asked" in str(await failure(api.numbers))
        twilio.trouble = Trouble("hang")
        monkeypatch.setattr(twilio_rest, "REQUEST_SECONDS", 0.1)
        assert "Timeout" in str(await failure(rest(twilio).numbers))
        twilio.trouble = None
        wrong = TwilioRest(Account(twilio.account_sid, "hush", twilio.environ["TWILIO_API_URL"]))
        refused = await failure(wrong.numbers)
        assert (refused.code, "hush" in str(refused)) == (20003, False)
    assert "could not be asked: ConnectionError" in str(await failure(api.numbers))


async def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "twilio.base.exceptions", None)
    assert str(await failure(TwilioRest(Account("AC1", "t")).numbers)) == MISSING
