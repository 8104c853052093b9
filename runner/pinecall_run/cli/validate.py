"""``pinecall-run validate``: check projects without importing their code or starting anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from operator import or_
from pathlib import Path

import click

from pinecall_run.cli._findings import uses_colour
from pinecall_run.cli._pick import env_option
from pinecall_run.cli._selection import Selection, codes
from pinecall_run.cli._stdout import prints_to_stderr
from pinecall_run.live.everywhere import check_everywhere, environments_of
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import Diagnostic, has_errors
from pinecall_run.source.document import Document
from pinecall_run.source.formats import FORMATS, Report, render
from pinecall_run.source.ignores import may_ignore, without_ignored
from pinecall_run.source.reader import MAX_BYTES, decode
from pinecall_run.source.secrets import NONE

_STDIN = Path("-")
_FOR_TERMINALS = frozenset(("full", "concise"))
"""Formats in the encoding of whoever reads them. All others are UTF-8 wherever they go, and name our version."""


@click.command("validate")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "shape", type=click.Choice(list(FORMATS)), default="full", show_default=True)
@click.option(
    "--output-file", type=click.Path(path_type=Path, dir_okay=False), help="Write there, not to the terminal."
)
@click.option("--stdin-filename", type=click.Path(path_type=Path), help="What the text read from - is the text of.")
@click.option(
    "--select", callback=codes, metavar="CODES", help="Only these findings: codes or their beginnings, as PCR1,PCR503."
)
@click.option("--ignore", callback=codes, metavar="CODES", help="Not these findings.")
@env_option
@click.option("--strict-env", is_flag=True, help="Variables in fields that hold secrets must be set, too.")
@click.option("--import", "imports", is_flag=True, help="Import the tools, too, as a start does: this runs your code.")
def command(
    paths: tuple[Path, ...],
    shape: str,
    output_file: Path | None,
    stdin_filename: Path | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    environment: str | None,
    strict_env: bool,
    imports: bool,
) -> None:
    """Check pinecall.yaml files, or folders that hold one (default: here); - reads the text of one from a pipe.

    Without an environment a project is checked as it stands and in each of its environments.
    """
    if stdin_filename is not None and _STDIN not in paths:
        raise click.UsageError("--stdin-filename says what - is, and there is no - among the paths")
    if paths.count(_STDIN) > 1:
        raise click.UsageError("- can be read once only")
    selection = Selection(select, ignore)
    checks: list[Checked] = []
    for path in _once(paths or (Path(),)):
        project = Project(stdin_filename or Path("<stdin>")) if path == _STDIN else Project.at(path)
        project = replace(project, environment=environment)
        checked = _check_stdin(project, strict_env) if path == _STDIN else _check(project, strict_env)
        if imports:
            checked.diagnostics += _import(checked)
        checked.diagnostics = selection.of(_without_ignored(checked))
        checks.append(checked)
    has_colour = output_file is None and uses_colour(sys.stdout.isatty())
    _write(_text(checks, shape, has_colour=has_colour), shape, output_file)
    sys.exit(1 if has_errors(_all(checks)) else 0)


def _once(paths: Iterable[Path]) -> Iterable[Path]:
    """The paths without those that lead to a file named before."""
    by_file: dict[str, Path] = {}
    for path in paths:
        by_file.setdefault("-" if path == _STDIN else os.path.realpath(Project.at(path).file), path)
    return by_file.values()


def _check(project: Project, strict_env: bool, text: str | None = None) -> Checked:
    return check_everywhere(project, os.environ, needs_secrets=strict_env, text=text)


def _import(checked: Checked) -> list[Diagnostic]:
    from pinecall_run.live.bind import try_tools

    with prints_to_stderr():
        return try_tools(checked)


def _check_stdin(project: Project, strict_env: bool) -> Checked:
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    text, found = decode(data, project.shown(project.file))
    if text is None:
        return Checked(project, diagnostics=found)
    return _check(project, strict_env, text)


def _without_ignored(checked: Checked) -> list[Diagnostic]:
    """The findings that no comment of a YAML file takes away."""
    found = checked.diagnostics
    # What another environment would find is not known when only one was looked at.
    is_whole = checked.project.environment is None or not environments_of(checked)
    for name, text in checked.texts.items():
        if may_ignore(text) and (name.endswith((".yaml", ".yml")) or name == _file(checked)):
            found = without_ignored(found, Document.parse(text, name)[0], is_whole=is_whole)
    return found


def _file(checked: Checked) -> str:
    return checked.project.shown(checked.project.file)


def _all(checks: Iterable[Checked]) -> list[Diagnostic]:
    return [finding for checked in checks for finding in checked.diagnostics]


def _text(checks: list[Checked], shape: str, *, has_colour: bool) -> str:
    """One document about all projects."""
    content = Report(
        [_file(checked) for checked in checks],
        _all(checks),
        {name: lines for checked in checks if checked.diagnostics for name, lines in checked.lines.items()},
        "" if shape in _FOR_TERMINALS else _version(),
        has_colour,
        reduce(or_, (checked.secrets for checked in checks if checked.diagnostics), NONE),
    )
    clean = [_clean(checked) for checked in checks if not checked.diagnostics] if shape == "full" else []
    return "\n\n".join(part for part in ("\n".join(clean), render(shape, content)) if part)


def _version() -> str:
    from importlib_metadata import version  # it parses e-mail headers, which takes a while to import

    return version("pinecall-run")


def _clean(checked: Checked) -> str:
    name = _file(checked)
    if checked.config is None:
        return f"{name}: no findings but ignored ones"
    count = len(checked.config.agents)
    chosen = checked.project.environment
    if chosen is not None:
        name = f"{name} in {chosen}"
    others = environments_of(checked) if chosen is None else []
    also = f"; the same in {', '.join(others)}" if others else ""
    return f"{name}: {count} agent{'s' * (count > 1)}, no findings{also}"


def _write(text: str, shape: str, file: Path | None) -> None:
    encoding = "utf-8" if file is not None or shape not in _FOR_TERMINALS else sys.stdout.encoding
    data = f"{text}\n".encode(encoding, "replace") if text else b""
    if file is None:
        click.echo(data, nl=False)
        return
    try:
        file.write_bytes(data)
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be written: {error.strerror}", param_hint="--output-file") from error
