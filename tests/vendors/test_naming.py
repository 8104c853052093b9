"""One word names a vendor, and perhaps what of theirs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.vendors.facts import Stage
from pinecall_run.vendors.naming import split


@pytest.mark.parametrize(
    ("stage", "text", "named"),
    [("model", "gpt-4.1-mini", ("openai", "gpt-4.1-mini", "")),
     ("model", "openrouter/meta/llama-4", ("openrouter", "meta/llama-4", "")),
     ("model", "ft:gpt-4.1:acme", ("openai", "ft:gpt-4.1:acme", "")),
     ("model", "gpt-realtime", ("openai-realtime", "gpt-realtime", "")),
     ("model", "openai/gpt-realtime-2.1", ("openai-realtime", "gpt-realtime-2.1", "")),
     ("model", "pinecall/gpt-realtime", ("pinecall", "gpt-realtime", "")),
     ("voice", "Elevenlabs:EXAVITQu4vr4xnSDxMaL", ("elevenlabs", "EXAVITQu4vr4xnSDxMaL", "")),
     ("voice", "cartesia/yumiko", ("cartesia", "yumiko", "")),
     ("stt", "deepgram", ("deepgram", "", "")),
     ("stt", "deepgram:nova-3:es", ("deepgram", "nova-3", "es")),
     ("stt", "deepgram:nova-3:es:more", ("deepgram", "nova-3", "es")),
     ("stt", "deepgram::es", ("deepgram", "", "es")),
     ("stt", "gladia/solaria", ("gladia", "solaria", ""))],
)  # fmt: skip
def test_the_first_separator_counts(stage: Stage, text: str, named: tuple[str, str, str]) -> None:
    assert split(stage, text) == named


@given(st.sampled_from(["model", "voice", "stt"]), st.text())
def test_every_text_is_taken(stage: Stage, text: str) -> None:
    assert all(isinstance(part, str) for part in split(stage, text))
