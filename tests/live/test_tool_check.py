"""Tools are checked by their source: a module is read once for all agents, and what is wrong with it told once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.live._projects import project, write

from pinecall_run.live.files import read_file
from pinecall_run.live.load import Checked, check_project
from pinecall_run.live.project import Project


def agents(**tools: str) -> str:
    """A configuration with an agent for each set of tools."""
    head = "version: 1\nagents:\n"
    body = "  {}:\n    prompt: Be kind.\n    channels: [chat]\n    tools: {{{}}}\n"
    return head + "".join(body.format(name, given) for name, given in tools.items())


def check(root: Path) -> Checked:
    return check_project(Project.at(root), {})


def told(checked: Checked) -> list[tuple[str, str]]:
    return [(found.code, ".".join(map(str, found.route[1:]))) for found in checked.diagnostics]


def test_a_function_is_told_of_once_and_a_wrong_path_wherever_it_is(tmp_path: Path) -> None:
    config = agents(one="a: shop.find, b: shop.gone, c: none.f", two="a: shop.find, b: shop.gone, c: none.f")
    checked = check(project(tmp_path, config, shop_DOT_py="def find(*a): ...\n"))
    assert told(checked) == [
        ("PCR405", "one.tools.a"), ("PCR403", "one.tools.b"), ("PCR402", "one.tools.c"),
        ("PCR403", "two.tools.b"), ("PCR402", "two.tools.c"),
    ]  # fmt: skip
    assert checked.tools == {}


def test_a_module_that_is_no_python_is_told_of_once(tmp_path: Path) -> None:
    config = agents(one="a: shop.find, b: shop.seek", two="a: shop.find")
    checked = check(project(tmp_path, config, shop_DOT_py="def find(:\n"))
    assert told(checked) == [("PCR404", "one.tools.a")]
    assert checked.tools == {}


def test_sound_tools_are_kept_by_route(tmp_path: Path) -> None:
    config = agents(one="a: shop.find, b: shop.wrong", two="c: textwrap.dedent, d: sys.exit")
    checked = check(project(tmp_path, config, shop_DOT_py="def find(): 'Find.'\ndef wrong(*a): ...\n"))
    assert {route[1:]: str(path) for route, path in checked.tools.items()} == {
        ("one", "tools", "a"): "shop.find",
        ("two", "tools", "c"): "textwrap.dedent",
        ("two", "tools", "d"): "sys.exit",
    }


def test_a_module_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noting(path: Path) -> bytes:
        read.append(path.name)
        return read_file(path)

    monkeypatch.setattr("pinecall_run.live.project_files.read_file", noting)
    tools = ", ".join(f"t{number}: shop.f{number}" for number in range(20))
    source = "".join(f"def f{number}(): 'Do.'\n" for number in range(20))
    checked = check(project(tmp_path, agents(one=tools, two=tools), shop_DOT_py=source))
    assert checked.diagnostics == []
    assert read.count("shop.py") == 1


def test_functions_are_followed_to_the_users_own_modules_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "site-packages"
    write(installed / "vendor.py", "def undocumented(a): ...\ndef variadic(*a): ...\n")
    monkeypatch.syspath_prepend(str(installed))
    config = agents(one="a: shop.find, b: shop.undocumented, c: vendor.undocumented, d: vendor.variadic")
    root = project(tmp_path / "project", config, shop__orders_DOT_py="def find(): ...\n")
    write(root / "shop/__init__.py", "from .orders import find\nfrom vendor import undocumented\n")
    checked = check(root)
    assert told(checked) == [("PCR408", "one.tools.a"), ("PCR405", "one.tools.d")]
    (label,) = checked.diagnostics[0].labels
    assert label.span.file.endswith("orders.py")
    assert checked.lines[label.span.file][label.span.line - 1] == "def find(): ..."
    assert {"orders.py", "__init__.py"} <= {file.name for file in checked.files}
    assert "vendor" not in sys.modules


def test_tools_that_are_alike_are_told_of_for_each_agent(tmp_path: Path) -> None:
    config = agents(one="a: shop.find, b: shop.find", two="a: shop.find, A: shop.seek", three="a: shop.find")
    checked = check(project(tmp_path, config, shop_DOT_py="def find(): 'Find.'\ndef seek(): 'Seek.'\n"))
    assert told(checked) == [("PCR413", "one.tools.b"), ("PCR414", "two.tools.A")]
