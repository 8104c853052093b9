"""A provider is found by its stage and name, and what its module shares is let go of."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from pinecall_run.providers.contracts import ModelSpec, ProviderError, SpeechSpec
from pinecall_run.providers.opening import close_providers, opened, registered


def _module(monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    name, closed = "a_vendor_of_a_test", list[str]()
    module = ModuleType(name)

    async def close() -> None:
        closed.append(name)

    module.open_tts = lambda spec, environ: (spec, environ)  # type: ignore[attr-defined]
    module.close = close  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)
    return name, closed


async def test_what_is_registered_is_opened_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    name, closed = _module(monkeypatch)
    spec = SpeechSpec("acme")
    with registered(name, ("voice", "acme")):
        assert opened("voice", spec, {"A": "b"}) == (spec, {"A": "b"})
        await close_providers()
    assert closed == [name]
    await close_providers()
    assert closed == [name]
    with pytest.raises(ProviderError, match="no voice provider `acme`"):
        opened("voice", spec, {})


def test_a_vendor_that_others_serve_is_told_from_one_that_nobody_knows() -> None:
    with pytest.raises(ProviderError, match="rime is not served here") as raised:
        opened("voice", SpeechSpec("rime"), {})
    assert raised.value.kind == "missing"
    assert raised.value.is_lasting
    with pytest.raises(ProviderError, match="there is no model provider `rime`"):
        opened("model", ModelSpec("rime", "x"), {})


async def test_closing_what_was_never_opened_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("local_voice", "local_ear", "openai_model"):
        monkeypatch.delitem(sys.modules, f"pinecall_run.providers.{module}", raising=False)
    await close_providers()
