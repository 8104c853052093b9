"""What no schema can say: numbers, channels, limits and zones; and how values become a Config."""

import pytest
from tests.config._world import agent, agent_yaml, checked, codes

from pinecall_run.config.channels import ChannelRef
from pinecall_run.config.model import DEFAULT_MODEL, Channel, Phrase, PromptSource, Server, Tool
from pinecall_run.source.diagnostic import has_errors


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("channels: [chat, fax]", [("PCR502", 5, 22)]),
        ("channels: [{type: phone, ref: 5551234567}]", [("PCR502", 5, 35)]),
        ("channels: [{type: whatsapp, ref: ''}]", [("PCR502", 5, 38)]),
    ],
)
def test_what_is_no_channel(rest: str, expected: list[tuple[str, int, int]]) -> None:
    assert codes(agent_yaml(rest)) == expected


@pytest.mark.parametrize(("written", "meant"), [("Chat", "did you mean `chat`?"), ("email", "write webrtc, chat")])
def test_a_word_that_is_no_channel_says_what_to_write(written: str, meant: str) -> None:
    _, diagnostics = checked(agent_yaml(f"channels: [{written}]"))
    assert [(d.help or "").startswith(meant) for d in diagnostics] == [True]


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("0034911234567", '"+34911234567"'),
        ("'00 34 911234567'", '"+34911234567"'),
        ("{type: phone, ref: '0034911234567'}", '"+34911234567"'),
        ("34911234567", None),  # it may be a national number
        ("{type: sip, ref: '0034911234567'}", None),
        ("'${NUMBER}'", None),
    ],
)
def test_an_international_prefix_is_surely_a_plus(written: str, mended: str | None) -> None:
    _, (finding,) = checked(agent_yaml(f"channels: [{written}]"), {"NUMBER": "0034911234567"})
    assert (finding.fix.edits[0].text if finding.fix else None) == mended


def test_what_the_author_did_not_say_stays_unsaid() -> None:
    found = agent("channels: [chat]")
    assert found.prompt == PromptSource(text="You are the desk.")
    assert found.model == DEFAULT_MODEL
    assert (found.voice, found.language, found.interruption, found.allowed_origins) == (None, None, None, None)


def test_a_tool_has_options() -> None:
    found = agent(
        "tools: {t: {function: a.b, timeout_seconds: 5, max_concurrency: 2, ephemeral: true}, u: a.c, "
        "v: {function: a.d, effect: read, retries: 2, cancel_on_interruption: true, say: Wait.}, "
        "w: {function: a.e, effect: write, say: {text: Wait., after_ms: 0}}}"
    ).tools
    assert found == {
        "t": Tool("a.b", timeout_seconds=5, max_concurrency=2, ephemeral=True),
        "u": Tool("a.c"),
        "v": Tool("a.d", "read", retries=2, cancel_on_interruption=True, say=Phrase("Wait.", 1000)),
        "w": Tool("a.e", "write", say=Phrase("Wait.", 0)),
    }


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
    assert not has_errors(diagnostics)
    assert config is not None
    assert config.server == Server("wss://x.example", "k")
    found = config.agents["desk"]
    assert found.prompt == PromptSource(file="p.j2", vars={"a": 1})
    assert (found.model, found.voice, found.language) == ({"model": "m", "temperature": 0}, "v", "no")
    assert (found.stt, found.greeting, found.greeting_in_chat) == ({"provider": "s"}, {"en": "hello"}, True)
    assert (found.tools, found.session_limits) == ({"t": Tool("a.b")}, {"max_duration_seconds": 1})
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
