"""Variables by name, and files of secrets by path."""

import os
from pathlib import Path

import pytest

from pinecall_run.live.environ import Environ
from pinecall_run.live.project import content_hash


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"s3cret", "s3cret"), (b"s3cret\n", "s3cret"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b"", "")],
)
def test_a_file_is_what_it_holds_without_its_last_line_break(tmp_path: Path, content: bytes, value: str) -> None:
    (tmp_path / "key").write_bytes(content)
    for name in ("file:key", f"file:{tmp_path}/key"):
        environ = Environ({}, tmp_path)
        assert environ[name] == value
        assert environ.files == {tmp_path / "key": content_hash(content)}


def test_what_cannot_be_read_has_no_value_and_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin").write_bytes(b"\xe9")
    os.mkfifo(tmp_path / "pipe")
    environ = Environ({"A": "1"}, tmp_path)
    assert [environ.get(f"file:{name}") for name in ("gone", "folder", "latin", "pipe", "a\0b")] == [None] * 5
    assert environ.files[tmp_path / "gone"] == b"", "it counts as soon as it is there"


def test_a_name_is_a_variable(tmp_path: Path) -> None:
    environ = Environ({"A": "1"}, tmp_path)
    assert (environ["A"], environ.get("B"), list(environ), len(environ)) == ("1", None, ["A"], 1)
