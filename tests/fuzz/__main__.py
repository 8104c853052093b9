"""The long part: ``python -m tests.fuzz [--count N] [--seed N] [--seconds N] [--replay FILE]``.

A file that breaks something is made smaller, written beside the report of what it did, and can be replayed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz._big import run_all
from tests.fuzz._mutations import mutated
from tests.fuzz._target import KINDS, probe, project

from pinecall_run.source.codes import AREAS, CODES, area

ORDER = ("config", "config", "config", "config", "prompt", "script", "module")
MOST_MEGABYTES = 400
"""What the process may hold at its height, whatever it reads."""
ENOUGH = 20_000
"""Files after which every area of findings must have been seen."""


def kind_of(seed: int) -> str:
    """What kind of file a seed makes."""
    return ORDER[seed % len(ORDER)]


def made(seed: int) -> bytes:
    """The file of a seed."""
    return mutated(seed, KINDS[kind_of(seed)].originals)


def failure(folder: Path, kind: str, data: bytes) -> str:
    """What a file broke, as one line that is the same for the same bug; empty when nothing."""
    try:
        probe(folder, kind, data)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
    return ""


def smaller(folder: Path, kind: str, data: bytes, says: str, seconds: float = 60) -> bytes:
    """The file without what its failure does not need: pieces are left out, each half as long as those before."""
    until = time.monotonic() + seconds
    size = len(data) // 2
    while size and time.monotonic() < until:
        start = 0
        while start < len(data) and time.monotonic() < until:
            shorter = data[:start] + data[start + size :]
            if failure(folder, kind, shorter) == says:
                data = shorter
            else:
                start += size
        size //= 2
    return data


def _fuzz(folder: Path, out: Path, options: argparse.Namespace) -> int:
    started, seen, failures = time.monotonic(), Counter[str](), Counter[str]()
    done = 0
    for seed in range(options.seed, options.seed + options.count):
        if time.monotonic() - started > options.seconds:
            break
        kind, data = kind_of(seed), made(seed)
        done += 1
        try:
            seen.update(probe(folder, kind, data))
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            says = failure(folder, kind, data) or f"{type(error).__name__}, and not again"
            failures[says] += 1
            if failures[says] == 1:
                file = out / f"{kind}-{seed}.bin"
                file.write_bytes(smaller(folder, kind, data, says))
                print(f"{says}: python -m tests.fuzz --replay {file}", flush=True)
        if done % 5_000 == 0:
            print(f"{done:,} files, {time.monotonic() - started:.0f} s", flush=True)
    return _report(done, time.monotonic() - started, seen, failures)


def _report(done: int, seconds: float, seen: Counter[str], failures: Counter[str]) -> int:
    print("\n".join(_table(seen)))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{done:,} files in {seconds:.0f} s, peak memory {megabytes} MB (at most {MOST_MEGABYTES})")
    unseen = [name for name in AREAS.values() if not any(area(code) == name for code in seen)]
    for says, count in failures.most_common():
        print(f"FAILED {count} times: {says}")
    if unseen and done >= ENOUGH:
        print(f"FAILED: no finding about {', '.join(unseen)} was ever reached")
    return int(bool(failures) or megabytes > MOST_MEGABYTES or bool(unseen and done >= ENOUGH))


def _table(seen: Counter[str]) -> Iterator[str]:
    for code, title in CODES.items():
        yield f"  {code}  {area(code):9}  {seen[code]:8,}  {title}"


def main() -> int:
    """Exit code 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="files to make (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first file's number (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3600, help="stop after this long (%(default)s)")
    parser.add_argument("--replay", type=Path, help="a file that failed: KIND-SEED.bin")
    options = parser.parse_args()
    out = Path(tempfile.mkdtemp(prefix="pinecall-fuzz-"))
    with tempfile.TemporaryDirectory() as folder, project(Path(folder)) as here:
        if options.replay is not None:
            print(sorted(probe(here, options.replay.name.partition("-")[0], options.replay.read_bytes())))
            return 0
        print("large files, and what is no file:", flush=True)
        is_bad = run_all()
        return _fuzz(here, out, options) or int(is_bad)


if __name__ == "__main__":
    sys.exit(main())
