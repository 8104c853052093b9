"""Which model a wire value names, in every spelling that clients use, and what is missing when it cannot be opened."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pinecall_run.providers.catalogue import is_duplex, open_duplex, open_model, parse_model
from pinecall_run.providers.contracts import ModelSpec, ProviderError
from pinecall_run.providers.scripted_model import ScriptedModel
from pinecall_run.vendors.table import served

MINI = "gpt-4.1-mini"


@pytest.mark.parametrize(
    ("written", "provider", "model"),
    [
        ("openai/gpt-4.1-mini", "openai", MINI),
        ("openai:gpt-4.1-mini", "openai", MINI),
        (MINI, "openai", MINI),
        ("mistral/mistral-small", "mistral", "mistral-small"),
        ("openrouter/meta-llama/llama-3", "openrouter", "meta-llama/llama-3"),
        ("openrouter:meta-llama/llama-3", "openrouter", "meta-llama/llama-3"),
        ("ft:gpt-4.1-mini:acme::x", "openai", "ft:gpt-4.1-mini:acme::x"),
        ("openai/ft:gpt-4.1-mini:acme::x", "openai", "ft:gpt-4.1-mini:acme::x"),
        ("scripted:scripts/a.yaml", "scripted", "scripts/a.yaml"),
        ("pinecall/gpt-realtime", "pinecall", "gpt-realtime"),
        ({"provider": "openai", "model": MINI, "enabled": True}, "openai", MINI),
        ({"provider": "openai", "model": "openai/gpt-4.1-mini"}, "openai", MINI),
        ({"model": "mistral/small"}, "mistral", "small"),
        ({"model": MINI}, "openai", MINI),
        ({"llm": "openai/gpt-4.1-mini"}, "openai", MINI),
        ({"llm": "openrouter/a/b"}, "openrouter", "a/b"),
        ({"provider": "openrouter", "model": "meta-llama/llama-3"}, "openrouter", "meta-llama/llama-3"),
        ({"provider": "mistral", "llm": "small"}, "mistral", "small"),
        ({"provider": "openai"}, "openai", MINI),
        ({"provider": "openai", "model": None}, "openai", MINI),
        ({"provider": "mistral"}, "mistral", ""),
        ({"provider": "scripted"}, "scripted", ""),
        ({"enabled": True}, "openai", MINI),
        # the defect of old clients: without a colon the provider repeats the model
        ({"provider": MINI, "model": MINI, "enabled": True}, "openai", MINI),
        ({"provider": "openai/gpt-4.1-mini", "model": "openai/gpt-4.1-mini"}, "openai", MINI),
        ({"provider": "mistral/small", "model": "mistral/small"}, "mistral", "small"),
        ({"provider": "scripted", "model": "scripted"}, "scripted", "scripted"),
    ],
)
def test_a_wire_value_names_a_model(written: Any, provider: str, model: str) -> None:
    assert parse_model(written) == ModelSpec(provider, model)


@pytest.mark.parametrize(
    "written", [None, "", {}, {"enabled": False}, {"provider": "openai", "model": MINI, "enabled": False}]
)
def test_without_a_model_the_client_answers(written: Any) -> None:
    assert parse_model(written) is None


def test_what_names_no_model_is_an_option() -> None:
    written = {"provider": "openai", "model": "m", "enabled": True, "prompt": "p", "llm": "x", "temperature": 0}
    assert parse_model(written) == ModelSpec("openai", "m", {"temperature": 0})


@pytest.mark.parametrize("written", [5, True, ["openai/x"]])
def test_what_is_neither_text_nor_object_is_refused(written: Any) -> None:
    """The value comes from any client; it must not break the connection that it came on."""
    with pytest.raises(ProviderError, match="`llm` is a "):
        parse_model(written)


def test_an_unknown_provider_is_told_with_those_that_are_known() -> None:
    with pytest.raises(ProviderError, match="no model provider `acme`") as raised:
        open_model(ModelSpec("acme", "small"), {})
    assert raised.value.hint == f"served: {', '.join(sorted(served('model')))}"


def test_a_provider_whose_extra_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pinecall_run.providers.openai_model", raising=False)
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ProviderError, match="the model provider openai is not installed") as raised:
        open_model(ModelSpec("openai", MINI), {"OPENAI_API_KEY": "k"})
    assert raised.value.hint == "install it with: pip install 'pinecall-run[openai]'"
    model = open_model(ModelSpec("scripted", "s", {"script": {"rules": [], "otherwise": "x"}}), {})
    assert isinstance(model, ScriptedModel)


@pytest.mark.parametrize(
    "written", ["gpt-realtime", "openai:gpt-realtime", {"provider": "openai", "model": "gpt-realtime"}]
)
def test_a_realtime_model_is_a_provider_of_its_own_and_opened_as_such(written: Any) -> None:
    spec = parse_model(written)
    assert spec == ModelSpec("openai-realtime", "gpt-realtime")
    assert is_duplex(spec)
    with pytest.raises(ProviderError, match="needs a key"):
        open_duplex(spec, {})
    assert not is_duplex(ModelSpec("openai", "gpt-4.1"))
    assert not is_duplex(ModelSpec("pinecall", "gpt-realtime"))
