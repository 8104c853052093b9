"""docs/tools.md and docs/hooks.md: their projects are sound, imports included."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rules._scan import ROOT

from pinecall_run.cli.validate import command


@pytest.mark.parametrize(("page", "agents"), [("tools.md", "1 agent"), ("hooks.md", "2 agents")])
def test_the_project_of_the_page_is_sound(
    page: str, agents: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    yaml, python = (re.search(rf"```{language}\n(.*?)```", text, re.DOTALL) for language in ("yaml", "python"))
    assert yaml is not None
    assert python is not None
    monkeypatch.chdir(tmp_path)
    Path("pinecall.yaml").write_text(yaml[1])
    Path("shop.py").write_text(python[1])
    assert CliRunner().invoke(command, ["--import"]).output == f"pinecall.yaml: {agents}, no findings\n"
