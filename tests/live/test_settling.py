"""When everything that was to be registered is answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.live._projects import project

from pinecall_run.live import notices
from pinecall_run.live.bind import load
from pinecall_run.live.project import Project
from pinecall_run.live.settling import SETTLE_SECONDS, Settling
from pinecall_run.testing import virtual_time

CONFIG = """
version: 1
agents:
  desk: {prompt: Hi., model: gpt-4.1-mini, channels: [chat, "+15551234567"]}
  back: {prompt: Hi., model: gpt-4.1-mini, channels: [chat]}
"""


def _settling(folder: Path, told: list[notices.Notice]) -> Settling:
    _, deployment = load(Project.at(project(folder, CONFIG)), {})
    assert deployment is not None
    return Settling(deployment, told.append)


@virtual_time
async def test_it_is_done_when_every_channel_is_open_or_refused_and_hopeless_agents_do_not_count(
    tmp_path: Path,
) -> None:
    told: list[notices.Notice] = []
    settling = _settling(tmp_path, told)
    answers = [
        notices.ChannelUp("desk", "chat", "", True),
        notices.ChannelUp("desk", "phone", "+15551234567", False),
        notices.AgentRefused("back", "held", 5.0),  # it is asked again
        notices.AgentRefused("back", "held", None),
    ]
    for answer in answers:
        assert not settling.done.is_set()
        settling(answer)
    assert settling.done.is_set()
    await settling.wait()
    assert (settling.unserved, settling.refused, told) == ({"desk": ["+15551234567"]}, ["back"], answers)


@virtual_time
async def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await _settling(tmp_path, []).wait()
    assert loop.time() - began == SETTLE_SECONDS
