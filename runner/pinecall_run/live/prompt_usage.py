"""What prompts make of their variables and say of tools, over all agents of a project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pinecall_run.config.model import Agent
from pinecall_run.prompts.builtins import PER_REQUEST
from pinecall_run.prompts.usage import Stranger, Usage, left_out, strangers, usage
from pinecall_run.source.diagnostic import Diagnostic, Label, Route, Severity, Span
from pinecall_run.source.document import Document, Text


@dataclass(slots=True)
class _Variable:
    """A variable where it is written, which agents may share by an anchor, and whether any of them reads it."""

    route: Route
    is_read: bool = False


class PromptUsage:
    """Goes through the agents' prompts in turn, and in the end tells which variables no prompt reads."""

    def __init__(self, document: Document, agents: Mapping[str, Agent], load: Callable[[str], Text | None]) -> None:
        self._document = document
        self._load = load
        self._agents = agents
        self._owners = {tool: agent.name for agent in reversed(list(agents.values())) for tool in agent.tools}
        self._known: dict[tuple[str, str], Usage] = {}
        self._variables: dict[Span, _Variable] = {}
        self._said: set[tuple[Span, str]] = set()

    def check(self, agent: Agent, text: Text, rendered: str | None) -> list[Diagnostic]:
        """Findings about one prompt; ``rendered`` is ``None`` where it cannot be rendered, and little is said then."""
        has_text = rendered is not None and (agent.prompt.vars or self._owners)
        found = self._usage(text) if has_text else None
        diagnostics = self._hiding(agent)
        for name in agent.prompt.vars:
            route: Route = ("agents", agent.name, "prompt", "vars", name)
            variable = self._variables.setdefault(self._document.key_span(route), _Variable(route))
            variable.is_read |= found is None or found.names is None or name in found.names
        if found is not None and rendered is not None:
            diagnostics += self._strangers(agent, found) + self._left_out(agent, rendered)
        return diagnostics

    def _usage(self, text: Text) -> Usage:
        key = (text.file, text.text)
        if key not in self._known:
            self._known[key] = usage(text, self._load)
        return self._known[key]

    def unused(self) -> list[Diagnostic]:
        """Findings about the variables that no prompt reads."""
        help = "take it out, or write {{{{ {} }}}} where the prompt should have it"
        return [
            Diagnostic(
                "PCR304",
                f"no prompt uses the variable `{variable.route[-1]}`",
                span,
                Severity.WARNING,
                help.format(variable.route[-1]),
                variable.route,
            )
            for span, variable in self._variables.items()
            if not variable.is_read
        ]

    def _hiding(self, agent: Agent) -> list[Diagnostic]:
        diagnostics = []
        for name in agent.prompt.vars:
            route: Route = ("agents", agent.name, "prompt", "vars", name)
            span = self._document.key_span(route)
            if name in PER_REQUEST and self._is_new(span, name):
                message = f"`{name}` hides what the server fills in under that name for each request"
                help = "give it another name, or take it out for the current one"
                diagnostics.append(Diagnostic("PCR305", message, span, Severity.WARNING, help, route))
        return diagnostics

    def _strangers(self, agent: Agent, found: Usage) -> list[Diagnostic]:
        taken = (agent.prompt.vars, PER_REQUEST, self._agents)
        words = [(text, word) for text, word in found.words if not any(word.word in names for names in taken)]
        diagnostics = []
        for stranger in strangers(words, agent.tools.keys(), self._owners.keys()):
            span = stranger.text.find(stranger.word.word, stranger.word.line)
            if self._is_new(span, stranger.word.word):
                diagnostics.append(self._stranger(agent, stranger, span))
        return diagnostics

    def _stranger(self, agent: Agent, stranger: Stranger, span: Span) -> Diagnostic:
        name, route = stranger.word.word, ("agents", agent.name, "prompt")
        if stranger.meant is not None:
            message, help = f"`{agent.name}` has no tool `{name}`", f"did you mean `{stranger.meant}`?"
            tool: Route = ("agents", agent.name, "tools", stranger.meant)
        else:
            owner = self._owners[name]
            message = f"`{name}` is a tool of `{owner}`, and `{agent.name}` does not have it"
            help = f"add it to the tools of `{agent.name}`, or take it out of the prompt"
            tool = ("agents", owner, "tools", name)
        label = Label(self._document.key_span(tool), "the tool")
        return Diagnostic("PCR306", message, span, Severity.WARNING, help, route, (label,))

    def _left_out(self, agent: Agent, rendered: str) -> list[Diagnostic]:
        name = left_out(rendered, agent.tools)
        if name is None:
            return []
        route: Route = ("agents", agent.name, "tools", name)
        span = self._document.key_span(route)
        message = f"the prompt of `{agent.name}` names all of its tools but `{name}`"
        help = "say there when to use it, if the others need saying"
        return [Diagnostic("PCR307", message, span, Severity.INFO, help, route)]

    def _is_new(self, span: Span, name: str) -> bool:
        is_new = (span, name) not in self._said
        self._said.add((span, name))
        return is_new
