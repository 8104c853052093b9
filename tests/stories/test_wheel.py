"""The wheel, installed where there is no checkout: everything it needs is in it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.stories._stage import ROOT, clean_environment


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is unpacked, as an installer does."""
    built = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--quiet", "--wheel-dir", str(built), str(ROOT)], check=True, stderr=subprocess.DEVNULL)
    (wheel,) = built.glob("pinecall_run-*.whl")
    target = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(target)
    return target


def _run(installed: Path, folder: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = clean_environment(PYTHONPATH=str(installed))
    return subprocess.run(
        [sys.executable, "-P", "-m", "pinecall_run", *words],
        cwd=folder, env=environment, input=said, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_new_project_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-P", "-c", "import pinecall_run; print(pinecall_run.__file__)"],
        env=clean_environment(PYTHONPATH=str(installed)), capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(installed)

    assert _run(installed, tmp_path, "init", "shop").returncode == 0
    project = tmp_path / "shop"
    checked = _run(installed, project, "validate")
    assert (checked.returncode, checked.stdout) == (0, "pinecall.yaml: 1 agent, no findings\n")
    talked = _run(installed, project, "chat", said="When are you open on Saturday?\n")
    assert talked.returncode == 0, talked.stderr
    assert 'opening_hours(day="Saturday")' in talked.stdout
    assert "desk> On Saturday we are open from 10 to 14." in talked.stdout


def test_the_wheel_explains_its_findings(installed: Path, tmp_path: Path) -> None:
    explained = _run(installed, tmp_path, "explain", "PCR101")
    assert explained.stdout.startswith("## PCR101 unknown key\n"), explained.stderr
    assert (installed / "pinecall_run/docs/diagnostics.md").is_file()


def test_init_touches_nothing_that_exists(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "pinecall.yaml").write_text("mine\n")
    refused = _run(installed, tmp_path, "init", ".")
    assert refused.returncode == 1
    assert "pinecall.yaml exists; choose an empty folder" in refused.stderr
    assert os.listdir(tmp_path) == ["pinecall.yaml"]


def test_the_wheel_holds_the_page_the_schemas_and_the_types(installed: Path) -> None:
    package = installed / "pinecall_run"
    for name in ("py.typed", "schemas/pinecall.schema.json", "schemas/script.schema.json", "voice/page/index.html"):
        assert (package / name).is_file(), name
    assert sorted(path.name for path in installed.iterdir()) == sorted(
        ["pinecall_run", next(path.name for path in installed.glob("*.dist-info"))]
    )
