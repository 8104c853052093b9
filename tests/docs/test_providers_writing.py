"""docs/providers/writing.md: its package passes its own tests, and its project is sound where that is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests._packages import Packages
from tests.rules._scan import ROOT

from pinecall_run.cli.validate import command
from pinecall_run.plugins import GROUPS, find, load
from pinecall_run.providers.contracts import ProviderError, SpeechSpec
from pinecall_run.providers.opening import opened
from pinecall_run.testing import providers

PAGE = (ROOT / "docs/providers/writing.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# ([\w/]+\.py)\n(.*?)```", PAGE, re.DOTALL))
PROJECT = tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])["project"]


@pytest.fixture
def installed(packages: Packages) -> Packages:
    """The package of the page."""
    packages.install(PROJECT["name"], PROJECT["entry-points"])
    for name, text in FILES.items():
        (packages.folder / name).parent.mkdir(exist_ok=True)
        (packages.folder / name).write_text(text)
    return packages


def test_the_packages_tests_pass_without_a_plugin(installed: Packages) -> None:
    pytest.importorskip("numpy")
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rA",
        "-p",
        "no:asyncio",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
    ]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "runner"), str(installed.folder)])}
    result = subprocess.run(
        [*words, "test_acme.py"], cwd=installed.folder, env=environ, capture_output=True, text=True, timeout=120
    )
    assert f"{len(providers.EAR_CHECKS)} passed" in result.stdout, result.stdout


def test_its_project_is_sound_and_its_options_are_checked(
    installed: Packages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (yaml,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    Path("pinecall.yaml").write_text(yaml)
    Path("desk.script.yaml").write_text("rules:\n  - {when: hi, reply: Hello.}\notherwise: What?\n")
    assert CliRunner().invoke(command, []).output == "pinecall.yaml: 1 agent, no findings\n"
    with pytest.raises(ProviderError, match="`punctuate` of acme must be true or false"):
        opened("stt", SpeechSpec("acme", options={"punctuate": "no"}), {"ACME_API_KEY": "k"})
    with pytest.raises(ProviderError, match="acme needs a key"):
        opened("stt", SpeechSpec("acme", options={"punctuate": False}), {})
    plugin = find("stt", "acme")
    assert plugin is not None
    assert load(plugin).facts is not None


def test_what_it_names_is_there() -> None:
    assert set(re.findall(r"^\| `(pinecall_run\.\w+)`", PAGE, re.MULTILINE)) == set(GROUPS.values())
    for name in re.findall(r"`((?:Ear|Voice|Model)Case|[A-Z]+_CHECKS|ready)`", PAGE):
        assert hasattr(providers, name)
    for fact in ("opened", "failing", "is_idle"):
        assert f"`{fact}`" in PAGE
        assert fact in providers.EarCase.__dataclass_fields__
