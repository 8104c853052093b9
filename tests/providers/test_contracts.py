"""Every provider in the catalogue keeps the contract that the voice server relies on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pinecall_run.providers.catalogue import open_model, parse_model
from pinecall_run.providers.contracts import ModelRequest, ProviderError, Text, ToolRequest

SCRIPT = {"rules": [{"when": "order", "call": {"look": {}}, "reply": "x"}], "otherwise": "Hello you."}


@pytest.mark.parametrize(
    "llm",
    ["openai/gpt-4.1-mini", {"provider": "scripted", "model": "s.yaml", "script": SCRIPT}],
)
def test_a_model_streams_without_being_asked_to_connect_first(llm: object) -> None:
    spec = parse_model(llm)
    assert spec is not None
    model = open_model(spec, {"OPENAI_API_KEY": "k"})
    assert isinstance(model.stream(ModelRequest([{"role": "user", "content": "x"}])), AsyncIterator)


async def test_an_answer_is_texts_and_requests() -> None:
    spec = parse_model({"provider": "scripted", "model": "s.yaml", "script": SCRIPT})
    assert spec is not None
    model = open_model(spec, {})
    for said, kind in (("hi", Text), ("my order", ToolRequest)):
        pieces = [piece async for piece in model.stream(ModelRequest([{"role": "user", "content": said}]))]
        assert pieces
        assert {type(piece) for piece in pieces} == {kind}


def test_a_failure_has_a_sentence_and_may_have_a_hint() -> None:
    assert (str(ProviderError("no key")), ProviderError("no key").hint) == ("no key", "")
    assert ProviderError("no key", "set it").hint == "set it"
