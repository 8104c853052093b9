"""``pinecall-run validate``: findings, exit codes, and what it must not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.stories._stage import clean_environment, copy_project

from pinecall_run.cli.validate import command

GOOD = "version: 1\nagents:\n  desk: {prompt: Hello., channels: [chat]}\n"
BAD = "version: 1\nagents:\n  desk: {prompt: 'Hello {{ nmae }}.', channels: [chat], voise: x}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PINECALL_MODEL", raising=False)
    return tmp_path


def _validate(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_a_good_project_is_one_line(project: Path) -> None:
    (project / "pinecall.yaml").write_text(GOOD)
    assert _validate() == (0, "pinecall.yaml: 1 agent, no findings\n")


def test_each_path_is_checked_and_one_error_is_enough(project: Path) -> None:
    (project / "one").mkdir()
    (project / "one/pinecall.yaml").write_text(GOOD)
    (project / "two.yaml").write_text(BAD)
    code, output = _validate("one", "two.yaml", "--format", "concise")
    assert code == 1
    assert "two.yaml:3:57: PCR101 `agents.desk` has no key `voise`" in output


def test_a_warning_is_shown_and_is_no_error(project: Path) -> None:
    (project / "pinecall.yaml").write_text("version: 1\nagents: {desk: {prompt: Hello.}}\n")
    code, output = _validate()
    assert code == 0
    assert "warning[PCR503] nobody can reach `desk`" in output
    assert output.endswith("1 warning\n")


def test_a_missing_file_is_a_finding(project: Path) -> None:
    code, output = _validate("nowhere")
    assert code == 1
    assert output.startswith("nowhere:1:1: error[PCR001] nowhere does not exist")


def test_it_imports_neither_the_voice_code_nor_websockets_nor_pydantic_nor_the_users_code(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    (project / "examples/shop/orders.py").write_text(
        "def lookup_order(order_id): ...\ndef orders_of(customer): ...\n1/0\n"
    )
    program = (
        "import sys, atexit\n"
        "heavy = ('pydantic', 'websockets', 'starlette', 'uvicorn', 'asyncio', 'examples', 'pinecall_run.voice')\n"
        "atexit.register(lambda: print([name for name in heavy if name in sys.modules]))\n"
        "sys.argv = ['pinecall-run', 'validate']\n"
        "from pinecall_run.cli.main import main\n"
        "main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=project, env=clean_environment(), capture_output=True, text=True
    )
    assert result.stdout == "pinecall.yaml: 3 agents, no findings\n[]\n"


def test_secrets_need_not_be_set(project: Path) -> None:
    text = GOOD.replace("agents:", 'server: {url: "wss://voice.example.com", api_key: "${NOT_SET_ANYWHERE}"}\nagents:')
    (project / "pinecall.yaml").write_text(text)
    assert _validate()[0] == 0
