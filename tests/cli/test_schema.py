"""``pinecall-run schema``: the published one, and the one of a project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from tests.stories._stage import ROOT, copy_project

from pinecall_run.cli.schema import command


def _schema(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, list(words))
    return result.exit_code, result.output


def test_it_prints_the_published_schema() -> None:
    code, output = _schema()
    assert code == 0
    assert json.loads(output) == json.loads((ROOT / "schemas/pinecall.schema.json").read_text(encoding="utf-8"))


def test_of_a_project_it_has_the_real_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = copy_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    printed = json.loads(_schema("--project")[1])
    assert json.loads(_schema("--project", str(project / "pinecall.yaml"))[1]) == printed
    Draft202012Validator.check_schema(printed)
    assert list(printed["properties"]["agents"]["properties"]) == ["intake", "sales", "support"]
    tools = printed["$defs"]["tool_function"]["anyOf"][0]["enum"]
    assert "examples.shop.orders.lookup_order" in tools
    files = printed["$defs"]["prompt_source"]["properties"]["file"]["anyOf"][0]["enum"]
    assert files == ["prompts/house_style.md.j2", "prompts/sales.md.j2", "prompts/support.md.j2"]
    models = printed["$defs"]["model"]["anyOf"][0]["anyOf"][0]["enum"]
    assert "scripted:examples/shop/sales.script.yaml" in models


@pytest.mark.parametrize(
    ("words", "says"), [(["."], "only --project asks"), (["--project", "nowhere"], "does not exist")]
)
def test_usage(words: list[str], says: str) -> None:
    code, output = _schema(*words)
    assert code == 2
    assert says in output
