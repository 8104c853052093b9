"""``pinecall-run providers``: what there is, what of it is here, and never a key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from pinecall_run.cli import _providers_here as here
from pinecall_run.cli.providers import command
from pinecall_run.vendors.facts import STAGES, Provider, number, texts
from pinecall_run.vendors.table import PROVIDERS

ACME = Provider(
    "acme",
    "stt",
    "Acme hears everything",
    "acme.ear",
    extra="acme",
    keys=("ACME_API_KEY",),
    endpoint="ACME_URL",
    options={"pace": number("How fast it is.", 0.5, 2, default=1), "keyterms": texts("Words.", 9)},
    names=("big", "small"),
    page="https://acme.example/options",
)
PROJECT = "version: 1\nagents: {desk: {prompt: Hi., channels: [chat], stt: [soniox, local]}}\n"
SECRET = "sk-do-not-tell"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PINECALL_ENV", raising=False)
    Path("pinecall.yaml").write_text(PROJECT)
    monkeypatch.setattr(here, "PROVIDERS", {**PROVIDERS, "stt": {**PROVIDERS["stt"], "acme": ACME}})
    monkeypatch.setattr(here, "is_installed", lambda extra: True)
    for name in ("ACME_API_KEY", "ACME_URL"):
        monkeypatch.delenv(name, raising=False)


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def line(output: str, name: str) -> str:
    """Of the table about speech to text."""
    return next(line for line in output.splitlines() if line.split()[:1] == [name]).strip()


def test_every_vendor_is_listed_by_stage() -> None:
    tables = run().output.split("\n\n")
    assert [table.splitlines()[0] for table in tables] == [
        "Speech to text (stt)",
        "Voices (voice)",
        "Language models (model)",
    ]
    for stage, table in zip(STAGES, tables, strict=True):
        assert {row.split()[0] for row in table.splitlines()[1:]} >= set(PROVIDERS[stage])


def test_what_is_used_comes_first_and_names_its_agents() -> None:
    first, second = run().output.splitlines()[1:3]
    assert first.split()[:2] == ["local", "ready"]
    assert " desk " in first
    assert second.split()[:4] == ["soniox", "not", "served", "here"]


def test_what_is_lacking_is_said_one_thing_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert " needs ACME_API_KEY " in line(run().output, "acme")
    monkeypatch.setenv("ACME_API_KEY", SECRET)
    assert line(run().output, "acme").split()[:2] == ["acme", "ready"]
    monkeypatch.setattr(here, "is_installed", lambda extra: extra != "acme")
    assert " needs pip install 'pinecall-run[acme]' " in line(run().output, "acme")


def test_of_one_its_options_are_told_and_yaml_to_copy() -> None:
    output = run("acme").output
    assert "  pace: a number from 0.5 to 2; unsaid: 1\n      How fast it is.\n" in output
    assert "  keys      ACME_API_KEY (not set)\n" in output
    assert "  page      https://acme.example/options\n" in output
    shown = output.partition("\nstt:\n")[2]
    assert yaml.safe_load(shown) == {"provider": "acme", "model": "big", "pace": 1}
    assert '# keyterms: ["…"]' in shown


def test_a_vendor_of_several_stages_is_told_for_each() -> None:
    assert [row for row in run("local").output.splitlines() if row.startswith("local (")] == [
        f"local (stt): {PROVIDERS['stt']['local'].summary}",
        f"local (voice): {PROVIDERS['voice']['local'].summary}",
    ]


def test_programs_get_all_of_it_and_nobody_gets_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", SECRET)
    monkeypatch.setenv("ACME_URL", "wss://user:sk-do-not-tell@acme.example")
    outputs = [run(*words).output for words in ((), ("acme",), ("--format", "json"), ("acme", "--format", "json"))]
    assert not any(SECRET in output for output in outputs)
    (acme,) = json.loads(outputs[3])
    wanted: dict[str, Any] = {
        "stage": "stt",
        "name": "acme",
        "state": "ready",
        "is_served": True,
        "is_installed": True,
        "keys": {"ACME_API_KEY": True},
        "is_endpoint_set": True,
        "used_by": [],
        "names": ["big", "small"],
    }
    assert wanted.items() <= acme.items()
    assert acme["options"]["pace"]["maximum"] == 2
    assert {one["name"] for one in json.loads(outputs[2])} >= {"acme", "local", "openai"}


def test_a_name_that_is_none_is_a_slip() -> None:
    result = run("depgram")
    assert result.exit_code == 2
    assert "did you mean deepgram?" in result.output


@pytest.mark.parametrize("text", [None, "version: 1\nagents: {desk: {prompt: 5"])
def test_without_a_project_nothing_is_used(text: str | None) -> None:
    if text is None:
        Path("pinecall.yaml").unlink()
    else:
        Path("pinecall.yaml").write_text(text)
    result = run("--format", "json")
    assert result.exit_code == 0
    assert all(one["used_by"] == [] for one in json.loads(result.output))
