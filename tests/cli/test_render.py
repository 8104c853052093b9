"""``pinecall-run render``: the prompt as the server gets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.stories._stage import copy_project

from pinecall_run.cli.render import command


def test_a_prompt_keeps_what_only_the_server_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy_project(tmp_path))
    monkeypatch.delenv("PINECALL_MODEL", raising=False)
    result = CliRunner().invoke(command, ["support"])
    assert result.exit_code == 0
    assert "the support desk of Acme" in result.output
    assert "Be warm and brief" in result.output, "an included file is in it"
    assert "Today is {{day}}, {{date}}; the time is {{time}}." in result.output


def test_an_unknown_agent_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy_project(tmp_path))
    monkeypatch.delenv("PINECALL_MODEL", raising=False)
    result = CliRunner().invoke(command, ["suport"])
    assert result.exit_code == 2
    assert "did you mean support?" in result.output
