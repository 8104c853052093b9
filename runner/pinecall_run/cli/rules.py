"""``pinecall-run rules``: every code of a finding."""

from __future__ import annotations

import json

import click

from pinecall_run.cli._pages import explanations, first_paragraph
from pinecall_run.source.codes import CODES, area
from pinecall_run.source.ignores import NEVER_IGNORED


@click.command("rules")
@click.option("--json", "as_json", is_flag=True, help="A list of objects, with what `explain` prints.")
def command(as_json: bool) -> None:
    """List what validate looks for, by code. `pinecall-run explain CODE` says more of one."""
    if not as_json:
        for code, title in CODES.items():
            click.echo(f"{code}  {area(code):9}  {title}")
        return
    texts = explanations()
    rules = [
        {
            "code": code,
            "title": title,
            "area": area(code),
            "summary": first_paragraph(texts.get(code, "")),
            "explanation": texts.get(code, ""),
            "can_be_ignored": code not in NEVER_IGNORED,
        }
        for code, title in CODES.items()
    ]
    click.echo(json.dumps(rules, indent=2, ensure_ascii=False))
