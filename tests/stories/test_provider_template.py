"""The template of a provider's package: installed as it stands, its tests pass and a project can use it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories._stage import ROOT, clean_environment

TEMPLATE = ROOT / "examples/provider-template"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package is installed into, without a network."""
    target = tmp_path_factory.mktemp("installed")
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([*PIP, *offline, str(TEMPLATE)], check=True, stderr=subprocess.DEVNULL, timeout=120)
    return target


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of the template's README."""
    yaml = re.search(r"```yaml\n(.*?)```", (TEMPLATE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert yaml is not None
    (tmp_path / "pinecall.yaml").write_text(yaml[1])
    return tmp_path


def _run(folder: Path, *words: str, path: Path | None = None, said: str = "") -> subprocess.CompletedProcess[str]:
    paths = [str(ROOT / "runner"), *([] if path is None else [str(path)])]
    environ = clean_environment(PYTHONPATH=os.pathsep.join(paths))
    return subprocess.run(
        [sys.executable, "-P", "-m", *words],
        cwd=folder, env=environ, input=said, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_its_tests_pass_without_a_plugin(installed: Path, tmp_path: Path) -> None:
    words = ["pytest", "-q", "-c", os.devnull, "-p", "no:asyncio", "-p", "no:cacheprovider"]
    result = _run(tmp_path, *words, str(TEMPLATE / "tests"), path=installed)
    assert result.returncode == 0, result.stdout
    assert "22 passed, 1 skipped" in result.stdout


def test_a_project_uses_it(installed: Path, project: Path) -> None:
    checked = _run(project, "pinecall_run", "validate", path=installed)
    assert (checked.returncode, checked.stdout) == (0, "pinecall.yaml: 1 agent, no findings\n")
    talked = _run(project, "pinecall_run", "chat", path=installed, said="Polly wants a cracker.\n")
    assert "desk> Polly wants a cracker." in talked.stdout, talked.stderr


def test_a_project_that_lacks_it_is_told(project: Path) -> None:
    checked = _run(project, "pinecall_run", "validate", "--format", "concise")
    assert checked.returncode == 1
    for stage in ("speech-to-text", "voice", "model"):
        assert f"there is no {stage} provider `toy`" in checked.stdout


def test_what_is_wrong_with_its_options_is_told_where_the_server_opens_it(installed: Path, project: Path) -> None:
    file = project / "pinecall.yaml"
    file.write_text(
        file.read_text().replace("model: toy:parrot", "model: {provider: toy, model: parrot, max_tokens: 5}")
    )
    talked = _run(project, "pinecall_run", "chat", path=installed, said="Polly?\n")
    assert "toy takes no option `max_tokens`" in talked.stdout + talked.stderr
