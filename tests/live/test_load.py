"""A project is read and checked without running any of its code, and every file that matters is known."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest
from tests.live._projects import project, write

from pinecall_run.live.files import read_file
from pinecall_run.live.load import Checked, check_project
from pinecall_run.live.project import Project

CONFIG = """
version: 1
agents:
  desk:
    prompt: {file: prompts/desk.md.j2, vars: {company: Acme}}
    model: scripted:desk.script.yaml
    channels: [chat]
    tools: {look: shoptools.look}
"""
FILES = {
    "prompts__desk_DOT_md_DOT_j2": "You are {{ company }}. {% include 'prompts/style.md.j2' %}",
    "prompts__style_DOT_md_DOT_j2": "Be kind.",
    "desk_DOT_script_DOT_yaml": "rules: [{when: x, reply: y}]\notherwise: Hm.\n",
    "shoptools_DOT_py": "raise SystemExit('imported')\ndef look() -> str:\n    'Look.'\n",
}


def check(root: Path, text: str | None = None, **environ: str) -> Checked:
    return check_project(Project.at(root), environ, needs_secrets=True, text=text)


def codes(checked: Checked) -> list[str]:
    return [diagnostic.code for diagnostic in checked.diagnostics]


def test_everything_it_consists_of_is_read_and_nothing_is_imported(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG, **FILES)
    checked = check(root)
    assert codes(checked) == []
    assert checked.config is not None
    assert checked.prompts == {"desk": "You are Acme. Be kind."}
    assert checked.scripts["desk"]["desk.script.yaml"]["otherwise"] == "Hm."
    names = ["pinecall.yaml", "prompts/desk.md.j2", "prompts/style.md.j2", "desk.script.yaml", "shoptools.py"]
    assert checked.files == {root / name: hashlib.sha256((root / name).read_bytes()).digest() for name in names}
    assert "shoptools" not in sys.modules


def test_it_does_not_matter_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(tmp_path / "shop", CONFIG, **FILES)
    monkeypatch.chdir(tmp_path)
    relative = check_project(Project.at(Path("shop/pinecall.yaml")), {}, needs_secrets=True)
    assert codes(relative) == []
    assert set(relative.texts) >= {"shop/pinecall.yaml", "shop/prompts/style.md.j2", "shop/shoptools.py"}
    monkeypatch.chdir(project(tmp_path / "elsewhere", ""))
    assert codes(check(root)) == []


@pytest.mark.parametrize(
    ("gone", "is_folder", "found"),
    [
        ("pinecall.yaml", False, "PCR001"),
        ("prompts/desk.md.j2", False, "PCR001"),
        ("prompts/desk.md.j2", True, "PCR001"),
        ("prompts/style.md.j2", False, "PCR303"),
        ("prompts/style.md.j2", True, "PCR303"),
        ("desk.script.yaml", False, "PCR001"),
        ("desk.script.yaml", True, "PCR001"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding_and_is_waited_for(
    tmp_path: Path, gone: str, is_folder: bool, found: str
) -> None:
    root = project(tmp_path, CONFIG, **FILES)
    (root / gone).unlink()
    if is_folder:
        (root / gone).mkdir()
    checked = check(root)
    assert codes(checked) == [found]
    assert checked.config is None
    assert checked.files[root / gone] == b""


def test_a_module_that_may_not_be_read_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(tmp_path, CONFIG, **FILES)

    def refuse(path: Path) -> bytes:
        if path.name == "shoptools.py":
            raise PermissionError(13, "Permission denied")
        return read_file(path)

    monkeypatch.setattr("pinecall_run.live.project_files.read_file", refuse)
    checked = check(root)
    assert codes(checked) == ["PCR001"]
    assert "Permission denied" in checked.diagnostics[0].message


def test_a_module_written_a_moment_ago_is_seen(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG, **FILES)
    module = root / "shoptools.py"
    source = module.read_text()
    module.unlink()
    assert codes(check(root)) == ["PCR402"]
    stamp = root.stat().st_mtime_ns
    write(module, source)
    os.utime(root, ns=(stamp, stamp))  # folders are listed once for each time stamp, and stamps are coarse
    assert codes(check(root)) == []


def test_text_can_stand_in_for_the_file(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG, **FILES)
    checked = check(root, text=CONFIG.replace("look: shoptools.look", "look: shoptools.lok"))
    assert codes(checked) == ["PCR403"]
    assert checked.config is None


def test_findings_show_the_lines_of_every_file(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        CONFIG,
        **{**FILES, "desk_DOT_script_DOT_yaml": "rules: [{when: x, reply: y}]\notherwise: '{% if %}'\n"},
    )
    checked = check(root)
    (finding,) = checked.diagnostics
    assert finding.span.file.endswith("desk.script.yaml")
    assert checked.lines[finding.span.file][1] == "otherwise: '{% if %}'"


def test_a_prompt_that_names_a_file_of_the_project_can_be_mended(tmp_path: Path) -> None:
    config = CONFIG.replace("{file: prompts/desk.md.j2, vars: {company: Acme}}", "NAME")
    root = project(tmp_path, config, **FILES)
    for name, is_there in {
        "prompts/desk.md.j2": True,
        "prompts/gone.md.j2": False,
        "../../etc/hosts.txt": False,
    }.items():
        (finding,) = check(root, config.replace("NAME", name)).diagnostics
        assert (finding.code, finding.fix is not None) == ("PCR515", is_there)


def test_a_script_without_a_name_is_one_finding(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG.replace("scripted:desk.script.yaml", "'scripted:'"), **FILES)
    assert codes(check(root)) == ["PCR507"]


def test_agents_that_share_a_template_have_their_own_prompts_and_findings(tmp_path: Path) -> None:
    agents = {"d": "{n: 1}", "a": "{n: 1, who: Ann}", "b": "{n: 2, who: Bea}", "c": "{n: 0, who: Cy}"}
    lines = [f"  {name}: {{prompt: {{file: p.j2, vars: {of}}}, channels: [chat]}}\n" for name, of in agents.items()]
    root = project(tmp_path, "version: 1\nagents:\n" + "".join(lines), p_DOT_j2="{{ who }} {{ (2 / n)|int }}")
    checked = check(root)
    assert checked.prompts == {"a": "Ann 2", "b": "Bea 1"}
    assert codes(checked) == ["PCR302", "PCR303"]


VOICE = """
version: 1
agents:
  desk:
    prompt: Hello.
    channels: [webrtc]
    background: sounds/office.wav
    turn_detection: {smart_turn_model: "${MODEL}"}
"""


def test_sounds_and_models_are_there_before_a_call_needs_them(tmp_path: Path) -> None:
    root, model = project(tmp_path / "shop", VOICE), tmp_path / "turns.onnx"
    sound = root / "sounds/office.wav"
    missing = check(root, MODEL=str(model))
    assert [(d.code, d.route[-1]) for d in missing.diagnostics] == [
        ("PCR001", "background"),
        ("PCR001", "smart_turn_model"),
    ]
    assert missing.files[sound] == missing.files[model] == b""  # they count as soon as they are there
    write(sound, "RIFF....AVI LIST")
    model.write_bytes(b"any")
    assert codes(check(root, MODEL=str(model))) == ["PCR521"]
    assert check(root, MODEL=str(model)).files[sound]  # another file may come in its place
    write(sound, "RIFF....WAVEfmt ")
    mended = check(root, MODEL=str(model))
    assert codes(mended) == []
    assert sound not in mended.files  # the server reads it when a call begins


def test_files_that_only_the_embedded_server_reads_are_not_asked_for_elsewhere(tmp_path: Path) -> None:
    elsewhere = check(project(tmp_path, VOICE + "server: {url: 'wss://voice.example'}\n"), MODEL="gone")
    assert codes(elsewhere) == ["PCR520", "PCR520"]
