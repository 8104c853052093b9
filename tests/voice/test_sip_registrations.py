"""What is said of registrations; with a registrar that is not ours: tests/stories/test_sip_registrations.py."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import pytest
from tests.voice._stage import Stage

from pinecall_run.sip.outputs import Registered, RegistrationFailed, Unregistered
from pinecall_run.voice.sip_calls import SipCalls
from pinecall_run.voice.sip_registrations import SipRegistrations
from pinecall_run.voice.sip_settings import SipSettings
from pinecall_run.voice.sip_trunks import read_trunk

ACCOUNT = {"username": "acme", "password": "hush", "host": "carrier.example", "register": True}
TRUNKS = [read_trunk(each) for each in (ACCOUNT, {**ACCOUNT, "register": False}, {"peers": ["127.0.0.1"]})]


class World(SipCalls):
    """Calls without sockets."""

    def __init__(self) -> None:
        super().__init__(Stage().hub.phone, SipSettings(), Counter())
        self.asked: list[tuple[str, str]] = []

    def register(self, registrar: Any) -> str:
        self.asked.append(("register", f"{registrar.uri} {registrar.peer.host} {registrar.account.username}"))
        return "r1"

    def unregister(self, name: str) -> None:
        self.asked.append(("unregister", name))


def test_what_wants_it_is_registered_and_given_back() -> None:
    world = World()
    it = SipRegistrations(world, TRUNKS)
    it.begin()
    assert len(it) == 1
    it.leave()
    assert len(it) == 1
    it.told(Unregistered("r1"))
    assert len(it) == 0
    it.leave()
    assert world.asked == [
        ("register", "sip:acme@carrier.example carrier.example acme"),
        ("unregister", "r1"),
    ]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (403, "it answers the registration with 403 Forbidden"),
        (408, "it does not answer the registration"),
        (503, "it cannot be reached, or takes no registrations now (503)"),
    ],
)
def test_a_change_is_said_once(status: int, says: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pinecall_run.voice")
    it = SipRegistrations(World(), TRUNKS)
    it.begin()
    assert it.notes(TRUNKS) == []
    for _ in range(3):
        it.told(RegistrationFailed("r1", status, 30.0))
    assert it.notes(TRUNKS[:1]) == [f"calls do not come in from carrier.example: {says}"]
    assert it.notes(TRUNKS[1:]) == []
    for _ in range(3):
        it.told(Registered("r1", 60))
    assert it.notes(TRUNKS) == []
    it.told(Registered("another", 60))
    assert [each.getMessage() for each in caplog.records] == [
        f"calls do not come in from carrier.example: {says}; it is tried again",
        "registered at carrier.example",
    ]
