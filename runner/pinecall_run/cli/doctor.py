"""``pinecall-run doctor``: a second with each vendor, and what is wrong with those that do not answer.

It makes the calls itself, as the embedded voice server would with this environment: adapters and keys are the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from pinecall_run.cli._findings import show
from pinecall_run.cli._pick import env_option, project_option
from pinecall_run.config.model import Agent, Config
from pinecall_run.live.load import Checked, check_project
from pinecall_run.live.project import Project
from pinecall_run.providers.catalogue import parse_models
from pinecall_run.providers.contracts import ModelSpec, ProviderError, SpeechSpec
from pinecall_run.providers.speech_catalogue import parse_stt, parse_voice
from pinecall_run.providers.trial import Outcome, Trial, keyed, tried
from pinecall_run.source.secrets import Secrets, secret_values

_SPOKEN = frozenset(("webrtc", "phone", "sip"))
_FREE = frozenset(("local", "scripted"))
_NOUNS = {"stt": "ear", "voice": "voice", "model": "model"}

Found = tuple[Outcome, list[str]]
"""What came of a trial, and which agents it is of."""


@click.command("doctor")
@project_option
@env_option
@click.option("--all", "is_all", is_flag=True, help="Try all providers whose keys are set, too.")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(project: Path, environment: str | None, is_all: bool, shape: str) -> None:
    """Call each vendor that the agents use, for a second, and say what is wrong with it.

    An ear gets half a second of silence, a voice speaks one word, a model says ok: real calls, which cost a fraction of
    a cent. Exit code 1 when one fails.
    """
    checked = _checked(Project.at(project, environment), is_all)
    try:
        wanted = _wanted(checked.config)
    except ProviderError as error:
        raise click.ClickException(str(error)) from error
    for trial in keyed(os.environ) if is_all else ():
        if not any(_is_covered(trial, other) for other, _ in wanted):
            wanted.append((trial, []))
    _announce([trial for trial, _ in wanted], checked)
    outcomes = asyncio.run(tried([trial for trial, _ in wanted], os.environ))
    found = [(outcome, agents) for outcome, (_, agents) in zip(outcomes, wanted, strict=True)]
    secrets = checked.secrets | Secrets(values=secret_values(os.environ))
    if text := _FORMATS[shape](found):
        click.echo(secrets.hide(text))
    sys.exit(1 if any(outcome.kind for outcome in outcomes) else 0)


def _checked(project: Project, is_all: bool) -> Checked:
    """The project, without its code; where there is none, all that is keyed is looked at without one."""
    if is_all and not project.file.exists():
        return Checked(project)
    checked = check_project(project, os.environ)
    show(checked)
    if checked.config is None:
        sys.exit(1)
    return checked


def _wanted(config: Config | None) -> list[tuple[Trial, list[str]]]:
    """What the agents use, each once, and who uses it."""
    wanted: list[tuple[Trial, list[str]]] = []
    for name, agent in (config.agents if config is not None else {}).items():
        for trial in _trials(agent):
            agents = next((agents for other, agents in wanted if other == trial), None)
            if agents is None:
                wanted.append((trial, [name]))
            elif name not in agents:
                agents.append(name)
    return wanted


def _trials(agent: Agent) -> Iterable[Trial]:
    models = [] if agent.model_function is not None else parse_models(agent.model)
    yield from (Trial("model", spec) for spec in models if spec.provider != "scripted")
    places: list[Mapping[str, Any]] = [channel.overrides for channel in agent.channels if channel.ref.kind in _SPOKEN]
    for place in places:
        language = place.get("language", agent.language) or ""
        ears = parse_stt(place.get("stt", agent.stt), language) or [SpeechSpec("local", language=language)]
        voices = parse_voice(place.get("voice", agent.voice), language) or [SpeechSpec("local", language=language)]
        yield from (Trial("stt", spec) for spec in ears)
        yield from (Trial("voice", spec) for spec in voices)


def _is_covered(trial: Trial, other: Trial) -> bool:
    return (trial.stage, trial.spec.provider) == (other.stage, other.spec.provider)


def _announce(trials: Sequence[Trial], checked: Checked) -> None:
    paid = dict.fromkeys(trial.spec.provider for trial in trials if trial.spec.provider not in _FREE)
    if not trials:
        click.echo("no agent uses a vendor; --all tries those whose keys are set", err=True)
    elif paid:
        click.echo(f"calling {', '.join(paid)} for a second: together a fraction of a cent", err=True)
    if checked.config is not None and checked.config.server.url is not None:
        click.echo("the project's server is elsewhere: what is tried are the keys and the network of here", err=True)


def _text(found: Sequence[Found]) -> str:
    named = [(outcome, agents, _named(outcome.trial.spec)) for outcome, agents in found]
    width = max((len(name) for _, _, name in named), default=0)
    lines = []
    for outcome, agents, name in named:
        begin = f"{'failed' if outcome.kind else 'ok':<6}  {_NOUNS[outcome.trial.stage]:<5}  {name:<{width}}"
        of = f"  ({', '.join(agents)})" if agents else ""
        if outcome.kind is None:
            lines.append(f"{begin}  {outcome.seconds:.2f} s{of}")
            continue
        lines.append(f"{begin}  {outcome.error}{of}")
        lines += [f"        help: {outcome.hint}"] if outcome.hint else []
    return "\n".join(lines)


def _named(spec: SpeechSpec | ModelSpec) -> str:
    name = spec.model if isinstance(spec, ModelSpec) else spec.name
    return f"{spec.provider}:{name}" if name else spec.provider


def _json(found: Sequence[Found]) -> str:
    tries = [
        {
            "stage": outcome.trial.stage,
            "provider": outcome.trial.spec.provider,
            "name": outcome.trial.name,
            "agents": agents,
            "is_ok": outcome.kind is None,
            "seconds": round(outcome.seconds, 3) if outcome.kind is None else None,
            "kind": outcome.kind,
            "error": outcome.error or None,
            "hint": outcome.hint or None,
        }
        for outcome, agents in found
    ]
    return json.dumps({"providers": tries}, indent=2, ensure_ascii=False)


_FORMATS = {"text": _text, "json": _json}
