"""What a rule over the configuration is given: an agent and where it is written, the outside facts, a place for
findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.config.model import Agent, Channel
from pinecall_run.source.diagnostic import Diagnostic, Fix, Label, Route, Severity
from pinecall_run.source.document import Document
from pinecall_run.source.fix import reword
from pinecall_run.source.suggest import surely
from pinecall_run.vendors.facts import Stage


@dataclass(frozen=True, slots=True)
class PlacedChannel:
    """A channel, where it is written, and the keys it is written with: none for a short form."""

    channel: Channel
    route: Route
    options: Mapping[str, Any]

    @property
    def address_route(self) -> Route:
        """Where the address is written."""
        return (*self.route, "ref") if "ref" in self.options else self.route


@dataclass(frozen=True, slots=True)
class Subject:
    """The agent that rules look at."""

    agent: Agent
    channels: tuple[PlacedChannel, ...]

    @property
    def route(self) -> Route:
        """Where the agent is written."""
        return ("agents", self.agent.name)


@dataclass(slots=True)
class RuleContext:
    """What is known while the agents are gone through, one after the other.

    ``timezones`` gives the known IANA names, none where the machine has none; ``is_file`` says whether the project has
    a file of a name. ``is_embedded`` is whether the embedded server will run the project, for sure. ``plugins`` gives,
    by stage, the names of providers that other packages bring: that takes long, and is asked for an unknown name only.
    """

    document: Document
    timezones: Callable[[], Collection[str]]
    is_file: Callable[[str], bool]
    is_embedded: bool
    plugins: Callable[[Stage], Collection[str]] = lambda stage: ()
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _first: dict[Hashable, tuple[str, Route]] = field(default_factory=dict)

    def find(
        self,
        code: str,
        message: str,
        route: Route,
        help: str,
        *labels: Label,
        severity: Severity = Severity.ERROR,
        fix: Fix | None = None,
    ) -> None:
        """A finding at the value of a route."""
        span = self.document.value_span(route)
        self.diagnostics.append(Diagnostic(code, message, span, severity, help, route, labels, fix))

    def warn(self, code: str, message: str, route: Route, help: str, *labels: Label, fix: Fix | None = None) -> None:
        """A finding that stops nobody, at the value of a route."""
        self.find(code, message, route, help, *labels, severity=Severity.WARNING, fix=fix)

    def warn_at_key(self, code: str, message: str, route: Route, help: str, *labels: Label) -> None:
        """A finding that stops nobody, at the last key of a route."""
        span = self.document.key_span(route)
        self.diagnostics.append(Diagnostic(code, message, span, Severity.WARNING, help, route, labels))

    def first(self, what: Hashable, agent: str, route: Route) -> tuple[str, Route]:
        """Which agent had a thing first, and where: this one, if nobody had."""
        return self._first.setdefault(what, (agent, route))

    def changed(self, route: Route, value: str, known: Iterable[str]) -> Fix | None:
        """The fix for a word that was surely meant to be a known one."""
        meant = surely(value, known)
        return None if meant is None else self.written_as(route, value, meant, f"changed {value} to {meant}")

    def written_as(self, route: Route, value: str, meant: str, title: str) -> Fix | None:
        """The fix that writes a word in place of a value, if that is all that is written there."""
        span = self.document.value_span(route)
        return reword(span, self.document.written(span), value, meant, title)
