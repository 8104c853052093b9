"""Which adapters are loaded, and how each is opened so that it talks to the peer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pinecall_run.providers.contracts import ModelSpec, SpeechSpec
from pinecall_run.providers.opening import opened
from pinecall_run.vendors.facts import Stage
from pinecall_run.vendors.table import PROVIDERS

_AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True)
class Case:
    """One adapter. ``scheme`` is what its endpoint is written with."""

    stage: Stage
    provider: str
    name: str
    scheme: str = "ws"

    @property
    def is_served(self) -> bool:
        """Whether there is such an adapter."""
        return self.provider in PROVIDERS[self.stage] and PROVIDERS[self.stage][self.provider].is_served

    def adapter(self, ports: tuple[int, int]) -> Any:
        """The adapter. ``ports`` are the peer's, of WebSockets and of HTTP."""
        facts = PROVIDERS[self.stage][self.provider]
        port = ports[0] if self.scheme == "ws" else ports[1]
        keys = {**_AWS, **dict.fromkeys(facts.keys, "key"), f"{self.provider.upper()}_API_KEY": "key"}
        environ = {**keys, facts.endpoint: f"{self.scheme}://127.0.0.1:{port}"}
        is_model = self.stage == "model"
        spec = ModelSpec(self.provider, self.name) if is_model else SpeechSpec(self.provider, self.name, "en")
        return opened(self.stage, spec, environ)


CASES: Mapping[str, Case] = {
    "deepgram": Case("stt", "deepgram", "nova-3"),
    "deepgram-flux": Case("stt", "deepgram-flux", ""),
    "gladia": Case("stt", "gladia", "", "http"),
    "transcribe": Case("stt", "transcribe", ""),
    "elevenlabs ear": Case("stt", "elevenlabs", ""),
    "cartesia ear": Case("stt", "cartesia", "ink-2"),
    "elevenlabs voice": Case("voice", "elevenlabs", "JBFqnCBsd6RMkjVDRZzb"),
    "cartesia voice": Case("voice", "cartesia", "f786b574-daa5-4673-aa0c-cbe3e8534c02"),
    "polly": Case("voice", "polly", "Joanna", "http"),
    "openai": Case("model", "openai", "gpt-4.1-mini", "http"),
    "anthropic": Case("model", "anthropic", "claude-haiku-5-5", "http"),
    "google": Case("model", "google", "gemini-3.8-flash", "http"),
}
