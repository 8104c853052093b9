"""``pinecall-run numbers``: the numbers of a Twilio account, who of the project answers them, and where they point."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from pinecall_run.cli._pick import env_option, project_option
from pinecall_run.cli._session import load_or_exit
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live.project import Project
from pinecall_run.transports.twilio_rest import (
    ACCOUNT,
    STATUS_PATH,
    TOKEN,
    VOICE_PATH,
    Number,
    TwilioError,
    TwilioRest,
    account_of,
)

PUBLIC_URL = "PINECALL_PUBLIC_URL"


@dataclass(frozen=True, slots=True)
class _Row:
    """A number of the account, of the project, or of both."""

    number: str
    agent: str = ""
    held: Number | None = None


@click.command("numbers")
@project_option
@env_option
@click.option("--apply", is_flag=True, help="Point the project's numbers at its voice server.")
@click.option(
    "--public-url", envvar=PUBLIC_URL, default="", help=f"Where the world reaches the voice server [env: {PUBLIC_URL}]."
)
def command(project: Path, environment: str | None, apply: bool, public_url: str) -> None:
    """List the numbers of the Twilio account, and say which agent answers each and where it points.

    With --apply, those that the project names ask its voice server when they are called; others stay as they are.
    """
    checked, deployment = load_or_exit(Project.at(project, environment))
    account = account_of(os.environ)
    if account is None:
        raise click.ClickException(f"set {ACCOUNT} and {TOKEN}: Twilio's console shows both")
    url = (public_url or deployment.config.server.public_url).rstrip("/")
    if apply and not url.startswith(("https://", "http://")):
        raise click.ClickException(f"say where the voice server is reached: server: {{public_url: …}}, or {PUBLIC_URL}")
    rest = TwilioRest(account)
    try:
        rows = list(_rows(rest.numbers(), _agents(deployment)))
        if not apply:
            click.echo(checked.secrets.hide(_table(rows, url)))
            return
        click.echo(checked.secrets.hide("\n".join(_applied(rest, rows, url)) or "the project has no phone numbers"))
    except TwilioError as error:
        raise click.ClickException(str(error)) from error
    if any(row.held is None for row in rows):
        sys.exit(1)


def _agents(deployment: Deployment) -> dict[str, str]:
    """Agents by their numbers."""
    return {
        channel.ref.ref: agent.name
        for agent in deployment.config.agents.values()
        for channel in agent.channels
        if channel.ref.kind == "phone"
    }


def _rows(held: Sequence[Number], agents: dict[str, str]) -> Iterator[_Row]:
    """The account's numbers, then those of the project that it has not."""
    for number in held:
        yield _Row(number.number, agents.get(number.number, ""), number)
    known = {number.number for number in held}
    yield from (_Row(number, agent) for number, agent in agents.items() if number not in known)


def _is_here(number: Number, url: str) -> bool:
    wanted = url + VOICE_PATH, "POST", url + STATUS_PATH
    return bool(url) and (number.voice_url, number.voice_method, number.status_url) == wanted


def _table(rows: Sequence[_Row], url: str) -> str:
    if not rows:
        return "the account has no numbers, and the project names none"
    width = max(len(row.agent or "-") for row in rows)
    return "\n".join(f"{row.number:<16}  {row.agent or '-':<{width}}  {_place(row, url)}" for row in rows)


def _place(row: _Row, url: str) -> str:
    if row.held is None:
        return "the account has no such number"
    return "this project's voice server" if _is_here(row.held, url) else row.held.voice_url or "nowhere"


def _applied(rest: TwilioRest, rows: Sequence[_Row], url: str) -> Iterator[str]:
    """Point the project's numbers; a line for each."""
    for row in rows:
        if row.agent and row.held is None:
            yield f"{row.number}  {row.agent}: the account has no such number"
        elif row.agent and row.held is not None:
            if not _is_here(row.held, url):
                rest.point(row.held.sid, voice_url=url + VOICE_PATH, status_url=url + STATUS_PATH)
            yield f"{row.number}  {row.agent}: {url}{VOICE_PATH}"
