"""A file is replaced at once, and stays the file it was."""

import os
import stat
from pathlib import Path

import pytest

from pinecall_run.live.rewrite import Change, encoded


def _change(path: Path, after: bytes = b"new\n") -> Change:
    return Change(path, path.name, path.read_bytes(), after)


def test_mode_and_links_stay_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "real" / "pinecall.yaml"
    target.parent.mkdir()
    target.write_bytes(b"old\n")
    target.chmod(0o640)
    link = tmp_path / "pinecall.yaml"
    link.symlink_to(target)
    _change(link).write()
    assert link.is_symlink()
    assert target.read_bytes() == b"new\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert os.listdir(target.parent) == ["pinecall.yaml"]


def test_a_file_that_does_not_change_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "pinecall.yaml"
    path.write_bytes(b"old\n")
    before = path.stat()
    _change(path, b"old\n").write()
    assert path.stat().st_ino == before.st_ino
    _change(path).write()
    assert path.stat().st_ino != before.st_ino


def test_when_it_fails_the_old_file_is_there_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pinecall.yaml"
    path.write_bytes(b"old\n")

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        _change(path).write()
    assert os.listdir(tmp_path) == ["pinecall.yaml"]
    assert path.read_bytes() == b"old\n"


def test_the_difference_is_one_that_patch_understands(tmp_path: Path) -> None:
    change = Change(tmp_path / "a", "a.yaml", b"one\r\ntwo", b"one\r\n2\n")
    assert change.diff() == (
        "--- a.yaml\n+++ a.yaml\n@@ -1,2 +1,2 @@\n one\r\n-two\n\\ No newline at end of file\n+2\n"
    )
    assert Change(tmp_path / "a", "a.yaml", b"x\n", b"x\n").diff() == ""


def test_a_byte_order_mark_stays() -> None:
    assert encoded("é", b"\xef\xbb\xbfx") == b"\xef\xbb\xbf\xc3\xa9"
    assert encoded("é", b"x") == b"\xc3\xa9"
