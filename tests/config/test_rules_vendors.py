"""Rules about vendors: is there such a one, and can it do what is asked."""

import pytest
from tests.config._world import agent_yaml, checked, codes

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
        ("model: pinecall/small", [("PCR506", 5, 12)]),
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
    text = agent_yaml("model: pinecall:small\nvoice: acme:x\nchannels: [chat]")
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
        ("stt: [{provider: transcribe, keyterms: [a]}, {provider: local, keyterms: [a]}]", [("PCR509", 5, 34)]),
        ("stt: {provider: deepgram-flux, keyterms: [a]}", []),
        ("stt: {provider: deepgram, keyterms: [a]}", []),
        ("stt: {provider: transcribe, keyterms: []}", []),
        ("stt: {provider: transcribe, keyterms: [a]}", [("PCR509", 5, 33)]),
        ("stt: {provider: deepgram, model: nova-2-phonecall, keyterms: [a]}", [("PCR509", 5, 56)]),
        (f"channels: [{{{PHONE}, stt: {{provider: transcribe, keyterms: [a]}}}}]", [("PCR509", 5, 77)]),
    ],
)
def test_what_is_heard(rest: str, expected: list[tuple[str, int, int]]) -> None:
    assert codes(agent_yaml(rest)) == expected


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("channels: [webrtc]", []),
        ("channels: [webrtc]\nvoice: local\nstt: local", []),
        ("channels: [chat, +15551234567]\nvoice: rime/cove\nstt: gladia", []),  # said when it starts
        ("channels: [webrtc]\nvoice: rime/cove\nstt: gladia", [("PCR518", 6, 12), ("PCR518", 7, 10)]),
        ("channels: [webrtc]\nvoice: [rime/cove, local]\nstt: [gladia, {provider: local}]", []),
        ("channels: [webrtc]\nvoice: [rime/cove, polly/lucia]", [("PCR518", 6, 12)]),
        ("channels: [{type: webrtc, voice: local}]\nvoice: rime/cove", []),
        ("channels: [{type: webrtc, voice: rime/cove}]\nvoice: local", [("PCR518", 5, 38)]),
        ("channels: [webrtc]\nvoice: [rime/cove, rim/cove]", [("PCR506", 6, 24)]),
    ],
)
def test_what_the_embedded_server_can_speak_and_hear_with(rest: str, expected: list[tuple[str, int, int]]) -> None:
    text = agent_yaml(rest)
    assert codes(text) == expected
    assert [code for code, *_ in codes(text.replace("agents:", f"{REMOTE}agents:"))] in ([], ["PCR506"])
