"""A file is read whole or not at all, whatever its name leads to, and reading never waits."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pinecall_run.live.files import read_file, read_start
from pinecall_run.source.reader import MAX_BYTES


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def _socket(path: Path) -> None:
    door = socket.socket(socket.AF_UNIX)
    door.bind(os.path.relpath(path))  # an address may be no longer than about a hundred characters
    door.close()


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (os.mkfifo, "not a regular file"),
        (_socket, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (_loop, "symbolic links"),
        (lambda path: _sparse(path, MAX_BYTES + 1), "more than 16,777,216 bytes"),
    ],
    ids=["nothing", "folder", "pipe", "socket", "endless", "loop", "large"],
)
def test_what_is_no_file_of_a_project_is_refused(make: Callable[[Path], object], says: str, tmp_path: Path) -> None:
    path = tmp_path / "pinecall.yaml"
    make(path)
    with pytest.raises(OSError, match=says) as refusal:
        read_file(path)
    assert refusal.value.strerror is not None


def test_a_file_is_read_up_to_the_limit_and_through_links(tmp_path: Path) -> None:
    _sparse(tmp_path / "a", MAX_BYTES)
    (tmp_path / "b").symlink_to("a")
    assert len(read_file(tmp_path / "b")) == MAX_BYTES


def test_the_start_of_a_file_is_read_however_large_it_is(tmp_path: Path) -> None:
    _sparse(tmp_path / "large", MAX_BYTES + 1)
    assert read_start(tmp_path / "large", 4) == b"\0\0\0\0"
    with pytest.raises(OSError, match="directory"):
        read_start(tmp_path, 4)
