"""Which vendors a configuration names, and for which of its agents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pinecall_run.config.model import Agent, Config
from pinecall_run.config.vendors import named
from pinecall_run.vendors.facts import STAGES, Stage

_FLUX = "deepgram-flux"


def used(config: Config) -> Mapping[Stage, Mapping[str, list[str]]]:
    """The agents, by stage and the provider that they or one of their channels name."""
    found: dict[Stage, dict[str, list[str]]] = {stage: {} for stage in STAGES}
    for agent in config.agents.values():
        for stage in STAGES:
            for provider in dict.fromkeys(_providers(agent, stage)):
                found[stage].setdefault(provider, []).append(agent.name)
    return found


def _providers(agent: Agent, stage: Stage) -> Iterator[str]:
    values = [getattr(agent, stage), *(channel.overrides.get(stage) for channel in agent.channels)]
    for written in values:
        for one in [written] if isinstance(written, str | Mapping) else written or ():
            found = None if _is_function(one) else named(stage, one)
            if found is not None:
                is_flux = found.provider == "flux" or (found.provider == "deepgram" and found.name.startswith("flux"))
                yield _FLUX if stage == "stt" and is_flux else found.provider


def _is_function(written: Any) -> bool:
    return isinstance(written, Mapping) and "function" in written
