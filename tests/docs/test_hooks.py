"""docs/hooks.md: its project is sound, imports included."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rules._scan import ROOT

from pinecall_run.cli.validate import command


def test_the_project_of_the_page_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/hooks.md").read_text(encoding="utf-8")
    yaml, python = (re.search(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("yaml", "python"))
    assert yaml is not None
    assert python is not None
    monkeypatch.chdir(tmp_path)
    Path("pinecall.yaml").write_text(yaml[1])
    Path("shop.py").write_text(python[1])
    assert CliRunner().invoke(command, ["--import"]).output == "pinecall.yaml: 2 agents, no findings\n"
