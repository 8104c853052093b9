"""Notices as lines for the terminal: a banner once, then one line for each event."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import click

from pinecall_run.cli._findings import uses_colour
from pinecall_run.deploy.deployment import DeployedAgent, Deployment
from pinecall_run.live import notices
from pinecall_run.source.render import report
from pinecall_run.source.secrets import Secrets, secret_values
from pinecall_run.tools.invoke import Failure

SHORT = 14
"""Characters of a call id that a line shows."""


class Console:
    """Prints what a runner tells. What people say and what tools are given is shown only on request."""

    def __init__(self, *, show_content: bool = False, to_stderr: bool = False) -> None:
        self._show_content = show_content
        self._to_stderr = to_stderr
        self._secrets = Secrets(values=secret_values(os.environ))
        self._standing_by: set[str] = set()
        self._colour = uses_colour((sys.stderr if to_stderr else sys.stdout).isatty())

    def __call__(self, notice: notices.Notice) -> None:
        """Print a notice, if it has a line."""
        line = _LINES.get(type(notice))
        text = line(self, notice) if line is not None else ""
        if text:
            text = self._secrets.hide(text)  # a tool may fail with whatever it holds
            click.echo(
                f"{self._dim(datetime.now().astimezone().strftime('%H:%M:%S'))} {text}", err=self._to_stderr, color=True
            )

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._colour else text

    def _bad(self, text: str) -> str:
        return f"\x1b[31m{text}\x1b[0m" if self._colour else text

    def _connected(self, notice: notices.Connected) -> str:
        return "connected again; agents are being registered" if notice.count > 1 else ""

    def _disconnected(self, notice: notices.Disconnected) -> str:
        return self._bad(f"{notice.reason}; trying again in {notice.retry_in:.1f} s")

    def _refused(self, notice: notices.AgentRefused) -> str:
        again = "" if notice.retry_in is None else f"; trying again in {notice.retry_in:.0f} s"
        return self._bad(f"{notice.agent} was refused: {notice.reason}{again}")

    def _stands_by(self, notice: notices.StandingBy) -> str:
        self._standing_by.add(notice.agent)
        return f"{notice.agent} stands by: another process answers, and this one takes over when it leaves"

    def _up(self, notice: notices.AgentUp) -> str:
        if notice.agent not in self._standing_by:
            return ""
        self._standing_by.discard(notice.agent)
        return f"{notice.agent} took over: new calls are answered here"

    def _channel_refused(self, notice: notices.ChannelRefused) -> str:
        again = "" if notice.retry_in is None else f"; trying again in {notice.retry_in:.0f} s"
        return self._bad(f"{notice.agent}: {notice.ref} was refused: {notice.reason}{again}")

    def _began(self, notice: notices.CallBegan) -> str:
        return f"{_where(notice)} began ({notice.channel}, revision {notice.revision})"

    def _said(self, notice: notices.Said) -> str:
        return f"{_where(notice)} {notice.who}: {notice.content}" if self._show_content else ""

    def _tool(self, notice: notices.ToolRan) -> str:
        arguments = notice.content if self._show_content else "…"
        head = f"{_where(notice)} tool {notice.tool}({arguments})"
        tail = f"{notice.milliseconds:.0f} ms, pid {os.getpid()}"
        if notice.tries > 1:
            tail = f"{notice.tries} tries, {tail}"
        if notice.is_repeated:
            tail = f"not run again, as the journal says, {tail}"
        if notice.failure is None:
            return f"{head} ok, {tail}"
        return self._bad(f"{head} {self._failure(notice.failure)}, {tail}")

    def _function(self, notice: notices.FunctionFailed) -> str:
        return self._bad(f"{_where(notice)} {notice.what} {notice.path} {self._failure(notice.failure)}")

    def _retried(self, notice: notices.ToolRetried) -> str:
        failure = self._failure(notice.failure)
        return self._bad(f"{_where(notice)} tool {notice.tool}(…) {failure}; trying again in {notice.retry_in:.1f} s")

    def _failure(self, failure: Failure) -> str:
        place = f" at {os.path.relpath(failure.file)}:{failure.line}" if failure.file else ""
        said = f": {failure.message}" if self._show_content else ""
        return f"failed with {failure.kind}{place}{said}"

    def _over(self, notice: notices.CallOver) -> str:
        return f"{_where(notice)} ended ({notice.reason}, {notice.seconds:.0f} s)"

    def _trouble(self, notice: notices.Trouble) -> str:
        where = f"{_where(notice)} " if notice.agent else ""
        return self._bad(f"{where}error: {notice.text}")

    def _reloaded(self, notice: notices.Reloaded) -> str:
        lines = [f"reloaded: revision {notice.revision}, {_calls(notice.live_calls)}"]
        lines += [f"         {action.agent}: {action.what} ({action.takes_effect})" for action in notice.actions]
        if not notice.actions:
            lines.append("         tools (next call)")
        lines += [f"         {what}: restart pinecall-run for this to take effect" for what in notice.restart_for]
        return "\n".join(lines)

    def _reload_refused(self, notice: notices.ReloadRefused) -> str:
        checked = notice.checked
        findings = report(checked.diagnostics, checked.lines, colour=self._colour, secrets=checked.secrets)
        return f"{self._bad('not reloaded; what ran before goes on')}\n{findings}"

    def _blocked(self, notice: notices.LoopBlocked) -> str:
        place = f"{os.path.relpath(notice.file)}:{notice.line}"
        return self._bad(
            f"{place} kept everything waiting for {notice.seconds:.1f} s; make it a plain function, which gets a thread"
        )

    def _draining(self, notice: notices.Draining) -> str:
        if not notice.calls and not notice.tools:
            return "no new calls; nothing is going on"
        counts = (_count(notice.calls, "live call"), _count(notice.tools, "tool"))
        going_on = " and ".join(filter(None, counts))
        return f"no new calls; waiting up to {notice.seconds:g} s for {going_on}; a second signal ends it now"

    def _code(self, notice: notices.CodeChanged) -> str:
        return f"{', '.join(notice.files)} changed; Python code is loaded when pinecall-run starts, so restart it"


_LINES: Mapping[type[notices.Notice], Callable[[Console, Any], str]] = {
    notices.Connected: Console._connected,
    notices.Disconnected: Console._disconnected,
    notices.AgentRefused: Console._refused,
    notices.StandingBy: Console._stands_by,
    notices.AgentUp: Console._up,
    notices.ChannelRefused: Console._channel_refused,
    notices.CallBegan: Console._began,
    notices.Said: Console._said,
    notices.ToolRan: Console._tool,
    notices.FunctionFailed: Console._function,
    notices.ToolRetried: Console._retried,
    notices.CallOver: Console._over,
    notices.Trouble: Console._trouble,
    notices.Reloaded: Console._reloaded,
    notices.ReloadRefused: Console._reload_refused,
    notices.LoopBlocked: Console._blocked,
    notices.Draining: Console._draining,
    notices.CodeChanged: Console._code,
}


def banner(
    deployment: Deployment,
    environment: str | None,
    server: str,
    page: str | None,
    unserved: Mapping[str, list[str]],
    version: str,
) -> str:
    """What runs, for the beginning. ``unserved`` names, by agent, the channels without a transport."""
    where = f", environment {environment}" if environment is not None else ""
    lines = [f"pinecall-run {version}, revision {deployment.revision}{where}", f"  server   {server}"]
    if page:
        lines.append(f"  page     {page}")
    for agent in deployment.agents.values():
        lines += _agent_lines(agent, unserved.get(agent.config.name, []))
    lines.append("  A changed pinecall.yaml or prompt takes effect with the next conversation. Ctrl-C ends it.")
    return "\n".join(lines)


def _agent_lines(agent: DeployedAgent, unserved: list[str]) -> list[str]:
    channels = [channel.ref for channel in agent.config.channels]
    served = [str(channel) for channel in channels if (channel.ref or channel.kind) not in unserved]
    waiting = [str(channel) for channel in channels if (channel.ref or channel.kind) in unserved]
    lines = [f"  agent    {agent.config.name}: {', '.join(served) or 'no channel is served here'}"]
    if waiting:
        lines.append(f"           registered, but this server has no transport for it yet: {', '.join(waiting)}")
    lines.append(f"           model {_model(agent)}")
    for name, tool in agent.config.tools.items():
        lines.append(f"           tool {name} → {tool.function}")
    lines += [f"           on {event} → {hook.path}" for event, hook in agent.on.items()]
    if agent.context is not None:
        lines.append(f"           context → {agent.context.path}")
    return lines


def _model(agent: DeployedAgent) -> str:
    if agent.script is not None:
        return f"scripted: answers come from {agent.config.script_file}, not from a language model"
    if agent.model is not None:
        return f"your function {agent.model.path}"
    model = agent.config.model
    return model if isinstance(model, str) else f"{model.get('provider', 'openai')} {model['model']}"


def _where(notice: Any) -> str:
    return f"{notice.agent} {notice.call[:SHORT]}".rstrip()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number > 1)}" if number else ""


def _calls(count: int) -> str:
    if not count:
        return "no live calls"
    return f"{count} live call{'s' if count > 1 else ''} {'keep' if count > 1 else 'keeps'} the revision begun with"
