"""``pinecall-run validate``: findings, exit codes, and what it must not import."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests._packages import Packages
from tests.stories._stage import clean_environment, copy_project
from tests.stories._stage import command as program_command

from pinecall_run.cli._selection import Selection
from pinecall_run.cli.validate import command
from pinecall_run.source.diagnostic import Diagnostic, Span

GOOD = "version: 1\nagents:\n  desk: {prompt: Hello., channels: [chat]}\n"
BAD = "version: 1\nagents:\n  desk: {prompt: 'Hello [[ nmae ]].', channels: [chat], voise: x}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PINECALL_MODEL", raising=False)
    return tmp_path


def _validate(*words: str, said: str | bytes = "") -> tuple[int, str]:
    result = CliRunner().invoke(command, list(words), input=said)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_a_good_project_is_one_line(project: Path) -> None:
    (project / "pinecall.yaml").write_text(GOOD)
    assert _validate() == (0, "pinecall.yaml: 1 agent, no findings\n")


def test_each_path_is_checked_and_one_error_is_enough(project: Path) -> None:
    (project / "one").mkdir()
    (project / "one/pinecall.yaml").write_text(GOOD)
    (project / "two.yaml").write_text(BAD)
    code, output = _validate("one", "two.yaml", "--format", "concise")
    assert code == 1
    assert "two.yaml:3:57: PCR101 `agents.desk` has no key `voise`" in output


def test_a_warning_is_shown_and_is_no_error(project: Path) -> None:
    (project / "pinecall.yaml").write_text("version: 1\nagents: {desk: {prompt: Hello.}}\n")
    code, output = _validate()
    assert code == 0
    assert "warning[PCR503] nobody can reach `desk`" in output
    assert output.endswith("1 warning\n")


def test_a_missing_file_is_a_finding(project: Path) -> None:
    code, output = _validate("nowhere")
    assert code == 1
    assert output.startswith("nowhere:1:1: error[PCR001] nowhere does not exist")


def test_of_a_sound_project_it_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    (project / "examples/shop/orders.py").write_text(
        "def lookup_order() -> None:\n    'Find it.'\ndef orders_of() -> None:\n    'Find them.'\n1/0\n"
    )
    program = (
        "import sys, atexit\n"
        "heavy = ('pydantic', 'griffe', 'websockets', 'starlette', 'uvicorn', 'asyncio', 'jsonschema', 'examples')\n"
        "heavy += ('pinecall_run.voice',)\n"
        "atexit.register(lambda: print([name for name in heavy if name in sys.modules]))\n"
        "sys.argv = ['pinecall-run', 'validate']\n"
        "from pinecall_run.cli.main import main\n"
        "main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=project, env=clean_environment(), capture_output=True, text=True
    )
    assert result.stdout == "pinecall.yaml: 3 agents, no findings\n[]\n"


def test_secrets_need_not_be_set(project: Path) -> None:
    text = GOOD.replace("agents:", 'server: {url: "wss://voice.example.com", api_key: "${NOT_SET_ANYWHERE}"}\nagents:')
    (project / "pinecall.yaml").write_text(text)
    assert _validate()[0] == 0


def test_several_projects_make_one_document(project: Path) -> None:
    for name in ("one", "two", "three"):
        (project / name).mkdir()
        (project / name / "pinecall.yaml").write_text(GOOD if name == "two" else BAD)
    code, output = _validate("one", "two", "three", "--format", "json")
    document = json.loads(output)
    assert code == 1
    assert document["files"] == [f"{name}/pinecall.yaml" for name in ("one", "two", "three")]
    assert {finding["file"] for finding in document["diagnostics"]} == {"one/pinecall.yaml", "three/pinecall.yaml"}
    assert document["tool"]["version"]
    assert [suite.get("name") for suite in xml.fromstring(_validate("one", "two", "--format", "junit")[1])] == [
        "one/pinecall.yaml",
        "two/pinecall.yaml",
    ]
    full = _validate("one", "two", "three")[1]
    assert full.startswith("two/pinecall.yaml: 1 agent, no findings\n\none/pinecall.yaml:3:")
    assert full.endswith("\n\n2 errors\n")


def test_documents_for_machines_are_complete_without_findings(project: Path) -> None:
    (project / "pinecall.yaml").write_text(GOOD)
    outputs = {shape: _validate("--format", shape) for shape in ("json", "sarif", "gitlab", "junit", "markdown")}
    assert {code for code, _ in outputs.values()} == {0}
    assert json.loads(outputs["json"][1])["diagnostics"] == json.loads(outputs["gitlab"][1]) == []
    assert json.loads(outputs["sarif"][1])["runs"][0]["results"] == []
    assert xml.fromstring(outputs["junit"][1]).get("failures") == "0"
    assert outputs["markdown"][1] == "**pinecall-run**: no findings in 1 file\n"
    assert [_validate("--format", shape) for shape in ("concise", "jsonl", "github")] == [(0, "")] * 3


def test_a_project_named_twice_is_checked_once(project: Path) -> None:
    (project / "pinecall.yaml").write_text(BAD)
    (project / "other.yaml").write_text(GOOD)
    output = _validate("other.yaml", ".", "pinecall.yaml", "./other.yaml", "--format", "json")[1]
    assert json.loads(output)["files"] == ["other.yaml", "pinecall.yaml"]


def test_names_are_relative_to_where_one_stands(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "shop/inner").mkdir(parents=True)
    (project / "shop/pinecall.yaml").write_text(BAD)
    assert _validate(str(project / "shop"), "--format", "github")[1].startswith("::error file=shop/pinecall.yaml,")
    monkeypatch.chdir(project / "shop/inner")
    assert _validate("..", "--format", "concise")[1].startswith("../pinecall.yaml:3:")


def test_it_writes_a_file_instead(project: Path) -> None:
    (project / "pinecall.yaml").write_text(BAD)
    assert _validate("--format", "gitlab", "--output-file", "out.json") == (1, "")
    assert json.loads((project / "out.json").read_text())[0]["check_name"] == "PCR101"
    code, output = _validate("--output-file", "no/such/folder.txt")
    assert code == 2
    assert "no/such/folder.txt cannot be written" in output


def test_machines_get_utf_8_and_a_terminal_what_it_can_show(project: Path) -> None:
    (project / "pinecall.yaml").write_text(GOOD.replace("agents:", "ñandú: 1\nagents:"), encoding="utf-8")
    shown = {}
    for shape in ("concise", "json"):
        shown[shape] = subprocess.run(
            program_command("validate", "--format", shape),
            cwd=project, env=clean_environment(PYTHONIOENCODING="ascii"), capture_output=True,
        )  # fmt: skip
    assert b"no key `?and?`" in shown["concise"].stdout
    assert "ñandú" in shown["json"].stdout.decode("utf-8")
    assert [result.stderr for result in shown.values()] == [b"", b""]


def test_a_pipe_and_no_color_have_no_colour(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pinecall_run.cli import validate

    (project / "pinecall.yaml").write_text(BAD)
    assert "\x1b" not in _validate()[1]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    seen: list[bool] = []
    monkeypatch.setattr(validate, "render", lambda _, content: seen.append(content.colour) or "")
    monkeypatch.setattr(validate, "uses_colour", lambda _: True)
    _validate()
    _validate("--output-file", "out.txt")
    assert seen == [True, False]


def test_a_text_from_a_pipe_is_checked_as_the_file_it_is_said_to_be(project: Path) -> None:
    (project / "shop").mkdir()
    (project / "shop/desk.md.j2").write_text("Hello {{ nmae }}.")
    text = GOOD.replace("Hello.", "{file: desk.md.j2}")
    code, output = _validate("-", "--stdin-filename", "shop/pinecall.yaml", "--format", "concise", said=text)
    assert (code, output) == (1, "shop/desk.md.j2:1:10: PCR302 the prompt variable `nmae` is not defined\n")
    assert _validate("-", said=GOOD) == (0, "<stdin>: 1 agent, no findings\n")
    assert _validate("-", "--format", "concise", said=BAD)[1].startswith("<stdin>:3:57: PCR101")
    assert "<stdin>:1:1: PCR002" in _validate("-", "--format", "concise", said=b"\xff")[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--stdin-filename", "a.yaml"], "there is no - among the paths"),
        (["-", "-"], "- can be read once only"),
        (["--select", "PCR999"], "'PCR999' is no code nor the beginning of one"),
        (["--ignore", "PCR6O1"], "did you mean PCR601?"),
        (["--ignore", ","], "name at least one code"),
    ],
)
def test_usage_is_checked(words: list[str], says: str, project: Path) -> None:
    code, output = _validate(*words)
    assert code == 2
    assert says in output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["PCR101", "PCR501", "PCR503"]),
        (("--select", "PCR1"), ["PCR101"]),
        (("--select", "pcr5"), ["PCR501", "PCR503"]),
        (("--ignore", "PCR5,PCR101"), []),
        (("--select", "PCR5", "--ignore", "PCR501"), ["PCR503"]),
        (("--select", "PCR501", "--ignore", "PCR5"), ["PCR501"]),
        (("--ignore", "PCR5", "--select", "PCR"), ["PCR101"]),
        (("--select", "PCR501", "--ignore", "PCR501"), []),
    ],
)
def test_findings_are_chosen_by_code(words: tuple[str, ...], expected: list[str]) -> None:
    found = [Diagnostic(code, "wrong", Span.at("a.yaml")) for code in ("PCR101", "PCR501", "PCR503")]
    options = dict(zip(words[::2], words[1::2], strict=True))
    chosen = {name.removeprefix("--"): tuple(codes.upper().split(",")) for name, codes in options.items()}
    assert [finding.code for finding in Selection(**chosen).of(found)] == expected


def test_what_is_not_selected_does_not_count(project: Path) -> None:
    (project / "pinecall.yaml").write_text(BAD)
    assert _validate("--ignore", "PCR101") == (0, "pinecall.yaml: no findings but ignored ones\n")
    assert _validate("--select", "PCR5", "--format", "concise") == (0, "")
    assert _validate("--select", "PCR1", "--format", "concise")[0] == 1


def test_comments_ignore_findings(project: Path) -> None:
    (project / "pinecall.yaml").write_text(
        "version: 1\nagents:\n  desk: # pinecall: ignore[PCR503] a test agent\n    prompt: Hello.\n"
    )
    assert _validate() == (0, "pinecall.yaml: 1 agent, no findings\n")
    (project / "pinecall.yaml").write_text(GOOD.replace("chat]}", "chat]} # pinecall: ignore[PCR503]"))
    code, output = _validate("--format", "concise")
    assert (code, output) == (0, "pinecall.yaml:3:63: PCR006 there is no PCR503 on line 3 to ignore\n")
    assert _validate("--format", "concise", "--ignore", "PCR006") == (0, "")


def test_comments_of_a_script_count_too(project: Path) -> None:
    (project / "pinecall.yaml").write_text(GOOD.replace("prompt:", "model: scripted:a.script.yaml, prompt:"))
    (project / "a.script.yaml").write_text(
        "version: 1\nrules: []\notherwise: Hi. # pinecall: ignore[PCR101]\nwrong: 1\n"
    )
    output = _validate("--format", "concise")[1]
    assert "a.script.yaml:4:1: PCR101" in output
    assert "a.script.yaml:3:35: PCR006" in output


def test_with_strict_env_secrets_must_be_set(project: Path) -> None:
    text = GOOD.replace("agents:", 'server: {url: "wss://voice.example.com", api_key: "${NOT_SET_ANYWHERE}"}\nagents:')
    (project / "pinecall.yaml").write_text(text)
    code, output = _validate("--strict-env", "--format", "concise")
    assert code == 1
    assert "pinecall.yaml:2:52: PCR201 the variable NOT_SET_ANYWHERE is not set" in output


LOUD = """
import atexit, os, subprocess, sys
print("printed")
os.write(1, b"written\\n")
subprocess.run(["echo", "echoed"])
sys.__stdout__.write("by another name\\n")
atexit.register(print, "at the end")

class Order: ...

def look(order: Order) -> None:
    "Look."

def leave() -> None:
    "Leave."
"""


def _import(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program_command("validate", "--import", *words), cwd=project, env=clean_environment(), capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip


def _with_tools(project: Path, source: str, tools: str) -> None:
    project.mkdir(exist_ok=True)
    (project / "pinecall.yaml").write_text(GOOD.replace("[chat]", f"[chat], tools: {{{tools}}}"))
    (project / "loudtools.py").write_text(source)


@pytest.mark.parametrize("shape", ["json", "sarif", "junit"])
def test_what_imported_modules_print_does_not_reach_the_document(project: Path, shape: str) -> None:
    _with_tools(project, LOUD, "look: loudtools.look, leave: loudtools.leave")
    result = _import(project, "--format", shape)
    assert result.returncode == 1
    assert result.stdout.count("PCR405") >= 1
    json.loads(result.stdout) if shape != "junit" else xml.fromstring(result.stdout)
    assert sorted(result.stderr.splitlines()) == ["at the end", "by another name", "echoed", "printed", "written"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import sys\nsys.exit()\ndef look(): 'Look.'\n", "importing loudtools fails with SystemExit: SystemExit"),
        ("import sys\ndef __getattr__(name): sys.exit(0)\n", "finding loudtools.look fails with SystemExit: 0"),
        ("import not_installed\ndef look(): 'Look.'\n", "importing loudtools fails: No module named 'not_installed'"),
        ("raise BaseException('no')\ndef look(): 'Look.'\n", "importing loudtools fails with BaseException: no"),
    ],
)
def test_a_module_that_ends_the_program_is_a_finding(project: Path, source: str, message: str) -> None:
    _with_tools(project, source, "look: loudtools.look")
    result = _import(project, "--format", "concise")
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout == f"pinecall.yaml:3:58: PCR404 {message}\n"


def test_modules_of_one_name_in_two_projects_are_two(project: Path) -> None:
    _with_tools(project / "one", "def look(): 'Look.'\n", "look: loudtools.look")
    _with_tools(project / "two", "import gone\ndef look(): 'Look.'\n", "look: loudtools.look")
    lines = _import(project, "one", "two", "--format", "concise").stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["two/pinecall.yaml:3:58"]


def test_what_the_source_shows_is_not_told_again(project: Path) -> None:
    _with_tools(project, "print('run')\ndef look(*a): ...\n", "look: loudtools.look")
    result = _import(project, "--format", "concise")
    assert (result.stdout.count("PCR405"), result.stderr) == (1, "")  # nor was it imported


def test_another_packages_provider_is_known_without_importing_it(project: Path, packages: Packages) -> None:
    packages.install("acme", {"pinecall_run.tts": {"acme": "acme_voice"}}, acme_voice="raise SystemExit('imported')")
    text = "version: 1\nagents:\n  desk: {prompt: Hello., channels: [chat], voice: %s/anna}\n"
    (project / "pinecall.yaml").write_text(text % "acme")
    assert _validate() == (0, "pinecall.yaml: 1 agent, no findings\n")
    (project / "pinecall.yaml").write_text(text % "acne")
    code, output = _validate("--format", "concise")
    assert code == 1
    assert "there is no voice provider `acne`" in output
