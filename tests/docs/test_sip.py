"""docs/sip.md: its project is sound, its settings are settings, and its numbers are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rules._scan import ROOT

from pinecall_run.cli.serve import SIP
from pinecall_run.cli.validate import command
from pinecall_run.config.check import check
from pinecall_run.resources import schema
from pinecall_run.sip import registration
from pinecall_run.source.document import Document
from pinecall_run.transports import jitter, rtp_session, sip_sockets
from pinecall_run.voice import sip_dials, sip_settings, sip_trunks

PAGE = (ROOT / "docs/sip.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SETTINGS = re.findall(rf"{SIP}='(.*?)'", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_project_of_the_page_is_sound(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pinecall.yaml").write_text(block)
    assert CliRunner().invoke(command, []).output == "pinecall.yaml: 1 agent, no findings\n"


@pytest.mark.parametrize("written", SETTINGS)
def test_settings_of_the_page_are_read(written: str) -> None:
    assert sip_settings.read_sip(written) is not None


def test_its_keys_are_those_of_the_code() -> None:
    described = re.findall(r"^\| `(\w+)` \| .* \| .*\|$", PAGE, re.MULTILINE)
    assert sorted(described) == sorted([*sip_settings._KEYS, "trunks", *sip_trunks._KEYS])


def test_its_keys_are_those_of_the_schema() -> None:
    described = schema("pinecall")["$defs"]
    assert described["sip_options"]["properties"].keys() == {*sip_settings._KEYS, "trunks"}
    assert described["sip_trunk"]["properties"].keys() == sip_trunks._KEYS.keys()


@pytest.mark.parametrize("block", BLOCKS)
def test_what_a_project_of_the_page_says_of_sip_is_read(block: str) -> None:
    document, _ = Document.parse(block, "pinecall.yaml")
    config, _ = check(document, schema("pinecall"), {"CARRIER_PASSWORD": "a", "DESK_PASSWORD": "b"})
    assert config is not None
    assert config.server.sip is not None
    assert sip_settings.sip_settings(json.loads(json.dumps(config.server.sip))).trunks


def test_its_numbers_are_those_of_the_code() -> None:
    usual = sip_settings.SipSettings()
    assert f"after which the call ends | {usual.silence_seconds:.0f} |" in PAGE
    assert f"while the other side holds | {usual.hold_seconds:.0f} |" in PAGE
    assert f"{jitter.MIN_DELAY * 1000:.0f} to {jitter.MAX_DELAY * 1000:.0f} ms" in PAGE
    assert f"It rings for {sip_dials.RING_SECONDS:.0f} s" in PAGE
    first, most = registration.RETRY_FIRST_SECONDS, registration.RETRY_CAP_SECONDS / 60
    assert f"tried again after {first:.0f} s and up to {most:.0f}\nminutes" in PAGE
    assert f"silent for {rtp_session.MOVED_SECONDS:.0f} s" in PAGE
    (at_once, a_second), (all_at_once, all_a_second) = sip_sockets.STRANGER, sip_sockets.EVERYBODY
    assert f"{a_second} times a\nsecond each ({at_once} at once)" in PAGE
    assert f"{all_a_second} times all together ({all_at_once} at once)" in PAGE
