"""The names of a project, found in its folder without importing any of its code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pinecall_run.config.names import Names, written_names
from pinecall_run.live.files import read_file
from pinecall_run.live.project import Project
from pinecall_run.source.document import Document
from pinecall_run.source.reader import decode
from pinecall_run.tools.listing import public_functions

MAX_FILES = 5_000
"""Files looked at in one project; the rest is left out."""
MAX_DEPTH = 8
"""Levels of folders."""
MAX_NAMES = 2_000
"""Names of one kind; more would be no help to anyone."""

_SKIPPED = frozenset(("__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist", "tests"))
_NO_TOOLS = ("test_", "conftest", "setup.", "_")
_TEMPLATES = (".j2", ".jinja", ".jinja2")
_SCRIPTS = (".script.yaml", ".script.yml")


def project_names(project: Project) -> Names:
    """What the folder holds and what the configuration, if it can be read, already uses."""
    tools: list[str] = []
    prompts: list[str] = []
    scripts: list[str] = []
    for path in _files(project.root):
        name = path.relative_to(project.root)
        if path.suffix == ".py":
            tools += _functions(path, name)
        elif name.name.endswith(_TEMPLATES) or "prompts" in name.parts[:-1]:
            prompts.append(name.as_posix())
        elif name.name.endswith(_SCRIPTS):
            scripts.append(name.as_posix())
    found = Names((), tuple(tools[:MAX_NAMES]), tuple(prompts[:MAX_NAMES]), tuple(scripts[:MAX_NAMES]))
    return found.with_names(_written(project))


def _written(project: Project) -> Names:
    text, _ = decode(_bytes(project.file), project.file.name)
    if text is None:
        return Names()
    return written_names(Document.parse(text, project.file.name)[0])


def _files(root: Path) -> Iterator[Path]:
    """Files of the project, in order; links to folders are not followed, so that there is an end."""
    count = 0
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        is_deep = len(here.relative_to(root).parts) >= MAX_DEPTH
        folders[:] = [] if is_deep else sorted(name for name in folders if _is_ours(here / name))
        for name in sorted(files):
            count += 1
            if count > MAX_FILES:
                return
            if not name.startswith(".") and (here / name).is_file():
                yield here / name


def _is_ours(folder: Path) -> bool:
    return not folder.name.startswith(".") and folder.name not in _SKIPPED and not (folder / "pyvenv.cfg").exists()


def _functions(path: Path, name: Path) -> list[str]:
    parts = name.with_suffix("").parts
    if name.name.startswith(_NO_TOOLS) or not all(part.isidentifier() for part in parts):
        return []
    text, _ = decode(_bytes(path), name.name)
    return [".".join((*parts, function)) for function in public_functions(text or "")]


def _bytes(path: Path) -> bytes:
    """What a file holds; nothing when it cannot be read or is too large to be read."""
    try:
        return read_file(path)
    except OSError:
        return b""
