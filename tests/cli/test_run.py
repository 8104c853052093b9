"""``pinecall-run run`` when the server will not have it; the rest is told in tests/stories."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cli.test_serve import _serving
from tests.stories._stage import clean_environment, command, copy_project, running


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
