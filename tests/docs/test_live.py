"""docs/live.md: its projects are sound, its program listens, and what it says of the server is what the server does."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.rules._scan import ROOT
from tests.voice._door import PATIENCE, client, server
from tests.voice.test_live_door import LIVE, OPEN, call_of, calling

from pinecall_run.cli.validate import command
from pinecall_run.live.embedded import FIRST_PORT
from pinecall_run.transports import live_socket
from pinecall_run.voice import live_side, summary

PAGE = (ROOT / "docs/live.md").read_text(encoding="utf-8")
FUNCTIONS = """\
from pinecall_run import Call

{tool}

def show_summary(event: object) -> None: ...
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_a_project_of_the_page_is_sound(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pinecall.yaml").write_text(block)
    (script,) = re.findall(r"`(\{rules: .*?\})`", PAGE)
    Path("desk.script.yaml").write_text(script)
    Path("desk.py").write_text(FUNCTIONS.format(tool=blocks("python")[1]))
    assert CliRunner().invoke(command, []).output == "pinecall.yaml: 1 agent, no findings\n"


async def test_the_program_of_the_page_listens(tmp_path: Path) -> None:
    program = tmp_path / "listen.py"
    program.write_text(blocks("python")[0])
    async with (
        server(OPEN, open_on_loopback=False) as address,
        client(address, "desk", key=OPEN, **LIVE),
        calling(address) as person,
    ):
        call = (await call_of(address))["call_id"]
        environ = {"SERVER": f"ws://{address}", "PINECALL_API_KEY": OPEN}
        listening = await asyncio.create_subprocess_exec(
            sys.executable, str(program), call, stdout=asyncio.subprocess.PIPE, env=environ
        )
        try:
            assert listening.stdout is not None
            async with asyncio.timeout(2 * PATIENCE):
                sound = np.frombuffer(await listening.stdout.readexactly(32_000), "<i2")
                assert np.abs(sound).max() > 1_000, "the greeting"
                await person.socket.send('{"action":"hangup"}')
                await listening.stdout.read()
                assert await listening.wait() == 0
        finally:
            if listening.returncode is None:
                listening.kill()


def test_its_numbers_are_those_of_the_code() -> None:
    for sentence in (
        f"http://127.0.0.1:{FIRST_PORT}/live",
        f"2 zero bytes, every {live_socket.ALIVE_SECONDS:.0f} s",
        f"the oldest sound beyond {live_socket.WAITING * 0.05:.0f} s",
        f"A frame of sound has at most {live_socket.MAX_SOUND // 32_000} s",
        f"a text at most {live_side.MAX_TEXT:,} characters",
        f"At most {live_side.MOST} listen to one call",
        f"has {live_side.GONE_SECONDS:.0f} s to come back",
        f'"{live_side.TAKEN}"',
        f"telephones: sampleRate {live_side.TELEPHONE_RATE}",
        f"It has {summary.SECONDS:.0f} s",
    ):
        assert sentence in PAGE, sentence


def test_its_actions_are_those_of_the_call() -> None:
    assert set(re.findall(r'\| `\{"action":"(\w+)"', PAGE)) == {*live_side._ACTIONS, "say", "whisper"}
