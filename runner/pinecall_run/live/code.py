"""The project's own modules: each revision of them is loaded apart, and keeps to itself while calls still use it.

See docs/decisions/code-revisions.md.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from pinecall_run.live.files import read_file
from pinecall_run.live.project import Project, content_hash
from pinecall_run.tools.imports import imported
from pinecall_run.tools.place import is_users

_INSTALLED: dict[Path, Code] = {}
"""By project folder, whose modules are in ``sys.modules``."""

SWAPPING = threading.RLock()
"""Held by whoever needs ``sys.modules`` to stay with one revision."""


class Code:
    """One revision of the modules that lie in a project's folder, and are neither installed packages nor loaded by
    somebody else.

    ``files`` has the content hash of each source that was loaded; ``fixed`` that of modules which are loaded once in a
    process, because they are compiled, or because they were there before us and are not ours to load again.
    """

    def __init__(self, project: Project, fixed: Mapping[Path, bytes] | None = None) -> None:
        self.files: dict[Path, bytes] = {}
        self.fixed = dict(fixed or {})
        self._root = root = project.root
        self.digest = _digest({}, root)
        """A hash of the sources that tools were bound from, the same wherever the project lies."""
        self._project = project
        self._real_root = os.path.realpath(root)
        self._names: set[str] = set()
        self._modules: dict[str, ModuleType] = {}
        """Those that are loaded to their end."""
        self._tops: dict[str, bool] = {}
        """Whether names without a dot, that functions import, may be the project's."""
        self._named: dict[str, None] = {}
        self._kept: dict[Path, bytes] = {}
        """The sources of modules that are not loaded yet."""
        self.is_installed = self._is_loading = False
        self._missing: list[Path] = []
        self._finder = _Finder(self)
        self.builtins: dict[str, Any] = {}
        self.refresh_builtins()

    def has_changed(self) -> bool:
        """Whether the files hold something else than what was loaded."""
        return any(hash_of(file) != loaded for file, loaded in self.files.items())

    def uses(self, module: ModuleType | None) -> None:
        """A tool is in this module, whoever loaded it."""
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str) and Path(file) not in self.files and self.holds(file):
            self.fixed.setdefault(Path(file), hash_of(Path(file)))

    def changed_for_good(self) -> list[Path]:
        """The ``fixed`` modules whose file is another by now: only a new process can load them."""
        return [file for file, loaded in self.fixed.items() if hash_of(file) != loaded]

    def install(self) -> Code | None:
        """Make these the modules that ``import`` finds and ``sys.modules`` shows; returns whose they were."""
        with SWAPPING:
            before = _INSTALLED.get(self._root)
            if before is not self:
                if before is not None:
                    before.remove()
                sys.meta_path.insert(0, self._finder)
                sys.modules.update(self._modules)
                self.is_installed = True
                _INSTALLED[self._root] = self
            return before

    def remove(self) -> None:
        """Take these modules out of ``sys.modules``; functions that have them go on to see them."""
        with SWAPPING:
            if not self.is_installed:
                return
            self._collect()
            self.is_installed = False
            del _INSTALLED[self._root]
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self._finder]
            for name in self._modules:
                sys.modules.pop(name, None)  # somebody else may have forgotten it already

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Load modules in the block; unless it says that it :meth:`~Attempt.keep`\\ s them all is as it was before."""
        attempt = Attempt()
        with SWAPPING:
            names, files, fixed, kept = set(self._names), dict(self.files), dict(self.fixed), dict(self._kept)
            self._missing.clear()
            before = self.install()
            self._is_loading = True
            try:
                yield attempt
            finally:
                self._is_loading = False
                if not attempt.is_kept:
                    self._forget(self._names - names)
                    attempt.files = {**dict.fromkeys(self._missing, b""), **self.fixed, **self.files}
                    self.files, self.fixed, self._kept = files, fixed, kept
                    self._named.clear()
                    self._give_way_to(before)
                elif self.files != files:
                    self._keep_sources()
                    self.digest = _digest(self.files, self._root)
                self._collect()

    def _forget(self, names: set[str]) -> None:
        for name in names:
            module = sys.modules.pop(name, None)
            package, _, last = name.rpartition(".")
            attributes = getattr(sys.modules.get(package), "__dict__", {})
            if module is not None and attributes.get(last) is module:
                del attributes[last]
            self._modules.pop(name, None)
        self._names -= names

    def source(self, file: Path) -> bytes:
        """What a module is loaded from: what it held when this revision was loaded, as far as that is known."""
        kept = self._kept.pop(file, None)
        if kept is not None:
            return kept
        data = read_file(file)
        self.files[file] = content_hash(data)
        return data

    def will_import(self, tree: ast.Module, package: str) -> None:
        """Code was loaded that may import these, now or in a function some day."""
        self._named.update(dict.fromkeys(imported(tree, package)))

    def _keep_sources(self) -> None:
        """Read what functions may import some day: then it is of this revision, too, whatever it holds by then."""
        while self._named:
            name, _ = self._named.popitem()
            if name in sys.modules or not self._may_hold(name.partition(".")[0]):
                continue
            path = self._project.find_module(name)[1]
            if path is None or path in self.files or not self.holds(str(path)):
                continue
            try:
                data = self._kept[path] = read_file(path)
                self.files[path] = content_hash(data)
                is_package = path.name == "__init__.py"
                self.will_import(ast.parse(data, path), name if is_package else name.rpartition(".")[0])
            except (OSError, SyntaxError, ValueError):  # whoever imports it is told
                continue

    def holds(self, file: str) -> bool:
        """Whether a file is one of the project's own."""
        path = Path(file)
        is_inside = path.is_relative_to(self._root) or Path(os.path.realpath(path)).is_relative_to(self._real_root)
        return is_inside and is_users(file)

    def not_found(self, name: str, path: Sequence[str] | None) -> None:
        """Nobody has a module: it may be one of the project's that is about to be written."""
        last = name.rpartition(".")[2]
        for folder in map(Path, [str(self._root)] if path is None else path):
            if self.holds(str(folder)):
                self._missing += [folder / f"{last}.py", folder / last / "__init__.py"]

    def loads(self, name: str) -> None:
        """A module of the project is about to be loaded."""
        self._names.add(name)

    def owns(self, name: str) -> bool:
        """Whether a module is of this revision."""
        return name in self._names

    def refresh_builtins(self) -> None:
        """Take over what was added to the builtins, as ``gettext.install`` does."""
        self.builtins.update(vars(builtins), __import__=self._import)

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """``__import__`` for the code of this revision. When another is installed, ``sys.modules`` has its modules; an
        import inside a function of ours means ours.

        What the project's functions import for the first time is loaded while nobody else swaps revisions. What modules
        import while they are loaded needs no such turn, which they have: one may start a thread and wait for it.
        """
        package = str((globals or {}).get("__package__") or "")
        absolute = importlib.util.resolve_name("." * level + name, package) if level else name
        module = self._modules.get(absolute)
        if module is not None and all(hasattr(module, each) for each in fromlist or ()):
            return module if fromlist else self._modules[absolute.partition(".")[0]]
        if self._is_loading or not self._may_hold(absolute.partition(".")[0]):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        with SWAPPING:
            before, self._is_loading = self.install(), True
            try:
                return builtins.__import__(name, globals, locals, fromlist or (), level)
            finally:
                self._is_loading = False
                self._collect()
                self._give_way_to(before)

    def _may_hold(self, top: str) -> bool:
        if top not in self._tops:
            self._tops[top] = self._finder.find_spec(top) is not None
        return self._tops[top]

    def _collect(self) -> None:
        if self.is_installed:
            self._modules.update((name, sys.modules[name]) for name in self._names if name in sys.modules)

    def _give_way_to(self, before: Code | None) -> None:
        if before is not self:
            self.remove()
            if before is not None:
                before.install()


class Attempt:
    """Whether what was loaded is kept; if not, ``files`` has what another attempt may find different."""

    def __init__(self) -> None:
        self.is_kept = False
        self.files: dict[Path, bytes] = {}

    def keep(self) -> None:
        """Go on with what was loaded."""
        self.is_kept = True


class _Finder:
    """Finds what the others on ``sys.meta_path`` find, and has modules of the project loaded by :class:`_Loader`."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        for finder in sys.meta_path:
            spec = None if isinstance(finder, _Finder) else finder.find_spec(name, path, target)
            if spec is not None:
                return self._taken_over(spec)
        self._code.not_found(name, path)
        return None

    def _taken_over(self, spec: ModuleSpec) -> ModuleSpec | None:
        """The spec as we want it, or ``None`` for what is none of the project's."""
        places = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or ())
        if not places or not all(self._code.holds(place) for place in places):
            return None
        if spec.has_location and type(spec.loader) is not SourceFileLoader:
            self._code.fixed.setdefault(Path(places[0]), hash_of(Path(places[0])))
            return None
        if not spec.has_location and spec.name not in sys.modules:
            self._code.loads(spec.name)
        elif spec.has_location:
            spec.loader = _Loader(spec.name, places[0], self._code)
            spec.cached = None
        return spec


class _Loader(SourceFileLoader):
    """Loads a module from its source alone: a file that changed twice in a second has the time of its old bytecode."""

    def __init__(self, name: str, path: str, code: Code) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self._code.source(Path(self.path)), self.path)
        self._code.will_import(tree, fullname if self.is_package(fullname) else fullname.rpartition(".")[0])
        code: CodeType = compile(tree, self.path, "exec", dont_inherit=True)
        return code

    def exec_module(self, module: ModuleType) -> None:
        self._code.loads(module.__name__)
        vars(module)["__builtins__"] = self._code.builtins
        for name, other in list(sys.modules.items()):  # of a package: what stays from one revision to the next
            package, _, last = name.rpartition(".")
            if package == module.__name__ and not self._code.owns(name):
                vars(module)[last] = other
        super().exec_module(module)
        self._code.refresh_builtins()


def _digest(files: Mapping[Path, bytes], root: Path) -> str:
    names = sorted((os.path.relpath(file, root), loaded) for file, loaded in files.items())
    return hashlib.sha256(repr(names).encode()).hexdigest()


def hash_of(file: Path) -> bytes:
    """The content hash of a file; empty when there is none that can be read."""
    try:
        return content_hash(read_file(file))
    except OSError:
        return b""
