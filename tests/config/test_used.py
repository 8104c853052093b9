"""Which agents name which vendors, in whatever form."""

from __future__ import annotations

from tests.config._world import checked

from pinecall_run.config.used import used

PROJECT = """
version: 1
agents:
  desk:
    prompt: You are the desk.
    model: [anthropic:claude, {model: gpt-4.1}, "scripted:a.script.yaml"]
    voice: elevenlabs/sarah
    stt: {provider: deepgram, model: flux-general-en}
    channels:
      - webrtc
      - {type: phone, ref: "+15551234567", voice: [local, elevenlabs/ann], stt: gladia}
  mine:
    prompt: You are mine.
    model: {function: brain.respond}
    stt: [flux, local]
    channels: [chat]
  plain: {prompt: Hello., channels: [chat]}
server: {url: "wss://voice.example.com"}
"""


def test_vendors_are_found_wherever_they_are_named() -> None:
    config, _ = checked(PROJECT)
    assert config is not None
    assert used(config) == {
        "model": {"anthropic": ["desk"], "openai": ["desk", "plain"], "scripted": ["desk"]},
        "voice": {"elevenlabs": ["desk"], "local": ["desk"]},
        "stt": {"deepgram-flux": ["desk", "mine"], "gladia": ["desk"], "local": ["mine"]},
    }
