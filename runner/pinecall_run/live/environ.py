"""The environment in which a project's variables are looked up: variables of the process, and files of secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pinecall_run.live.files import read_file
from pinecall_run.live.project import content_hash
from pinecall_run.source.reader import decode

_FILE = "file:"


class Environ(Mapping[str, str]):
    """Variables by name, and files as ``file:PATH``, a path relative to ``root``.

    Of a file's text the last line break is left out, which editors put there. A file that cannot be read has no value.
    ``files`` are those that were asked for, with the content hash of what was read; none for what is not there.
    """

    def __init__(self, variables: Mapping[str, str], root: Path) -> None:
        self._variables = variables
        self._root = root
        self.files: dict[Path, bytes] = {}

    def __getitem__(self, name: str) -> str:
        if not name.startswith(_FILE):
            return self._variables[name]
        text = self._read(self._root / name.removeprefix(_FILE))
        if text is None:
            raise KeyError(name)
        return text.removesuffix("\n").removesuffix("\r")

    def _read(self, path: Path) -> str | None:
        self.files[path] = b""
        try:
            data = read_file(path)
        except (OSError, ValueError):
            return None
        self.files[path] = content_hash(data)
        return decode(data, path.name)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)
