"""Large files, each in a process of its own with bounded time and memory, and what only looks like a file."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz._target import ENVIRON, KINDS, PROJECT, project

from pinecall_run.live.load import check_project
from pinecall_run.live.names import project_names
from pinecall_run.live.project import Project
from pinecall_run.source.formats import Report, render
from pinecall_run.source.reader import MAX_BYTES

SECONDS = 60
"""What one large file may take."""
MEGABYTES = 3_000
"""The address space that its process has."""
M = 1 << 20


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50 * M)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.path.relpath(path))


SPECIAL: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: None,
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "socket": _socket,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "loop": lambda path: path.symlink_to(path),
    "50 MB": _sparse,
}


def probe_special(name: str, folder: Path) -> None:
    """Put such a thing in place of each file of a project: one finding that the file cannot be read."""
    for kind, (file, _) in KINDS.items():
        with project(folder / kind):
            path = Path(file)
            path.unlink()
            SPECIAL[name](path)
            checked = check_project(Project.at(Path("pinecall.yaml")), ENVIRON)
            project_names(Project.at(Path("pinecall.yaml")))
            found = [finding.code for finding in checked.diagnostics]
            assert found == [_WANTED.get((kind, name), "PCR001")], (kind, found)


_WANTED = {("module", name): "PCR402" for name in ("gone", "folder", "pipe", "socket", "endless", "loop")}
"""What Python does not take for a module is none."""


def _bombs(high: int, wide: int) -> str:
    return "".join(f"x-{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else 'a'] * wide)}]\n" for n in range(high))


def _merges(high: int) -> str:
    rest = "".join(f"x-{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}, *m{n - 1}], k{n}: 1}}\n" for n in range(1, high))
    return f"x-0: &m0 {{a: 1}}\n{rest}{PROJECT}    voice: {{<<: *m{high - 1}, provider: x}}\n"


LARGE: dict[str, tuple[str, Callable[[], str]]] = {
    "one line of 15 MB": ("config", lambda: f"{PROJECT}    greeting: {'x' * 15 * M}"),
    "a key of 15 MB": ("config", lambda: f'{PROJECT}    ? "{"x" * 15 * M}"\n    : 1\n'),
    "a number of 15 MB": ("config", lambda: f"{PROJECT}    session_limits: {{max_duration_seconds: {'9' * 15 * M}}}"),
    "100,000 duplicates": ("config", lambda: PROJECT + "    prompt: a\n" * 100_000),
    "100,000 unknown keys": ("config", lambda: PROJECT + "".join(f"    key{n}: 1\n" for n in range(100_000))),
    "10,000 wrong agents": (
        "config",
        lambda: PROJECT + "".join(f"  a{n}: {{prompt: 1, voise: a, channels: [x]}}\n" for n in range(10_000)),
    ),
    "8 MB of brackets": ("config", lambda: f"{PROJECT}    stt: {'[' * 8 * M}"),
    "5,000 levels": ("config", lambda: "".join(f"{' ' * n}a:\n" for n in range(5_000))),
    "3,000,000 variables": ("config", lambda: f"{PROJECT}    greeting: {'${X}' * 3 * M}"),
    "7,000,000 open variables": ("config", lambda: f"{PROJECT}    greeting: {'${' * 7 * M}"),
    "billion laughs": ("config", lambda: f"{_bombs(12, 10)}{PROJECT}"),
    "merges of merges": ("config", lambda: _merges(60)),
    "500,000 comments": ("config", lambda: PROJECT + "# pinecall: ignore[PCR101]\n" * 500_000),
    "1,000,000 items": ("config", lambda: f"{PROJECT}    stt: {{provider: x, keyterms: [{'a,' * 900_000}]}}"),
    "a template of 1 MB": ("prompt", lambda: "Say yes. " * (M // 9)),
    "100,000 open tags": ("prompt", lambda: "{% if a %}" * 100_000),
    "100,000 brackets in a template": ("prompt", lambda: "{{ " + "(" * 100_000),
    "20,000 rules": (
        "script",
        lambda: "rules:\n" + "  - {when: a, reply: b}\n" * 20_000 + "otherwise: x\n",
    ),
    "a deep pattern": ("script", lambda: f"rules:\n  - {{when: '{'(a|' * 100_000}', reply: b}}\notherwise: x\n"),
    "a long pattern": ("script", lambda: f"rules:\n  - {{when: '{'(a)|' * M}', reply: b}}\notherwise: x\n"),
    "a module of 15 MB": ("module", lambda: "x = 1\n" * (5 * M // 2)),
    "a million lists in a module": ("module", lambda: f"x = [{'[],' * M}]"),
    "5,000,000 signs in a module": ("module", lambda: "-" * 5 * M + "1"),
    "larger than is read": ("config", lambda: "x" * (MAX_BYTES + 1)),
}


def run_all() -> bool:
    """Every large file in a process of its own; whether any failed."""
    is_bad = False
    for name in LARGE:
        started = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tests.fuzz._big", name],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                cwd=Path(__file__).parents[2],  # we may be in the folder of another project
            )
            says, is_fine = (done.stdout or done.stderr).strip().splitlines()[-1:], done.returncode == 0
        except subprocess.TimeoutExpired:
            says, is_fine = [f"more than {SECONDS} s"], False
        is_bad = is_bad or not is_fine
        print(
            f"  {'ok    ' if is_fine else 'FAILED'} {name:32} {time.monotonic() - started:5.1f} s  {says}", flush=True
        )
    return is_bad


def _one(name: str) -> None:
    kind, make = LARGE[name]
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES * M, MEGABYTES * M))
    with tempfile.TemporaryDirectory() as folder, project(Path(folder)):
        Path(KINDS[kind].file).write_text(make())
        checked = check_project(Project.at(Path()), ENVIRON)
        content = Report([], checked.diagnostics, checked.lines, "1", secrets=checked.secrets)
        size = sum(len(render(shape, content)) for shape in ("full", "json"))
    codes = sorted({finding.code for finding in checked.diagnostics})
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak {megabytes} MB, {len(checked.diagnostics):,} findings, {size / M:.1f} MB of text, {codes}")


if __name__ == "__main__":
    _one(sys.argv[1])
