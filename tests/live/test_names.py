"""Names found in a folder: those a tool, prompt or script can have, and an end to the search."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.live._projects import write

from pinecall_run.config.names import Names
from pinecall_run.live import names
from pinecall_run.live.names import project_names
from pinecall_run.live.project import Project

FUNCTION = "def f(): ...\n"


def test_names_of_a_folder(tmp_path: Path) -> None:
    for name in ("tools.py", "shop/orders.py", "shop/_hidden.py", "shop/test_orders.py", "tests/a.py", "a-b/c.py",
                 ".cache/d.py", "venv/e.py", "mine/pyvenv.cfg", "mine/f.py", "conftest.py"):  # fmt: skip
        write(tmp_path / name, FUNCTION)
    write(tmp_path / "broken.py", "def")
    for name in ("prompts/a.md", "prompts/.hidden", "deep/er/b.txt.j2", "c.script.yaml", "d.yaml"):
        write(tmp_path / name, "")
    write(tmp_path / "pinecall.yaml", "agents: {desk: {tools: {t: installed.g}, prompt: {file: gone.md}}}")
    assert project_names(Project.at(tmp_path)) == Names(
        ("desk",),
        ("installed.g", "shop.orders.f", "tools.f"),
        ("deep/er/b.txt.j2", "gone.md", "prompts/a.md"),
        ("c.script.yaml",),
    )


def test_nothing_is_imported(tmp_path: Path) -> None:
    write(tmp_path / "tools.py", f"{FUNCTION}1/0\n")
    assert project_names(Project.at(tmp_path)).tools == ("tools.f",)


def test_a_folder_without_a_configuration_has_names(tmp_path: Path) -> None:
    write(tmp_path / "tools.py", FUNCTION)
    assert project_names(Project.at(tmp_path)) == Names(tools=("tools.f",))


def test_the_search_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        write(tmp_path / f"m{number}.py", FUNCTION)
    (tmp_path / "loop").symlink_to(tmp_path)
    write(tmp_path / "a/b/deep.py", FUNCTION)
    monkeypatch.setattr(names, "MAX_DEPTH", 1)
    assert project_names(Project.at(tmp_path)).tools == tuple(f"m{number}.f" for number in range(5))
    monkeypatch.setattr(names, "MAX_NAMES", 3)
    assert len(project_names(Project.at(tmp_path)).tools) == 3
    monkeypatch.setattr(names, "MAX_FILES", 2)
    assert len(project_names(Project.at(tmp_path)).tools) == 2
