"""``pinecall-run fix``: what it writes, prints and exits with."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pinecall_run.cli.fix import command

BROKEN = "version: 1\nagents:\n  desk:\n    promt: Hello. # c\n    channels: [webrct]\n"
FIXED = "version: 1\nagents:\n  desk:\n    prompt: Hello. # c\n    channels: [webrtc]\n"
LINES = "pinecall.yaml:4:5: PCR101 renamed promt to prompt\npinecall.yaml:5:16: PCR502 changed webrct to webrtc\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pinecall.yaml").write_text(BROKEN)
    return tmp_path


def _fix(*words: str) -> Result:
    result = CliRunner().invoke(command, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_each_fix_is_a_line_and_a_second_time_there_is_none(folder: Path) -> None:
    first = _fix()
    assert (first.exit_code, first.output) == (0, LINES)
    assert (folder / "pinecall.yaml").read_text() == FIXED
    written = (folder / "pinecall.yaml").stat().st_ino
    assert (_fix().exit_code, _fix().output) == (0, "")
    assert (folder / "pinecall.yaml").stat().st_ino == written


def test_what_is_left_is_shown(folder: Path) -> None:
    (folder / "pinecall.yaml").write_text(BROKEN + "    timezone: Mars/Base\n")
    result = _fix()
    assert result.exit_code == 1
    assert result.output.startswith(LINES + "pinecall.yaml:6:15: error[PCR505] `Mars/Base` is not a time zone\n")
    assert result.output.endswith("1 error\n")
    assert (folder / "pinecall.yaml").read_text() == FIXED + "    timezone: Mars/Base\n"


def test_a_warning_is_shown_and_is_no_error(folder: Path) -> None:
    (folder / "pinecall.yaml").write_text("version: 1\nagents: {desk: {promt: Hello.}}\n")
    result = _fix()
    assert result.exit_code == 0
    assert result.output.endswith("1 warning\n")


def test_diff_changes_nothing_and_shows_it(folder: Path) -> None:
    result = _fix("--diff")
    assert result.exit_code == 0
    assert result.stdout.startswith("--- pinecall.yaml\n+++ pinecall.yaml\n")
    assert "-    promt: Hello. # c\n" in result.stdout
    assert "+    prompt: Hello. # c\n" in result.stdout
    assert result.stderr == LINES
    assert (folder / "pinecall.yaml").read_text() == BROKEN


def test_codes_are_selected_and_must_exist(folder: Path) -> None:
    result = _fix("--select", "pcr101,PCR302")
    assert result.exit_code == 1
    assert (folder / "pinecall.yaml").read_text() == FIXED.replace("webrtc", "webrct")
    unknown = _fix("--select", "PCR999")
    assert unknown.exit_code == 2
    assert "there is no code PCR999" in unknown.output


def test_each_path_is_mended(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other/pinecall.yaml").write_text(BROKEN)
    (folder / "other/main.yaml").symlink_to("pinecall.yaml")
    assert _fix(".", "other/main.yaml").exit_code == 0
    assert (folder / "other/pinecall.yaml").read_text() == FIXED
    assert (folder / "other/main.yaml").is_symlink()


def test_a_missing_file_is_a_finding(folder: Path) -> None:
    result = _fix("nowhere")
    assert result.exit_code == 1
    assert "nowhere:1:1: error[PCR001]" in result.output
