"""The journal on disk: SQLite in a thread of its own, which settles what was written with it.

SQLite, and not a file of our own making, because two processes use one journal while a deploy hands over, because what
a crash left half written must not be read, and because old entries have to go. Every commit is on the disk before
anybody is told (``synchronous=FULL``); what arrives while one is being written shares the next one.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinecall_run.live.journal import Entry, Write
from pinecall_run.live.owners import Owners

KEPT_SECONDS = 24 * 3600.0
"""How long an entry is kept. No server waits for a tool as long as that."""
PRUNE_SECONDS = 3600.0
BUSY_SECONDS = 5.0
"""How long another process may keep the file to itself."""

_APPLICATION = 0x70635257
_FORMAT = 1
_SCHEMA = f"""
CREATE TABLE writes (
  call_id TEXT NOT NULL, msg_id TEXT NOT NULL, tool_call_id TEXT NOT NULL, tool TEXT NOT NULL, asked BLOB NOT NULL,
  owner INTEGER NOT NULL, begun_at REAL NOT NULL, outcome BLOB, is_failure INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (call_id, msg_id, tool_call_id, tool, asked)
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_FORMAT};
"""
_KEY = "call_id = ? AND msg_id = ? AND tool_call_id = ? AND tool = ? AND asked = ?"

_USED: set[Path] = set()
"""The journals of this process: a second one of the same file would undo the locks of the first."""


class JournalError(Exception):
    """The journal cannot be opened, read or written; the message says which, where and why."""


@dataclass(slots=True)
class _Job:
    do: Callable[[sqlite3.Connection], Any]
    future: Future[Any] = field(default_factory=Future)


class JournalFile:
    """A journal. What :meth:`begin` and the others return is settled when it is on the disk, or fails with
    :class:`JournalError`. ``now`` gives epoch seconds."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = Path(os.path.realpath(path))
        self._now = now
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._place: tuple[int, int] | None = None
        self._pruned_at = 0.0
        self._owners: Owners | None = None
        self._closed: Future[None] = Future()

    def open(self) -> None:
        """Open it, made if it is not there.

        Raises:
            JournalError: it cannot be.
        """
        path = self._path
        if path in _USED:
            raise self._error("it is open in this process already")
        if not path.parent.is_dir():
            raise self._error(f"there is no folder {path.parent}")
        try:
            self._owners = Owners(path.with_name(f"{path.name}-owners"))
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # as SQLite makes it, all may read it
            database = self._connect()
        except (OSError, sqlite3.Error, JournalError) as error:
            if self._owners is not None:
                self._owners.close()
                self._owners = None
            if isinstance(error, JournalError):
                raise
            raise self._error(_reason(error)) from error
        _USED.add(path)
        threading.Thread(target=self._serve, args=(database,), name="journal", daemon=True).start()

    def begin(self, write: Write) -> Future[Entry | None]:
        """Record that a write begins; what was known of it, if it is known, and then nothing is recorded."""
        return self._put(lambda database: self._begin(database, write))

    def end(self, write: Write, outcome: bytes, *, is_failure: bool) -> Future[None]:
        """Record how a write of this process ended."""
        return self._put(lambda database: self._end(database, write, outcome, is_failure))

    def is_owner_alive(self, entry: Entry) -> bool:
        """Whether the process that began a write is there to end it."""
        assert self._owners is not None
        return self._owners.lives(entry.owner)

    def close(self) -> Future[None]:
        """Write what waits to be written, and close it. One that was never opened is closed."""
        if self._owners is None:
            self._closed.set_result(None)
        self._jobs.put(None)
        return self._closed

    def _put(self, do: Callable[[sqlite3.Connection], Any]) -> Future[Any]:
        job = _Job(do)
        self._jobs.put(job)
        return job.future

    def _error(self, reason: str) -> JournalError:
        return JournalError(f"the journal {self._path} cannot be used: {reason}")

    # in the calling thread, once

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=16
        )
        try:
            self._check(database)  # before anything in a file of somebody else's is changed
            for setting in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "trusted_schema = OFF"):
                database.execute(f"PRAGMA {setting}").close()
            with _transaction(database):
                if self._check(database):
                    for statement in _SCHEMA.split(";"):
                        database.execute(statement)
                self._prune(database)
        except BaseException:
            database.close()
            raise
        status = os.stat(self._path)
        self._place = status.st_dev, status.st_ino
        return database

    def _check(self, database: sqlite3.Connection) -> bool:
        """Whether the file is empty; if it is not, it has to be a journal of ours."""
        application, format = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in _MARKS)
        if database.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
            return True
        if application != _APPLICATION:
            raise self._error("it is a database of something else")
        if format != _FORMAT:
            raise self._error(f"another version of pinecall-run wrote it (format {format}, not {_FORMAT})")
        return False

    # in the journal's thread

    def _serve(self, database: sqlite3.Connection) -> None:
        while jobs := self._next():
            self._write(database, jobs)
        database.close()
        _USED.discard(self._path)
        if self._owners is not None:
            self._owners.close()
        self._closed.set_result(None)

    def _next(self) -> list[_Job]:
        """The jobs that have come, at least one; none at the end."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        with suppress(queue.Empty):
            while job is not None:
                jobs.append(job)
                job = self._jobs.get_nowait()
        if job is None and jobs:
            self._jobs.put(None)
        return jobs

    def _write(self, database: sqlite3.Connection, jobs: list[_Job]) -> None:
        jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        try:
            self._check_place()
            with _transaction(database):
                if self._now() - self._pruned_at > PRUNE_SECONDS:
                    self._prune(database)
                results = [job.do(database) for job in jobs]
        except Exception as error:  # noqa: BLE001 - whatever it is: who waits must hear, and the thread goes on
            told = error if isinstance(error, JournalError) else self._error(_reason(error))
            for job in jobs:
                job.future.set_exception(told)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.future.set_result(result)

    def _check_place(self) -> None:
        """SQLite goes on writing to a file that was taken away, and after a restart nothing would be known of it."""
        status = os.stat(self._path)
        if (status.st_dev, status.st_ino) != self._place:
            raise self._error("another file has taken its place; restart pinecall-run")

    def _begin(self, database: sqlite3.Connection, write: Write) -> Entry | None:
        assert self._owners is not None
        found = _find(database, write)
        if found is None:
            values = (*write, self._owners.mark, self._now())
            database.execute(f"INSERT INTO writes VALUES ({'?, ' * len(values)}NULL, 0)", values)
        return found

    def _end(self, database: sqlite3.Connection, write: Write, outcome: bytes, is_failure: bool) -> None:
        assert self._owners is not None
        values = (outcome, is_failure, *write, self._owners.mark)
        database.execute(f"UPDATE writes SET outcome = ?, is_failure = ? WHERE {_KEY} AND owner = ?", values)

    def _prune(self, database: sqlite3.Connection) -> None:
        self._pruned_at = self._now()
        database.execute("DELETE FROM writes WHERE begun_at < ?", (self._pruned_at - KEPT_SECONDS,))


_MARKS = ("application_id", "user_version")


def _find(database: sqlite3.Connection, write: Write) -> Entry | None:
    row = database.execute(f"SELECT owner, outcome, is_failure FROM writes WHERE {_KEY}", write).fetchone()
    return None if row is None else Entry(row[0], row[1], bool(row[2]))


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # some errors have rolled it back already
            database.execute("ROLLBACK")
        raise


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "it was taken away; restart pinecall-run"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
