"""Each file of a project is read and decoded once in a check; what cannot be read is tried again and said again."""

from pathlib import Path

import pytest

from pinecall_run.live.project import Project, content_hash
from pinecall_run.live.project_files import ProjectFiles


def test_a_file_is_read_once_and_edits_stand_in_for_it(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_bytes(b"\xef\xbb\xbfone")
    (tmp_path / "b.j2").write_bytes(b"two")
    files = ProjectFiles(Project(tmp_path / "pinecall.yaml"), {tmp_path / "b.j2": b"edited"})
    assert files.text(tmp_path / "a.j2") == ("one", [])
    (tmp_path / "a.j2").write_bytes(b"changed")
    assert files.read(tmp_path / "a.j2") == (b"\xef\xbb\xbfone", content_hash(b"\xef\xbb\xbfone"))
    assert files.text(tmp_path / "b.j2") == ("edited", [])


def test_what_is_not_utf8_is_a_finding_in_a_text_and_readable_in_a_module(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = '\xff'")
    files = ProjectFiles(Project(tmp_path / "pinecall.yaml"), {})
    text, (finding,) = files.text(tmp_path / "a.py")
    assert (text, finding.code) == (None, "PCR002")
    assert files.source(tmp_path / "a.py") == "x = '\ufffd'"


def test_a_missing_file_is_looked_for_again(tmp_path: Path) -> None:
    files = ProjectFiles(Project(tmp_path / "pinecall.yaml"), {})
    with pytest.raises(FileNotFoundError):
        files.read(tmp_path / "a.j2")
    (tmp_path / "a.j2").write_bytes(b"there")
    assert files.read(tmp_path / "a.j2")[0] == b"there"
