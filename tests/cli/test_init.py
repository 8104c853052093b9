"""``pinecall-run init``: what it writes is a good project; running it is told in tests/stories/test_wheel.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pinecall_run.cli.init import command as init
from pinecall_run.cli.validate import command as validate
from pinecall_run.resources import schema


def test_a_new_project_has_no_findings_and_its_schema_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PINECALL_MODEL", raising=False)
    result = CliRunner().invoke(init, ["shop"])
    assert result.exit_code == 0
    assert "It runs: cd shop && pinecall-run chat" in result.output
    assert CliRunner().invoke(validate, ["shop"]).output == "shop/pinecall.yaml: 1 agent, no findings\n"
    modeline = (tmp_path / "shop/pinecall.yaml").read_text().splitlines()[0]
    beside = tmp_path / "shop" / modeline.partition("$schema=")[2]
    assert json.loads(beside.read_text()) == schema("pinecall")


def test_a_file_in_the_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "functions.py").write_text("mine = 1\n")
    result = CliRunner().invoke(init, ["."])
    assert result.exit_code == 1
    assert "functions.py exists" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["functions.py"]
