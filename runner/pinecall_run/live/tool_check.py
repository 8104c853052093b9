"""The tools of all agents checked by their source: each module is read once, and each function told of once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pinecall_run.config.model import Agent, Config
from pinecall_run.live.project_files import ProjectFiles
from pinecall_run.source.diagnostic import Diagnostic, Label, Route, Severity, Span, has_errors
from pinecall_run.source.document import Document
from pinecall_run.tools.alike import alike
from pinecall_run.tools.given import Kind
from pinecall_run.tools.module import MAX_SOURCE, Broken, Module, parse_module
from pinecall_run.tools.path import ToolPath, parse_tool_path
from pinecall_run.tools.place import is_users
from pinecall_run.tools.static import Place, check_broken, check_function, check_hook, check_name, lifespan_yields

IsReadable = Callable[[Path, Span, Route], bool]
"""Whether a file that is named at a place can be read; else there is a finding there."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A module by its name: whether there is one, and what its source says, if it has one that can be read."""

    exists: bool
    content: Module | Broken | None = None
    shown: str = ""
    is_users: bool = False


class ToolCheck:
    """Goes through agents in turn. What is wrong with a path is told wherever it is written; what is wrong with a
    function or a module, where it is named first. ``sound`` has the tools without an error, by route, ``sound_hooks``
    the other functions."""

    def __init__(self, files: ProjectFiles, document: Document, is_readable: IsReadable, texts: dict[str, str]) -> None:
        self._files = files
        self._document = document
        self._is_readable = is_readable
        self._texts = texts
        self._modules: dict[str, _Found] = {}
        self._judged: dict[ToolPath | str, bool] = {}
        self._state: str | None = None
        self.sound: dict[Route, ToolPath] = {}
        self.sound_hooks: dict[Route, ToolPath] = {}

    def check(self, agent: Agent) -> list[Diagnostic]:
        """Every finding about the tools of an agent."""
        diagnostics: list[Diagnostic] = []
        paths: dict[str, ToolPath] = {}
        for name, tool in agent.tools.items():
            route: Route = ("agents", agent.name, "tools", name)
            place = self._place(route)
            path = parse_tool_path(tool.function)
            if isinstance(path, str):
                diagnostics.append(Diagnostic("PCR401", path, place.span, route=route))
                continue
            paths[name] = path
            found, is_sound = self._judge(path, place)
            diagnostics += found
            if is_sound:
                self.sound[place.route] = path
        for route, written, kind in _hooks(agent):
            diagnostics += self._check_hook(written, self._place(route), kind)
        return diagnostics + self._alike(agent.name, paths)

    def check_lifespan(self, config: Config) -> list[Diagnostic]:
        """Every finding about the project's lifespan: before the agents, whose functions may take what it yields."""
        if config.lifespan is None:
            return []
        place = self._place(("lifespan",))
        path = parse_tool_path(config.lifespan)
        if isinstance(path, str):
            return [Diagnostic("PCR401", path, place.span, route=place.route)]
        findings, module = self._module(path, place)
        if module is not None:
            self._state = lifespan_yields(path, module, lambda name: self._users(name, place))
        if not has_errors(findings):
            self.sound_hooks[place.route] = path
        return findings

    def _check_hook(self, written: str, place: Place, kind: Kind) -> list[Diagnostic]:
        path = parse_tool_path(written)
        if isinstance(path, str):
            return [Diagnostic("PCR401", path, place.span, route=place.route)]
        findings, module = self._module(path, place)
        if module is not None:
            place = Place(place.span, place.route, self._document.written(place.span))
            findings = check_hook(path, module, place, lambda name: self._users(name, place), kind)
        if not has_errors(findings) and self._judged.get(path.module, True):
            self.sound_hooks[place.route] = path
        return findings

    def _place(self, route: Route) -> Place:
        inner: Route = (*route, "function")
        route = inner if self._document.node(inner) is not None else route
        return Place(self._document.value_span(route), route)

    def _module(self, path: ToolPath, place: Place) -> tuple[list[Diagnostic], Module | None]:
        """The module of a path if its source is known and has the function, else what is wrong with it."""
        found = self._find(path.module, place)
        if not found.exists:
            message = f"there is no module `{path.module}` beside pinecall.yaml or installed"
            return [Diagnostic("PCR402", message, place.span, route=place.route)], None
        if not isinstance(found.content, Module):
            return self._broken(path, found, place), None
        unknown = check_name(path, found.content, Place(place.span, place.route, self._document.written(place.span)))
        return ([unknown], None) if unknown is not None else ([], found.content)

    def _judge(self, path: ToolPath, place: Place) -> tuple[list[Diagnostic], bool]:
        findings, module = self._module(path, place)
        if module is None:
            return findings, not findings and self._judged.get(path.module, True)
        place = Place(place.span, place.route, self._document.written(place.span))
        if path in self._judged:
            return [], self._judged[path]
        findings = check_function(path, module, place, lambda name: self._users(name, place), self._state)
        self._judged[path] = not has_errors(findings)
        if not self._modules[path.module].is_users:  # nobody here can do anything about its docstrings
            findings = [finding for finding in findings if finding.severity is Severity.ERROR]
        return findings, self._judged[path]

    def _broken(self, path: ToolPath, found: _Found, place: Place) -> list[Diagnostic]:
        if not isinstance(found.content, Broken):
            return []
        is_new = path.module not in self._judged
        self._judged[path.module] = False
        return [check_broken(path, found.shown, found.content, place)] if is_new else []

    def _users(self, name: str, place: Place) -> Module | Broken | None:
        found = self._find(name, place, only_users=True)
        return found.content if found.is_users else None

    def _find(self, name: str, place: Place, *, only_users: bool = False) -> _Found:
        """A module; of one that is not the user's, only whether it exists when ``only_users``."""
        if name not in self._modules:
            exists, source = self._files.find_module(name)
            mine = source is not None and is_users(str(source))
            if only_users and not mine:
                return _Found(exists)
            self._modules[name] = _Found(exists) if source is None else self._parsed(name, source, place, mine)
        return self._modules[name]

    def _parsed(self, name: str, source: Path, place: Place, mine: bool) -> _Found:
        if not self._is_readable(source, place.span, place.route):
            return _Found(True)
        shown = self._files.shown(source)
        text = self._texts[shown] = self._files.source(source)
        if len(text) > MAX_SOURCE:
            return _Found(True)  # the import will tell
        content = parse_module(name, shown, text, is_package=source.name == "__init__.py")
        return _Found(True, content, shown, mine)

    def _alike(self, agent: str, paths: dict[str, ToolPath]) -> list[Diagnostic]:
        findings = []
        for pair in alike(paths):
            route, first = (("agents", agent, "tools", name) for name in (pair.name, pair.first))
            label = Label(self._document.key_span(first), "the other one")
            if pair.has_same_function:
                code, message = "PCR413", f"`{pair.name}` and `{pair.first}` are the same function, {paths[pair.name]}"
                help = "keep one; the model cannot know which to call"
            else:
                code, message = "PCR414", f"`{pair.name}` and `{pair.first}` are one name but for case, - and _"
                help = "give them names that differ by what they do; the model takes one for the other"
            span = self._document.key_span(route)
            findings.append(Diagnostic(code, message, span, Severity.WARNING, help, route, (label,)))
        return findings


def _hooks(agent: Agent) -> Iterator[tuple[Route, str, Kind]]:
    """The functions of an agent that are no tools: where they are named, their paths, and what they are for."""
    base: Route = ("agents", agent.name)
    for event, written in agent.on.items():
        yield (*base, "on", event), written, Kind.HOOK
    if agent.context is not None:
        yield (*base, "context"), agent.context.function, Kind.CONTEXT
    if agent.model_function is not None:
        yield (*base, "model", "function"), agent.model_function, Kind.MODEL
