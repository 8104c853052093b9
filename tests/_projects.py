"""Projects written into a folder for one look at them, and the full report of what is wrong there."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pinecall_run.live.bind import bind_project
from pinecall_run.live.everywhere import check_everywhere
from pinecall_run.live.project import Project
from pinecall_run.source.ignores import without_ignored
from pinecall_run.source.render import report


@dataclass(frozen=True)
class Looked:
    """The codes of the findings, in order, and the report as people see it; both empty when nothing is wrong."""

    codes: tuple[str, ...]
    report: str


def look(
    folder: Path, files: Mapping[str, bytes], config: str = "pinecall.yaml", environment: str | None = None
) -> Looked:
    """Write a project into a folder and check it there, so that files are shown under their bare names.

    Tools are imported when the check finds nothing wrong, as when a project starts. No variable is set but TWO_LINES.
    """
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with chdir(folder), modules_of_its_own():
        checked = check_everywhere(Project(Path(config), environment), {"TWO_LINES": "first\nsecond"})
        _, found = bind_project(checked)
        diagnostics = checked.diagnostics + found
        if checked.document is not None:
            diagnostics = without_ignored(diagnostics, checked.document)
        return Looked(tuple(d.code for d in diagnostics), report(diagnostics, checked.lines, secrets=checked.secrets))


@contextmanager
def modules_of_its_own() -> Iterator[None]:
    """What a project imports, and where from, is forgotten."""
    path, modules = list(sys.path), set(sys.modules)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            del sys.modules[name]
