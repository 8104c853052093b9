"""A project read and checked as far as that goes without importing the user's code."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from operator import or_
from pathlib import Path
from typing import Any

from pinecall_run.config.check import check_parts
from pinecall_run.config.environments import Layer, layers, stacked
from pinecall_run.config.model import Agent, Config, PromptSource, VoiceFile, script_file
from pinecall_run.config.rules_vendors import each
from pinecall_run.config.script import Script, check_script
from pinecall_run.config.secrets import find_secrets
from pinecall_run.live.code import Code
from pinecall_run.live.environ import Environ
from pinecall_run.live.files import read_start
from pinecall_run.live.project import CONFIG_NAME, Project
from pinecall_run.live.project_files import ProjectFiles
from pinecall_run.live.prompt_usage import PromptUsage
from pinecall_run.live.timezones import Timezones
from pinecall_run.live.tool_check import ToolCheck
from pinecall_run.plugins import names
from pinecall_run.prompts.prompt import Prompt, compile_prompt, compile_syntax
from pinecall_run.resources import schema
from pinecall_run.source.diagnostic import Diagnostic, Fix, Route, Span, has_errors
from pinecall_run.source.document import Document, Text
from pinecall_run.source.fix import reword
from pinecall_run.source.secrets import Secrets, secret_values
from pinecall_run.source.suggest import closest, surely
from pinecall_run.tools.path import ToolPath


@dataclass(slots=True)
class Checked:
    """What is known of a project after checking. ``config`` is there when no finding is an error."""

    project: Project
    config: Config | None = None
    prompts: dict[str, str] = field(default_factory=dict)
    """Rendered, by agent."""
    templates: dict[str, Prompt] = field(default_factory=dict)
    """What they were rendered from."""
    scripts: dict[str, dict[str, Script]] = field(default_factory=dict)
    """By agent and the name of the file."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """The text of every file that was read, by the name that findings show."""
    files: dict[Path, bytes] = field(default_factory=dict)
    """The files that the project consists of, whether or not they exist, with the content hash of what was read."""
    tools: dict[Route, ToolPath] = field(default_factory=dict)
    """The tools whose source shows no error, by their route."""
    hooks: dict[Route, ToolPath] = field(default_factory=dict)
    """The same of the other functions that the configuration names."""
    code: Code | None = None
    """The project's own modules, once its tools are bound."""
    document: Document | None = None
    layers: list[Layer] = field(default_factory=list)
    """What the document was put together from, the lowest first."""
    written: dict[str, Document] = field(default_factory=dict)
    """The documents of the configuration as they are written, by the name of their file."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> Secrets:
        """What must not be shown of the files and findings. Found when asked for: a project without findings is not."""
        found = (find_secrets(document, schema("pinecall"), self.environ) for document in self.written.values())
        return reduce(or_, found, Secrets(values=secret_values(self.environ)))

    @property
    def lines(self) -> Mapping[str, list[str]]:
        """The lines of every file that was read."""
        return {name: Document(name, text, None).lines for name, text in self.texts.items()}


def check_project(
    project: Project,
    environ: Mapping[str, str],
    *,
    needs_secrets: bool = False,
    text: str | None = None,
    edited: Mapping[Path, bytes] | None = None,
) -> Checked:
    """Read a project and check its YAML, prompts, scripts and the places its tools are said to be.

    ``text`` stands in for the configuration file's content, ``edited`` for that of any files.
    """
    importlib.invalidate_caches()  # a tool's module may have been written a moment ago
    return _Check(project, environ, needs_secrets, edited or {}).run(text)


class _Check:
    def __init__(
        self, project: Project, environ: Mapping[str, str], needs_secrets: bool, edited: Mapping[Path, bytes]
    ) -> None:
        self._project = project
        self._environ = Environ(environ, project.root)
        self._needs_secrets = needs_secrets
        self._edited = edited
        self._files = ProjectFiles(project, edited)
        self._result = Checked(project, environ=self._environ)
        self._templates: dict[tuple[str, frozenset[str]], tuple[Prompt | None, list[Diagnostic]]] = {}
        self._shared: frozenset[str] | None = None

    def run(self, text: str | None) -> Checked:
        result = self._result
        if text is None:
            text = self._read(self._project.file, Span.at(self._project.shown(self._project.file)), ())
        if text is not None:
            self._check_config(text)
        if has_errors(result.diagnostics):
            result.config = None
        return result

    def _check_config(self, text: str) -> None:
        result = self._result
        name = self._project.shown(self._project.file)
        result.texts[name] = text
        written, found = Document.parse(text, name)
        result.document = result.written[name] = written
        result.diagnostics += found
        if written.root is None:
            return
        document = self._in_environment(written)
        config, found = check_parts(
            document,
            schema("pinecall"),
            self._environ,
            timezones=Timezones,
            is_file=self._is_file,
            plugins=cache(names),
            needs_secrets=self._needs_secrets,
        )
        result.diagnostics += found
        result.files |= self._environ.files
        result.config = config
        agents = config.agents if config else {}
        usage = PromptUsage(document, agents, self._load_template)
        tools = ToolCheck(self._files, document, self._is_readable, result.texts)
        if config is not None:
            result.diagnostics += tools.check_lifespan(config)
        for agent in agents.values():
            prompt = self._check_prompt(agent, document)
            if prompt is not None:
                result.diagnostics += usage.check(agent, prompt, result.prompts.get(agent.name))
            for model, route in each(agent.model, ("agents", agent.name, "model")):
                self._check_script(agent.name, script_file(model), route, document)
            result.diagnostics += tools.check(agent)
        for file in config.voice_files if config is not None and config.server.url is None else ():
            self._check_voice_file(file, document.value_span(file.route))
        result.diagnostics += usage.unused()
        result.tools, result.hooks = tools.sound, tools.sound_hooks

    def _in_environment(self, written: Document) -> Document:
        """The document with what its environment says laid over it."""
        result, environment = self._result, self._project.environment
        overlay = self._overlay(environment) if environment is not None else None
        result.layers, found = layers(written, overlay, environment, self._project.overlays())
        result.diagnostics += found
        if not result.layers:
            return written  # its top is no mapping: the shape will tell
        document, found = stacked(result.layers)
        result.diagnostics += found
        result.document = document
        return document

    def _overlay(self, environment: str) -> Document | None:
        path = self._project.overlay(environment)
        if path is None:
            return None
        if not path.exists() and path not in self._edited:
            self._result.files[path] = b""  # it counts as soon as it is there
            return None
        shown = self._project.shown(path)
        text = self._read(path, Span.at(shown), ())
        if text is None:
            return None
        document, found = Document.parse(text, shown)
        self._result.written[shown] = document
        self._result.diagnostics += found
        return document

    def _is_file(self, name: str) -> bool:
        path = self._project.inside(name)
        return path is not None and path.is_file()

    def _check_prompt(self, agent: Agent, document: Document) -> Text | None:
        route: Route = ("agents", agent.name, "prompt")
        source = agent.prompt
        if source.file is None and not source.text:
            return None  # it has none, and that is a finding already
        if source.file is not None:
            text: Text | None = self._named_text(source.file, document.value_span((*route, "file")), (*route, "file"))
        else:
            inner: Route = (*route, "text") if document.node((*route, "text")) is not None else route
            text = document.text_at(inner, source.text)
        if text is None:
            return None
        prompt, found = self._compiled(source, text)
        if found and source.file in self._shared_files():
            found = [replace(finding, fix=None) for finding in found]
        if prompt is not None:
            self._render(agent.name, prompt, found)
        self._result.diagnostics += found
        return text

    def _compiled(self, source: PromptSource, text: Text) -> tuple[Prompt | None, list[Diagnostic]]:
        """The prompt and its findings, which say no more of the variables than their names."""
        if source.file is None:
            return compile_prompt(text, source.vars, self._load_template)
        key = source.file, frozenset(source.vars)
        if key not in self._templates:
            self._templates[key] = compile_prompt(text, source.vars, self._load_template)
        prompt, found = self._templates[key]
        return prompt and replace(prompt, vars=source.vars), list(found)

    def _shared_files(self) -> frozenset[str]:
        """The templates that agents read with unlike variables, so that what mends one may break another."""
        if self._shared is None:
            config = self._result.config
            names: dict[str, set[frozenset[str]]] = {}
            for agent in config.agents.values() if config else ():
                if agent.prompt.file is not None:
                    names.setdefault(agent.prompt.file, set()).add(frozenset(agent.prompt.vars))
            self._shared = frozenset(file for file, unlike in names.items() if len(unlike) > 1)
        return self._shared

    def _render(self, agent: str, prompt: Prompt, found: list[Diagnostic]) -> None:
        rendered, problems = prompt.render()
        found += problems
        if rendered is not None:
            self._result.prompts[agent] = rendered
            self._result.templates[agent] = prompt

    def _load_template(self, name: str) -> Text | None:
        path = self._files.inside(name)
        if path is None:
            return None
        if not path.is_file():
            self._result.files[path] = b""
            return None
        text = self._read(path, Span.at(name), ())
        return None if text is None else Text(text, self._files.shown(path))

    def _check_script(self, agent: str, file: str | None, route: Route, document: Document) -> None:
        if not file:
            return  # another model, or a finding already
        text = self._named_text(file, document.value_span(route), route)
        if text is None:
            return
        script_document, found = Document.parse(text.text, text.file)
        if script_document.root is not None:
            script, problems = check_script(script_document, schema("script"))
            found += problems
            if script is not None:
                found += _check_templates(script, script_document)
                self._result.scripts.setdefault(agent, {})[file] = script
        self._result.diagnostics += found

    def _check_voice_file(self, file: VoiceFile, span: Span) -> None:
        """The server reads it when a call begins, so it is watched only while it is of no use."""
        path = Path(file.name) if Path(file.name).is_absolute() else self._inside(file.name, span, file.route)
        if path is None:
            return
        try:
            start = read_start(path, 12)
        except OSError as error:
            self._cannot_read(path, error, span, file.route)
            return
        if file.is_sound and (start[:4], start[8:]) != (b"RIFF", b"WAVE") and self._is_readable(path, span, file.route):
            message, help = f"{self._files.shown(path)} is not a WAV file", "save it as WAV: ffmpeg -i IN OUT.wav"
            self._result.diagnostics.append(Diagnostic("PCR521", message, span, help=help, route=file.route))

    def _renamed(self, path: Path, others: list[str], span: Span) -> Fix | None:
        """The fix for the name of a file that was meant to be another one there."""
        document = self._result.document
        meant = surely(path.name, others, is_ours=False)
        written = document.written(span) if document is not None else ""
        old = written.strip("'\"")
        if meant is None or not old.endswith(path.name):
            return None
        return reword(span, written, old, old.removesuffix(path.name) + meant, f"changed {path.name} to {meant}")

    def _named_text(self, name: str, span: Span, route: Route) -> Text | None:
        """The text of a file that the configuration names, or a finding at that place."""
        path = self._inside(name, span, route)
        text = None if path is None else self._read(path, span, route)
        return None if path is None or text is None else Text(text, self._files.shown(path))

    def _inside(self, name: str, span: Span, route: Route) -> Path | None:
        """The file of a relative name, or a finding at that place when it leads out of the project."""
        path = self._files.inside(name)
        if path is None:
            message = f"`{name}` lies outside the project"
            self._result.diagnostics.append(Diagnostic("PCR001", message, span, route=route))
        return path

    def _read(self, path: Path, span: Span, route: Route) -> str | None:
        if not self._is_readable(path, span, route):
            return None
        text, found = self._files.text(path)
        self._result.diagnostics += found
        if text is not None:
            self._result.texts[self._files.shown(path)] = text
        return text

    def _is_readable(self, path: Path, span: Span, route: Route) -> bool:
        try:
            self._result.files[path] = self._files.read(path)[1]
        except OSError as error:
            self._cannot_read(path, error, span, route)
            return False
        return True

    def _cannot_read(self, path: Path, error: OSError, span: Span, route: Route) -> None:
        shown = self._files.shown(path)
        is_missing = isinstance(error, FileNotFoundError)
        message = f"{shown} does not exist" if is_missing else f"{shown} cannot be read: {error.strerror}"
        others = _others(path) if is_missing else []
        help = _near(path, others) if is_missing else None
        fix = self._renamed(path, others, span) if route else None
        self._result.diagnostics.append(Diagnostic("PCR001", message, span, help=help, route=route, fix=fix))
        self._result.files[path] = b""


def _others(path: Path) -> list[str]:
    """What lies where a file should be."""
    try:
        return [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return []


def _near(path: Path, others: list[str]) -> str | None:
    if path.name == CONFIG_NAME:
        return "make a project with: pinecall-run init DIR"
    meant = closest(path.name, others)
    return f"did you mean `{meant}`?" if meant else None


def _check_templates(script: Mapping[str, Any], document: Document) -> list[Diagnostic]:
    routes: list[Route] = [
        ("otherwise",),
        *(("rules", index, "reply") for index in range(len(script["rules"]))),
    ]
    return [finding for route in routes for finding in compile_syntax(document.text_at(route))]
