"""Rules about vendors: is there such a one, and can it do what is asked."""

import pytest
from tests.config._world import agent_yaml, checked, codes

from pinecall_run.config.check import check
from pinecall_run.resources import schema
from pinecall_run.source.document import Document
from pinecall_run.vendors.facts import Stage
from pinecall_run.vendors.prices import UNITS

REMOTE = "server: {url: wss://voice.example}\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("model: gpt-4.1-mini", []),
        ("model: ft:gpt-4.1-mini:acme::x", []),
        ("model: openai:llama3:8b", []),
        ("model: {model: mistral/small}", []),  # a mapping without a provider is OpenAI's
        ("model: {provider: gpt-4.1, model: gpt-4.1}", []),  # what old clients write
        ("model: opnai:x", [("PCR506", 5, 12)]),
        ("model: {provider: opnai, model: x}", [("PCR506", 5, 23)]),
        ("model: pinecall/fast", [("PCR506", 5, 12)]),
        # of several one is enough that the embedded server has; each must be somebody's
        ("model: [pinecall/fast, gpt-4.1-mini]", []),
        ("model: [pinecall/fast, {provider: pinecall, model: small}]", [("PCR506", 5, 12)]),
        ("model: [gpt-4.1, opnai:x, {provider: opnai, model: x}]", [("PCR506", 5, 22), ("PCR506", 5, 42)]),
        ("model: [gpt-4.1, 'openai: x']", [("PCR507", 5, 22)]),
        ("model: ['scripted:', {model: ''}]", [("PCR507", 5, 13), ("PCR507", 5, 34)]),
        ("model: ${MODEL}", [("PCR506", 5, 12)]),
        ("model: 'openai: x'", [("PCR507", 5, 12)]),
        ("model: ':x'", [("PCR507", 5, 12)]),
        ("model: 'scripted:'", [("PCR507", 5, 12)]),
        ("model: {provider: scripted, model: ''}", [("PCR507", 5, 40)]),
        ("voice: elevenlabs/sarah\nstt: flux", []),
        ("voice: sarah", [("PCR507", 5, 12)]),
        ("voice: 'elevenlabs:'", [("PCR507", 5, 12)]),
        ("voice: google:x", [("PCR506", 5, 12)]),
        ("voice: {provider: ElevenLab}", [("PCR506", 5, 23)]),
        ("stt: deepgram::es", []),
        ("stt: deepgram:a:es:b", [("PCR507", 5, 10)]),
        ("stt: 'deepgram/'", [("PCR507", 5, 10)]),
        ("channels: [{type: phone, ref: +15551234567, stt: x, voice: y:z}]", [("PCR506", 5, 54), ("PCR506", 5, 64)]),
        ("voice: local\nstt: local", []),
        ("voice: local:en-us", []),
        ("voice: 'local:'", [("PCR507", 5, 12)]),
        # of a list each by itself
        (
            "voice: [elevenlabs/sarah, local]\nstt: [deepgrm, {provider: lokal}, local]",
            [("PCR506", 6, 11), ("PCR506", 6, 31)],
        ),
        ("channels: [{type: phone, ref: +15551234567, voice: [local, sarah]}]", [("PCR507", 5, 64)]),
        # each said once, where it is written
        ("stt: x\nchannels: [{type: phone, ref: +15551234567, language: es}]", [("PCR506", 5, 10)]),
    ],
)
def test_providers(rest: str, expected: list[tuple[str, int, int]]) -> None:
    assert sorted(codes(agent_yaml(rest), {"MODEL": "acme:x"})) == expected


@pytest.mark.parametrize(
    ("server", "severities"),
    [
        ("", ["error", "error"]),
        ("server: embedded\n", ["error", "error"]),
        (REMOTE, ["warning"]),  # which may well have what the embedded one has not
        ("server: {url: '${GONE}'}\n", ["error", "warning"]),
        ("server: ${GONE}\n", ["error", "warning"]),
    ],
)
def test_a_server_elsewhere_may_know_more(server: str, severities: list[str]) -> None:
    text = agent_yaml("model: pinecall:fast\nvoice: acme:x\nchannels: [chat]")
    _, diagnostics = checked(text.replace("agents:", f"{server}agents:"))
    assert [d.severity for d in diagnostics] == severities


@pytest.mark.parametrize(
    ("written", "help", "mended"),
    [
        ("model: opnai:gpt-4.1", "did you mean `openai`?", "openai:gpt-4.1"),
        ("model: 'opnai:gpt-4.1'", "did you mean `openai`?", "'openai:gpt-4.1'"),
        ("stt: {provider: deepgrm}", "did you mean `deepgram`?", "deepgram"),
        ("model: Claude:x", "did you mean `anthropic`?", None),
        ("model: ${MODEL}", "did you mean `openai`?", None),
        ("model: qwen3:8b", "the model providers are anthropic, cerebras,", None),
        ("voice: zzz:x", "the voice providers are cartesia,", None),
    ],
)
def test_what_was_meant(written: str, help: str, mended: str | None) -> None:
    _, diagnostics = checked(agent_yaml(f"channels: [chat]\n{written}"), {"MODEL": "opnai:x"})
    (finding,) = diagnostics
    assert (finding.help or "").startswith(help)
    assert (finding.fix.edits[0].text if finding.fix else None) == mended


PHONE = "type: phone, ref: +15551234567"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("language: ar\nstt: deepgram-flux", [("PCR508", 5, 15)]),
        ("language: pt-BR\nstt: deepgram-flux", []),
        ("language: nb\nstt: deepgram:nova-2", []),
        ("language: es\nstt: deepgram/flux-en", [("PCR508", 5, 15)]),
        ("language: ar\nstt: {provider: soniox, language: multi}", []),
        # the speech to text's own language counts
        ("language: ar\nstt: {provider: deepgram-flux, language: es}", []),
        ("language: es\nstt: {provider: deepgram-flux, language: ar}", [("PCR508", 6, 46)]),
        ("stt: deepgram:nova-2:ar", [("PCR508", 5, 10)]),
        # not known, not said
        ("language: ar\nstt: deepgram", []),
        ("language: ar\nstt: deepgram:nova-3", []),
        ("language: ar\nstt: deepgram:nova-2-phonecall", []),
        ("language: ar\nstt: assemblyai/universal", []),
        ("language: ar", []),
        # channels
        (f"stt: soniox\nchannels: [{{{PHONE}, language: yi}}]", [("PCR508", 6, 59)]),
        (f"language: ar\nchannels: [{{{PHONE}, stt: flux}}]", [("PCR508", 6, 54)]),
        (f"language: ar\nstt: flux\nchannels: [{{{PHONE}, language: es}}]", [("PCR508", 5, 15)]),
        (f"stt: flux\nchannels: [{{{PHONE}, language: ar, stt: soniox}}]", []),
        ("stt: flux\nchannels: [{type: chat, language: ar}]", []),
        # of a list each by itself
        ("language: es\nstt: [soniox, local]", [("PCR508", 5, 15)]),
        ("language: en-GB\nstt: [soniox, local]", []),
        ("stt: [soniox, {provider: local, language: fr}]", [("PCR508", 5, 47)]),
        (f"language: es\nstt: [flux, soniox]\nchannels: [{{{PHONE}, language: ar}}]", [("PCR508", 7, 59)]),
        (f"language: es\nchannels: [{{{PHONE}, stt: [soniox, local]}}]", [("PCR508", 6, 63)]),
        # keyterms
        (
            "stt: [{provider: deepgram, model: nova-2, keyterms: [a]}, {provider: local, keyterms: [a]}]",
            [("PCR509", 5, 47)],
        ),
        ("stt: {provider: deepgram-flux, keyterms: [a]}", []),
        ("stt: {provider: deepgram, keyterms: [a]}", []),
        ("stt: {provider: deepgram, model: nova-2, keyterms: []}", []),
        ("stt: {provider: deepgram, model: nova-2, keyterms: [a]}", [("PCR509", 5, 46)]),
        ("stt: {provider: deepgram, model: nova-2-phonecall, keyterms: [a]}", [("PCR509", 5, 56)]),
        (f"channels: [{{{PHONE}, stt: {{provider: deepgram, model: nova-2, keyterms: [a]}}}}]", [("PCR509", 5, 90)]),
    ],
)
def test_what_is_heard(rest: str, expected: list[tuple[str, int, int]]) -> None:
    assert [each for each in codes(agent_yaml(rest)) if each[0] != "PCR518"] == expected


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("channels: [webrtc]", []),
        ("channels: [webrtc]\nvoice: local\nstt: local", []),
        ("channels: [chat]\nvoice: rime/cove\nstt: soniox", []),
        ("channels: [+15551234567]\nvoice: rime/cove", [("PCR518", 6, 12)]),
        ("channels: ['sip:a@b.example', webrtc]\nvoice: rime/cove", [("PCR518", 6, 12)]),
        ("channels: [webrtc]\nvoice: rime/cove\nstt: soniox", [("PCR518", 6, 12), ("PCR518", 7, 10)]),
        ("channels: [webrtc]\nvoice: [rime/cove, local]\nstt: [soniox, {provider: local}]", []),
        ("channels: [webrtc]\nvoice: [rime/cove, soniox/lucia]", [("PCR518", 6, 12)]),
        ("channels: [{type: webrtc, voice: local}]\nvoice: rime/cove", []),
        ("channels: [{type: webrtc, voice: rime/cove}]\nvoice: local", [("PCR518", 5, 38)]),
        ("channels: [webrtc]\nvoice: [rime/cove, rim/cove]", [("PCR506", 6, 24)]),
    ],
)
def test_what_the_embedded_server_can_speak_and_hear_with(rest: str, expected: list[tuple[str, int, int]]) -> None:
    text = agent_yaml(rest)
    assert codes(text) == expected
    assert [code for code, *_ in codes(text.replace("agents:", f"{REMOTE}agents:"))] in ([], ["PCR506"])


def test_what_other_packages_bring_is_asked_for_unknown_names_only() -> None:
    asked = []

    def plugins(stage: Stage) -> tuple[str, ...]:
        asked.append(stage)
        return ("acme",) if stage == "voice" else ()

    def found(rest: str) -> list[tuple[str, str | None]]:
        document, _ = Document.parse(agent_yaml(f"channels: [chat]\n{rest}"), "pinecall.yaml")
        return [(d.message, d.help) for d in check(document, schema("pinecall"), {}, plugins=plugins)[1]]

    assert found("model: scripted:x.yaml\nvoice: [elevenlabs/sarah, local]\nstt: flux") == []
    assert asked == []
    assert found("voice: acme:anna") == []
    assert asked == ["voice"]
    (message, help), *rest = found("voice: [acme/anna, acne/anna]\nstt: acme")
    assert (message, help) == ("there is no voice provider `acne`", "did you mean `acme`?")
    assert [message for message, _ in rest] == ["there is no speech-to-text provider `acme`"]


def test_a_call_from_a_browser_may_use_what_another_package_brings() -> None:
    document, _ = Document.parse(agent_yaml("channels: [webrtc]\nvoice: acme/anna"), "pinecall.yaml")
    assert check(document, schema("pinecall"), {}, plugins=lambda stage: ["acme"])[1] == []


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ("{deepgram: {minute: 0.1}, 'openai:gpt-4.1': {input: 1, output: 4, cached: 0.5}}", []),
        ("{flux: {minute: 0}}", []),
        ("{deepgrm: {minute: 0.1}}", [("PCR506", 1, 10, "did you mean `deepgram`?")]),
        ("{'claude:x': {input: 1}}", [("PCR506", 1, 10, "did you mean `anthropic`?")]),
        ("{zzz: {minute: 1}}", [("PCR506", 1, 10, "`pinecall-run providers` lists them")]),
        ("{local: {}}", [("PCR104", 1, 17, None)]),
        (
            "{local: {hour: 1}}",
            [("PCR101", 1, 18, f"the keys here are {', '.join(sorted(UNITS))}")],
        ),
        ("{local: {minute: -1}}", [("PCR104", 1, 26, None)]),
        ("{'Local': {minute: 1}}", [("PCR104", 1, 10, None)]),
    ],
)
def test_prices_are_somebodys(prices: str, expected: list[tuple[str, int, int, str | None]]) -> None:
    config, found = checked(f"prices: {prices}\n{agent_yaml('channels: [chat]')}")
    assert [(each.code, each.span.line, each.span.column, each.help) for each in found] == expected
    assert config is None or all(rate >= 0 for rates in config.prices.values() for rate in rates.values())


@pytest.mark.parametrize(
    ("rest", "message", "help", "at"),
    [
        ("voice: {provider: local, sped: 1}", ".voice` has no key `sped`", "did you mean `speed`?", (5, 30)),
        ("stt: [flux, {provider: local, gramar: [a]}]", ".stt[1]` has no key `gramar`", "did you mean `grammar`?",
         (5, 35)),
        ("voice: {provider: local, speed: 3}", ".voice.speed` must be at most 2, not 3", None, (5, 37)),
        ("voice: {provider: local, pitch: low}", ".voice.pitch` must be a whole number, not the text `low`",
         "for example: 40", (5, 37)),
        ("model: {model: m, temprature: 1}", ".model` has no key `temprature`", "did you mean `temperature`?", (5, 23)),
        ("model: [m, {provider: openai, model: m, temperature: 3}]",
         ".model[1].temperature` must be at most 2, not 3", None, (5, 58)),
        ("model: [m, {function: brain.respond}]",
         ".model[1]` is not a vendor's model: a function of yours answers alone, not in a list", None, (5, 16)),
        ("channels: [{type: webrtc, voice: {provider: local, voiceId: es}}]",
         ".channels[0].voice` has no key `voiceId`", "did you mean `voice_id`?", (5, 56)),
    ],
)  # fmt: skip
def test_options_are_those_of_their_vendor(rest: str, message: str, help: str | None, at: tuple[int, int]) -> None:
    _, found = checked(agent_yaml(rest))
    (one,) = [each for each in found if each.code != "PCR503"]
    assert (one.message, one.help) == (f"`agents.desk{message}", help)
    assert (one.span.line, one.span.column) == at


@pytest.mark.parametrize(
    "rest",
    ["voice: {provider: rime, voice_id: cove, sped: 9}", "stt: {provider: soniox, context: {a: [1]}}",
     "model: {provider: pinecall, model: m, whatever: 9, temperature: 1}"],
)  # fmt: skip
def test_options_of_vendors_that_are_not_known_are_free(rest: str) -> None:
    _, found = checked(agent_yaml(rest).replace("agents:", f"{REMOTE}agents:"))
    assert [each.code for each in found] == ["PCR503"]
