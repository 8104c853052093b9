"""From a file's text to a Config: read, resolve variables, check the shape, check the meaning."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from pinecall_run.config.model import Config
from pinecall_run.config.rules import build
from pinecall_run.config.shape import check_shape
from pinecall_run.config.values import Reading, Shape
from pinecall_run.config.variables import VARIABLE_CODES
from pinecall_run.source.diagnostic import Diagnostic, Route, has_errors
from pinecall_run.source.document import Document
from pinecall_run.vendors.facts import Stage


def check(
    document: Document,
    schema: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    timezones: Callable[[], Collection[str]] = tuple,
    is_file: Callable[[str], bool] = lambda name: False,
    plugins: Callable[[Stage], Collection[str]] = lambda stage: (),
    needs_secrets: bool = False,
) -> tuple[Config | None, list[Diagnostic]]:
    """The configuration of a pinecall.yaml, and every finding; the Config is there when no finding is an error."""
    config, diagnostics = check_parts(
        document,
        schema,
        environ,
        timezones=timezones,
        is_file=is_file,
        plugins=plugins,
        needs_secrets=needs_secrets,
    )
    return (None if has_errors(diagnostics) else config), diagnostics


def check_parts(
    document: Document,
    schema: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    timezones: Callable[[], Collection[str]] = tuple,
    is_file: Callable[[str], bool] = lambda name: False,
    plugins: Callable[[Stage], Collection[str]] = lambda stage: (),
    needs_secrets: bool = False,
) -> tuple[Config | None, list[Diagnostic]]:
    """Like :func:`check`, but the Config is there as far as the file goes, so that the rest of it can be checked too.

    ``timezones`` gives the machine's IANA names; it is asked only where an agent names a zone. ``is_file`` says whether
    the project has a file of a name; it is asked only where a prompt looks like one. ``plugins`` gives the names of
    providers that other packages bring to a stage; it is asked only where a name is none of ours.
    ``needs_secrets`` makes an unset variable in a secret field an error; without it a project is checked
    where its secrets are not. A part that has not the schema's shape, or needs a variable that has no value, is left
    out of the Config, and an agent without a prompt has an empty one.
    """
    values, diagnostics, useless = _read(document, schema, environ, needs_secrets=needs_secrets)
    sound = _without(values, useless)
    if sound is None:
        return None, diagnostics
    config, found = build(sound, document, timezones, is_file, plugins)
    return config, diagnostics + found


def read_values(
    document: Document,
    schema: Mapping[str, Any],
    environ: Mapping[str, str] | None,
    *,
    needs_secrets: bool = False,
) -> tuple[Any | None, list[Diagnostic]]:
    """The plain values of a document that has the schema's shape; ``None`` when it has not.

    Without ``environ`` a ``$`` is a dollar sign.
    """
    values, diagnostics, useless = _read(document, schema, environ, needs_secrets=needs_secrets)
    return (None if useless else values), diagnostics


def _read(
    document: Document, schema: Mapping[str, Any], environ: Mapping[str, str] | None, *, needs_secrets: bool
) -> tuple[Any, list[Diagnostic], list[Diagnostic]]:
    """The values, every finding, and what makes parts of the values useless: their shape, or a missing variable."""
    if document.root is None:
        return None, [], []  # that it could not be read is a finding already
    reading = Reading(environ)
    values = reading.value(document.root, Shape([schema], schema))
    diagnostics = reading.diagnostics + (reading.unset_secrets if needs_secrets else [])
    shape = check_shape(values, schema, document)
    missing = [diagnostic for diagnostic in reading.diagnostics if diagnostic.code in VARIABLE_CODES]
    valueless = {diagnostic.route for diagnostic in missing}  # their shape is that of `${NAME}`, and says nothing
    diagnostics += [diagnostic for diagnostic in shape if diagnostic.route not in valueless]
    return values, diagnostics, shape + missing


def _without(values: Any, useless: Iterable[Diagnostic]) -> Any | None:
    """The values without the parts that findings are about; list items become ``None``, so that routes stay true.
    ``None`` when there are no agents left to speak of."""
    for finding in useless:
        is_incomplete = finding.code == "PCR102"
        if is_incomplete and len(finding.route) in (0, 2):
            continue  # a file or an agent that lacks a key still has others
        if not finding.route:
            return None
        _remove(values, finding.route)
    agents = values.get("agents") if isinstance(values, dict) else None
    return values if isinstance(agents, dict) else None


_PIECEWISE = frozenset(("channels", "tools", "on"))
"""Fields of an agent whose items mean something without each other."""


def _remove(values: Any, route: Route) -> None:
    """Take out the smallest part around ``route`` that can be spared."""
    depth = 1 if route[0] != "agents" else 4 if len(route) > 2 and route[2] in _PIECEWISE else 3
    *parents, last = route[:depth]
    for step in parents:
        values = values.get(step) if isinstance(values, dict) else None  # a larger part is gone already
    if isinstance(values, dict):
        values.pop(last, None)
    elif isinstance(values, list) and int(last) < len(values):  # a key given twice has findings in both its lists
        values[int(last)] = None
