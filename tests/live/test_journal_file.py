"""What was begun is known after a crash, in whichever process, and what cannot be written is not taken for written."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.live._elsewhere import WRITE, elsewhere

from pinecall_run.live.journal import Entry
from pinecall_run.live.journal_file import KEPT_SECONDS, PRUNE_SECONDS, JournalError, JournalFile

OTHER = WRITE._replace(call_id="c2")


class Opened:
    """Journals on one file, opened one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 1e9
        self.journal = self._open()

    def again(self) -> JournalFile:
        self.journal.close().result(5)
        self.journal = self._open()
        return self.journal

    def _open(self) -> JournalFile:
        journal = JournalFile(self.path, lambda: self.now)
        journal.open()
        return journal


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path / "w.journal")
    yield opened
    opened.journal.close().result(5)


def test_a_write_begins_once_and_ends_once(opened: Opened) -> None:
    journal = opened.journal
    assert journal.begin(WRITE).result(5) is None
    begun = journal.begin(WRITE).result(5)
    assert begun is not None
    assert begun.outcome is None
    assert journal.begin(OTHER).result(5) is None
    journal.end(WRITE, b'"booked"', is_failure=False).result(5)
    journal.end(OTHER, b"{}", is_failure=True).result(5)
    again = opened.again()
    assert again.begin(WRITE).result(5) == Entry(begun.owner, b'"booked"')
    assert again.begin(OTHER).result(5) == Entry(begun.owner, b"{}", is_failure=True)
    assert again.begin(WRITE._replace(tool="look")).result(5) is None


def test_what_arrives_together_is_written_together(opened: Opened) -> None:
    writes = [WRITE._replace(tool_call_id=str(number)) for number in range(200)]
    begun = [opened.journal.begin(write) for write in [*writes, *writes]]
    found = [each.result(5) for each in begun]
    assert found[:200] == [None] * 200
    assert all(entry is not None for entry in found[200:])


def test_what_was_given_up_before_it_was_written_is_not(opened: Opened) -> None:
    with sqlite3.connect(opened.path) as other:
        other.execute("BEGIN IMMEDIATE")  # now nothing is written
        first = opened.journal.begin(WRITE)
        while not first.running():
            time.sleep(0.001)
        second = opened.journal.begin(OTHER)
        assert second.cancel()
        other.rollback()
    assert first.result(5) is None
    assert opened.again().begin(OTHER).result(5) is None


def test_of_a_process_that_was_killed_it_is_known_what_it_began(tmp_path: Path) -> None:
    path = tmp_path / "w.journal"
    with elsewhere(path) as process:
        journal = JournalFile(path)
        journal.open()
        entry = journal.begin(WRITE).result(5)
        assert entry is not None
        journal.end(WRITE, b"1", is_failure=False).result(5)
        assert journal.begin(WRITE).result(5) == entry, "only who began it can say how it ended"
        process.kill()
    assert journal.begin(WRITE).result(5) == entry
    journal.close().result(5)


def test_old_entries_go_and_their_content_with_them(opened: Opened) -> None:
    opened.journal.begin(WRITE).result(5)
    opened.journal.end(WRITE, b'"the secret answer"', is_failure=False).result(5)
    opened.now += KEPT_SECONDS - 1
    assert opened.again().begin(WRITE).result(5) is not None
    opened.now += 2
    assert opened.journal.begin(OTHER).result(5) is None
    assert opened.journal.begin(WRITE).result(5) is not None, "it is looked for once in a while"
    opened.now += PRUNE_SECONDS
    assert opened.journal.begin(WRITE).result(5) is None
    opened.again()
    for file in opened.path.parent.iterdir():
        assert b"the secret answer" not in file.read_bytes()


def test_only_its_owner_may_read_it(opened: Opened) -> None:
    opened.journal.begin(WRITE).result(5)
    modes = {file.name: file.stat().st_mode & 0o777 for file in opened.path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 4


def _text(path: Path) -> None:
    path.write_text("version: 1\n" * 100)


def _database_of_something_else(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (id)")


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (_text, "file is not a database"),
        (_database_of_something_else, "it is a database of something else"),
        (Path.mkdir, "Is a directory"),
    ],
)
def test_what_cannot_be_a_journal_is_not_touched(
    tmp_path: Path, prepare: Callable[[Path], object], reason: str
) -> None:
    path = tmp_path / "w.journal"
    prepare(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(JournalError, match=f"the journal .*w.journal cannot be used: {reason}"):
        JournalFile(path).open()
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_journal_of_another_version_is_not_read(opened: Opened) -> None:
    opened.journal.close().result(5)
    with sqlite3.connect(opened.path) as database:
        database.execute("PRAGMA user_version = 2")
    with pytest.raises(JournalError, match="another version of pinecall-run wrote it"):
        opened._open()
    with sqlite3.connect(opened.path) as database:
        database.execute("PRAGMA user_version = 1")
    opened.journal = opened._open()


def test_a_journal_needs_its_folder_and_a_process_of_its_own(opened: Opened) -> None:
    with pytest.raises(JournalError, match=r"there is no folder .*missing"):
        JournalFile(opened.path.parent / "missing" / "w.journal").open()
    with pytest.raises(JournalError, match="it is open in this process already"):
        JournalFile(opened.path).open()


def test_a_journal_that_was_taken_away_takes_nothing(opened: Opened) -> None:
    opened.journal.begin(WRITE).result(5)
    kept = opened.path.rename(opened.path.with_suffix(".kept"))
    with pytest.raises(JournalError, match="it was taken away"):
        opened.journal.begin(OTHER).result(5)
    opened.path.write_bytes(b"")
    with pytest.raises(JournalError, match="another file has taken its place"):
        opened.journal.begin(OTHER).result(5)
    os.replace(kept, opened.path)
    assert opened.journal.begin(OTHER).result(5) is None, "it is the same one again"
