"""``pinecall-run fmt``: what it writes, prints and exits with."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pinecall_run.cli.fmt import command

UGLY = "version:  1\nagents:\n    desk:   # c\n        prompt: Hello.\n        language: no\n"
NEAT = 'version: 1\nagents:\n  desk: # c\n    prompt: Hello.\n    language: "no"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pinecall.yaml").write_text(UGLY)
    return tmp_path


def _fmt(*words: str, said: bytes = b"") -> Result:
    result = CliRunner().invoke(command, list(words), input=said)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_it_formats_and_a_second_time_has_nothing_to_do(folder: Path) -> None:
    file = folder / "pinecall.yaml"
    file.chmod(0o600)
    first = _fmt()
    assert (first.exit_code, first.output) == (0, "formatted pinecall.yaml\n")
    assert file.read_text() == NEAT
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.stat().st_ino
    second = _fmt(".", "pinecall.yaml")
    assert (second.exit_code, second.output) == (0, "")
    assert file.stat().st_ino == written


def test_check_changes_nothing_and_names_the_files(folder: Path) -> None:
    (folder / "neat.yaml").write_text(NEAT)
    result = _fmt("--check", "neat.yaml", "pinecall.yaml")
    assert (result.exit_code, result.output) == (1, "would format pinecall.yaml\n")
    assert (folder / "pinecall.yaml").read_text() == UGLY
    assert _fmt("--check", "neat.yaml").exit_code == 0


def test_diff_changes_nothing_and_shows_it(folder: Path) -> None:
    result = _fmt("--diff")
    assert result.exit_code == 0
    assert result.stdout.startswith("--- pinecall.yaml\n+++ pinecall.yaml\n@@ -1,5 +1,5 @@\n-version:  1\n")
    assert (folder / "pinecall.yaml").read_text() == UGLY
    both = _fmt("--diff", "--check")
    assert (both.exit_code, both.stdout, both.stderr) == (1, result.stdout, "would format pinecall.yaml\n")


def test_a_dash_reads_and_writes_the_standard_streams(folder: Path) -> None:
    data = "# 😀\r\nversion:   1\r\nagents: {}"
    result = _fmt("-", said=data.encode())
    assert (result.exit_code, result.stdout_bytes) == (0, "# 😀\r\nversion: 1\r\nagents: {}\r\n".encode())
    assert _fmt("-", "--check", said=b"a:  1").output == "would format <stdin>\n"
    assert _fmt("-", "--check", said=b"a: 1\n").exit_code == 0


def test_a_file_that_is_not_yaml_is_left_alone_and_the_others_are_formatted(folder: Path) -> None:
    (folder / "broken.yaml").write_text("a:   [\n")
    result = _fmt("broken.yaml", "pinecall.yaml")
    assert result.exit_code == 1
    assert "broken.yaml:1:7: error[PCR003]" in result.stderr
    assert result.stdout == "formatted pinecall.yaml\n"
    assert (folder / "broken.yaml").read_text() == "a:   [\n"
    assert (folder / "pinecall.yaml").read_text() == NEAT
    broken = _fmt("-", said=b"a:  [")
    assert (broken.exit_code, broken.stdout) == (1, "")


def test_a_folder_that_cannot_be_written_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    result = _fmt()
    assert result.exit_code == 1
    assert "pinecall.yaml cannot be written: permission denied" in result.output
    assert (folder / "pinecall.yaml").read_text() == UGLY
