"""The files of a project during one check: each is found, read and decoded once, however many agents name it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pinecall_run.live.files import read_file
from pinecall_run.live.project import Project, content_hash
from pinecall_run.source.diagnostic import Diagnostic
from pinecall_run.source.reader import decode


class ProjectFiles:
    """What a project's folder holds; ``edited`` stands in for the content of some of it.

    ``shown``, ``inside`` and ``find_module`` are the project's own.
    """

    def __init__(self, project: Project, edited: Mapping[Path, bytes]) -> None:
        self.shown = cache(project.shown)
        self.inside = cache(project.inside)
        self.find_module = cache(project.find_module)
        self.read = cache(self._read)
        self.text = cache(self._text)
        self.source = cache(self._source)
        self._edited = edited

    def _read(self, path: Path) -> tuple[bytes, bytes]:
        """The content of a file, and its hash.

        Raises:
            OSError: it cannot be read, as may be said again for the same file.
        """
        data = self._edited[path] if path in self._edited else read_file(path)
        return data, content_hash(data)

    def _text(self, path: Path) -> tuple[str | None, list[Diagnostic]]:
        """The content of a file that must be UTF-8, or why it is not."""
        return decode(self.read(path)[0], self.shown(path))

    def _source(self, path: Path) -> str:
        """The content of a Python module, as far as it is UTF-8."""
        return self.read(path)[0].decode("utf-8", "replace")
