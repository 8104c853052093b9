"""``pinecall-run talk``: a call to an agent by this machine's microphone and loudspeaker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from pinecall_run.cli._audio_client import AudioClient
from pinecall_run.cli._calling import call, call_ear, json_option, record_option
from pinecall_run.cli._joining import sentence_or_exit
from pinecall_run.cli._pick import env_option, pick_agent, project_option
from pinecall_run.cli._session import load_or_exit
from pinecall_run.cli._sound_card import SoundCard
from pinecall_run.live.project import Project


@click.command("talk")
@click.argument("agent", required=False)
@record_option
@json_option
@project_option
@env_option
def command(agent: str | None, record: Path | None, is_json: bool, project: Path, environment: str | None) -> None:
    """Call AGENT (default: the first) by microphone. Joins the project when it runs, else runs it for this call."""
    checked, deployment = load_or_exit(Project.at(project, environment))
    chosen = pick_agent(agent, deployment.agents)

    async def talk() -> None:
        with SoundCard() as card:

            async def converse(client: AudioClient) -> None:
                ear.play = card.play
                card.start()
                click.echo(f"{chosen} is on the line; Ctrl-C hangs up. Wear headphones: what the loudspeaker", err=True)
                click.echo("plays would be heard as what you say.", err=True)
                await client.converse(card.chunks(), ear)

            await call(checked, deployment, chosen, converse)
        for name, lost in card.lost.items():
            if lost:
                click.echo(
                    f"({lost * 0.02:.2f} s were lost at the {name}: this machine or the server was late)", err=True
                )

    with sentence_or_exit(), call_ear(record, is_json=is_json) as ear:
        asyncio.run(talk())
