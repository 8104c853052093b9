"""A project on disk: the folder of a pinecall.yaml, and the files it names."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path

from pinecall_run.config.environments import is_environment_name

CONFIG_NAME = "pinecall.yaml"


def content_hash(data: bytes) -> bytes:
    """What tells one content of a file from another."""
    return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class Project:
    """``file`` is the configuration; paths in it are relative to its folder.

    ``environment`` is the one in which it runs; ``None`` stands for what the file says for all of them.
    """

    file: Path
    environment: str | None = None

    @classmethod
    def at(cls, path: Path, environment: str | None = None) -> Project:
        """The project of a folder or of a configuration file."""
        return cls(path / CONFIG_NAME if path.is_dir() else path, environment)

    def overlays(self) -> dict[str, Path]:
        """The files beside pinecall.yaml that say what is different in an environment: ``pinecall.ENV.yaml``."""
        if self.file.name != CONFIG_NAME:
            return {}
        try:
            paths = sorted(self.root.glob("pinecall.*.yaml"))
        except OSError:
            return {}
        names = {path: path.name.removeprefix("pinecall.").removesuffix(".yaml") for path in paths}
        return {name: path for path, name in names.items() if is_environment_name(name)}

    def overlay(self, environment: str) -> Path | None:
        """Where the file of an environment is, or would be."""
        may_be = self.file.name == CONFIG_NAME and is_environment_name(environment)
        return self.root / f"pinecall.{environment}.yaml" if may_be else None

    @property
    def root(self) -> Path:
        """The project's folder, by the name that leads to it: a link on the way may lead elsewhere tomorrow."""
        return self.file.parent.absolute()

    @property
    def digest(self) -> str:
        """A mark of this project on this machine, by which its running server is found."""
        return hashlib.sha256(os.path.realpath(self.file).encode()).hexdigest()[:16]

    def shown(self, path: Path) -> str:
        """A path as people read it: from where they are when it is near, else whole."""
        for place in (path.absolute(), Path(os.path.realpath(path))):  # resolve() fails on a loop of links
            if place.is_relative_to(Path.cwd()):
                return str(place.relative_to(Path.cwd()))
        return str(path)

    def inside(self, name: str) -> Path | None:
        """The file that a relative name leads to, or ``None`` when it leads out of the project."""
        path = self.root / name
        try:
            return path if path.resolve().is_relative_to(self.root.resolve()) else None
        except (ValueError, OSError, RuntimeError):  # a NUL in the name, or a loop of links
            return None

    def find_module(self, module: str) -> tuple[bool, Path | None]:
        """Whether a module exists, and its source file if it has one; nothing is imported."""
        search = [str(self.root), *sys.path]
        parts = module.split(".")
        for depth in range(len(parts)):
            spec = _find_spec(".".join(parts[: depth + 1]), search)
            if spec is None:
                return False, None
            if depth == len(parts) - 1:
                has_source = spec.origin is not None and spec.origin.endswith(".py")
                return True, Path(str(spec.origin)) if has_source else None
            if spec.submodule_search_locations is None:
                return False, None
            search = list(spec.submodule_search_locations)
        return False, None


def _find_spec(name: str, search: list[str]) -> ModuleSpec | None:
    """Where a module is, said by whoever would import it: editable installations have finders of their own."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, search)
        if spec is not None:
            return spec
    return None
