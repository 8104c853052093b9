"""docs/ci.md and the files it speaks of: parsed, and what can be run here is run."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.stories._stage import ROOT, clean_environment, command

PAGE = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
SNIPPETS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
INSTALL, VALIDATE = ACTION["runs"]["steps"]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}

GOOD = "version: 1\nagents:\n  desk: {prompt: Hello., channels: [chat]}\n"
BAD = GOOD.replace("prompt", "promt")
JOBS = [job for snippet in SNIPPETS if "jobs" in snippet for job in snippet["jobs"].values()]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for ``PATH`` with ``pinecall-run`` in it, and a pip that only says what it was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = " ".join(f"'{word}'" for word in command())
    for name, line in {"pinecall-run": f'exec {program} "$@"', "pip": 'echo "pip $*"'}.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "pinecall.yaml").write_text(GOOD)
    return folder


def _shell(script: str, folder: Path, programs: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """As GitHub's runner starts a ``shell: bash`` step."""
    environment = clean_environment(**more) | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("script", SHELL)
def test_shell_snippets_tell_good_from_bad(script: str, project: Path, programs: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    good = _shell(script, project, programs)
    assert good.returncode == 0, good.stdout + good.stderr
    (project / "pinecall.yaml").write_text(BAD)
    bad = _shell(script, project, programs)
    assert bad.returncode in (1, 123)  # what xargs makes of 1
    report = project / "pinecall.xml"
    assert "PCR101" in (report.read_text() if report.exists() else bad.stdout)


def test_there_is_a_snippet_for_each_place() -> None:
    assert len(SHELL) == 4
    assert len(JOBS) == 3
    assert len(SNIPPETS) == 5


def _steps() -> list[str]:
    """What jobs of GitHub and GitLab run."""
    gitlab = [snippet["agents"] for snippet in SNIPPETS if "agents" in snippet]
    lines = [line for job in gitlab for line in (*job["before_script"], *job["script"])]
    return lines + [step["run"] for job in JOBS for step in job["steps"] if "run" in step]


def test_what_jobs_run_is_what_there_is(project: Path, programs: Path) -> None:
    (project / "pinecall.yaml").write_text(BAD)
    ran = [line for line in _steps() if not line.startswith("pip ")]
    codes = {line: _shell(line, project, programs).returncode for line in ran}
    assert codes == {
        "pinecall-run validate --format gitlab --output-file gl-code-quality-report.json": 1,
        "pinecall-run validate --format sarif --output-file pinecall.sarif || [ $? -eq 1 ]": 0,
        'echo "::add-matcher::.github/pinecall-problem-matcher.json"': 0,
        "pinecall-run validate --format concise": 1,
    }
    assert json.loads((project / "pinecall.sarif").read_text())["runs"][0]["results"]
    (gitlab,) = [snippet["agents"] for snippet in SNIPPETS if "agents" in snippet]
    assert json.loads((project / gitlab["artifacts"]["reports"]["codequality"]).read_text())
    assert {line for line in _steps() if line.startswith("pip ")} == {"pip install pinecall-run"}


def test_a_job_that_uploads_what_was_found_still_fails_when_the_call_is_wrong(project: Path, programs: Path) -> None:
    (line,) = [line for line in _steps() if "sarif" in line]
    assert _shell(line.replace("--format", "--fromat"), project, programs).returncode != 0


def test_the_page_and_the_action_agree_on_its_inputs() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.*?) ?\|$", PAGE.partition("| input |")[2], re.MULTILINE))
    assert set(table) == set(ACTION["inputs"]) == {"paths", "env", "args", "version"}
    assert table["paths"] == f"`{ACTION['inputs']['paths']['default']}`"
    used = [step["with"] for job in JOBS for step in job["steps"] if "OWNER/pinecall-run" in step.get("uses", "")]
    assert used
    assert all(set(given) <= set(ACTION["inputs"]) for given in used)


def test_the_action_writes_no_input_into_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
    given = {value for step in (INSTALL, VALIDATE) for value in step["env"].values()}
    assert given >= {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}


@pytest.fixture
def runner(tmp_path: Path, programs: Path) -> Path:
    """``RUNNER_TEMP`` as the first step leaves it, with the program under test."""
    folder = tmp_path / "temporary"
    (folder / "pinecall-run/bin").mkdir(parents=True)
    shutil.copy(programs / "pinecall-run", folder / "pinecall-run/bin")
    return folder


def _validate(folder: Path, programs: Path, runner: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    given = {name: str(ACTION["inputs"][name]["default"]) for name in ("paths", "env", "args")} | inputs
    names = {name: value[len("${{ inputs.") : -len(" }}")] for name, value in VALIDATE["env"].items()}
    environment = {name: given[key] for name, key in names.items()}
    return _shell(VALIDATE["run"], folder, programs, RUNNER_TEMP=str(runner), **environment)


def test_the_action_annotates(project: Path, programs: Path, runner: Path) -> None:
    assert _validate(project, programs, runner).stdout == ""
    (project / "pinecall.yaml").write_text(BAD)
    bad = _validate(project, programs, runner)
    assert bad.returncode == 1
    assert bad.stdout.startswith("::error file=pinecall.yaml,line=3,endLine=3,col=10,endColumn=15,title=PCR101 unknown")


def test_the_action_takes_several_paths_and_words(project: Path, programs: Path, runner: Path) -> None:
    (project / "other").mkdir()
    (project / "other/pinecall.yaml").write_text(GOOD.replace(", channels: [chat]", ""))
    both = _validate(project, programs, runner, paths=".\nother")
    assert (both.returncode, both.stdout.count("::warning file=other/pinecall.yaml")) == (0, 1)
    none = _validate(project, programs, runner, paths=". other", args="--ignore PCR503")
    assert (none.returncode, none.stdout) == (0, "")


@pytest.mark.parametrize("words", ["$(touch pwned)", "; touch pwned", "`touch pwned`", "--output-file pwned", "*"])
def test_an_input_of_the_action_is_no_script(words: str, project: Path, programs: Path, runner: Path) -> None:
    result = _validate(project, programs, runner, paths=words)
    assert result.returncode in (1, 2)
    assert not (project / "pwned").exists()


def test_the_action_names_the_environment(project: Path, programs: Path, runner: Path) -> None:
    script = runner / "pinecall-run/bin/pinecall-run"
    script.write_text('#!/bin/sh\necho "${PINECALL_ENV-none}"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    assert _validate(project, programs, runner, env="prod").stdout == "prod\n"
    assert _validate(project, programs, runner).stdout == "none\n"


@pytest.mark.parametrize(("version", "wanted"), [("", "here"), ("1.2.3", "pinecall-run==1.2.3")])
def test_the_action_installs_its_own_revision_or_a_version(
    version: str, wanted: str, tmp_path: Path, programs: Path
) -> None:
    """Without a network: a ``python3`` stands in that makes the environment and notes what pip is asked for."""
    (programs / "python3").write_text(
        f'#!/bin/sh\nif [ "$1" = -c ]; then exec \'{sys.executable}\' "$@"; fi\n'
        'mkdir -p "$3/bin"; printf \'#!/bin/sh\\necho "$*"\\n\' > "$3/bin/python"; chmod +x "$3/bin/python"\n'
    )
    (programs / "python3").chmod(0o755)
    given = {"PINECALL_VERSION": version, "PINECALL_SOURCE": "here"}
    assert set(given) == set(INSTALL["env"])
    result = _shell(INSTALL["run"], tmp_path, programs, RUNNER_TEMP=str(tmp_path / "a b"), **given)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("install --quiet ")[1] == f"{wanted}\n"


def test_the_problem_matcher_reads_the_concise_format(project: Path, programs: Path) -> None:
    (matcher,) = json.loads((ROOT / ".github/pinecall-problem-matcher.json").read_text())["problemMatcher"]
    (pattern,) = matcher["pattern"]
    (project / "a b:c.yaml").write_text(BAD)
    lines = _shell("pinecall-run validate --format concise 'a b:c.yaml'", project, programs).stdout.splitlines()
    assert lines
    for line in lines:
        found = re.fullmatch(pattern["regexp"], line)
        assert found is not None, line
        assert found[pattern["file"]] == "a b:c.yaml"
        assert int(found[pattern["line"]]) == 3
        assert int(found[pattern["column"]]) > 0
        assert found[pattern["code"]].startswith("PCR")
        assert found[pattern["message"]]
    assert re.search(pattern["regexp"], "2 errors") is None


def test_pre_commit_accepts_the_hooks() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout


def test_the_page_uses_the_hooks_that_there_are() -> None:
    (config,) = [snippet for snippet in SNIPPETS if "repos" in snippet]
    assert [hook["id"] for hook in config["repos"][0]["hooks"]] == list(HOOKS)
    assert list(HOOKS) == ["pinecall-validate", "pinecall-fmt"]


def test_the_hook_checks_the_files_it_is_for(project: Path, programs: Path) -> None:
    hook = HOOKS["pinecall-validate"]
    names = ["pinecall.yaml", "shops/one/pinecall.yml", "mypinecall.yaml", "pinecall.yaml.bak"]
    assert [name for name in names if re.search(hook["files"], name)] == names[:2]
    assert _shell(f"{hook['entry']} pinecall.yaml", project, programs).returncode == 0
    (project / "pinecall.yaml").write_text(BAD)
    assert _shell(f"{hook['entry']} pinecall.yaml", project, programs).returncode == 1
