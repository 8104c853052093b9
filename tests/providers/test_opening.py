"""A provider is found by its stage and name, and what its module shares is let go of."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from tests._packages import Packages

from pinecall_run import plugins
from pinecall_run.providers.contracts import ModelSpec, ProviderError, SpeechSpec
from pinecall_run.providers.opening import close_providers, opened, registered
from pinecall_run.vendors.facts import Stage


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


# what other packages bring

VOICE = """
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.vendors.facts import Provider, number
PROVIDERS = [Provider("acme", "voice", "Acme's voices", options={"pace": number("Pace.", 0.5, 2)})]
closed = []
def open_tts(spec, environ):
    if spec.name == "nobody":
        raise ProviderError("Acme has no voice nobody", kind="request")
    if spec.name == "bug":
        raise KeyError("a secret of the package")
    return spec, environ
async def close():
    closed.append(1)
    raise OSError("too late")
"""
POINTS = {
    "pinecall_run.tts": {"acme": "acme_voice", "elevenlabs": "acme_voice"},
    "pinecall_run.stt": {"acme": "acme_voice"},
}


async def test_another_packages_provider_is_opened_with_its_options_checked(packages: Packages) -> None:
    packages.install("acme-voice", POINTS, acme_voice=VOICE)
    spec = SpeechSpec("acme", "anna", options={"pace": 1})
    assert opened("voice", spec, {"A": "b"}) == (spec, {"A": "b"})
    for options, message in (({"pase": 1}, "acme takes no option `pase`"), ({"pace": 3}, "must be at most 2")):
        with pytest.raises(ProviderError, match=message) as raised:
            opened("voice", SpeechSpec("acme", options=options), {})
        assert raised.value.kind == "request"
    module = sys.modules["acme_voice"]
    await close_providers()
    assert module.closed == [1]


def test_what_another_packages_provider_refuses_is_its_word_and_what_breaks_there_names_it(packages: Packages) -> None:
    packages.install("acme-voice", POINTS, acme_voice=VOICE)
    for name, message, kind in (
        ("nobody", "Acme has no voice nobody", "request"),
        ("bug", "acme of the package acme-voice 1.0 failed with KeyError", "failed"),
    ):
        with pytest.raises(ProviderError) as raised:
            opened("voice", SpeechSpec("acme", name), {})
        assert (str(raised.value), raised.value.kind) == (message, kind)
    with pytest.raises(ProviderError, match=r"acme-voice 1\.0 is broken: acme_voice has no open_stt") as raised:
        opened("stt", SpeechSpec("acme"), {})
    assert raised.value.kind == "missing"


def test_a_broken_package_is_one_error_with_its_name(packages: Packages) -> None:
    packages.install("acme-voice", POINTS, acme_voice="import nothing_of_the_kind")
    with pytest.raises(ProviderError, match=r"acme-voice 1\.0 cannot be imported: ModuleNotFound") as raised:
        opened("voice", SpeechSpec("acme"), {})
    assert (raised.value.kind, raised.value.hint) == ("missing", "mend it with: pip install --upgrade acme-voice")


def test_other_packages_are_looked_for_once_and_only_for_names_that_are_not_ours(
    packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages.install("acme-voice", POINTS, acme_voice=VOICE)
    asked: list[tuple[str, str]] = []
    find = plugins.find

    def counted(stage: Stage, name: str) -> plugins.Plugin | None:
        asked.append((stage, name))
        return find(stage, name)

    monkeypatch.setattr(plugins, "find", counted)
    opened("model", ModelSpec("scripted", "x", {"script": {"rules": [], "otherwise": ""}}), {})
    with pytest.raises(ProviderError):
        opened("voice", SpeechSpec("rime"), {})
    assert asked == []
    for _ in range(2):
        opened("voice", SpeechSpec("acme"), {})
    assert asked == [("voice", "acme")]
