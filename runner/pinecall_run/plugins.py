"""Providers that other installed packages bring: found by their entry points, imported only when they are used.

An entry point's group is the stage, its name what a project writes, its value the provider's module. Source:
https://packaging.python.org/en/latest/specifications/entry-points/. To look reads the metadata of every installed
package, some tens of milliseconds: it is done only for names that :mod:`pinecall_run.vendors` does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from pinecall_run.vendors.facts import STAGES, Provider, Stage
from pinecall_run.vendors.table import known

GROUPS: Mapping[Stage, str] = {"stt": "pinecall_run.stt", "voice": "pinecall_run.tts", "model": "pinecall_run.llm"}

_MOST_WORDS = 160


class PluginError(Exception):
    """A package's provider cannot be used; the message names the package, ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Plugin:
    """One provider of another package, not imported yet."""

    stage: Stage
    name: str
    module: str
    package: str
    version: str

    @property
    def is_ignored(self) -> bool:
        """Whether the name is one of ours, which nobody takes over."""
        return self.name in known(self.stage)

    def __str__(self) -> str:
        return f"{self.name} of the package {self.package} {self.version}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """One whose module is imported. ``facts`` are what it says of itself in ``PROVIDERS``, if it does."""

    plugin: Plugin
    module: ModuleType
    facts: Provider | None


def found() -> list[Plugin]:
    """All that are installed, by stage and name, those included whose name is ignored."""
    from importlib_metadata import entry_points  # takes a while to import

    return [
        Plugin(stage, point.name, point.value, point.dist.name, point.dist.version)
        for stage in STAGES
        for point in sorted(entry_points(group=GROUPS[stage]), key=lambda point: point.name)
        if point.dist is not None
    ]


def names(stage: Stage) -> frozenset[str]:
    """The names that a project may write for a stage thanks to other packages."""
    return frozenset(plugin.name for plugin in found() if plugin.stage == stage and not plugin.is_ignored)


def find(stage: Stage, name: str) -> Plugin | None:
    """The provider of that name, if a package has it.

    Raises:
        PluginError: several packages have one of the name, and nobody can tell which is meant.
    """
    all_of_it = [one for one in found() if (one.stage, one.name) == (stage, name) and not one.is_ignored]
    packages = sorted({one.package for one in all_of_it})
    if len(packages) > 1:
        raise PluginError(f"the packages {' and '.join(packages)} both have a provider `{name}`", "uninstall one")
    return all_of_it[0] if all_of_it else None


def load(plugin: Plugin) -> Loaded:
    """Import a provider's module.

    Raises:
        PluginError: it cannot be imported, or what it says of itself is of another shape.
    """
    try:
        module = import_module(plugin.module)
    except (Exception, SystemExit) as error:  # whatever is wrong there, the calls of others go on
        words = " ".join(str(error).split())[:_MOST_WORDS]
        message = f"{plugin} cannot be imported: {type(error).__name__}: {words}"
        raise PluginError(message, f"mend it with: pip install --upgrade {plugin.package}") from error
    said = getattr(module, "PROVIDERS", ())
    if not isinstance(said, list | tuple) or not all(isinstance(one, Provider) for one in said):
        message = f"{plugin} is broken: PROVIDERS of {plugin.module} is no list of pinecall_run.vendors.facts.Provider"
        raise PluginError(message, "tell its authors")
    own = (one for one in said if (one.stage, one.name) == (plugin.stage, plugin.name))
    return Loaded(plugin, module, next(own, None))
