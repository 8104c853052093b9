"""The golden projects: one `.yaml` each, beside the files that all of them may name."""

import re
from pathlib import Path

from tests._projects import Looked, look

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
OK = sorted((HERE / "ok").glob("*.yaml"))


def run(case: Path, folder: Path) -> Looked:
    """Look at a golden project in an empty folder, in the environment that its first line names."""
    shared = {file.relative_to(HERE / "files").as_posix(): file.read_bytes() for file in _files()}
    # A module that is no Python is kept as a text file, because linters would stumble over it.
    project = {name.removesuffix(".txt"): content for name, content in shared.items()}
    chosen = re.match(rb"# --env (\w+)\n", case.read_bytes())
    environment = chosen[1].decode() if chosen else None
    return look(folder, {**project, case.name: case.read_bytes()}, case.name, environment)


def _files() -> list[Path]:
    return [file for file in (HERE / "files").rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def expected(case: Path) -> Path:
    """Where the exact report of a bad project is kept."""
    return case.with_suffix(".txt")
