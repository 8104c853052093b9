"""A checked project becomes a deployment: tools imported and bound."""

from __future__ import annotations

import sys
from pathlib import Path

from pinecall_run.config.model import Agent
from pinecall_run.deploy.deployment import DeployedAgent, Deployment, deploy
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import Diagnostic, Label, Route, Span
from pinecall_run.source.document import Document
from pinecall_run.tools.binding import BindError, Binding, bind
from pinecall_run.tools.path import ToolPath, parse_tool_path


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
    diagnostics: list[Diagnostic] = []
    agents = {}
    for name, agent in config.agents.items():
        tools = _bind_tools(agent, document, checked.project, diagnostics)
        agents[name] = DeployedAgent(agent, checked.prompts[name], checked.scripts.get(name), tools)
    return (None if diagnostics else deploy(config, agents)), diagnostics


def _bind_tools(
    agent: Agent, document: Document, project: Project, diagnostics: list[Diagnostic]
) -> dict[str, Binding]:
    tools = {}
    for name, written in agent.tools.items():
        route: Route = ("agents", agent.name, "tools", name)
        path = parse_tool_path(written)
        assert isinstance(path, ToolPath)
        was_loaded = path.module in sys.modules
        try:
            tools[name] = bind(name, path)
        except BindError as error:
            labels: tuple[Label, ...] = ()
            if error.place is not None:
                file, line = error.place
                labels = (Label(Span.at(project.shown(Path(file)), line), "it fails here"),)
            is_stale = was_loaded and error.code == "PCR403"  # its file has the function: that was checked
            help = "its code was loaded when pinecall-run started; restart it" if is_stale else error.help
            span = document.value_span(route)
            diagnostics.append(Diagnostic(error.code, str(error), span, help=help, route=route, labels=labels))
    return tools
