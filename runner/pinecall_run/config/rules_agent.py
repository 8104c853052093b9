"""Rules about an agent by itself: its name, its prompt, its limits, its time zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pinecall_run.config.rule_context import RuleContext, Subject
from pinecall_run.source.diagnostic import Edit, Fix, Label, Route
from pinecall_run.source.nodes import Scalar
from pinecall_run.source.suggest import closest

_RUNS = re.compile(r"[_-]+")
_PATH = re.compile(r"[^\s{}<>|:]*(/[^\s{}<>|:]*|\.(md|txt|j2|jinja2?|prompt))")
"""A text without spaces that holds a slash or ends like a template."""


def _check_name(subject: Subject, context: RuleContext) -> None:
    name = subject.agent.name
    # Clients of the protocol look an agent up by its name in lower case, every run of - and _ one -.
    holder, first = context.first(("name", _RUNS.sub("-", name.lower())), name, subject.route)
    if holder == name:
        return
    label = Label(context.document.key_span(first), "the other one")
    message = f"clients of the protocol can take `{name}` and `{holder}` for one agent"
    help = "give them names that differ in more than case, - and _"
    context.warn_at_key("PCR516", message, subject.route, help, label)


def _check_prompt(subject: Subject, context: RuleContext) -> None:
    text = subject.agent.prompt.text or ""
    if len(text) > 255 or not _PATH.fullmatch(text):
        return
    route: Route = (*subject.route, "prompt")
    node = context.document.node(route)
    if not isinstance(node, Scalar):
        return  # who writes `text:` means a text
    span = node.span
    written = context.document.written(span)
    is_sure = written.strip("'\"") == text and context.is_file(text)
    fix = Fix((Edit(span, f"{{file: {written}}}"),), f"made {text} the prompt's file") if is_sure else None
    message = f"the prompt is the text `{text}` itself, which looks like the name of a file"
    context.warn("PCR515", message, route, f"write prompt: {{file: {text}}}", fix=fix)


def _check_limits(subject: Subject, context: RuleContext) -> None:
    limits = subject.agent.session_limits or {}
    timeout, warning = limits.get("idle_timeout_seconds", 60), limits.get("idle_warning_seconds", 15)
    route: Route = (*subject.route, "session_limits")
    if not timeout and limits.get("idle_warning_seconds"):
        message = f"the idle warning of {warning} s has no time-out to come before: idle_timeout_seconds is 0"
        help = "give idle_timeout_seconds a number, or take idle_warning_seconds out"
        label = Label(context.document.value_span((*route, "idle_timeout_seconds")), "switched off here")
        context.warn("PCR514", message, (*route, "idle_warning_seconds"), help, label)
    if not timeout or warning < timeout:
        return
    written = next((key for key in ("idle_warning_seconds", "idle_timeout_seconds") if key in limits), "")
    message = f"the idle warning comes {warning} s before a time-out of {timeout} s, so it never comes"
    context.find("PCR504", message, (*route, written), "make idle_warning_seconds smaller than idle_timeout_seconds")


def _check_timezone(subject: Subject, context: RuleContext) -> None:
    zone = subject.agent.timezone
    known = context.timezones() if zone is not None else ()
    if zone is None or zone in known or not known:  # to look one up is less than to count them all
        return
    meant = closest(zone, known)
    help = f"did you mean `{meant}`?" if meant else "write an IANA name such as Europe/Madrid"
    route: Route = (*subject.route, "timezone")
    context.find("PCR505", f"`{zone}` is not a time zone", route, help, fix=context.changed(route, zone, known))


def _check_model_function(subject: Subject, context: RuleContext) -> None:
    agent, route = subject.agent, (*subject.route, "model")
    if agent.model_function is None:
        return
    label = Label(context.document.value_span((*route, "function")), "the function")
    if agent.tools:
        message = f"nothing calls the tools of `{agent.name}`: its model is a function of yours"
        help = "call what it needs in the function itself, and take them out"
        context.warn_at_key("PCR517", message, (*subject.route, "tools"), help, label)
    for key in agent.model if isinstance(agent.model, Mapping) else ():
        if key != "function":
            message = f"`{key}` is for a vendor's model, and the model of `{agent.name}` is a function of yours"
            context.warn_at_key("PCR517", message, (*route, key), "take it out", label)


AGENT_RULES: tuple[Callable[[Subject, RuleContext], None], ...] = (
    _check_name,
    _check_prompt,
    _check_limits,
    _check_timezone,
    _check_model_function,
)
