"""``pinecall-run say`` against a server whose time is the caller's: what it prints, keeps, waits for, and refuses."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.cli._phone import Beeper, phone, project, recording, run, silence, start, tone
from tests.transports._calls import Reception

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE
from pinecall_run.cli.say import command
from pinecall_run.transports.contract import NotAdmittedError

QUESTION = recording(silence(1.5), tone(0.6), silence(0.2))

EXPECTED = """\
  0.00  agent   Acme, hello.
  1.68  caller  where is it
        → look(order="ORD-1001")
        ← {"status": "shipped"}
  2.90  agent   It is shipped.
  6.52  ended   hangup
1 turn answered after 0.80 s; median 0.80 s
"""


async def test_a_recording_is_answered_and_the_call_hung_up(tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(QUESTION)
    async with phone(tmp_path) as reception:
        code, out, err = await run(tmp_path, "say", "desk", "call.wav")
        assert (code, _without_end(out), err) == (0, _without_end(EXPECTED), "")
        assert reception.sessions[0].ends[0] == "hangup"


async def test_it_comes_from_a_pipe_and_goes_to_one_as_objects(tmp_path: Path) -> None:
    async with phone(tmp_path):
        code, out, _ = await run(tmp_path, "say", "desk", "-", "--json", "--wait", "0.5", said=QUESTION)
    captions = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert captions[:5] == [
        {"time": 0.0, "kind": "agent", "text": "Acme, hello."},
        {"time": 1.68, "kind": "caller", "text": "where is it"},
        {"time": 2.50, "kind": "tool_call", "name": "look", "arguments": '{"order": "ORD-1001"}'},
        {"time": 2.70, "kind": "tool_result", "result": {"status": "shipped"}},
        {"time": 2.90, "kind": "agent", "text": "It is shipped."},
    ]
    assert [each["kind"] for each in captions[5:]] == ["ended", "latency"]
    assert captions[-1]["seconds"] == [0.80]
    assert 4.0 <= captions[-2]["time"] < 5.5


async def test_both_sides_are_kept_as_they_were_heard(tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(recording(silence(0.2), tone(0.6), silence(0.1)))
    async with phone(tmp_path) as reception:
        code, out, _ = await run(tmp_path, "say", "desk", "call.wav", "--record", "both.wav")
        (session,) = reception.sessions
    assert code == 0
    assert "  0.00  agent   Acme, — (interrupted after 0.38 s)\n" in out
    both = _stereo(tmp_path / "both.wav")
    heard = np.concatenate(session.heard)
    caller, agent = both[:, 0], both[:, 1]
    assert len(heard) - 50 * CHUNK_SAMPLES <= len(caller) <= len(heard)
    assert np.array_equal(caller, heard[: len(caller)])
    sounding = [bool(chunk.any()) for chunk in agent[: 3 * RATE].reshape(-1, CHUNK_SAMPLES)]
    assert sounding[:19] == [True] * 19
    assert not any(sounding[19:70])
    assert sum(sounding[70:]) == 30


async def test_time_passes_as_it_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(recording(silence(3.0)))
    loop = asyncio.get_running_loop()
    took = {}
    async with phone(tmp_path):
        for speed in ("--speed=20", "--real-time"):
            began = loop.time()
            assert (await run(tmp_path, "say", "desk", "call.wav", speed, "--wait", "0"))[0] == 0
            took[speed] = loop.time() - began
    assert took["--real-time"] - took["--speed=20"] > 1.5


async def test_ctrl_c_hangs_up_and_keeps_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(recording(silence(60)))
    async with phone(tmp_path) as reception:
        process = await start(tmp_path, "say", "desk", "call.wav", "--real-time", "--record", "both.wav")
        assert process.stdout is not None
        async with asyncio.timeout(20):
            first = await process.stdout.readline()
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate(b"")
        assert first == b"  0.00  agent   Acme, hello.\n"
        assert process.returncode == 130
        assert out.decode().splitlines()[0].endswith("ended   hangup")
        assert err == b""
        assert reception.sessions[0].ends[0] == "hangup"
    both = _stereo(tmp_path / "both.wav")
    assert 1.0 <= len(both) / RATE < 10
    assert both[: RATE // 2, 1].any()


async def test_who_closes_its_output_ends_it(tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(QUESTION)
    async with phone(tmp_path) as reception:
        process = await start(tmp_path, "say", "desk", "call.wav", "--record", "both.wav")
        assert process.stdout is not None
        assert process.stderr is not None
        async with asyncio.timeout(20):
            await process.stdout.readline()
            process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
            assert (await process.stderr.read(), await process.wait()) == (b"", 1)  # click's
        assert reception.sessions[0].ends == ["disconnected"]
    assert _stereo(tmp_path / "both.wav").any()


async def test_a_call_that_the_agent_ends_is_over(tmp_path: Path) -> None:
    class Brief(Beeper):
        def _answer(self) -> None:
            self.end("client_hangup")

    (tmp_path / "call.wav").write_bytes(recording(silence(1.5), tone(0.6), silence(60)))
    async with phone(tmp_path, Reception(Brief)):
        code, out, _ = await run(tmp_path, "say", "desk", "call.wav")
    assert code == 0
    assert out.splitlines()[1:] == ["  2.38  ended   client_hangup", "no turn was answered"]


class _Refusing:
    def open_call(self, *_: Any) -> Any:
        raise NotAdmittedError("desk cannot speak: its voice has no key; set CARTESIA_API_KEY")


class _Breaking(Beeper):
    def hear(self, chunk: Any) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("reception", "sentence"),
    [
        (_Refusing(), "pinecall-run: desk cannot speak: its voice has no key; set CARTESIA_API_KEY\n"),
        (Reception(_Breaking), "pinecall-run: the server ended the call: the voice server failed\n"),
    ],
)
async def test_a_call_that_does_not_come_about_is_one_sentence(tmp_path: Path, reception: Any, sentence: str) -> None:
    (tmp_path / "call.wav").write_bytes(QUESTION)
    async with phone(tmp_path, reception):
        code, out, err = await run(tmp_path, "say", "desk", "call.wav")
    assert (code, out, err) == (1, "", sentence)


@pytest.mark.parametrize(
    ("words", "content", "code", "sentence"),
    [
        (["gone.wav"], None, 2, "gone.wav cannot be played: No such file or directory"),
        (["."], None, 2, ". cannot be played: Is a directory"),
        (["call.wav"], b"ID3 not a recording at all", 2, "call.wav cannot be played: this is no WAV file"),
        (["-"], b"", 2, "- cannot be played: this is no WAV file"),
        (["call.wav", "--record", "no/where.wav"], QUESTION, 1, "no/where.wav cannot be written: No such file"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], content: bytes | None, code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, "127.0.0.1:9")  # nobody is called
    if content is not None:
        (tmp_path / "call.wav").write_bytes(content)
    said = CliRunner().invoke(command, ["desk", *words], input=content or b"")
    assert (said.exit_code, said.stdout, said.stderr.count("\n")) == (code, "", 1)
    assert sentence in said.stderr


async def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError('numpy')")
    async with phone(tmp_path):
        path = f"{tmp_path}:{_python_path()}"
        code, out, err = await run(tmp_path, "say", "desk", "call.wav", PYTHONPATH=path)
    assert (code, out) == (1, "")
    assert err == "pinecall-run: sound needs more: pip install 'pinecall-run[voice,local]'\n"


def _python_path() -> str:
    return os.environ.get("PYTHONPATH", "")


def _without_end(out: str) -> list[str]:
    """The lines; when the call ended depends on how much was under way."""
    return [line[6:] if "  ended" in line else line for line in out.splitlines()]


def _stereo(file: Path) -> Any:
    data = file.read_bytes()
    assert int.from_bytes(data[40:44], "little") == len(data) - 44
    return np.frombuffer(data[44:], "<i2").reshape(-1, 2)
