"""A whole conversation leaves no file behind, and not a word of it is in any output of either process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.stories._stage import PATIENCE, Program, chatting, clean_environment, command, edit

TRACER = """\
import json, os, socket, sys

_told = socket.create_connection(("127.0.0.1", int(os.environ["TRACER_PORT"])))
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DEEDS = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.setxattr", "os.symlink",
    "os.truncate", "os.utime", "sqlite3.connect", "tempfile.mkdtemp", "tempfile.mkstemp",
}

def _tell(event, path):
    path = os.fsdecode(path) if isinstance(path, (str, bytes)) else str(path)
    _told.sendall(json.dumps([os.getpid(), event, path]).encode() + b"\\n")

def _hook(event, args):
    if event == "open":
        path, mode, flags = args
        writes = isinstance(flags, int) and flags & _WRITING or isinstance(mode, str) and set(mode) & set("wax+")
        if writes and not isinstance(path, int):
            _tell(event, path)
    elif event in _DEEDS:
        _tell(event, args[0])

sys.addaudithook(_hook)
_tell("begins", " ".join(sys.orig_argv))
"""

CONFIG = """\
version: 1
agents:
  desk:
    prompt: Hello.
    model: scripted:desk.script.yaml
    channels: [chat]
    language: en
    tools: {look: stock.look, lose: stock.lose, note: stock.note}
"""
SCRIPT = """\
rules:
  - when: 'tell me of (?P<item>\\w+)'
    call: {look: {item: "{{ item }}"}}
    reply: "It is {{ look }}."
  - when: 'lose (?P<item>\\w+)'
    call: {lose: {item: "{{ item }}"}}
    reply: Lost.
  - when: 'note (?P<item>\\w+)'
    call: {note: {item: "{{ item }}"}}
    reply: Noted.
otherwise: I am all ears.
"""
TOOLS = """\
def look(item: str) -> str:
    "Look something up."
    return "RESULT" + item[:0] + "WORDS"


def lose(item: str) -> str:
    "Fail."
    raise LookupError("no such " + item)


def note(item: str) -> str:
    "Write it down."
    with open("notes.txt", "a") as notes:
        notes.write(item)
    return "ok"
"""
SAID = ("CALLERWORDS", "ARGUMENTWORDS", "RESULTWORDS", "OTHERWORDS", "ears")
"""Of the person, of a tool call, of a tool's result, of an exception, of the agent."""


@dataclass
class Traced:
    """What the processes of a program wrote, by what their own audit hooks say."""

    project: Path
    begun: dict[int, str] = field(default_factory=dict)
    written: list[tuple[str, str]] = field(default_factory=list)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            process, event, path = json.loads(line)
            if event == "begins":
                self.begun[process] = path
            elif not self._is_harmless(path):
                self.written.append((event, path))
        writer.close()

    def _is_harmless(self, path: str) -> bool:
        """Nothing is kept in /dev/null; and installed code is compiled when it is first used, which is Python's."""
        is_cache = "__pycache__" in Path(path).parts and self.project not in Path(path).parents
        return path == os.devnull or is_cache


@asynccontextmanager
async def traced_program(folder: Path, *words: str) -> AsyncIterator[tuple[Program, Traced]]:
    """``pinecall-run run`` in a project, with a home and a temporary folder of its own."""
    project, hook = folder / "project", folder / "hook"
    for path in (project, hook, folder / "home", folder / "temporary"):
        path.mkdir()
    (hook / "sitecustomize.py").write_text(TRACER)
    for name, text in (("pinecall.yaml", CONFIG), ("desk.script.yaml", SCRIPT), ("stock.py", TOOLS)):
        (project / name).write_text(text)
    traced = Traced(project)
    async with await asyncio.start_server(traced.accept, "127.0.0.1", 0) as listening:
        environment = clean_environment(
            HOME=str(folder / "home"),
            TMPDIR=str(folder / "temporary"),
            PYTHONPATH=os.pathsep.join(filter(None, (str(hook), os.environ.get("PYTHONPATH")))),
            TRACER_PORT=str(listening.sockets[0].getsockname()[1]),
        )
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        process = await asyncio.create_subprocess_exec(
            *command("run", "--port", "0", "--metrics-port", "0", *words), cwd=project, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        program = Program(process)
        reading = asyncio.create_task(program.read())
        try:
            yield program, traced
        finally:
            if process.returncode is None:
                process.kill()
            await asyncio.gather(reading)


async def converse(program: Program, project: Path, *sentences: str) -> str:
    """Talk, reload, drain with the conversation still going on, and hang up; what the probes and metrics said."""
    metrics = _address(await program.until(r"http\S+/metrics"))
    page = _address(await program.until(r"page\W+http"), after="page")
    async with chatting(page, "desk") as chat:
        for sentence in sentences:
            await chat.ask(sentence)
        edit(project / "pinecall.yaml", lambda text: text.replace("language: en", "language: de"))
        await program.until("reloaded")
        await chat.ask("CALLERWORDS again")
        told = await _get(f"{metrics}/metrics") + await _get(f"{metrics}/-/ready") + await _get(f"{metrics}/-/healthy")
        program.process.terminate()
        await program.until("no new calls")
        told += await _get(f"{metrics}/-/ready")
    assert await program.ended() == 0
    return told


def _address(line: str, after: str = "") -> str:
    found = re.search(rf"{after}\W+.*?(http://[\d.:]+)" if after else r"(http://[\d.:]+)/metrics", line)
    assert found, line
    return found[1]


async def _get(url: str) -> str:
    def get() -> str:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return f"{answer.status} {answer.read().decode()}"
        except urllib.error.HTTPError as error:
            with error:
                return f"{error.code} {error.read().decode()}"

    return await asyncio.to_thread(get)


def _files(*folders: Path) -> dict[str, Any]:
    return {str(file): file.stat().st_mtime_ns for folder in folders for file in folder.rglob("*")}


@pytest.mark.parametrize("format", ["text", "json"])
async def test_nothing_is_written_and_nothing_said_is_told(format: str, tmp_path: Path) -> None:
    async with traced_program(tmp_path, "--log-format", format) as (program, traced):
        told = await converse(program, traced.project, "tell me of ARGUMENTWORDS", "lose OTHERWORDS", "CALLERWORDS")
    assert traced.written == []
    processes = " ".join(traced.begun.values())
    assert len(traced.begun) == 2, processes
    assert "serve --child" in processes, "both processes were watched"
    assert _files(tmp_path / "home", tmp_path / "temporary") == {}
    assert {file.name for file in traced.project.iterdir()} == {"pinecall.yaml", "desk.script.yaml", "stock.py"}

    for part in ("200 healthy", "200 ready", "503 draining", 'pinecall_tool_calls_total{agent="desk",outcome="error"'):
        assert part in told, "silence proves nothing"
    output = "\n".join(program.lines)
    assert "tool lose(…) failed with LookupError" in output
    assert [words for words in SAID if words in output + told] == []
    if format == "json":
        entries = [json.loads(line) for line in program.lines]
        assert all({"time", "level", "event", "message", "revision"} <= entry.keys() for entry in entries)
        assert [e["event"] for e in entries if "call" in e] == [
            "call_started",
            "tool_ended",
            "tool_ended",
            "call_ended",
        ]


async def test_what_is_written_would_be_seen(tmp_path: Path) -> None:
    async with traced_program(tmp_path) as (program, traced):
        await converse(program, traced.project, "note ARGUMENTWORDS")
    assert ("open", "notes.txt") in traced.written


async def test_content_is_told_on_request(tmp_path: Path) -> None:
    async with traced_program(tmp_path, "--show-content", "--log-format", "json") as (program, traced):
        told = await converse(program, traced.project, "tell me of ARGUMENTWORDS", "CALLERWORDS")
    output = "\n".join(program.lines)
    assert all(words in output for words in ("CALLERWORDS", "ARGUMENTWORDS", "ears"))
    assert [words for words in SAID if words in told] == []
