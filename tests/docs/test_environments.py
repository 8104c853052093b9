"""docs/environments.md: its project is a project, and its commands print what it shows."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rules._scan import ROOT

from pinecall_run.cli.config import command
from pinecall_run.cli.validate import command as validate

PAGE = (ROOT / "docs/environments.md").read_text(encoding="utf-8")


def test_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PINECALL_ENV", raising=False)
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        name = re.match(r"# (\S+\.yaml)\n", block)
        assert name is not None
        Path(name[1]).write_text(block)
    Path("desk.script.yaml").write_text("rules: [{when: hi, reply: Hi.}]\notherwise: Hello.\n")
    assert "no findings; the same in dev, prod" in CliRunner().invoke(validate, []).output
    shown = re.search(r"\$ pinecall-run config (why .*)\n((?:.+\n)+)```", PAGE)
    assert shown is not None
    assert CliRunner().invoke(command, shown[1].split()).output == shown[2]
