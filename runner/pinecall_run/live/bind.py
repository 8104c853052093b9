"""A checked project becomes a deployment: tools imported and bound."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from pinecall_run.config.model import Agent
from pinecall_run.deploy.deployment import DeployedAgent, Deployment, deploy
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import Diagnostic, Label, Route, Span
from pinecall_run.source.document import Document
from pinecall_run.tools.binding import BindError, Binding, bind
from pinecall_run.tools.given import Kind
from pinecall_run.tools.hook import Hook, Lifespan, bind_hook, bind_lifespan
from pinecall_run.tools.path import ToolPath
from pinecall_run.tools.place import is_users

T = TypeVar("T")


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
    binder.bind(checked)
    if binder.diagnostics:
        return None, binder.diagnostics
    agents = {name: _deployed(agent, checked, binder) for name, agent in config.agents.items()}
    return deploy(config, agents, binder.lifespan), []


def _deployed(agent: Agent, checked: Checked, binder: _Binder) -> DeployedAgent:
    name, hooks = agent.name, binder.hooks
    template = checked.templates[name]
    return DeployedAgent(
        agent,
        checked.prompts[name],
        checked.scripts.get(name),
        binder.tools.get(name, {}),
        template if agent.context is not None or template.is_of_call else None,
        {str(route[3]): hook for route, hook in hooks.items() if route[:3] == ("agents", name, "on")},
        *(hooks.get(("agents", name, key)) for key in ("context", "model")),
    )


def try_tools(checked: Checked) -> list[Diagnostic]:
    """Import and bind every tool of a project whose source shows no error, whatever is wrong with the rest of it.

    The project's modules are forgotten afterwards: another project may have some of the same names.
    """
    if checked.document is None:
        return []
    binder = _Binder(checked.project, checked.document)
    with _importable(checked.project.root):
        binder.bind(checked)
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
        self.lifespan: Lifespan | None = None
        self.tools: dict[str, dict[str, Binding]] = {}
        """By agent and name."""
        self.hooks: dict[Route, Hook] = {}
        """By the route of what they are for."""
        self.diagnostics: list[Diagnostic] = []

    def bind(self, checked: Checked) -> None:
        """Bind all that can be bound: the lifespan first, for others may take what it yields."""
        hooks = dict(checked.hooks)
        lifespan = hooks.pop(("lifespan",), None)
        if lifespan is not None:
            self.lifespan = self._try(("lifespan",), lifespan, lambda: bind_lifespan(lifespan))
        state = self.lifespan.yields if self.lifespan is not None else None
        for route, path in checked.tools.items():
            _, agent, _, name = map(str, route[:4])
            if path not in self._done:
                self._done[path] = self._try(route, path, partial(bind, name, path, state))
            binding = self._done[path]
            if binding is not None:
                self.tools.setdefault(agent, {})[name] = replace(binding, name=name)
        for route, path in hooks.items():
            hook = self._try(route, path, partial(bind_hook, path, Kind(route[2]), state))
            if hook is not None:
                self.hooks[route if route[-1] != "function" else route[:-1]] = hook

    def _try(self, route: Route, path: ToolPath, make: Callable[[], T]) -> T | None:
        """What binding a path gives; what is wrong with it becomes a finding at its route."""
        if path.module in self._broken:
            return None
        was_loaded = path.module in sys.modules
        try:
            return make()
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
