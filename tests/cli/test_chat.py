"""``pinecall-run chat`` is told in tests/stories/test_chat.py; here: what it says without an agent to talk to."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pinecall_run.cli.chat import command


def test_a_folder_without_a_project_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 1
    assert "pinecall.yaml does not exist" in result.output
    assert "make a project with: pinecall-run init DIR" in result.output
