"""The border: verbs are found lazily, every ending has its exit code, and a bug of ours shows no traceback."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories._stage import clean_environment, command, copy_project

from pinecall_run.cli import main as border
from pinecall_run.cli._bug_report import masked


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
    for verb in ("run", "validate", "explain", "rules", "schema", "render", "providers", "chat", "serve", "init"):
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
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(**_: object) -> None:
        try:
            raise KeyError("a caller's number")
        except KeyError as error:
            raise ZeroDivisionError("a caller's secret") from error

    monkeypatch.setattr(border._group, "main", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["pinecall-run", "--hush", "validate", "caller.yaml"])
    monkeypatch.setenv("SHOP_PASSWORD", "test_main.py")
    monkeypatch.delenv("PINECALL_TRACEBACK", raising=False)
    with pytest.raises(SystemExit) as ending:
        border.main()
    assert ending.value.code == 3
    error = capsys.readouterr().err
    (file,) = tmp_path.iterdir()
    first = error.splitlines()[0]
    assert "a bug of ours: ZeroDivisionError at test_main.py" in first
    assert first.endswith(f"; the report is {file}")
    assert re.fullmatch(r"pinecall-run-report-\w+\.txt", file.name)
    assert file.stat().st_mode & 0o077 == 0
    written = file.read_text()
    assert written.startswith("pinecall-run 0.1.0\nPython 3.")
    assert "\nverb validate\n" in written
    assert re.search(
        r"builtins.ZeroDivisionError\n  pinecall_run/cli/main.py:\d+ in _run\n  \*\*\*:\d+ in fail", written
    )
    assert "builtins.KeyError" in written
    assert "caller" not in error + written
    assert "test_main.py" not in written


def test_values_that_look_secret_are_masked() -> None:
    environ = {"A_TOKEN": "abcdef", "B_KEY": "abcdefgh", "LANG": "spain", "X_PASS": "abc", "DATABASE_URL": "pg://u:p@h"}
    text = "abcdefgh abcdef spain abc pg://u:p@h"
    assert masked(text, environ) == "*** *** spain abc ***"


def test_a_bug_where_nothing_can_be_written_is_still_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    border._report_bug(ZeroDivisionError())
    assert capsys.readouterr().err.startswith("pinecall-run: a bug of ours: ZeroDivisionError at unknown place\n")


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(border._group, "main", interrupt)
    with pytest.raises(SystemExit) as ending:
        border.main()
    assert ending.value.code == 130


def _shell(line: str, project: Path) -> subprocess.CompletedProcess[str]:
    program = shlex.join(command("validate"))
    return subprocess.run(
        ["/bin/sh", "-c", f"{program} {line}"], cwd=project, env=clean_environment(), capture_output=True, text=True
    )


def test_who_closed_its_output_wants_none(tmp_path: Path) -> None:
    done = _shell(">&-", copy_project(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_without_room_is_no_bug_of_ours(tmp_path: Path) -> None:
    done = _shell("> /dev/full", copy_project(tmp_path))
    assert (done.returncode, done.stderr) == (
        1, "pinecall-run: the output cannot be written: No space left on device\n",
    )  # fmt: skip
