"""The banner: what is said of several agents is said once."""

from __future__ import annotations

from pathlib import Path

from tests.live._projects import project

from pinecall_run.cli._console import banner
from pinecall_run.live import notices
from pinecall_run.live.bind import load
from pinecall_run.live.project import Project
from pinecall_run.live.settling import Settling

CONFIG = """
version: 1
agents:
  desk: {prompt: Hi., model: gpt-4.1-mini, channels: [webrtc, "+15551234567"]}
  back: {prompt: Hi., model: gpt-4.1-mini, channels: [webrtc]}
  yard: {prompt: Hi., model: gpt-4.1-mini, channels: [webrtc]}
"""

BANNER = """\
pinecall-run 1, revision {}
  page     http://here/
  agent    desk: webrtc
           registered, but not served here: +15551234567
           its own
           model gpt-4.1-mini
  agent    back: webrtc
           model gpt-4.1-mini
  agent    yard: webrtc
           model gpt-4.1-mini
  agents   desk, back, yard
           of all
  agents   desk, back
           of two
           of these, too
  A changed pinecall.yaml, prompt or tool takes effect with the next conversation. Ctrl-C ends it."""


def test_what_is_said_of_several_agents_is_said_once(tmp_path: Path) -> None:
    _, deployment = load(Project.at(project(tmp_path, CONFIG)), {})
    assert deployment is not None
    settling = Settling(deployment, lambda _: None)
    for answer in (
        notices.ChannelUp("desk", "webrtc", "", True, ("its own", "of all", "of two", "of these, too")),
        notices.ChannelUp("desk", "phone", "+15551234567", False),
        notices.ChannelUp("back", "webrtc", "", True, ("of all", "of two", "of these, too")),
        notices.ChannelUp("yard", "webrtc", "", True, ("of all",)),
    ):
        settling(answer)
    said = banner(deployment, None, {"page": "http://here/"}, settling, "1")
    assert said == BANNER.format(deployment.revision)
