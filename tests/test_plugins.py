"""Other packages' providers are found without importing them, and what is wrong with one is said by its name."""

from __future__ import annotations

import sys

import pytest
from tests._packages import Packages

from pinecall_run import plugins

FACTS = """
from pinecall_run.vendors.facts import Provider, number
PROVIDERS = (
    Provider("acme", "stt", "Acme's ear"),
    Provider("acme", "voice", "Acme's voices", keys=("ACME_API_KEY",), options={"pace": number("Pace.", 0.5, 2)}),
)
"""


def test_what_is_installed_is_found_and_not_imported(packages: Packages) -> None:
    packages.install(
        "acme-voice",
        {"pinecall_run.tts": {"acme": "acme_voice"}, "pinecall_run.stt": {"acme": "acme_voice"}, "other": {"x": "y"}},
        acme_voice=FACTS,
    )
    assert [str(one) for one in plugins.found()] == ["acme of the package acme-voice 1.0"] * 2
    assert plugins.names("voice") == plugins.names("stt") == {"acme"}
    assert plugins.names("model") == frozenset()
    plugin = plugins.find("voice", "acme")
    assert plugin == plugins.Plugin("voice", "acme", "acme_voice", "acme-voice", "1.0")
    assert plugins.find("voice", "emca") is plugins.find("model", "acme") is None
    assert "acme_voice" not in sys.modules
    loaded = plugins.load(plugin)
    assert loaded.facts is not None
    assert (loaded.facts.summary, loaded.facts.keys) == ("Acme's voices", ("ACME_API_KEY",))


def test_a_name_of_ours_is_not_taken_over(packages: Packages) -> None:
    packages.install("thief", {"pinecall_run.tts": {"elevenlabs": "thief", "rime": "thief"}}, thief="")
    assert [plugin.is_ignored for plugin in plugins.found()] == [True, True]
    assert plugins.names("voice") == frozenset()
    assert plugins.find("voice", "elevenlabs") is None


def test_two_packages_with_one_name_are_a_mistake(packages: Packages) -> None:
    for package in ("acme-two", "acme-one"):
        packages.install(package, {"pinecall_run.llm": {"acme": "acme"}})
    with pytest.raises(plugins.PluginError, match="acme-one and acme-two both have a provider `acme`") as raised:
        plugins.find("model", "acme")
    assert raised.value.hint == "uninstall one"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_thing", "cannot be imported: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("def f(", "cannot be imported: SyntaxError: "),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("PROVIDERS = ['acme']", "is broken: PROVIDERS of broken_acme is no list of pinecall_run.vendors.facts.Prov"),
        ("PROVIDERS = 5", "is broken: PROVIDERS of"),
    ],
)
def test_what_is_broken_names_its_package(packages: Packages, code: str, message: str) -> None:
    packages.install("acme", {"pinecall_run.stt": {"acme": "broken_acme"}}, broken_acme=code)
    plugin = plugins.find("stt", "acme")
    assert plugin is not None
    with pytest.raises(plugins.PluginError) as raised:
        plugins.load(plugin)
    assert str(raised.value).startswith(f"acme of the package acme 1.0 {message}")
    assert raised.value.hint


def test_one_that_says_nothing_of_itself_has_no_facts(packages: Packages) -> None:
    packages.install("acme", {"pinecall_run.stt": {"acme": "plain_acme"}}, plain_acme="")
    plugin = plugins.find("stt", "acme")
    assert plugin is not None
    assert plugins.load(plugin).facts is None
