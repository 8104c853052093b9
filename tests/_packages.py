"""Packages of others, as an installer leaves them in a folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest


class Packages:
    """A folder on the path; what is put there is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: list[str] = []

    def install(self, package: str, points: Mapping[str, Mapping[str, str]], **modules: str) -> None:
        """A package with entry points, by group and name, and modules, by name."""
        info = self.folder / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in of.items())
            for group, of in points.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(text)
            self._modules.append(name)
        importlib.invalidate_caches()

    def forget(self) -> None:
        """As if nothing of it had been imported."""
        from pinecall_run.providers import opening

        opening._LOADED.clear()
        for name in self._modules:
            sys.modules.pop(name, None)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Where a test installs packages."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Packages(folder)
    yield made
    made.forget()
