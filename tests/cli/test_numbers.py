"""``pinecall-run numbers``, against the emulated Twilio."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import twilio.rest  # noqa: F401 - before modules_of_its_own, which would load it, and what it needs, twice
from click.testing import CliRunner, Result
from tests._projects import modules_of_its_own
from tests.emulators.twilio_server import TwilioServer, twilio_server

from pinecall_run.cli.numbers import command

CONFIG = """\
version: 1
server: {public_url: "https://voice.example.com/"}
agents:
  desk: {prompt: Be kind., channels: ["+1 555 123 4567", chat]}
  night: {prompt: Sleep., channels: ["+15557654321"]}
"""
DESK, OTHER, NIGHT = "+15551234567", "+15550009999", "+15557654321"
HERE = "https://voice.example.com/twilio/voice"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pinecall.yaml").write_text(CONFIG)
    return tmp_path


async def ran(project: Path, twilio: TwilioServer, *words: str, **environ: str) -> Result:
    def run() -> Result:
        with modules_of_its_own():
            return CliRunner(env={**twilio.environ, **environ}).invoke(command, ["-p", str(project), *words])

    return await asyncio.to_thread(run)


async def test_numbers_are_listed_with_their_agents_and_where_they_point(project: Path) -> None:
    async with twilio_server([DESK, OTHER]) as twilio:
        result = await ran(project, twilio)
        assert result.exit_code == 0
        assert result.stdout.splitlines() == [
            f"{DESK}      desk   https://demo.twilio.com/welcome/voice/",
            f"{OTHER}      -      https://demo.twilio.com/welcome/voice/",
            f"{NIGHT}      night  the account has no such number",
        ]
        assert all(method == "GET" for method, _, _ in twilio.requests)


async def test_the_projects_numbers_are_pointed_and_no_others(project: Path) -> None:
    async with twilio_server([DESK, OTHER]) as twilio:
        result = await ran(project, twilio, "--apply")
        assert (result.exit_code, result.stdout.splitlines()) == (
            1, [f"{DESK}  desk: {HERE}", f"{NIGHT}  night: the account has no such number"]
        )  # fmt: skip
        assert twilio.numbers[DESK]["voice_url"] == HERE
        assert twilio.numbers[DESK]["status_callback"] == "https://voice.example.com/twilio/status"
        assert "demo.twilio.com" in twilio.numbers[OTHER]["voice_url"]
        assert "this project's voice server" in (await ran(project, twilio)).stdout
        asked = len(twilio.requests)
        await ran(project, twilio, "--apply")
        assert [method for method, _, _ in twilio.requests[asked:]] == ["GET"], "it is there already"
        await ran(project, twilio, "--apply", PINECALL_PUBLIC_URL="https://b.example")
        assert twilio.numbers[DESK]["voice_url"] == "https://b.example/twilio/voice"


async def test_what_is_missing_is_said(project: Path) -> None:
    async with twilio_server([DESK]) as twilio:
        result = await ran(project, twilio, TWILIO_AUTH_TOKEN="")
        assert (result.exit_code, "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN" in result.output) == (1, True)
        result = await ran(project, twilio, TWILIO_AUTH_TOKEN="wrong")
        assert (result.exit_code, "Twilio refused: Authenticate" in result.output) == (1, True)
        (project / "pinecall.yaml").write_text(CONFIG.replace("server:", "#"))
        result = await ran(project, twilio, "--apply")
        assert (result.exit_code, "PINECALL_PUBLIC_URL" in result.output) == (1, True)
