"""Writes changed files, and says what the matter is where that cannot be."""

from __future__ import annotations

import click

from pinecall_run.live.rewrite import Change


def write(change: Change) -> None:
    """Put a change in its file's place."""
    try:
        change.write()
    except OSError as error:
        raise click.ClickException(
            f"{change.shown} cannot be written: {(error.strerror or 'unknown').lower()}"
        ) from error
