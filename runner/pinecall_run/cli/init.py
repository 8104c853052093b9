"""``pinecall-run init``: a new project that runs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pinecall_run.resources import schema

_TEMPLATE = Path(__file__).parent / "template"


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Make a project in FOLDER, which is created if it is not there. Nothing that exists is touched."""
    sources = sorted(path for path in _TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    files = {folder / path.relative_to(_TEMPLATE): path.read_bytes() for path in sources}
    files[folder / ".pinecall" / "pinecall.schema.json"] = json.dumps(schema("pinecall"), indent=2).encode() + b"\n"
    taken = [path for path in files if path.exists()]
    if taken:
        raise click.ClickException(f"{taken[0]} exists; choose an empty folder")
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}") from error
    for path in files:
        click.echo(f"  {path}")
    click.echo(f"It runs: cd {folder} && pinecall-run chat")
