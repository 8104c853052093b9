"""What of each vendor is here: whether it is served, installed, and has its keys, which are never told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from importlib_metadata import PackageNotFoundError, requires, version

from pinecall_run.cli._provider_text import install
from pinecall_run.vendors.facts import STAGES, Provider, Stage
from pinecall_run.vendors.table import PROVIDERS

_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Here:
    """A vendor as this machine has it. ``agents`` are those of the project that name it."""

    provider: Provider
    is_installed: bool
    keys: Mapping[str, bool]
    is_elsewhere: bool
    agents: Sequence[str] = ()

    @property
    def state(self) -> str:
        """Whether it can be used, and what it lacks."""
        if not self.provider.is_served:
            return "not served here"
        if not self.is_installed:
            return f"needs {install(self.provider)}"
        missing = [name for name, is_set in self.keys.items() if not is_set]
        return f"needs {', '.join(missing)}" if missing else "ready"

    def as_object(self) -> dict[str, Any]:
        """The same for programs."""
        one = self.provider
        return {
            "stage": one.stage,
            "name": one.name,
            "summary": one.summary,
            "is_served": one.is_served,
            "state": self.state,
            "extra": one.extra,
            "is_installed": self.is_installed,
            "keys": dict(self.keys),
            "endpoint": one.endpoint,
            "is_endpoint_set": self.is_elsewhere,
            "used_by": list(self.agents),
            "names": list(one.names),
            "options": dict(one.options),
            "page": one.page,
        }


def providers_here(environ: Mapping[str, str], used: Mapping[Stage, Mapping[str, Sequence[str]]]) -> Iterator[Here]:
    """All vendors, stage by stage: those that are used first, then those that are served."""
    for stage in STAGES:
        agents = used.get(stage, {})
        names = sorted(PROVIDERS[stage].values(), key=lambda one: (one.name not in agents, not one.is_served, one.name))
        for one in names:
            yield Here(
                one,
                not one.extra or is_installed(one.extra),
                {name: bool(environ.get(name)) for name in one.keys},
                bool(one.endpoint and environ.get(one.endpoint)),
                agents.get(one.name, ()),
            )


def is_installed(extra: str) -> bool:
    """Whether all that an extra of this package asks for is there, in whatever version."""
    asked = re.compile(rf"extra == ['\"]{re.escape(extra)}['\"]")
    wanted = [line for line in requires("pinecall-run") or () if asked.search(line)]
    return bool(wanted) and all(_is_there(line) for line in wanted)


def _is_there(requirement: str) -> bool:
    name = _NAME.match(requirement)
    try:
        return name is not None and bool(version(name[0]))
    except PackageNotFoundError:
        return False
