"""Rules about how an agent is reached: claimed addresses, keys that do nothing, credentials, origins."""

import pytest
from tests.config._world import agent_yaml, checked, codes


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("channels: [chat, chat]", [("PCR501", 5, 22)]),
        ("channels: [+15551234567, '+1 555 123 4567']", [("PCR501", 5, 30)]),
        ("channels: [+15551234567, {type: phone, ref: +15551234567}]", [("PCR501", 5, 49)]),
        ("channels: ['sip:a@b.example', {type: phone, ref: 'sip:a@B.example:5060'}]", [("PCR501", 5, 54)]),
        ("channels: ['sip:a@b.example', 'sips:a@b.example']", []),
        # a channel that is none does not shift the others
        ("channels: [fax, chat, chat]", [("PCR502", 5, 16), ("PCR501", 5, 27)]),
    ],
)
def test_addresses_are_claimed_once(rest: str, expected: list[tuple[str, int, int]]) -> None:
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


SECRETS = 'access_token: "${T}", app_secret: "${S}"'


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("channels: [{type: chat, ref: x}]", [("PCR510", 5, 29)]),
        ("channels: [{type: chat, voice: rime/cove, stt: gladia}]", [("PCR510", 5, 29), ("PCR510", 5, 47)]),
        (
            "channels: [{type: webrtc, voice: [rime/cove, local], stt: local, language: en, greeting: Hello.}]",
            [],
        ),
        ("channels: [{type: phone, ref: +15551234567, phone: +15551234567}]", [("PCR510", 5, 49)]),
        (f"channels: [{{type: whatsapp, ref: 12345, phone: +15551234567, {SECRETS}, stt: gladia}}]", []),
        (f"channels: [{{type: whatsapp, ref: 12345, voice: rime/cove, {SECRETS}}}]", [("PCR510", 5, 45)]),
        # a greeting is said in a chat of an agent that greets in chat
        ("channels: [{type: chat, greeting: Hi.}]", [("PCR510", 5, 29)]),
        ("greeting_in_chat: false\nchannels: [{type: chat, greeting: Hi.}]", [("PCR510", 6, 29)]),
        ("greeting_in_chat: true\nchannels: [{type: chat, greeting: Hi.}]", []),
        ("greeting_in_chat: ${GONE}\nchannels: [{type: chat, greeting: Hi.}]", [("PCR201", 5, 23)]),
        (f"channels: [{{type: whatsapp, ref: 12345, voice: rime/cove, voice_notes: true, {SECRETS}}}]", []),
        (
            f"channels: [{{type: whatsapp, ref: 12345, template: {{name: still_there}}, idle_minutes: 5, {SECRETS}}}]",
            [],
        ),
        ("channels: [{type: chat, voice_notes: true}]", [("PCR510", 5, 29)]),
        # how many at a time
        ("channels: [{type: chat, max_calls: 5}, {type: phone, ref: '+15551234567', max_calls: 2}]", []),
        (f"channels: [{{type: whatsapp, ref: 12345, max_calls: 2, {SECRETS}}}]", [("PCR510", 5, 45)]),
        ("channels: [{type: chat, max_calls: 0}]", [("PCR104", 5, 40)]),
        # what WhatsApp needs
        ("channels: ['whatsapp:12345']", [("PCR511", 5, 16), ("PCR512", 5, 16)]),
        ("channels: [{type: whatsapp, ref: 12345, app_secret: ''}]", [("PCR512", 5, 38)]),
        ("channels: [{type: whatsapp, ref: 12345, access_token: ''}]", [("PCR511", 5, 38)]),
        # who may open a session
        ("channels: [webrtc]\nallowed_origins: ['https://a.example', '*']", [("PCR513", 6, 44)]),
        ("channels: [chat]\nallowed_origins: ['*']", [("PCR513", 6, 23)]),
        ("channels: [+15551234567]\nallowed_origins: ['*']", []),
        ("channels: [webrtc]\nallowed_origins: ['https://*.a.example', 'http://localhost:*']", []),
        ("allowed_origins: ['*']", []),
    ],
)
def test_keys_that_do_nothing_or_are_missed(rest: str, expected: list[tuple[str, int, int]]) -> None:
    assert sorted(codes(agent_yaml(rest))) == sorted(expected)


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("channels: [{type: chat, model: x}]", "`model` is a key of the agent; a channel can override voice"),
        ("access_token: x", "`access_token` is a key of a channel that is a mapping"),
    ],
)
def test_a_key_that_belongs_elsewhere_is_sent_there(rest: str, says: str) -> None:
    _, diagnostics = checked(agent_yaml(rest))
    assert [(d.help or "")[: len(says)] for d in diagnostics if d.code == "PCR101"] == [says]
