"""A canary in every place of a secret: no verb, format or failure prints, writes or sends a byte of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests._projects import modules_of_its_own
from tests.stories._stage import PATIENCE, clean_environment, command

from pinecall_run.audio.wav import write_wav
from pinecall_run.cli import main as border
from pinecall_run.resources import schema
from pinecall_run.source.codes import CODES
from pinecall_run.source.formats import FORMATS

CANARY = "Canary-4711-do-not-sing"
ENVIRON = {"HUSH": CANARY, "OPENAI_API_KEY": CANARY, "PINECALL_API_KEY": CANARY}
"""One with a name that says nothing, as a field that holds a secret makes it one."""
SCRIPT = "rules:\n  - when: open\n    call: {open: {}}\n    reply: '{{ open.error }}'\notherwise: Hello.\n"
AGENT = """\
version: 1
agents:
  desk:
    prompt: Hello.
    model: scripted:desk.script.yaml
    channels: [chat]
    tools: {open: doors.open_door}
  mobile:
    prompt: Hello.
    model: scripted:desk.script.yaml
    channels:
      - type: whatsapp
        ref: "106540352242922"
        access_token: %s
        verify_token: %s
        app_secret: %s
"""
TOOL = "import os\n\n\ndef open_door() -> str:\n    '''Open it.'''\n    raise ValueError(os.environ['HUSH'])\n"
RAISING = "import os\n\nraise ValueError('no access with ' + os.environ['HUSH'])\n\n\ndef open_door() -> str: ...\n"
EMBEDDED = """\
server:
  ice_servers:
    - {urls: "stun:127.0.0.1:9"}
    - {urls: "turn:127.0.0.1:9", username: acme, credential: %s}
  sip:
    listen: 127.0.0.1:0
    trunks:
      - {host: "127.0.0.1:9", register: true, username: acme, password: %s}
"""
REMOTE = "server: {url: ws://127.0.0.1:9, api_key: %s}\n"


def _agents(secret: str) -> str:
    return AGENT % (secret, secret, secret)


def _embedded(secret: str) -> str:
    return EMBEDDED % (secret, secret)


GOOD = {"embedded": _embedded('"${HUSH}"') + _agents("${HUSH}"), "remote": REMOTE % '"${HUSH}"' + _agents("${HUSH}")}
"""Projects that run, their secrets in variables."""

BAD = {
    "default": REMOTE % f'"${{GONE:-{CANARY}}}"' + _agents(f"${{GONE:-{CANARY}}}") + "    voise: x\n",
    "written out": REMOTE % CANARY + _agents(CANARY) + "    voise: x\n",
    "written out for TURN": _embedded(CANARY) + _agents("${HUSH}") + "    voise: x\n",
    "wrong type for TURN": _embedded(f"[{CANARY}]") + _agents("${HUSH}"),
    "misspelt for TURN": _embedded(CANARY).replace("credential", "credental") + _agents("${HUSH}"),
    "misspelt for SIP": _embedded(CANARY).replace("password", "pasword") + _agents("${HUSH}"),
    "wrong beside it for SIP": _embedded(CANARY).replace("host:", "hoast:") + _agents("${HUSH}"),
    "wrong type": REMOTE % f"[{CANARY}]" + _agents(f"{{a: {CANARY}}}"),
    "wrong type beside": f"server: {{api_key: {CANARY}, url: [1]}}\n" + _agents(CANARY),
    "unknown key beside": f"server: {{url: ws://a.b, api_key: {CANARY}, bad: 1}}\n" + _agents("${HUSH}"),
    "misspelt key": f"server: {{url: ws://a.b, api_kye: {CANARY}}}\n" + _agents("${HUSH}"),
    "twice": f"server:\n  url: ws://a.b\n  api_key: {CANARY}\n  api_key: {CANARY}\n" + _agents("${HUSH}"),
    "wrong place": "server: ${PINECALL_API_KEY}\n" + _agents("${HUSH}"),
    "another wrong place": _agents("${HUSH}") + "    language: ${HUSH}\n    timezone: ${HUSH}\n",
    "malformed": REMOTE % f'"${{HUSH:+{CANARY}}}"' + _agents("${HUSH}"),
    "no variable": REMOTE % '"${HUSH}"' + _agents("${HUSH") + "    voise: x\n",
    "colon": _agents(f"{CANARY}: {CANARY}"),
    "at sign": _agents(f"@{CANARY}"),
    "tab": _agents(f"\t{CANARY}\n\t{CANARY}"),
    "open quote": _agents(f'"{CANARY}'),
    "open bracket": REMOTE % f"{CANARY}, x: [" + _agents(CANARY),
    "bare variable": f"server: {{url: ws://a.b, api_key: ${{X:-{CANARY}}}}}\n" + _agents("${HUSH}"),
    "tag": _agents(f"!{CANARY} x"),
    "alias": _agents(f"*{CANARY}"),
    "block": _agents(f"|\n          {CANARY}\n         {CANARY}: ["),
    "NUL": _agents(f"{CANARY}\x00{CANARY}"),
    "no UTF-8": _agents(f"{CANARY}\udcff"),
    "long": REMOTE % ("x" * 300 + CANARY + "y" * 300 + ", bad: 1") + _agents("${HUSH}"),
}
"""Projects with findings right beside their secrets."""

BY_VERB: Mapping[str, list[list[str]]] = {
    "validate": [
        *(["validate", "--format", shape] for shape in FORMATS),
        ["validate", "--strict-env"],
        ["validate", "--output-file", "out.sarif", "--format", "sarif"],
        ["validate", "-"],
    ],
    "fix": [["fix"]],
    "fmt": [["fmt", "--check"], ["fmt"]],
    "explain": [["explain", code] for code in list(CODES)[:2]],
    "rules": [["rules"], ["rules", "--json"]],
    "config": [
        *(["config", "--format", shape] for shape in ("yaml", "json")),
        *(
            ["config", "why", route]
            for route in (
                "server",
                "server.ice_servers",
                "server.sip.trunks",
                "agents",
                "agents.mobile",
                "agents.mobile.channels[0]",
            )
        ),
    ],
    "plan": [*(["plan", "--format", shape] for shape in ("text", "markdown", "json")), ["plan", "--against", "."]],
    "schema": [["schema"], ["schema", "--project"]],
    "render": [["render"], ["render", "gone"]],
    "doctor": [["doctor"]],
    "providers": [["providers"], ["providers", "openai"], ["providers", "--format", "json"]],
    "chat": [["chat", "gone"]],
    "say": [["say", "gone", "doors.py"], ["say", "gone", "silence.wav"]],
    "talk": [["talk", "gone"]],
    "numbers": [["numbers"], ["numbers", "--apply"]],
    "run": [],  # only as programs, below
    "serve": [],
    "init": [["init", "new"], ["init", "."]],
}
"""What is run of each verb. What `fix --diff` and `fmt -` print is the file itself, secrets written in it and all."""
PROGRAMS = frozenset({"run", "serve"})


def test_every_verb_and_every_secret_field_is_covered() -> None:
    assert set(BY_VERB) == set(border._VERBS)
    assert {verb for verb, words in BY_VERB.items() if not words} == PROGRAMS
    assert set(_secret_fields(schema("pinecall"))) == set(re.findall(r"(\w+): %s", AGENT + REMOTE + EMBEDDED))


def _secret_fields(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        yield from (name for name, field in part.get("properties", {}).items() if field.get("x-secret"))
        for inner in part.values():
            yield from _secret_fields(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _secret_fields(inner)


def _write(folder: Path, text: str, tool: str = TOOL) -> None:
    (folder / "pinecall.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    (folder / "desk.script.yaml").write_text(SCRIPT)
    (folder / "doors.py").write_text(tool)
    (folder / "silence.wav").write_bytes(write_wav(np.zeros(320, np.int16)))


def _sings(data: bytes) -> bool:
    """Whether the canary, or enough of it to matter, is in there."""
    return CANARY[:12].encode() in data or CANARY[-12:].encode() in data


def _singing_files(*folders: Path) -> list[str]:
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return [str(file) for file in files if file.name != "pinecall.yaml" and _sings(file.read_bytes())]


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_no_verb_shows_a_secret(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, temporary = tmp_path / "project", tmp_path / "temporary"
    project.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    text = (GOOD | BAD)[name]
    for words in (words for verb in BY_VERB.values() for words in verb):
        _write(project, text)
        given = text.encode("utf-8", "surrogateescape") if "-" in words else None
        with modules_of_its_own():
            result = CliRunner(env=ENVIRON).invoke(border._group, words, input=given)
        assert not _sings(result.output_bytes), (words, result.output)
        assert result.exception is None or isinstance(result.exception, SystemExit), words
        assert "--strict-env" not in words or result.exit_code == (name in BAD), result.output
    assert _singing_files(project, temporary) == []


async def _program(folder: Path, *words: str, said: str = "", until: str = "", **more: str) -> tuple[int, bytes]:
    """Exit code and all output of a program that is interrupted after a line, or ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env=clean_environment(**ENVIRON, TMPDIR=str(folder), **more), start_new_session=True,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(said.encode())
    process.stdin.close()
    output = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while line := await process.stdout.readline():
                output += line
                if until and re.search(until, line.decode()):
                    process.send_signal(signal.SIGINT)
            return await process.wait(), output
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


BROKEN = (
    "import os, sys\n"
    "from pinecall_run.cli import main, validate\n"
    "def fail(*_, **__):\n"
    "    try:\n"
    "        {}[os.environ['HUSH']]\n"
    "    except KeyError as error:\n"
    "        raise RuntimeError(os.environ['OPENAI_API_KEY']) from error\n"
    "validate.check_everywhere = fail\n"
    "sys.argv = ['pinecall-run', 'validate', os.environ['HUSH']]\n"
    "main.main()\n"
)

RUNS: dict[str, tuple[str, str, list[str], dict[str, str], int, str]] = {
    # the project, its tool, the program, more for it (what is typed, the line to wait for, variables), the exit code,
    # and what must be there, so that silence proves nothing
    "run": (GOOD["embedded"], TOOL, command("run", "--port", "0"), {"until": "Ctrl-C ends it"}, 0, "agent    desk"),
    "run, content shown": (GOOD["embedded"], TOOL, command("run", "--port", "0", "--show-content"),
                           {"until": "Ctrl-C ends it"}, 0, "agent    desk"),
    "run, refused": (GOOD["remote"], TOOL, command("run"), {"until": "trying again"}, 0, "trying again"),
    "run, broken": (BAD["written out"], TOOL, command("run"), {}, 1, "voise"),
    "run, module fails": (GOOD["embedded"], RAISING, command("run"), {}, 1, "no access with ***"),
    "chat, tool fails": (GOOD["embedded"], TOOL, command("chat"), {"said": "open\n"}, 0, '"error": "***"'),
    "chat, refused": (BAD["written out"].replace("    voise: x\n", ""), TOOL, command("chat"), {}, 1, ""),
    "say, refused": (GOOD["remote"], TOOL, command("say", "desk", "silence.wav"), {}, 1, "127.0.0.1:9"),
    "serve": (GOOD["embedded"], TOOL, command("serve", "--port", "0"), {"until": "Ctrl-C ends it"}, 0, "the one you"),
    "serve, no port": (GOOD["embedded"], TOOL, command("serve", "--host", "203.0.113.1"), {}, 1, "cannot listen"),
    "bug": (GOOD["embedded"], TOOL, [sys.executable, "-c", BROKEN], {}, 3, "the report is"),
    "bug, traceback": (GOOD["embedded"], TOOL, [sys.executable, "-c", BROKEN], {"PINECALL_TRACEBACK": "1"}, 3,
                       "RuntimeError: ***"),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
async def test_no_program_shows_a_secret(name: str, tmp_path: Path) -> None:
    text, tool, words, more, code, expected = RUNS[name]
    _write(tmp_path, text, tool)
    ended, output = await _program(tmp_path, *words, **more)
    assert not _sings(output), output.decode()
    assert expected in output.decode()
    assert ended == code, output.decode()
    assert _singing_files(tmp_path) == []


def test_a_canary_that_sings_is_heard(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"key": CANARY}))
    assert _sings(f"x{CANARY}x".encode())
    assert not _sings(b"***")
    assert _singing_files(tmp_path) == [str(tmp_path / "report.json")]
