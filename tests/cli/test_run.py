"""``pinecall-run run`` when the server will not have it; the rest is told in tests/stories."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from tests.cli.test_serve import _serving
from tests.stories._stage import Program, clean_environment, command, copy_project, running


def use_server(project: Path, url: str, key: str) -> None:
    file = project / "pinecall.yaml"
    text = file.read_text()
    line = next(line for line in text.splitlines() if line.startswith("server:"))
    file.write_text(text.replace(line, f'server: {{url: "{url}", api_key: "{key}"}}'))


async def test_a_wrong_key_is_one_sentence_and_exit_code_4(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with _serving(PINECALL_API_KEY="pk_right") as lines:
        use_server(project, lines[0].split()[-1], "${KEY:-pk_wrong}")
        process = await asyncio.create_subprocess_exec(
            *command("run"), cwd=project, env=clean_environment(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(15):
            out, error = await process.communicate()
    assert process.returncode == 4
    assert error.decode() == "pinecall-run: the server refused the key: this server does not know the key\n"
    assert b"pk_wrong" not in out + error


async def test_a_server_elsewhere_is_used_like_the_embedded_one(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with _serving(PINECALL_API_KEY="pk_right") as lines:
        url = lines[0].split()[-1]
        use_server(project, url, "${KEY}")
        async with running(project, KEY="pk_right") as program:
            assert any(line.split() == ["server", url] for line in program.lines)
            assert await program.interrupt() == 0


async def test_an_unset_key_is_a_finding(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    use_server(project, "ws://127.0.0.1:9", "${NOT_SET}")
    process = await asyncio.create_subprocess_exec(
        *command("run"), cwd=project, env=clean_environment(), stderr=asyncio.subprocess.PIPE
    )
    _, error = await process.communicate()
    assert process.returncode == 1
    assert "error[PCR201] the variable NOT_SET is not set" in error.decode()


async def test_a_journal_that_cannot_be_used_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    file = project / "pinecall.yaml"
    file.write_text(file.read_text() + "\njournal: missing/writes.journal\n")
    process = await asyncio.create_subprocess_exec(
        *command("run"), cwd=project, env=clean_environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(15):
        _, error = await process.communicate()
    assert process.returncode == 1
    last = error.decode().splitlines()[-1]
    assert last.startswith("pinecall-run: the journal ")
    assert last.endswith(f"missing/writes.journal cannot be used: there is no folder {project / 'missing'}")


async def test_why_it_ends_is_an_event_when_events_are_objects(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with _serving(PINECALL_API_KEY="pk_right") as lines:
        use_server(project, lines[0].split()[-1], "${KEY:-pk_wrong}")
        process = await asyncio.create_subprocess_exec(
            *command("run"), cwd=project, env=clean_environment(PINECALL_LOG_FORMAT="json"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(15):
            out, error = await process.communicate()
    assert (process.returncode, error) == (4, b"")
    (entry,) = map(json.loads, out.splitlines())
    assert (entry["event"], entry["level"]) == ("refused", "error")


async def test_findings_are_events_too(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    use_server(project, "ws://127.0.0.1:9", "${NOT_SET}")
    process = await asyncio.create_subprocess_exec(
        *command("run", "--log-format", "json"), cwd=project, env=clean_environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await process.communicate()
    assert (process.returncode, error) == (1, b"")
    entries = [json.loads(line) for line in out.splitlines()]
    assert [(entry["event"], entry["finding"]["code"]) for entry in entries] == [("finding", "PCR201")]


async def test_a_port_for_metrics_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0) as taken:
        port = taken.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *command("run", "--metrics-port", str(port)), cwd=copy_project(tmp_path), env=clean_environment(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, error = await process.communicate()
    assert process.returncode == 1
    expected = f"pinecall-run: cannot listen on 127.0.0.1:{port} for metrics: Address already in use\n"
    assert error.decode() == expected


WITHOUT_EXTRAS = (
    "import sys; sys.modules['prometheus_client'] = sys.modules['opentelemetry'] = None\n"
    "sys.argv = ['pinecall-run', 'run', '--port', '0', '--metrics-port', '0']\n"
    "from pinecall_run.cli.main import main; main()\n"
)


async def test_without_the_extras_probes_are_answered_all_the_same(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", WITHOUT_EXTRAS, cwd=copy_project(tmp_path), env=clean_environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    program = Program(process)
    reading = asyncio.create_task(program.read())
    try:
        found = re.search(r"http://[\d.:]+", await program.until("metrics  http"))
        assert found
        assert (await asyncio.to_thread(_read, f"{found[0]}/-/ready")) == (200, "ready\n")
        status, sentence = await asyncio.to_thread(_read, f"{found[0]}/metrics")
        assert status == 501
        assert "pip install 'pinecall-run[metrics]'" in sentence
        assert sentence.strip() in program.lines[0]
    finally:
        await program.interrupt()
        await reading


def _read(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("words", [["--metrics-port", "70000"], ["--log-format", "xml"]])
async def test_a_wrong_option_is_exit_code_2(tmp_path: Path, words: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command("run", *words), cwd=tmp_path, env=clean_environment(), stderr=asyncio.subprocess.PIPE
    )
    assert await process.wait() == 2
