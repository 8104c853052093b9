"""The border: verbs are found lazily, every ending has its exit code, and a bug of ours shows no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories._stage import clean_environment, command

from pinecall_run.cli import main as border


def _run(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=60
    )


def test_help_lists_every_verb_without_importing_one() -> None:
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print([m for m in sys.modules if m.startswith('pinecall_run.cli.')]))\n"
        "sys.argv = ['pinecall-run', '--help']\n"
        "from pinecall_run.cli.main import main\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for verb in ("run", "validate", "render", "chat", "serve", "init"):
        assert f"  {verb} " in result.stdout
    assert result.stdout.endswith("['pinecall_run.cli.main']\n")


def test_the_version_is_the_distributions() -> None:
    assert _run("--version").stdout == "pinecall-run 0.1.0\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["validdate"], 2, "No such command 'validdate'"),
        (["validate", "--format", "xml"], 2, "'xml' is not one of"),
        (["run", "--port", "many"], 2, "'many' is not a valid integer"),
        (["render", "-p", "nowhere"], 1, "PCR001"),
    ],
)
def test_exit_codes(words: list[str], code: int, says: str, tmp_path: Path) -> None:
    result = _run(*words, folder=tmp_path)
    assert result.returncode == code
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_bug_is_one_line_without_what_it_was_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError("a caller's secret")

    monkeypatch.setattr(border._group, "main", fail)
    monkeypatch.delenv("PINECALL_TRACEBACK", raising=False)
    with pytest.raises(SystemExit) as ending:
        border.main()
    assert ending.value.code == 3
    error = capsys.readouterr().err
    assert "a bug of ours: ZeroDivisionError at test_main.py" in error
    assert "secret" not in error


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(border._group, "main", interrupt)
    with pytest.raises(SystemExit) as ending:
        border.main()
    assert ending.value.code == 130
