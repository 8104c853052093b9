"""One line for each notice: its event, its level, its sentence. No content, unless it is to be ``shown``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pinecall_run.deploy.changes import Change
from pinecall_run.live import notices
from pinecall_run.live.load import Checked
from pinecall_run.source.formats import finding_object
from pinecall_run.source.render import report
from pinecall_run.tools.invoke import Failure
from pinecall_run.tools.usage import Usage, Used

SHORT, SHORT_REVISION = 14, 6
"""Characters of a call's id and of a revision that a line for people shows."""


@dataclass(frozen=True, slots=True)
class Line:
    """How a notice is told.

    Attributes:
        event: its name for machines, which never changes.
        level: ``debug`` (told to nobody), ``info``, ``warning`` or ``error``; or how to find that out.
        say: the notice, and whether content is to be shown, to the sentence; an empty one is not told.
        detail: more lines for people, by the notice and whether to colour.
        is_for_machines: whether people can do without it, because they see it elsewhere.
    """

    event: str
    level: str | Callable[[Any], str]
    say: Callable[[Any, bool], str]
    detail: Callable[[Any, bool], str] = lambda _, __: ""
    is_for_machines: Callable[[Any], bool] = lambda _: False

    def level_of(self, notice: notices.Notice) -> str:
        """The level of one notice."""
        return self.level if isinstance(self.level, str) else self.level(notice)


def fields(notice: notices.Notice, *, shown: bool) -> dict[str, Any]:
    """The notice's own fields as plain values, in order; ``content`` only if it is to be ``shown``."""
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(notice):
        value = getattr(notice, field.name)
        is_told = (shown or field.name != "content") and not (field.name in _WHERE and not value)
        if is_told:
            plain[_NAMES.get(field.name, field.name)] = _plain(value, shown)
    return plain


_WHERE = frozenset({"agent", "call", "revision"})
_NAMES = {"checked": "findings", "text": "reason"}


def _plain(value: Any, shown: bool) -> Any:
    match value:
        case Failure(kind, message, file, line):
            failure = {"kind": kind, "file": file, "line": line}
            return failure | {"message": message} if shown else failure
        case Usage(vendors, cost, is_complete):
            return {"vendors": list(map(_used, vendors)), "cost_usd": cost, "is_cost_complete": is_complete}
        case Change(agent, what, effect):
            return {"agent": agent, "what": what, "effect": effect}
        case Mapping():
            return {str(key): _plain(inner, shown) for key, inner in value.items()}
        case Checked():
            return [finding_object(finding) for finding in value.secrets.hide_in(value.diagnostics)]
        case list() | tuple():
            return [_plain(inner, shown) for inner in value]
        case float():
            return round(value, 3)
        case str() | int() | None:
            return value
        case _:
            return type(value).__name__  # what it holds is not known to be for logs


def _used(used: Used) -> dict[str, Any]:
    about = {"stage": used.stage, "provider": used.provider, "model": used.model}
    return {**about, **used.amounts, "cost_usd": used.cost_usd}


def _where(notice: Any) -> str:
    """``desk chat-8f2e91@1b2c3d``: agent, call and the revision that the call is on, as far as they are known."""
    revision = f"@{notice.revision[:SHORT_REVISION]}" if notice.revision else ""
    return f"{notice.agent} {notice.call[:SHORT]}{revision}".strip()


def _connected(notice: notices.Connected, _: bool) -> str:
    return f"connected{' again' if notice.count > 1 else ''}; agents are being registered"


def _disconnected(notice: notices.Disconnected, _: bool) -> str:
    return f"{notice.reason}; trying again in {notice.retry_in:.1f} s"


def _refused(notice: notices.AgentRefused, _: bool) -> str:
    return f"{notice.agent} was refused: {notice.reason}{_again(notice.retry_in)}"


def _up(notice: notices.AgentUp, _: bool) -> str:
    return f"{notice.agent} {'took over: new calls are answered here' if notice.took_over else 'is registered'}"


def _stands_by(notice: notices.StandingBy, _: bool) -> str:
    return f"{notice.agent} stands by: another process answers, and this one takes over when it leaves"


def _channel_up(notice: notices.ChannelUp, _: bool) -> str:
    name = f"{notice.agent}: {notice.ref or notice.type}"
    notes = "".join(f"; {note}" for note in notice.notes)
    if notice.served:
        return f"{name} is registered{notes}"
    return f"{name} is registered, {f'but not served{notes}' if notes else 'for which this server has no transport'}"


def _channel_refused(notice: notices.ChannelRefused, _: bool) -> str:
    return f"{notice.agent}: {notice.ref} was refused: {notice.reason}{_again(notice.retry_in)}"


def _again(retry_in: float | None) -> str:
    return "" if retry_in is None else f"; trying again in {retry_in:.0f} s"


def _began(notice: notices.CallBegan, _: bool) -> str:
    return f"{_where(notice)} began ({notice.channel})"


def _said(notice: notices.Said, shown: bool) -> str:
    return f"{_where(notice)} {notice.who}: {notice.content}" if shown else ""


def _answered(notice: notices.TurnAnswered, _: bool) -> str:
    stages = ", ".join(f"{name.replace('_', ' ')} {value:.0f}" for name, value in notice.stages.items())
    return f"{_where(notice)} answered; ms since the caller's last sound: {stages}"


def _provider_failed(notice: notices.ProviderFailed, _: bool) -> str:
    then = f"; {notice.next} goes on" if notice.next else ""
    return f"{_where(notice)} {notice.stage} {notice.provider} failed: {notice.text}{then}"


def _tool(notice: notices.ToolRan, shown: bool) -> str:
    head = f"{_where(notice)} tool {notice.tool}({notice.content if shown else '…'})"
    tail = f"{notice.milliseconds:.0f} ms, pid {os.getpid()}"
    if notice.tries > 1:
        tail = f"{notice.tries} tries, {tail}"
    if notice.is_repeated:
        tail = f"not run again, as the journal says, {tail}"
    return f"{head} {'ok' if notice.failure is None else _failed(notice.failure, shown)}, {tail}"


def _retried(notice: notices.ToolRetried, shown: bool) -> str:
    failed = _failed(notice.failure, shown)
    return f"{_where(notice)} tool {notice.tool}(…) {failed}; trying again in {notice.retry_in:.1f} s"


def _function(notice: notices.FunctionFailed, shown: bool) -> str:
    return f"{_where(notice)} {notice.what} {notice.path} {_failed(notice.failure, shown)}"


def _failed(failure: Failure, shown: bool) -> str:
    place = f" at {os.path.relpath(failure.file)}:{failure.line}" if failure.file else ""
    return f"failed with {failure.kind}{place}{f': {failure.message}' if shown else ''}"


def _over(notice: notices.CallOver, _: bool) -> str:
    return f"{_where(notice)} ended ({notice.reason}, {notice.seconds:.0f} s{_cost(notice.usage)})"


def _cost(usage: Usage | None) -> str:
    """Two digits that say something, down to a hundredth of a cent: calls of a few sentences cost less than one."""
    if usage is None or not usage.cost_usd:
        return ""
    shown = f"${usage.cost_usd:.2f}" if usage.cost_usd >= 1 else f"${usage.cost_usd:.4f}"
    return f", {shown}" if usage.is_cost_complete else f", {shown} and what has no price"


def _trouble(notice: notices.Trouble, _: bool) -> str:
    return f"{_where(notice)} error: {notice.text}".lstrip()


_IGNORED = {
    "unknown event": "which this version does not know",
    "malformed": "which cannot be read",
    "unknown agent": "for an agent that is not ours",
    "unknown call": "for a call that is over, or never was",
}


def _ignored(notice: notices.FrameIgnored, _: bool) -> str:
    if not notice.is_first:
        return ""
    why = _IGNORED[notice.reason] + (f" ({notice.detail})" if notice.detail else "")
    return f"the server sends {notice.frame or 'a message'}, {why}: ignored, and not said again"


def _reloaded(notice: notices.Reloaded, _: bool) -> str:
    when = "; there is no connection, so the server hears of it with the next one" if notice.is_postponed else ""
    return f"reloaded: revision {notice.revision}, {_calls(notice.older)}{when}"


def _changes(notice: notices.Reloaded, _: bool) -> str:
    lines = [f"         {change.agent}: {change.what} ({change.effect})" for change in notice.changes]
    lines += [f"         {what}: restart pinecall-run for this to take effect" for what in notice.restart_for]
    return "\n".join(lines)


def _refusals(notice: notices.ReloadRejected, _: bool) -> str:
    return "\n".join(f"         {agent}: {reason}" for agent, reason in notice.refusals)


def _findings(notice: notices.ReloadRefused, colour: bool) -> str:
    checked = notice.checked
    return report(checked.diagnostics, checked.lines, colour=colour, secrets=checked.secrets)


def _blocked(notice: notices.LoopBlocked, _: bool) -> str:
    place = f"{os.path.relpath(notice.file)}:{notice.line}"
    return f"{place} kept everything waiting for {notice.seconds:.1f} s; make it a plain function, which gets a thread"


def _draining(notice: notices.Draining, _: bool) -> str:
    if not notice.calls and not notice.tools:
        return "no new calls; nothing is going on"
    going_on = " and ".join(filter(None, (_count(notice.calls, "live call"), _count(notice.tools, "tool"))))
    return f"no new calls; waiting up to {notice.seconds:g} s for {going_on}; a second signal ends it now"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number > 1)}" if number else ""


def _calls(older: Mapping[str, int]) -> str:
    stay = [f"{_count(count, 'live call')} stay{'s' * (count == 1)} on {each}" for each, count in older.items()]
    return ", ".join(stay) or "no live calls on an older one"


def _always(_: Any) -> bool:
    return True


LINES: Mapping[type[notices.Notice], Line] = {
    notices.Connected: Line("connected", "info", _connected, is_for_machines=lambda notice: notice.count == 1),
    notices.Disconnected: Line("disconnected", "warning", _disconnected),
    notices.AgentUp: Line("agent_registered", "info", _up, is_for_machines=lambda notice: not notice.took_over),
    notices.StandingBy: Line("agent_stands_by", "info", _stands_by),
    notices.AgentRefused: Line("agent_refused", "error", _refused),
    notices.ChannelUp: Line("channel_registered", "info", _channel_up, is_for_machines=_always),
    notices.ChannelRefused: Line("channel_refused", "error", _channel_refused),
    notices.CallBegan: Line("call_started", "info", _began),
    notices.Said: Line("said", "info", _said),
    notices.TurnAnswered: Line("turn_answered", "info", _answered, is_for_machines=_always),
    notices.ProviderFailed: Line("provider_failed", "warning", _provider_failed),
    notices.ToolBegan: Line("tool_started", "debug", lambda notice, _: f"{_where(notice)} tool {notice.tool} began"),
    notices.ToolRan: Line("tool_ended", lambda notice: "info" if notice.failure is None else "error", _tool),
    notices.ToolRetried: Line("tool_retried", "warning", _retried),
    notices.FunctionFailed: Line("function_failed", "error", _function),
    notices.CallOver: Line("call_ended", "info", _over),
    notices.Trouble: Line("trouble", "error", _trouble),
    notices.FrameIgnored: Line("frame_ignored", "warning", _ignored),
    notices.Reloaded: Line("reloaded", "info", _reloaded, _changes),
    notices.ReloadRejected: Line(
        "reload_rejected",
        "error",
        lambda _, __: "not reloaded: the server did not take it, and what ran before goes on",
        _refusals,
    ),
    notices.ReloadFailed: Line(
        "reload_failed", "error", lambda notice, _: f"not reloaded: {notice.reason}; what ran before goes on"
    ),
    notices.ReloadRefused: Line(
        "reload_refused", "error", lambda _, __: "not reloaded; what ran before goes on", _findings
    ),
    notices.LoopBlocked: Line("event_loop_blocked", "warning", _blocked),
    notices.Draining: Line("draining", "info", _draining),
    notices.Stopped: Line("stopped", "info", lambda notice, _: f"stopped: {notice.reason}" if notice.reason else ""),
    notices.Missed: Line("missed", "warning", lambda notice, _: f"{notice.count} events were dropped"),
}
