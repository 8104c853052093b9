"""Rules about how tools are called: options that contradict each other, and a journal that nothing is written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pinecall_run.config.model import Config, Tool
from pinecall_run.config.rule_context import RuleContext, Subject
from pinecall_run.source.diagnostic import Label, Route
from pinecall_run.source.document import Document


def _check_retries(subject: Subject, context: RuleContext) -> None:
    for name, tool, route in _tools(subject):
        if not tool.retries or tool.effect == "read":
            continue
        key: Route = (*route, "retries")
        if tool.is_write:
            label = Label(context.document.value_span((*route, "effect")), "it writes")
            message = f"a failed try may have written, so `{name}` is not tried again"
            context.find("PCR415", message, key, "take `retries` out: a write is run once", label)
        else:
            message = f"nothing says that `{name}` only reads, so it is not tried again"
            help = "add `effect: read`, if running it twice does no harm, or take `retries` out"
            context.find("PCR415", message, key, help)


def _check_cancelled_writes(subject: Subject, context: RuleContext) -> None:
    for name, tool, route in _tools(subject):
        if tool.is_write and tool.cancel_on_interruption:
            label = Label(context.document.value_span((*route, "effect")), "it writes")
            message = f"a person who talks over the agent cuts `{name}` off while it writes"
            help = "take `cancel_on_interruption` out: nobody would know whether it happened"
            context.warn("PCR416", message, (*route, "cancel_on_interruption"), help, label)


def _tools(subject: Subject) -> Iterator[tuple[str, Tool, Route]]:
    for name, tool in subject.agent.tools.items():
        yield name, tool, (*subject.route, "tools", name)


def check_journal(config: Config, context: RuleContext) -> None:
    """A journal is of use when a tool says that it writes."""
    tools = [tool for agent in config.agents.values() for tool in agent.tools.values()]
    if config.journal is None or any(tool.is_write for tool in tools) or len(tools) < _count_written(context.document):
        return
    message = "no tool says that it writes, so nothing is written to the journal"
    context.warn("PCR417", message, ("journal",), "add `effect: write` to every tool that must not run twice")


def _count_written(document: Document) -> int:
    """The tools as they are written: one with a finding is not among the configuration's."""
    return sum(len(document.keys(("agents", agent, "tools"))) for agent in document.keys(("agents",)))


TOOL_RULES: tuple[Callable[[Subject, RuleContext], None], ...] = (_check_retries, _check_cancelled_writes)
