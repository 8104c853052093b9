"""docs/public.md: its project is sound, and its numbers and counters are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rules._scan import ROOT

from pinecall_run.cli import serve
from pinecall_run.cli.validate import command
from pinecall_run.resources import schema
from pinecall_run.transports.refusals import KINDS
from pinecall_run.voice import capacity, conversations, gate, patient_http, surface

SOCKETS = surface.route_of("/client").sockets
PAGE = (ROOT / "docs/public.md").read_text(encoding="utf-8")


def test_its_project_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (yaml,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("pinecall.yaml").write_text(yaml)
    assert CliRunner().invoke(command, []).output == "pinecall.yaml: 1 agent, no findings\n"


def test_its_counters_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`[^|]+`) \|$", PAGE.partition("| door | kinds |")[2], re.MULTILINE)
    expected = {door: [kind.replace(" ", "_") for kind in kinds] for door, kinds in KINDS.items()}
    assert {door: re.findall(r"`(\w+)`", kinds) for door, kinds in rows} == expected


def test_every_limit_is_explained() -> None:
    keys = schema("pinecall")["$defs"]["limits"]["properties"]
    assert {key for key in keys if f"{key}" not in PAGE} == set()
    for variable in (serve.TRUSTED_PROXIES, serve.MAX_CALLS):
        assert variable in PAGE


def test_its_numbers_are_those_of_the_code() -> None:
    said = {
        f"one that is not there within {gate.BODY_SECONDS:g} s 408": True,
        f"{patient_http.MAX_HEAD // 1024} KiB and {patient_http.HEAD_SECONDS:g} s": True,
        f"{patient_http.MOST_CONNECTIONS:,} connections, {patient_http.MOST_OF_ONE} of one address": True,
        f"{surface.MOST_SOCKETS:,} WebSockets and {SOCKETS} of one visitor at each route but Twilio's": True,
        f"{gate.MOST_BODIES // 2**20} MiB of": True,
        f"{surface.WRONG_KEYS.burst} at once, and then one in five seconds": surface.WRONG_KEYS.per_second == 0.2,
        f"{conversations.MOST_TOLD} are told so at a time": True,
        "for a minute until they are answered": capacity.DIALING_SECONDS == 60,
        "at most five at once of one kind and agent, then one in\nten seconds": capacity.TOLD == (5, 0.1),
    }
    assert {sentence: sentence in PAGE for sentence in said} == said
