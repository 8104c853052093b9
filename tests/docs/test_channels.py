"""docs/channels: every project of the pages is sound, and every command, variable and file that they name is there."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rules._scan import ROOT

from pinecall_run import Call, Runner
from pinecall_run.cli.main import _VERBS
from pinecall_run.cli.validate import command
from pinecall_run.transports.twilio_rest import RING_SECONDS

FOLDER = ROOT / "docs/channels"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "runner").rglob("*.py"))


def blocks(language: str) -> list[object]:
    """Every block of a language, named by its page and its place there."""
    return [
        pytest.param(block, id=f"{name}-{number}")
        for name, page in PAGES.items()
        for number, block in enumerate(re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL))
    ]


def named(pattern: str) -> set[str]:
    return {found for page in PAGES.values() for found in re.findall(pattern, page, re.MULTILINE)}


@pytest.mark.parametrize("block", blocks("yaml"))
def test_a_project_of_a_page_is_sound(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pinecall.yaml").write_text(block)
    for name in re.findall(r"\${(\w+)}", block):
        monkeypatch.setenv(name, "set")
    for module in re.findall(r"\b(\w+)\.\w+\b", "".join(re.findall(r"tools: {.*?}", block))):
        Path(f"{module}.py").write_text("\n".join(named(rf"(?s)```python\n# {module}\.py\n(.*?)```")))
    output = CliRunner().invoke(command, []).output
    assert re.fullmatch(r"pinecall\.yaml: \d agents?, no findings\n", output), output


@pytest.mark.parametrize("block", blocks("python"))
def test_code_of_a_page_is_python(block: str) -> None:
    ast.parse("async def page():\n" + textwrap.indent(block, "    "))


def test_commands_are_there() -> None:
    verbs = named(r"(?:^|`)pinecall-run ([a-z]+)")
    assert verbs
    assert verbs <= set(_VERBS)


def test_variables_are_read_by_the_code_or_given_by_a_project() -> None:
    variables = named(r"^export (\w+)=") | named(r"\b(PINECALL_\w+)\b")
    given = {name for block in named(r"(?s)```yaml\n(.*?)```") for name in re.findall(r"\${(\w+)", block)}
    assert variables
    assert {name for name in variables - given if name not in SOURCES} == set()


def test_files_of_this_repository_are_there() -> None:
    files = named(r"\b((?:tests|examples|bench)/[\w/.-]+\.\w+)")
    assert files
    assert {name for name in files if not (ROOT / name).exists()} == set()


def test_every_page_is_in_the_index() -> None:
    assert {f"{name}.md" for name in PAGES} - {"README.md"} <= set(re.findall(r"\]\((\w+\.md)\)", PAGES["README"]))


def test_errors_of_a_dial_are_those_of_the_code() -> None:
    codes = set(re.findall(r"`([A-Z]+_[A-Z]+)`", PAGES["outbound"]))
    assert len(codes) > 5
    assert {code for code in codes if f'"{code}"' not in SOURCES} == set()
    assert f"within {RING_SECONDS} s" in PAGES["outbound"]


def test_arguments_of_a_dial_are_all_told() -> None:
    taken = {name for dial in (Call.dial, Runner.dial) for name in inspect.signature(dial).parameters} - {"self"}
    assert (
        set(re.findall(r"^\| `(\w+)` \| ", PAGES["outbound"], re.MULTILINE)) - {"busy", "failed", "canceled"} == taken
    )
