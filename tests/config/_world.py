"""A pinecall.yaml of one agent, read and checked."""

from collections.abc import Mapping
from typing import Any

from pinecall_run.config.check import check, read_values
from pinecall_run.config.model import Agent, Config
from pinecall_run.resources import schema
from pinecall_run.source.diagnostic import Diagnostic
from pinecall_run.source.document import Document

ZONES = ("UTC", "Europe/Madrid", "Europe/London")


def agent_yaml(rest: str = "") -> str:
    """A project whose one agent has the lines of ``rest`` beside its prompt."""
    lines = "".join(f"    {line}\n" for line in rest.splitlines())
    return f"version: 1\nagents:\n  desk:\n    prompt: You are the desk.\n{lines}"


def checked(
    text: str, environ: Mapping[str, str] | None = None, *, needs_secrets: bool = False
) -> tuple[Config | None, list[Diagnostic]]:
    """What the check says of a pinecall.yaml."""
    document, found = Document.parse(text, "pinecall.yaml")
    config, more = check(
        document, schema("pinecall"), environ or {}, timezones=lambda: ZONES, needs_secrets=needs_secrets
    )
    return config, found + more


def agent(rest: str, environ: Mapping[str, str] | None = None) -> Agent:
    """The agent of a project that is right."""
    config, diagnostics = checked(agent_yaml(rest), environ)
    assert [d.message for d in diagnostics if d.code != "PCR503"] == []
    assert config is not None
    return config.agents["desk"]


def codes(text: str, environ: Mapping[str, str] | None = None) -> list[tuple[str, int, int]]:
    """Code, line and column of each finding, without the warning that nobody can reach the agent."""
    _, diagnostics = checked(text, environ)
    return [(d.code, d.span.line, d.span.column) for d in diagnostics if d.code != "PCR503"]


def values(text: str, of: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Any:
    """The plain values of a document as a schema asks."""
    document, found = Document.parse(text, "a.yaml")
    assert found == []
    read, _ = read_values(document, of, environ)
    return read
