"""``pinecall-run rules``: every code, for people and for programs."""

from __future__ import annotations

import json

from click.testing import CliRunner

from pinecall_run.cli.rules import command
from pinecall_run.source.codes import AREAS, CODES


def test_every_code_has_a_line() -> None:
    lines = CliRunner().invoke(command).output.splitlines()
    assert [line.split()[0] for line in lines] == list(CODES)
    assert lines[0] == "PCR001  text       file cannot be read"


def test_programs_get_an_object_for_each() -> None:
    rules = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert {rule["code"]: rule["title"] for rule in rules} == CODES
    assert {rule["area"] for rule in rules} <= set(AREAS.values())
    assert [rule["code"] for rule in rules if not rule["can_be_ignored"]] == [
        "PCR002", "PCR003", "PCR005", "PCR006", "PCR301",
    ]  # fmt: skip
    for rule in rules:
        assert rule["explanation"].startswith(f"## {rule['code']} {rule['title']}\n")
        assert len(rule["summary"]) > 20
        assert not rule["summary"].startswith(("#", "Bad:"))
