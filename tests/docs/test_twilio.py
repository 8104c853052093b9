"""docs/channels/twilio.md: what it names is what the code has."""

from __future__ import annotations

from tests.rules._scan import ROOT

from pinecall_run.transports import twilio_rest
from pinecall_run.transports.twilio_media import LEAD_SECONDS
from pinecall_run.voice import caller_side, phone_desk, twilio_calls, twilio_door

PAGE = (ROOT / "docs/channels/twilio.md").read_text(encoding="utf-8")


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"{LEAD_SECONDS * 1000:.0f} ms of sound wait" in PAGE
    assert f"rings for {twilio_rest.RING_SECONDS} s" in PAGE
    assert f"good once, for {twilio_calls.STREAM_SECONDS:.0f} s" in PAGE
    assert f"the last {twilio_calls.REMEMBERED:,} calls" in PAGE
    assert f"after {caller_side.SILENT_SECONDS:.0f} s of silence" in PAGE
    assert f"nothing within\n  {phone_desk.RINGING_SECONDS:.0f} s" in PAGE


def test_its_addresses_and_variables_are_those_of_the_code() -> None:
    for name in (twilio_rest.ACCOUNT, twilio_rest.TOKEN, twilio_rest.ADDRESS, twilio_door.VOICE_PATH):
        assert f"`{name}`" in PAGE
