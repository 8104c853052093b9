"""The published schemas are found from a checkout, and from a wheel in an empty folder."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.rules._scan import ROOT

from pinecall_run import resources


@pytest.mark.parametrize("name", ["pinecall", "script"])
def test_a_schema_is_the_published_file(name: str) -> None:
    published = json.loads((ROOT / f"schemas/{name}.schema.json").read_text(encoding="utf-8"))
    assert resources.schema(name) == published


def test_an_incomplete_installation_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resources, "_PLACES", (tmp_path,))
    with pytest.raises(FileNotFoundError, match=r"gone\.schema\.json is missing from this installation"):
        resources.schema("gone")


def test_a_wheel_holds_them_and_checks_a_project_in_an_empty_folder(tmp_path: Path) -> None:
    built, installed, empty = tmp_path / "built", tmp_path / "installed", tmp_path / "empty"
    build = f"import hatchling.build as build; build.build_wheel({str(built)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    empty.mkdir()
    (empty / "pinecall.yaml").write_text("version: 1\nagents: {desk: {prompt: hello, channels: [chat]}}\n")
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "import pinecall_run.resources as r; print(r.__file__); print(r.schema('script')['title'])\n"
        "from pinecall_run.cli.main import main; sys.argv = ['pinecall-run', 'validate']; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=empty, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stderr == ""
    where, title, said = ran.stdout.splitlines()
    assert Path(where).is_relative_to(installed)
    assert title == "A script"
    assert said == "pinecall.yaml: 1 agent, no findings"


def test_pages_are_found() -> None:
    assert resources.page("diagnostics").startswith("# Diagnostics\n")


def test_the_wheels_own_files_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for place in ("wheel", "checkout"):
        (tmp_path / place / "docs").mkdir(parents=True)
        (tmp_path / place / "docs/a.md").write_text(place)
    monkeypatch.setattr(resources, "_PLACES", (tmp_path / "wheel", tmp_path / "checkout"))
    assert resources.page("a") == "wheel"
    (tmp_path / "wheel/docs/a.md").unlink()
    assert resources.page("a") == "checkout"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"docs/nothing\.md is missing from this installation"):
        resources.page("nothing")
