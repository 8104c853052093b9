"""A checked project becomes a deployment: tools imported and bound."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from pinecall_run.deploy.deployment import DeployedAgent, Deployment, deploy
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import Diagnostic, Label, Route, Span
from pinecall_run.source.document import Document
from pinecall_run.tools.binding import BindError, Binding, bind
from pinecall_run.tools.path import ToolPath
from pinecall_run.tools.place import is_users


def bind_project(checked: Checked) -> tuple[Deployment | None, list[Diagnostic]]:
    """Import every tool of a project whose check found no error.

    The project's folder becomes importable, as it is for ``python -m`` started there.
    """
    config, document = checked.config, checked.document
    if config is None or document is None:
        return None, []
    root = str(checked.project.root)
    if root not in sys.path:
        sys.path.insert(0, root)
    binder = _Binder(checked.project, document)
    bound = binder.bind(checked.tools)
    agents = {
        name: DeployedAgent(agent, checked.prompts[name], checked.scripts.get(name), bound.get(name, {}))
        for name, agent in config.agents.items()
    }
    return (None if binder.diagnostics else deploy(config, agents)), binder.diagnostics


def try_tools(checked: Checked) -> list[Diagnostic]:
    """Import and bind every tool of a project whose source shows no error, whatever is wrong with the rest of it.

    The project's modules are forgotten afterwards: another project may have some of the same names.
    """
    if checked.document is None:
        return []
    binder = _Binder(checked.project, checked.document)
    with _importable(checked.project.root):
        binder.bind(checked.tools)
    return binder.diagnostics


@contextmanager
def _importable(root: Path) -> Iterator[None]:
    before, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(root))
    try:
        with chdir("."):  # a module may go elsewhere
            yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if _is_mine(sys.modules[name]):
                del sys.modules[name]


def _is_mine(module: ModuleType | None) -> bool:
    """Whether a module is the user's. What is installed stays: some of it may not be loaded twice."""
    names = getattr(module, "__dict__", {})  # looked up without asking the module
    file = names.get("__file__") or next(iter(names.get("__path__", ())), None)
    return file is not None and is_users(str(file))


class _Binder:
    """Binds functions, each once. Of one that cannot be bound the first place that names it is told; of a module that
    cannot be imported, the first of all its functions."""

    def __init__(self, project: Project, document: Document) -> None:
        self._project = project
        self._document = document
        self._done: dict[ToolPath, Binding | None] = {}
        self._broken: set[str] = set()
        self.diagnostics: list[Diagnostic] = []

    def bind(self, tools: Mapping[Route, ToolPath]) -> dict[str, dict[str, Binding]]:
        """The bindings by agent and name."""
        bound: dict[str, dict[str, Binding]] = {}
        for route, path in tools.items():
            _, agent, _, name = map(str, route[:4])
            if path not in self._done:
                self._done[path] = self._bind(name, path, route)
            binding = self._done[path]
            if binding is not None:
                bound.setdefault(agent, {})[name] = replace(binding, name=name)
        return bound

    def _bind(self, name: str, path: ToolPath, route: Route) -> Binding | None:
        if path.module in self._broken:
            return None
        was_loaded = path.module in sys.modules
        try:
            return bind(name, path)
        except BindError as error:
            if path.module not in sys.modules:  # it would be run again, and fail again
                self._broken.add(path.module)
            is_stale = was_loaded and error.code == "PCR403"  # its file has the function: that was checked
            self.diagnostics.append(self._finding(error, route, is_stale))
            return None

    def _finding(self, error: BindError, route: Route, is_stale: bool) -> Diagnostic:
        labels: Iterable[Label] = ()
        if error.place is not None:
            file, line = error.place
            labels = (Label(Span.at(self._project.shown(Path(file)), line), "it fails here"),)
        help = "its code was loaded when pinecall-run started; restart it" if is_stale else error.help
        span = self._document.value_span(route)
        return Diagnostic(error.code, str(error), span, help=help, route=route, labels=tuple(labels))
