"""The pages about speech: their projects are sound; the tables of docs/voice.md have the schema's keys and defaults."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rules._scan import ROOT

from pinecall_run.cli.validate import command
from pinecall_run.resources import schema

PAGES = {name: (ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("voice", "offline-voice", "turns")}
BLOCKS = [block for page in PAGES.values() for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
PAGE = PAGES["voice"]
KEYS = ("turn_detection", "vad", "recording", "background", "hold_music", "apology", "analysis")


@pytest.mark.parametrize("block", BLOCKS)
def test_a_project_of_the_page_is_sound(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pinecall.yaml").write_text(block)
    for name in re.findall(r"[\w/.-]+\.(?:wav|onnx)", block):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"RIFF....WAVE")
    assert CliRunner().invoke(command, []).output == "pinecall.yaml: 1 agent, no findings\n"


def test_every_key_is_explained() -> None:
    definitions = schema("pinecall")["$defs"]
    options = [name for name in (*KEYS, "interruption") if f"{name}_options" in definitions]
    inner = [definitions[f"{name}_options"]["properties"] for name in options]
    inner += [definitions[name]["properties"] for name in ("vad", "analysis", "local_voice", "local_stt", "ice_server")]
    wanted = {*KEYS, "interruption", *(key for keys in inner for key in keys)}
    assert {key for key in wanted if not re.search(rf"\b{key}\b", PAGE)} == set()


@pytest.mark.parametrize("name", ["vad", "turn_detection_options", "interruption_options"])
def test_defaults_are_those_of_the_schema(name: str) -> None:
    rows = {key: cells for line in PAGE.splitlines() if (cells := line.split("|"))[0] == "" for key in _keys(cells)}
    for key, described in schema("pinecall")["$defs"][name]["properties"].items():
        if "default" in described:
            default = described["default"]
            shown = str(default).lower() if isinstance(default, bool) else f"{default:g}"
            assert shown in re.split(r"[ ,]+", rows[key][-2].strip()), key


def _keys(cells: list[str]) -> list[str]:
    return re.findall(r"`(\w+)`", cells[1]) if len(cells) > 3 else []
