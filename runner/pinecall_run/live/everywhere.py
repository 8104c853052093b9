"""A project checked as it stands and in each of its environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pinecall_run.config.environments import declared
from pinecall_run.live.load import Checked, check_project
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import Diagnostic


def environments_of(checked: Checked) -> list[str]:
    """The environments that a project declares or has a file for."""
    names = declared(checked.layers[0].document) if checked.layers else []
    return list(dict.fromkeys([*names, *checked.project.overlays()]))


def check_everywhere(
    project: Project,
    environ: Mapping[str, str],
    *,
    needs_secrets: bool = False,
    text: str | None = None,
    edited: Mapping[Path, bytes] | None = None,
) -> Checked:
    """Like :func:`check_project`, in every environment, or in the one that ``project`` names.

    A finding that is not there without an environment says in which ones it is.
    """
    checked = check_project(project, environ, needs_secrets=needs_secrets, text=text, edited=edited)
    if project.environment is not None:
        return checked
    places: dict[Diagnostic, list[str]] = {}
    for environment in environments_of(checked):
        there = replace(project, environment=environment)
        found = check_project(there, environ, needs_secrets=needs_secrets, text=text, edited=edited)
        for finding in found.diagnostics:
            places.setdefault(finding, []).append(environment)
        checked.texts = found.texts | checked.texts
        checked.files = found.files | checked.files
        checked.written = found.written | checked.written
    everywhere = set(checked.diagnostics)
    checked.diagnostics += [_of(finding, where) for finding, where in places.items() if finding not in everywhere]
    return checked


def _of(finding: Diagnostic, environments: Sequence[str]) -> Diagnostic:
    named = f"environment{'s' * (len(environments) > 1)} {', '.join(environments)}"
    return replace(finding, message=f"{finding.message} (in the {named})")
