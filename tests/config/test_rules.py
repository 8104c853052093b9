"""What no schema can say: numbers, channels, limits and zones; and how values become a Config."""

import pytest
from tests.config._world import agent, agent_yaml, checked, codes

from pinecall_run.config.channels import ChannelRef
from pinecall_run.config.check import check
from pinecall_run.config.model import DEFAULT_MODEL, Channel, PromptSource, Server
from pinecall_run.resources import schema
from pinecall_run.source.document import Document


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("channels: [chat, fax]", [("PCR502", 5, 22)]),
        ("channels: [{type: phone, ref: 5551234567}]", [("PCR502", 5, 35)]),
        ("channels: [{type: whatsapp, ref: ''}]", [("PCR502", 5, 38)]),
        ("channels: [chat, chat]", [("PCR501", 5, 22)]),
        ("channels: [+15551234567, '+1 555 123 4567']", [("PCR501", 5, 30)]),
        ("channels: [+15551234567, {type: phone, ref: +15551234567}]", [("PCR501", 5, 49)]),
        ("channels: ['sip:a@b.example', {type: phone, ref: 'sip:a@b.example'}]", [("PCR501", 5, 54)]),
        ("session_limits: {idle_warning_seconds: 60}", [("PCR504", 5, 44)]),
        ("session_limits: {idle_timeout_seconds: 15}", [("PCR504", 5, 44)]),
        ("session_limits: {idle_timeout_seconds: 9, idle_warning_seconds: 9}", [("PCR504", 5, 69)]),
        ("session_limits: {idle_timeout_seconds: 0, idle_warning_seconds: 90}", []),
        ("session_limits: {idle_warning_seconds: 59.9}", []),
        ("session_limits: {idle_timeout_seconds: 10, idle_warning_seconds: 0}", []),
        ("timezone: Europe/Madird", [("PCR505", 5, 15)]),
        ("timezone: europe/madrid", [("PCR505", 5, 15)]),
        ("timezone: Europe/Madrid", []),
    ],
)
def test_meaning(rest: str, expected: list[tuple[str, int, int]]) -> None:
    assert codes(agent_yaml(rest)) == expected


def test_a_number_belongs_to_one_agent_and_a_chat_to_each() -> None:
    text = """\
version: 1
agents:
  one: {prompt: x, channels: [chat, webrtc, +15551234567]}
  two: {prompt: y, channels: [chat, webrtc, "+1 555 123 4567"]}
"""
    _, diagnostics = checked(text)
    (found,) = diagnostics
    assert (found.code, found.span.line) == ("PCR501", 4)
    assert found.message == "+15551234567 already reaches `one`"
    assert [label.span.line for label in found.labels] == [3]


@pytest.mark.parametrize(
    ("rest", "warned"),
    [
        ("", True),
        ("channels: []", True),
        ("channels: [chat]", False),
        # these are errors already
        ("channels: [fax]", False),
        ("channels: [[]]", False),
        ("channels: chat", False),
        ("channels:", False),
        ("channels: ${GONE}", False),
    ],
)
def test_an_agent_that_nobody_can_reach_is_a_warning(rest: str, warned: bool) -> None:
    config, diagnostics = checked(agent_yaml(rest))
    assert [d.severity for d in diagnostics if d.code == "PCR503"] == ["warning"] * warned
    assert (config is None) is (not warned and rest != "channels: [chat]")


@pytest.mark.parametrize(("written", "meant"), [("Chat", "did you mean `chat`?"), ("email", "write webrtc, chat")])
def test_a_word_that_is_no_channel_says_what_to_write(written: str, meant: str) -> None:
    _, diagnostics = checked(agent_yaml(f"channels: [{written}]"))
    assert [(d.help or "").startswith(meant) for d in diagnostics] == [True]


def test_where_the_machine_knows_no_zones_none_is_wrong() -> None:
    document, _ = Document.parse(agent_yaml("timezone: Mars/Olympus"), "pinecall.yaml")
    config, _ = check(document, schema("pinecall"), {}, timezones=list)
    assert config is not None
    assert config.agents["desk"].timezone == "Mars/Olympus"


def test_zones_are_asked_for_only_where_one_is_named() -> None:
    def zones() -> list[str]:
        raise AssertionError("nobody asked")

    document, _ = Document.parse(agent_yaml("channels: [chat]"), "pinecall.yaml")
    assert check(document, schema("pinecall"), {}, timezones=zones)[1] == []


def test_what_the_author_did_not_say_stays_unsaid() -> None:
    found = agent("channels: [chat]")
    assert found.prompt == PromptSource(text="You are the desk.")
    assert found.model == DEFAULT_MODEL
    assert (found.voice, found.language, found.interruption, found.allowed_origins) == (None, None, None, None)


def test_everything_the_author_said_is_in_the_config() -> None:
    text = """\
version: 1
server: {url: "wss://x.example", api_key: k}
agents:
  desk:
    prompt: {file: p.j2, vars: {a: 1}}
    model: {model: m, temperature: 0}
    voice: v
    language: no
    stt: {provider: s}
    greeting: {en: hello}
    greeting_in_chat: true
    tools: {t: a.b}
    session_limits: {max_duration_seconds: 1}
    interruption: false
    timezone: UTC
    allowed_origins: ["*"]
    channels:
      - chat
      - {type: phone, ref: "+1 555 123 4567", voice: w, language: es, stt: s, greeting: hola}
      - {type: whatsapp, ref: 106540352242922, access_token: a, verify_token: v, app_secret: s, phone: +15557654321}
"""
    config, diagnostics = checked(text)
    assert diagnostics == []
    assert config is not None
    assert config.server == Server("wss://x.example", "k")
    found = config.agents["desk"]
    assert found.prompt == PromptSource(file="p.j2", vars={"a": 1})
    assert (found.model, found.voice, found.language) == ({"model": "m", "temperature": 0}, "v", "no")
    assert (found.stt, found.greeting, found.greeting_in_chat) == ({"provider": "s"}, {"en": "hello"}, True)
    assert (found.tools, found.session_limits) == ({"t": "a.b"}, {"max_duration_seconds": 1})
    assert (found.interruption, found.timezone, found.allowed_origins) == (False, "UTC", ("*",))
    assert found.channels == (
        Channel(ChannelRef("chat")),
        Channel(ChannelRef("phone", "+15551234567"), {"voice": "w", "language": "es", "stt": "s", "greeting": "hola"}),
        Channel(
            ChannelRef("whatsapp", "106540352242922"),
            {},
            {"access_token": "a", "verify_token": "v", "app_secret": "s", "phone": "+15557654321"},
        ),
    )
