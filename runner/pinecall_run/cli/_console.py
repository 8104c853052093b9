"""A runner's notices and its banner, written to the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from pinecall_run.cli._lines import LINES, fields
from pinecall_run.cli._log import Log
from pinecall_run.deploy.deployment import DeployedAgent, Deployment
from pinecall_run.live import notices
from pinecall_run.live.settling import Settling


class Console:
    """Writes what a runner tells. What people say and what tools are given is shown only on request.

    ``revision`` is what every line is about that is not about a call; it follows reloads.
    """

    def __init__(self, log: Log, *, revision: str = "", show_content: bool = False) -> None:
        self._log = log
        self._revision = revision
        self._show_content = show_content

    def __call__(self, notice: notices.Notice) -> None:
        """Write a notice, if it has a line."""
        if isinstance(notice, notices.Reloaded):
            self._revision = notice.revision
        line = LINES.get(type(notice))
        if line is None or (not self._log.is_json and line.is_for_machines(notice)):
            return
        level, sentence = line.level_of(notice), line.say(notice, self._show_content)
        if level == "debug" or not sentence:
            return
        if self._log.is_json:
            known = fields(notice, shown=self._show_content)
            about = {} if "call" in known else self._about()  # a call's revision is its own, or not known
            self._log.write(level, line.event, sentence, about | known)
        else:
            self._log.write(level, line.event, sentence, {}, line.detail(notice, self._log.colour))

    def greet(
        self,
        deployment: Deployment,
        environment: str | None,
        places: Mapping[str, str],
        settled: Settling,
        version: str,
    ) -> None:
        """Say what runs, and at which ``places``, by name: as a banner, or as one event."""
        if not self._log.is_json:
            click.echo(banner(deployment, environment, places, settled, version))
            return
        facts: dict[str, Any] = {
            "version": version,
            "environment": environment,
            **places,
            "agents": list(deployment.agents),
            "unserved": dict(settled.unserved),
        }
        self._log.write("info", "started", f"pinecall-run {version} runs", self._about() | facts)

    def _about(self) -> dict[str, Any]:
        return {"revision": self._revision} if self._revision else {}


def banner(
    deployment: Deployment,
    environment: str | None,
    places: Mapping[str, str],
    settled: Settling,
    version: str,
) -> str:
    """What runs, for the beginning, and what the server said of it."""
    where = f", environment {environment}" if environment is not None else ""
    lines = [f"pinecall-run {version}, revision {deployment.revision}{where}"]
    lines += [f"  {name:<8} {place}" for name, place in places.items()]
    shared = _shared(settled.notes)
    for agent in deployment.agents.values():
        name = agent.config.name
        own = [note for note in settled.notes.get(name, []) if note not in shared]
        lines += _agent_lines(agent, settled.unserved.get(name, []), own)
    for names in dict.fromkeys(shared.values()):
        lines.append(f"  agents   {', '.join(names)}")
        lines += [f"           {note}" for note, agents in shared.items() if agents == names]
    lines.append("  A changed pinecall.yaml, prompt or tool takes effect with the next conversation. Ctrl-C ends it.")
    return "\n".join(lines)


def _shared(notes: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """What is said of several agents, and of which: it is told once."""
    everything = dict.fromkeys(note for said in notes.values() for note in said)
    agents = {note: tuple(name for name, said in notes.items() if note in said) for note in everything}
    return {note: names for note, names in agents.items() if len(names) > 1}


def _agent_lines(agent: DeployedAgent, unserved: list[str], notes: list[str]) -> list[str]:
    channels = [channel.ref for channel in agent.config.channels]
    served = [str(channel) for channel in channels if (channel.ref or channel.kind) not in unserved]
    waiting = [str(channel) for channel in channels if (channel.ref or channel.kind) in unserved]
    lines = [f"  agent    {agent.config.name}: {', '.join(served) or 'no channel is served here'}"]
    if waiting:
        lines.append(f"           registered, but not served here: {', '.join(waiting)}")
    lines += [f"           {note}" for note in notes]
    lines.append(f"           model {_model(agent)}")
    for name, tool in agent.config.tools.items():
        lines.append(f"           tool {name} → {tool.function}")
    lines += [f"           on {event} → {hook.path}" for event, hook in agent.on.items()]
    if agent.context is not None:
        lines.append(f"           context → {agent.context.path}")
    return lines


def _model(agent: DeployedAgent) -> str:
    if agent.config.script_file is not None:
        return f"scripted: answers come from {agent.config.script_file}, not from a language model"
    if agent.model is not None:
        return f"your function {agent.model.path}"
    names = [
        model if isinstance(model, str) else f"{model.get('provider', 'openai')} {model['model']}"
        for model in agent.config.models
    ]
    return ", then ".join(names)
