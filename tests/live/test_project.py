"""A project is its folder, whoever asks from wherever, and its modules are found without being run."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from tests.live._projects import project, write

from pinecall_run.live.project import Project

BOOM = "raise SystemExit('imported')\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_or_a_file_names_it(here: Path) -> None:
    project(here / "shop", "version: 1\n")
    by_folder, by_file = Project.at(Path("shop")), Project.at(Path("shop/pinecall.yaml"))
    assert by_folder == by_file
    assert by_folder.root == here / "shop"
    assert Project.at(here / "shop").digest == by_file.digest != Project.at(here).digest
    other = write(here / "shop" / "staging.yaml", "version: 1\n")
    assert Project.at(other).file == other


def test_paths_are_shown_from_where_one_stands(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = Project.at(project(here / "shop", ""))
    assert it.shown(it.file) == os.path.join("shop", "pinecall.yaml")
    monkeypatch.chdir(project(here / "elsewhere", ""))
    assert it.shown(it.file) == str(here / "shop" / "pinecall.yaml")


@pytest.mark.parametrize(
    ("name", "is_inside"),
    [
        ("prompts/a.md", True), ("./a.md", True), ("prompts/../a.md", True), ("missing/x", True), ("", True),
        ("../a.md", False), ("prompts/../../a.md", False), ("/etc/passwd", False), ("link/passwd", False),
        ("inner/a.md", True),
    ],
)  # fmt: skip
def test_what_lies_outside_is_not_the_projects(here: Path, name: str, is_inside: bool) -> None:
    root = project(here / "shop", "", prompts__a_DOT_md="")
    (root / "link").symlink_to("/etc")
    (root / "inner").symlink_to("prompts")
    assert (Project.at(root).inside(name) is not None) is is_inside


def test_a_link_leads_to_where_it_points_now(here: Path) -> None:
    """A released folder or a mounted ConfigMap is swapped by its link; names must go through the link each time."""
    for release in ("one", "two"):
        project(here / release, f"# {release}", prompts__a_DOT_md=release)
    (here / "current").symlink_to("one")
    it = Project.at(here / "current")
    prompt = it.inside("prompts/a.md")
    assert prompt is not None
    assert prompt.read_text() == "one"
    (here / "swap").symlink_to("two")
    os.replace(here / "swap", here / "current")
    assert (prompt.read_text(), it.file.read_text()) == ("two", "# two")


def test_modules_are_found_and_none_is_imported(here: Path) -> None:
    root = project(
        here / "shop", "",
        pkg____init_____DOT_py=BOOM, pkg__mod_DOT_py=BOOM, single_DOT_py=BOOM, space__inner_DOT_py=BOOM,
    )  # fmt: skip
    write(root / "pkg" / "__init__.py", BOOM)
    it = Project.at(root)
    before = dict(sys.modules)
    assert it.find_module("pkg.mod") == (True, root / "pkg" / "mod.py")
    assert it.find_module("pkg") == (True, root / "pkg" / "__init__.py")
    assert it.find_module("single") == (True, root / "single.py")
    assert it.find_module("space.inner") == (True, root / "space" / "inner.py")
    assert it.find_module("space") == (True, None)
    assert it.find_module("pkg.none") == (False, None)
    assert it.find_module("single.inner") == (False, None)
    assert it.find_module("none.at.all") == (False, None)
    assert it.find_module("sys") == (True, None)
    exists, source = it.find_module("json.decoder")
    assert exists
    assert source is not None
    assert source.name == "decoder.py"
    assert sys.modules.keys() - before.keys() == set()


def test_a_module_of_an_editable_installation_is_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        """What setuptools installs for a package whose folder has another name."""

        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            return ModuleSpec(name, None, origin=str(here / "src" / "x.py")) if name == "installed_elsewhere" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert Project.at(here).find_module("installed_elsewhere") == (True, here / "src" / "x.py")
