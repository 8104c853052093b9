"""Nothing in README.md that is not true: its files are run, its output compared."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.stories._stage import ROOT, clean_environment, command, copy_project

README = (ROOT / "README.md").read_text(encoding="utf-8")
BROKEN, WORKING = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
REPORT = re.search(r"```text\n(.*?)```", README, re.DOTALL)
CHAT = re.search(r"```\n\$ (printf [^\n]*)\n(.*?)```", README, re.DOTALL)


def _run(folder: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), cwd=folder, env=clean_environment(), input=said, capture_output=True, text=True, timeout=60
    )


def test_the_broken_file_prints_what_the_readme_shows(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    (project / "pinecall.yaml").write_text(BROKEN)
    result = _run(project, "validate")
    assert result.returncode == 1
    assert REPORT is not None
    assert result.stdout == REPORT[1]


def test_the_working_file_answers_as_the_readme_shows(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    (project / "pinecall.yaml").write_text(WORKING)
    assert CHAT is not None
    result = _run(project, "chat", "support", said="Where is order ORD-1001?\n")
    assert result.stdout == CHAT[2]


def test_every_verb_is_in_the_readme() -> None:
    verbs = {path.stem for path in (ROOT / "runner/pinecall_run/cli").glob("[a-z]*.py")} - {"main"}
    shown = set(re.findall(r"`pinecall-run(?: (\w+))?[^`]*` \|", README))
    assert verbs - {"run"} == shown - {""}
