"""Rules about turn taking, and about files that a server elsewhere cannot read."""

import pytest
from tests.config._world import agent_yaml, checked, codes

from pinecall_run.config.model import IceServer, VoiceFile

PHONE = "type: phone, ref: +15551234567"
REMOTE = "server: {url: wss://voice.example}\n"
MODEL = "smart_turn_model: m.onnx"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("turn_detection: silence", []),
        ("turn_detection: {max_silence_seconds: 1}", []),
        (f"turn_detection: {{mode: smart_turn, {MODEL}, smart_turn_threshold: 0.7}}", []),
        (f"turn_detection: {{{MODEL}}}", []),
        ("turn_detection: smart_turn", [("PCR519", 5, 21)]),
        ("turn_detection: {mode: smart_turn}", [("PCR519", 5, 28)]),
        (f"channels: [{{{PHONE}, turn_detection: smart_turn}}]", [("PCR519", 5, 65)]),
        (f"turn_detection: {{mode: silence, {MODEL}}}", [("PCR519", 5, 37)]),
        # what is wrong with the model's name is not that there is none
        ("turn_detection: {mode: smart_turn, smart_turn_model: '${GONE}'}", [("PCR201", 5, 59)]),
        # the speech to text decides
        ("turn_detection: native", []),
        ("turn_detection: native\nstt: [local, flux]", []),
        ("turn_detection: native\nstt: [local, gladia]", []),  # of which it is not known
        ("turn_detection: native\nstt: [local, deepgram:nova-3]", [("PCR519", 5, 21)]),
        ("turn_detection: native\nstt: {provider: deepgram, use_native_vad: true}", []),
        ("turn_detection: native\nstt: {provider: deepgram, model: nova-3}", [("PCR519", 5, 21)]),
        ("turn_detection: {mode: native}\nstt: local", [("PCR519", 5, 28)]),
        (f"turn_detection: native\nstt: flux\nchannels: [{{{PHONE}, stt: local}}]", [("PCR519", 5, 21)]),
        (f"turn_detection: native\nstt: local\nchannels: [{{{PHONE}, vad: {{}}}}]", [("PCR519", 5, 21)]),
        # silences
        ("vad: {min_silence_ms: 3000}", []),
        ("vad: {min_silence_ms: 3001}", [("PCR519", 5, 27)]),
        ("turn_detection: {max_silence_seconds: 0.3}", [("PCR519", 5, 43)]),
        ("vad: {min_silence_ms: 900}\nturn_detection: {max_silence_seconds: 0.8}", [("PCR519", 5, 27)]),
        (
            f"vad: {{min_silence_ms: 900}}\nchannels: [{{{PHONE}, turn_detection: {{max_silence_seconds: 0.8}}}}]",
            [("PCR519", 6, 87)],
        ),
        (
            f"turn_detection: {{max_silence_seconds: 0.8}}\nchannels: [{{{PHONE}, vad: {{min_silence_ms: 900}}}}]",
            [("PCR519", 6, 71)],
        ),
        ("channels: [{type: chat, vad: {min_silence_ms: 9000}}]", [("PCR510", 5, 29)]),
    ],
)
def test_turn_taking(rest: str, expected: list[tuple[str, int, int]]) -> None:
    assert codes(agent_yaml(rest)) == expected


def test_a_server_elsewhere_has_its_own_model_and_no_use_for_files() -> None:
    sounds = "turn_detection: smart_turn\nrecording: {dir: x}\nbackground: a.wav\n"
    text = agent_yaml(f"{sounds}channels: [{{{PHONE}, turn_detection: {{{MODEL}}}}}]")
    assert codes(text) == [("PCR519", 5, 21)]
    found = codes(text.replace("agents:", f"{REMOTE}agents:"))
    assert sorted(found) == [("PCR520", 7, 17), ("PCR520", 8, 5), ("PCR520", 9, 66)]
    assert codes(agent_yaml("recording: true").replace("agents:", f"{REMOTE}agents:")) == []


def test_every_file_is_known_with_its_place() -> None:
    sounds = f"background: {{file: a.wav}}\nhold_music: /b.wav\nturn_detection: {{{MODEL}}}\n"
    channels = f"channels: [chat, {{{PHONE}, vad: {{}}}}, {{type: webrtc, turn_detection: {{smart_turn_model: o}}}}]"
    config, _ = checked(agent_yaml(sounds + channels))
    assert config is not None
    desk = ("agents", "desk")
    assert config.voice_files == (
        VoiceFile((*desk, "hold_music"), "/b.wav"),
        VoiceFile((*desk, "background", "file"), "a.wav"),
        VoiceFile((*desk, "turn_detection", "smart_turn_model"), "m.onnx", is_sound=False),
        VoiceFile((*desk, "channels", 2, "turn_detection", "smart_turn_model"), "o", is_sound=False),
    )


TURN = "{urls: 'turn:a.example', username: acme, credential: '${HUSH}'}"


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (f"{{ice_servers: [{{urls: ['stun:a.example']}}, {TURN}]}}", []),
        ("{ice_servers: []}", []),
        ("{ice_servers: [{urls: 'turns:a.example', credential: '${HUSH}'}]}", [("PCR102", 2, 31)]),
        (f"{{url: wss://voice.example, ice_servers: [{TURN}]}}", [("PCR520", 2, 36)]),
        ("{api_key: '${HUSH}'}", [("PCR102", 2, 1)]),
        ("{}", [("PCR102", 2, 1)]),
        ("{ice_servers: stun:a.example}", [("PCR103", 2, 23)]),
        ("{public_url: 'https://a.example/phones'}", []),
        ("{public_url: 'https://a.example', ice_servers: []}", []),
        ("{url: wss://voice.example, public_url: 'https://a.example'}", [("PCR520", 2, 36)]),
        ("{public_url: a.example}", [("PCR104", 2, 22)]),
        ("{trusted_proxies: [127.0.0.1, '10.0.0.0/8', '::1']}", []),
        ("{trusted_proxies: ['10.0.0.0/8', proxy.example]}", [("PCR102", 2, 42)]),
        ("{max_calls: 100}", []),
        ("{max_calls: 0}", [("PCR104", 2, 21)]),
        ("{url: wss://voice.example, max_calls: 5}", [("PCR520", 2, 36)]),
        ("{public_url: 'https://a.example/?a=b'}", [("PCR104", 2, 22)]),
    ],
)
def test_what_the_embedded_server_is_to_know(server: str, expected: list[tuple[str, int, int]]) -> None:
    text = agent_yaml().replace("agents:", f"server: {server}\nagents:")
    assert codes(text, {"HUSH": "hush"}) == expected


def test_the_embedded_server_is_told_of_them() -> None:
    config, _ = checked(
        agent_yaml().replace("agents:", f"server: {{ice_servers: [{TURN}]}}\nagents:"), {"HUSH": "hush"}
    )
    assert config is not None
    assert config.server.url is None
    assert config.server.ice_servers == (IceServer(("turn:a.example",), "acme", "hush"),)
    assert "hush" not in repr(config)
