"""``pinecall-run say``: a recording calls an agent, and what is said is printed with its times."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pinecall_run.cli._audio_client import CHUNK_BYTES, SILENCE, AudioClient
from pinecall_run.cli._calling import NO_SOUND, call, call_ear, json_option, record_option
from pinecall_run.cli._chat_client import ChatError
from pinecall_run.cli._joining import sentence_or_exit
from pinecall_run.cli._log import Log
from pinecall_run.cli._pick import env_option, pick_agent, project_option
from pinecall_run.cli._session import load_or_exit
from pinecall_run.live.project import Project

if TYPE_CHECKING:  # needs an extra
    from pinecall_run.cli._ear import CallEar

SPEED = 2.0
"""At four times the server's voice detector begins to fall behind; a local ear needs a third of real time."""

CHUNK_SECONDS = 0.02

LATE_SECONDS = 0.5
"""What is later than this is not caught up with: the other side would hear it at once."""


@click.command("say")
@click.argument("agent")
@click.argument("recording", metavar="CALL.wav", type=click.Path(path_type=Path, allow_dash=True))
@record_option
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 100),
    default=SPEED,
    show_default=True,
    metavar="N",
    help="Times faster than real time, while nobody waits for the agent.",
)
@click.option("--real-time", is_flag=True, help="The same as --speed 1.")
@click.option(
    "--wait",
    type=click.FloatRange(0, 600),
    default=3.0,
    show_default=True,
    metavar="SECONDS",
    help="Silence after which the agent has finished answering.",
)
@json_option
@project_option
@env_option
def command(
    agent: str,
    recording: Path,
    record: Path | None,
    speed: float,
    real_time: bool,
    wait: float,
    is_json: bool,
    project: Path,
    environment: str | None,
) -> None:
    """Call AGENT with a recording (- is standard input), print what is said, and hang up when all is answered."""
    sound = _read(recording)
    checked, deployment = load_or_exit(Project.at(project, environment))
    chosen = pick_agent(agent, deployment.agents)

    async def converse(client: AudioClient) -> None:
        await client.converse(_mouth(sound, ear, 1.0 if real_time else speed, wait), ear)

    with sentence_or_exit(), call_ear(record, is_json=is_json) as ear:
        was_hung_up = asyncio.run(call(checked, deployment, chosen, converse))
    sys.exit(130 if was_hung_up else 0)


def _read(recording: Path) -> bytes:
    """The sound of a file, whole chunks of it."""
    with sentence_or_exit():
        try:
            from pinecall_run.audio.wav import WavError, read_wav
        except ModuleNotFoundError as error:
            raise ChatError(NO_SOUND) from error
    try:
        data = sys.stdin.buffer.read() if str(recording) == "-" else recording.read_bytes()
        sound = read_wav(data).astype("<i2", copy=False).tobytes()
    except (OSError, WavError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        Log(to_stderr=True).sentence("not_started", f"{recording} cannot be played: {why}")
        sys.exit(2)
    return sound + bytes(-len(sound) % CHUNK_BYTES)


async def _mouth(sound: bytes, ear: CallEar, speed: float, wait: float) -> AsyncIterator[bytes]:
    """The recording, then silence until everything is answered.

    While the agent is awaited, time passes as it does for models and tools; else ``speed`` times faster.
    """
    loop = asyncio.get_running_loop()
    due, seconds = loop.time(), len(sound) / CHUNK_BYTES * CHUNK_SECONDS
    recorded = (sound[at : at + CHUNK_BYTES] for at in range(0, len(sound), CHUNK_BYTES))
    for chunk in chain(recorded, repeat(SILENCE)):
        if ear.owed.is_settled(ear.now, quiet=wait, since=seconds):
            return
        yield chunk
        pace = 1.0 if ear.owed.is_awaited(ear.now) else speed
        due = max(due + CHUNK_SECONDS / pace, loop.time() - LATE_SECONDS)
        await asyncio.sleep(due - loop.time())
