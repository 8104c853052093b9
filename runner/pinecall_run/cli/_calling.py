"""A call from the terminal: joined, carried out, printed, and kept where somebody asked for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pinecall_run.cli._audio_client import AudioClient
from pinecall_run.cli._chat_client import ChatError
from pinecall_run.cli._joining import joined, scripted_note
from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live.load import Checked

if TYPE_CHECKING:  # needs an extra
    from pinecall_run.cli._ear import CallEar

NO_SOUND = "sound needs more: pip install 'pinecall-run[voice,local]'"

record_option = click.option(
    "--record", type=click.Path(path_type=Path), metavar="OUT.wav",
    help="Keep the call as stereo: the caller left, the agent right.",
)  # fmt: skip
json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON object a line.")


@contextmanager
def call_ear(record: Path | None, *, is_json: bool) -> Iterator[CallEar]:
    """What hears the call, and keeps it in ``record``, which is whole whatever ends the block.

    Raises:
        ChatError: the extra is missing, or the file cannot be written.
    """
    try:
        from pinecall_run.audio.wav import StereoRecording
        from pinecall_run.cli._ear import CallEar
    except ModuleNotFoundError as error:
        raise ChatError(NO_SOUND) from error
    with ExitStack() as stack:
        recording = None
        if record is not None:
            try:
                recording = StereoRecording(stack.enter_context(record.open("wb")))
            except OSError as error:
                raise ChatError(f"{record} cannot be written: {error.strerror or error}") from error
        ear = CallEar(is_json=is_json, recording=recording)
        stack.callback(ear.close)
        yield ear


async def call(
    checked: Checked, deployment: Deployment, agent: str, converse: Callable[[AudioClient], Awaitable[None]]
) -> bool:
    """Call an agent; whether the person hung up by Ctrl-C.

    Raises:
        ChatError: there was no call, or it broke.
    """
    async with joined(checked, deployment, agent) as server, AudioClient.connect(server, agent) as client:
        scripted_note(deployment, agent)
        await converse(client)
        return client.was_hung_up
