"""A project for tests of the kit: one agent with tools of every kind, another with none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live._projects import project

CONFIG = """
version: 1
server: {url: "wss://voice.example", api_key: "${NOT_SET}"}
agents:
  desk:
    prompt: You are the desk.
    model: scripted:desk.script.yaml
    greeting: Welcome.
    greeting_in_chat: true
    channels: [chat, "+15551234567"]
    tools:
      look: kittools.look
      leave: kittools.leave
      remark: kittools.remark
      wait: {function: kittools.wait, timeout_seconds: 20}
  back:
    prompt: Be kind.
    model: gpt-4.1-mini
    channels: [chat]
"""
SCRIPT = """
rules:
  - when: 'look at (?P<what>\\w+)'
    call: {look: {what: "{{ what }}"}}
    reply: "{{ look }}"
  - when: bye
    call: {leave: {}}
    reply: Bye.
  - when: remark
    call: {remark: {}}
    reply: Done.
  - when: wait
    call: {wait: {}}
    reply: "{{ wait.error or wait }}"
  - when: break
    reply: "{{ 1 / 0 }}"
otherwise: I see.
"""
TOOLS = """
import asyncio
from pinecall_run import Call

def look(what: str, call: Call) -> str:
    "Look at something."
    return f"{what} of {call.metadata.get('user', 'nobody')}"

def leave(call: Call) -> None:
    "Hang up."
    call.hangup()

async def remark(call: Call) -> str:
    "Say something."
    await call.say("One moment.")
    return "said"

async def wait() -> str:
    "Wait for long."
    await asyncio.sleep(10)
    return "waited"
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the project."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("PINECALL_ENV", raising=False)
    yield project(tmp_path, CONFIG, desk_DOT_script_DOT_yaml=SCRIPT, kittools_DOT_py=TOOLS)
    sys.modules.pop("kittools", None)
