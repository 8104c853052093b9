"""``pinecall-run plan``: each change once, when it takes effect, and an exit code to decide by."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from tests.stories._stage import clean_environment, command, copy_project, edit, running

CONFIG = """\
version: 1
agents:
  desk:
    prompt: Be kind.
    channels: [chat, {type: whatsapp, ref: "106777", access_token: "${TOKEN}", verify_token: v}]
    tools: {look: plantools.look}
"""
NEW = """\
version: 1
server: {url: "ws://127.0.0.1:1", api_key: "${TOKEN}"}
agents:
  desk:
    prompt: Be brief.
    allowed_origins: ["https://shop.example"]
    channels: [chat, {type: whatsapp, ref: "106777", access_token: "${TOKEN}", verify_token: w}, "+15550001111"]
    tools: {look: plantools.look}
  night: {prompt: Sleep., channels: [chat]}
"""
TEXT = """\
  server: address or key (restart)
  desk: prompt, code (next call)
  desk: allowed_origins (live)
  desk: 106777: credentials (next call)
  desk: +15550001111 added (re-register)
  night: agent added (re-register)
  night: chat added (re-register)
"""
SECRET = "tok-8f1c2d7e9b"


async def plan(folder: Path, *words: str, code: int = 0) -> str:
    process = await asyncio.create_subprocess_exec(
        *command("plan", *words),
        cwd=folder,
        env=clean_environment(TOKEN=SECRET),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == code, err.decode()
    assert SECRET not in out.decode() + err.decode()
    return out.decode()


@pytest.fixture
def copies(tmp_path: Path) -> tuple[Path, Path]:
    """A project before and after an edit of its configuration and of its code."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, config, code in ((old, CONFIG, ""), (new, NEW, "\nx = 1\n")):
        folder.mkdir()
        (folder / "pinecall.yaml").write_text(config)
        (folder / "plantools.py").write_text(f'def look(id: str) -> str:\n    "Look."\n    return id\n{code}')
    return old, new


async def test_a_copy_tells_all_that_changed_and_when_it_counts(copies: tuple[Path, Path]) -> None:
    old, new = copies
    text = await plan(new, "--against", str(old))
    head, _, rest = text.partition("\n")
    assert rest == TEXT
    assert head.startswith("revision ")
    assert "nothing to do" in await plan(old, "--against", str(old), "--exit-code")
    await plan(new, "--against", str(old), "--exit-code", code=2)


async def test_other_formats_say_the_same(copies: tuple[Path, Path]) -> None:
    old, new = copies
    found = json.loads(await plan(new, "--against", str(old), "--format", "json"))
    assert found["changes"][1] == {"agent": "desk", "what": "prompt, code", "effect": "next call"}
    assert len(found["changes"]) == TEXT.count("\n")
    assert "| desk | allowed_origins | live |" in await plan(new, "--against", str(old), "--format", "markdown")


async def test_without_a_server_everything_is_new(copies: tuple[Path, Path]) -> None:
    text = await plan(copies[1], "--exit-code", code=2)
    assert "against nothing: ws://127.0.0.1:1 does not answer" in text
    assert "desk: agent added (re-register)" in text


async def test_a_project_that_is_broken_is_an_error(copies: tuple[Path, Path]) -> None:
    old, new = copies
    (old / "pinecall.yaml").write_text("version: 2\n")
    await plan(new, "--against", str(old), "--exit-code", code=1)


async def test_the_running_server_is_asked(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        copy_project(folder)
    async with running(here) as program:
        remote = f'server: {{url: "{program.url}", api_key: "${{TOKEN}}"}}\n'
        edit(there / "pinecall.yaml", lambda text: re.sub("(?m)^server:.*\n", remote, text))
        assert "nothing to do" in await plan(there, "--exit-code")
        edit(there / "prompts/support.md.j2", lambda text: text + "Be brief.\n")
        assert "\n  support: prompt (next call)\n" in await plan(there, "--exit-code", code=2)
        number = next(line for line in (here / "pinecall.yaml").read_text().splitlines() if '"+' in line)
        address = number.split('"')[1]
        edit(
            there / "pinecall.yaml",
            lambda _: (
                f"""version: 1
agents: {{mine: {{prompt: Be., channels: ["{address}"]}}}}
{remote}"""
            ),
        )
        text = await plan(there, code=1)
        assert "mine: agent added (re-register)" in text
        assert f"conflict: mine: {address} is held by" in text


async def test_how_calls_listen_and_sound_is_told_key_by_key_wherever_the_project_lies(tmp_path: Path) -> None:
    plain = "version: 1\nagents:\n  desk:\n    prompt: Be kind.\n    hold_music: wait.wav\n    channels: [webrtc]\n"
    more = (
        plain.replace("[webrtc]", "[{type: webrtc, vad: {threshold: 0.4}}]")
        + "    recording: true\n    apology: Sorry.\n"
    )
    more = more.replace(
        "agents:",
        "server: {ice_servers: [{urls: 'stun:a.example'}], public_url: 'https://a.example', "
        "sip: {trunks: [{peers: [127.0.0.1]}]}}\nagents:",
    )
    for name, text in (("old", plain), ("same", plain), ("new", more)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pinecall.yaml").write_text(text)
        (tmp_path / name / "wait.wav").write_bytes(b"RIFF....WAVE")
    old = str(tmp_path / "old")
    assert "nothing to do" in await plan(tmp_path / "same", "--against", old)
    assert (await plan(tmp_path / "new", "--against", old)).partition("\n")[2] == (
        "  server: sip (restart)\n"
        "  server: ice_servers (restart)\n"
        "  server: public_url (restart)\n"
        "  desk: apology, folder of recordings, recording (next call)\n"
        "  desk: webrtc: vad, apology, folder of recordings, hold_music (next call)\n"
    )
