"""What a number lacks is said when it is registered."""

from __future__ import annotations

from typing import Any

import pytest

from pinecall_run.protocol.registry import Agent, Channel, Registry
from pinecall_run.voice import whatsapp_numbers
from pinecall_run.voice.whatsapp_numbers import DEAF, MISSING, Number, all_numbers, audition, numbers_of, reached

KEYS = {"access_token": "t0ken", "app_secret": "s3cret", "verify_token": "w0rd"}


def agent(name: str = "front", number: str = "106", **options: Any) -> Agent:
    channel = Channel("whatsapp", number, {**KEYS, **options})
    return Agent(name, "c1", {"stt": "local", "voice": "local"}, {("whatsapp", number): channel})


def registry(*agents: Agent) -> Registry:
    made = Registry(frozenset(("whatsapp",)))
    made.agents.update({each.agent_id: each for each in agents})
    return made


def test_a_number_is_what_was_registered_and_shows_no_secret() -> None:
    made = agent(voice_notes=True, template={"name": "hi", "language": "es"}, idle_minutes=5)
    (number,) = numbers_of(made)
    assert number == Number("106", "t0ken", "s3cret", "w0rd", {"name": "hi", "language": "es"}, True, 300.0)
    assert not any(secret in repr(number) for secret in KEYS.values())


def test_what_was_not_said_has_its_default() -> None:
    (number,) = numbers_of(agent(idle_minutes=None, template={"language": "es"}, voice_notes="yes"))
    assert (number.idle_seconds, number.template, number.has_voice_notes) == (3600.0, {}, False)
    assert next(numbers_of(agent(idle_minutes=9999))).idle_seconds == 24 * 3600


def test_a_number_reaches_who_has_it_if_it_can_be_trusted_and_answered() -> None:
    made = registry(agent("a", "1"), agent("b", "2"), agent("c", "3", app_secret=""))
    found = reached(made, "2")
    assert found is not None
    assert (found[0].agent_id, found[1].id) == ("b", "2")
    assert reached(made, "3") is None
    assert reached(made, "9") is None
    assert [number.id for number in all_numbers(made)] == ["1", "2", "3"]


def test_a_whole_number_is_served_without_a_word() -> None:
    assert audition(agent(), "106", {}) == (True, [])
    assert audition(agent(), " 106 ", {}) == (True, []), "as the registry has it"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"app_secret": ""}, (False, ["WhatsApp is not served without app_secret"])),
        (
            {"app_secret": "", "access_token": ""},
            (False, ["WhatsApp is not served without access_token and app_secret"]),
        ),
        ({"verify_token": ""}, (True, ["meta cannot verify the webhook without verify_token"])),
        ({"stt": "local", "language": "fr"}, None),
    ],
)
def test_what_is_lacking_is_said(options: dict[str, Any], expected: Any) -> None:
    served, notes = audition(agent(**options), "106", {})
    if expected is None:
        assert served
        assert notes == [
            "voice notes are announced, not heard: the local ear hears English only, not `fr` (choose a vendor for it)"
        ]
    else:
        assert (served, notes) == expected


def test_nobody_who_speaks_is_said_only_where_notes_are_answered() -> None:
    assert audition(agent(voice="elevenlabs:sarah"), "106", {}) == (True, [])
    served, (note,) = audition(agent(voice="elevenlabs:sarah", voice_notes=True), "106", {})
    assert served
    assert note.startswith("voice notes are answered in writing: elevenlabs needs a key")


@pytest.mark.parametrize(("package", "expected"), [("httpx2", (False, [MISSING])), ("av", (True, [DEAF]))])
def test_a_package_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, package: str, expected: Any) -> None:
    monkeypatch.setattr(whatsapp_numbers, "find_spec", lambda name: None if name == package else object())
    assert audition(agent(), "106", {}) == expected
