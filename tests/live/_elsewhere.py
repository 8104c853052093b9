"""A journal in another process: it begins a write, says so, and waits to be killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pinecall_run.live.journal import Write

WRITE = Write("c1", "m1", "t1", "book", b"asked")

_PROGRAM = """
import sys
from pathlib import Path
from pinecall_run.live.journal import Write
from pinecall_run.live.journal_file import JournalFile
journal = JournalFile(Path(sys.argv[1]))
journal.open()
write = Write("c1", "m1", "t1", "book", b"asked")
assert journal.begin(write).result(5) is None
print("begun", flush=True)
for line in sys.stdin:
    journal.end(write, b'"booked"', is_failure=False).result(5)
    print("ended", flush=True)
"""


@contextmanager
def elsewhere(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has begun ``WRITE``, and ends it when it is sent a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
    finally:
        process.kill()
        process.communicate()
