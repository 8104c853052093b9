"""A checked project becomes a deployment: tools imported and bound."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from pinecall_run.config.model import Agent
from pinecall_run.deploy.deployment import DeployedAgent, Deployment, deploy
from pinecall_run.live.code import Code
from pinecall_run.live.load import Checked, check_project
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import Diagnostic, Label, Route, Span
from pinecall_run.source.document import Document
from pinecall_run.tools.binding import BindError, Binding, bind
from pinecall_run.tools.given import Kind
from pinecall_run.tools.hook import Hook, Lifespan, bind_hook, bind_lifespan
from pinecall_run.tools.path import ToolPath

T = TypeVar("T")


def bind_project(checked: Checked, before: Code | None = None) -> tuple[Deployment | None, list[Diagnostic]]:
    """Import every tool of a project whose check found no error, and leave in ``checked`` whose code it is.

    The project's folder becomes importable, as it is for ``python -m`` started there. Its modules are those of
    ``before``, the code that runs, as long as none of their files has changed; else all of them are loaded anew, and
    are what ``import`` finds from then on. Nothing of that happens when there is a finding.
    """
    config, document = checked.config, checked.document
    if config is None or document is None:
        return None, []
    root = str(checked.project.root)
    if root not in sys.path:
        sys.path.insert(0, root)
    is_same = before is not None and not before.has_changed()
    code = before if before and is_same else Code(checked.project, before.fixed if before else None)
    binder = _Binder(checked.project, document, code, is_first=before is None)
    with code.attempt() as attempt:
        binder.bind(checked)
        binder.check_fixed({**checked.tools, **checked.hooks})
        if not binder.diagnostics:
            attempt.keep()
    checked.files |= code.files | code.fixed | attempt.files
    if binder.diagnostics:
        return None, binder.diagnostics
    checked.code = code
    folder = root if config.server.url is None else None
    agents = {name: _deployed(agent, checked, binder, folder) for name, agent in config.agents.items()}
    return deploy(config, agents, binder.lifespan, code.digest), []


def _deployed(agent: Agent, checked: Checked, binder: _Binder, folder: str | None) -> DeployedAgent:
    name, hooks = agent.name, binder.hooks
    template = checked.templates[name]
    return DeployedAgent(
        agent,
        checked.prompts[name],
        checked.scripts.get(name, {}),
        binder.tools.get(name, {}),
        template if agent.context is not None or template.is_of_call else None,
        {str(route[3]): hook for route, hook in hooks.items() if route[:3] == ("agents", name, "on")},
        hooks.get(("agents", name, "context")),
        hooks.get(("agents", name, "model")),
        folder,
        checked.config.prices if checked.config is not None else {},
    )


def load(project: Project, environ: Mapping[str, str]) -> tuple[Checked, Deployment | None]:
    """Check and bind a project; every finding is in the first value's ``diagnostics``."""
    checked = check_project(project, environ, needs_secrets=True)
    deployment, found = bind_project(checked)
    checked.diagnostics += found
    return checked, deployment


def try_tools(checked: Checked) -> list[Diagnostic]:
    """Import and bind every tool of a project whose source shows no error, whatever is wrong with the rest of it.

    The project's modules are forgotten afterwards: another project may have some of the same names.
    """
    if checked.document is None:
        return []
    code = Code(checked.project)
    binder = _Binder(checked.project, checked.document, code)
    with _importable(checked.project.root), code.attempt():
        binder.bind(checked)
    return binder.diagnostics


@contextmanager
def _importable(root: Path) -> Iterator[None]:
    path = list(sys.path)
    sys.path.insert(0, str(root))
    try:
        with chdir("."):  # a module may go elsewhere
            yield
    finally:
        sys.path[:] = path


class _Binder:
    """Binds functions, each once. Of one that cannot be bound the first place that names it is told; of a module that
    cannot be imported, the first of all its functions."""

    def __init__(self, project: Project, document: Document, code: Code, *, is_first: bool = True) -> None:
        self._project = project
        self._code = code
        self._is_first = is_first
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
        try:
            made = make()
        except BindError as error:
            if path.module not in sys.modules:  # it would be run again, and fail again
                self._broken.add(path.module)
            self.diagnostics.append(self._finding(error, route))
            return None
        self._code.uses(sys.modules.get(path.module))
        return made

    def check_fixed(self, tools: Mapping[Route, ToolPath]) -> None:
        """Name the modules that changed and are loaded once in a process."""
        route: Route = next(iter(tools), ())
        for file in self._code.changed_for_good():
            message = f"{self._project.shown(file)} changed, and it is compiled or was loaded before pinecall-run"
            span = self._document.value_span(route)
            self.diagnostics.append(Diagnostic("PCR404", message, span, help=_RESTART, route=route))

    def _finding(self, error: BindError, route: Route) -> Diagnostic:
        labels: Iterable[Label] = ()
        if error.place is not None:
            file, line = error.place
            labels = (Label(Span.at(self._project.shown(Path(file)), line), "it fails here"),)
        help = error.help
        if not self._is_first and error.code != "PCR405" and help is None:
            help = f"if it can be loaded only once in a process, {_RESTART}"
        span = self._document.value_span(route)
        return Diagnostic(error.code, str(error), span, help=help, route=route, labels=tuple(labels))


_RESTART = "restart pinecall-run to load it"
