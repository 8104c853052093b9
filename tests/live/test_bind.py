"""Tools are imported from the project's own folder, and what fails there is a finding on its line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live._projects import project, write

from pinecall_run.live.bind import bind_project, try_tools
from pinecall_run.live.load import check_project
from pinecall_run.live.project import Project

CONFIG = """
version: 1
agents:
  desk:
    prompt: Be kind.
    model: gpt-4.1-mini
    channels: [chat]
    tools: {look: boundtools.look}
"""


@pytest.fixture(autouse=True)
def _clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in [name for name in sys.modules if name.startswith("boundtools")]:
        del sys.modules[name]


def test_a_deployment_has_its_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = project(tmp_path / "shop", CONFIG, boundtools_DOT_py="def look(id: str) -> str:\n    return id\n")
    deployment, found = bind_project(check_project(Project.at(Path("shop")), {}))
    assert found == []
    assert deployment is not None
    binding = deployment.agents["desk"].tools["look"]
    assert binding.function("x") == "x"
    assert deployment.registrations["desk"].create.tools == [binding.spec()]
    assert sys.path[0] == str(root)
    again, _ = bind_project(check_project(Project.at(root), {}))
    assert again is not None
    assert again.revision == deployment.revision
    assert sys.path.count(str(root)) == 1


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("import os\nraise ValueError('no')\ndef look(): ...\n", "PCR404", 2),
        ("raise SystemExit(3)\ndef look(): ...\n", "PCR404", 1),
        ("import not_installed_anywhere\ndef look(): ...\n", "PCR404", 1),
        ("look = int('5')\n", "PCR405", None),
        ("class Order: ...\ndef look(order: Order): ...\n", "PCR405", None),
    ],
)
def test_a_tool_that_cannot_be_bound_is_a_finding(tmp_path: Path, source: str, code: str, line: int | None) -> None:
    root = project(tmp_path, CONFIG, boundtools_DOT_py=source)
    deployment, (found,) = bind_project(check_project(Project.at(root), {}))
    assert deployment is None
    assert (found.code, found.route) == (code, ("agents", "desk", "tools", "look"))
    assert found.span.file.endswith("pinecall.yaml")
    assert [(label.span.file, label.span.line) for label in found.labels] == (
        [] if line is None else [(str(root / "boundtools.py"), line)]
    )


def test_code_is_loaded_anew_when_it_changed_and_only_then(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG, boundtools_DOT_py="pool = object()\ndef look(): return pool\n")
    first = check_project(Project.at(root), {})
    deployment, _ = bind_project(first)
    assert deployment is not None
    pool = deployment.agents["desk"].tools["look"].function()
    write(root / "pinecall.yaml", CONFIG.replace("Be kind", "Be brief"))
    second = check_project(Project.at(root), {})
    deployment, _ = bind_project(second, first.code)
    assert deployment is not None
    assert deployment.agents["desk"].tools["look"].function() is pool
    assert second.code is first.code
    write(root / "boundtools.py", "pool = 1\ndef look(): return pool\ndef newer(): ...\n")
    write(root / "pinecall.yaml", CONFIG.replace("boundtools.look", "boundtools.newer"))
    third = check_project(Project.at(root), {})
    deployment, found = bind_project(third, second.code)
    assert deployment is not None, found
    assert deployment.agents["desk"].tools["look"].function() is None
    assert third.code is not first.code


def test_code_that_cannot_be_loaded_again_leaves_the_old_and_says_what_may_help(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG, boundtools_DOT_py="import boundtools_db\ndef look(): ...\n")
    write(root / "boundtools_db.py", "import json\njson.boundtools_loads = getattr(json, 'boundtools_loads', 0) + 1\n")
    first = check_project(Project.at(root), {})
    bind_project(first)
    assert {file.name for file in first.files} == {"pinecall.yaml", "boundtools.py", "boundtools_db.py"}
    before = sys.modules["boundtools_db"]
    write(root / "boundtools_db.py", "import json\nassert not json.boundtools_loads\n")
    second = check_project(Project.at(root), {})
    deployment, (found,) = bind_project(second, first.code)
    assert (deployment, found.code, second.code) == (None, "PCR404", None)
    assert found.help == "if it can be loaded only once in a process, restart pinecall-run to load it"
    assert sys.modules["boundtools_db"] is before
    assert root / "boundtools_db.py" in second.files  # which mends it


def test_a_module_that_was_there_before_is_named_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(tmp_path, CONFIG, boundtools_DOT_py="def look(): ...\n")
    monkeypatch.syspath_prepend(str(root))
    importlib.import_module("boundtools")
    first = check_project(Project.at(root), {})
    bind_project(first)
    write(root / "boundtools.py", "def look(): return 2\n")
    deployment, (found,) = bind_project(check_project(Project.at(root), {}), first.code)
    assert (deployment, found.code) == (None, "PCR404")
    assert "boundtools.py changed, and it is compiled or was loaded before pinecall-run" in found.message
    assert found.help == "restart pinecall-run to load it"


def test_a_project_with_errors_is_not_imported(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG + "surprise: 1\n", boundtools_DOT_py="raise SystemExit('imported')\n")
    assert bind_project(check_project(Project.at(root), {})) == (None, [])
    assert "boundtools" not in sys.modules


TWO = """
version: 1
agents:
  desk:
    prompt: Be kind.
    channels: [chat]
    tools: {look: boundtools.look, find: boundtools.find}
  sales:
    prompt: Be kind.
    channels: [chat]
    tools: {seek: boundtools.look}
"""


def test_a_module_that_fails_runs_once_and_is_told_once(tmp_path: Path) -> None:
    source = f"""
    with open({str(tmp_path / "runs")!r}, "a") as file:
        file.write("x")
    raise ValueError("no")
    def look(): ...
    def find(): ...
    """
    root = project(tmp_path, TWO, boundtools_DOT_py=source)
    _, (found,) = bind_project(check_project(Project.at(root), {}))
    assert (found.code, found.route) == ("PCR404", ("agents", "desk", "tools", "look"))
    assert (tmp_path / "runs").read_text() == "x"


def test_a_function_of_two_agents_is_bound_under_each_name(tmp_path: Path) -> None:
    root = project(tmp_path, TWO, boundtools_DOT_py="def look(): ...\ndef find(): ...\n")
    deployment, found = bind_project(check_project(Project.at(root), {}))
    assert found == []
    assert deployment is not None
    specs = {
        name: [binding.spec()["function"]["name"] for binding in agent.tools.values()]
        for name, agent in deployment.agents.items()
    }
    assert specs == {"desk": ["look", "find"], "sales": ["seek"]}


def test_a_trial_finds_what_is_wrong_with_tools_beside_other_errors(tmp_path: Path) -> None:
    source = "class Order: ...\ndef look(order: Order): ...\ndef find(*a): ...\n"
    root = project(tmp_path, TWO + "surprise: 1\n", boundtools_DOT_py=source)
    checked = check_project(Project.at(root), {})
    assert checked.config is None
    assert {found.code for found in checked.diagnostics} >= {"PCR101", "PCR405"}
    (found,) = try_tools(checked)  # and not again what the source shows
    assert (found.code, found.route) == ("PCR405", ("agents", "desk", "tools", "look"))


def test_a_trial_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, here = list(sys.path), Path.cwd()
    for number, annotation in enumerate(("int", "Order")):
        source = f"import os\nos.chdir('/')\nclass Order: ...\ndef look(a: {annotation}): ...\ndef find(): ...\n"
        root = project(tmp_path / str(number), TWO, boundtools_DOT_py=source)
        assert len(try_tools(check_project(Project.at(root), {}))) == number
    assert (sys.path, Path.cwd()) == (path, here)
    assert "boundtools" not in sys.modules
