"""A project is checked as it stands and in each environment; each finding once."""

from dataclasses import replace
from pathlib import Path

from tests.live._projects import project

from pinecall_run.live.everywhere import check_everywhere, environments_of
from pinecall_run.live.load import check_project
from pinecall_run.live.project import Project

CONFIG = """
version: 1
environments:
  dev: {agents: {desk: {prompt: {file: gone.j2}}}}
  prod: {agents: {desk: {timezone: Mars/Base}}}
  stage: {agents: {desk: {timezone: Mars/Base}}}
agents:
  desk:
    prompt: You are the desk.
    langage: es
    channels: [chat]
"""


def test_each_finding_is_told_once_and_says_where_it_counts(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG, pinecall_DOT_eu_DOT_yaml="agents: {desk: {channels: [13]}}\n")
    checked = check_everywhere(Project.at(root), {})
    assert environments_of(checked) == ["dev", "prod", "stage", "eu"]
    found = [(d.code, d.message.partition(" (")[2].rstrip(")")) for d in checked.diagnostics]
    assert found == [
        ("PCR101", ""),
        ("PCR001", "in the environment dev"),
        ("PCR505", "in the environment prod"),
        ("PCR505", "in the environment stage"),
        ("PCR502", "in the environment eu"),
    ]
    assert {path.name for path in checked.files} >= {"pinecall.yaml", "pinecall.eu.yaml", "gone.j2"}
    assert all(finding.span.file in checked.texts for finding in checked.diagnostics)


def test_one_environment_that_is_asked_for_is_the_only_one(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG)
    there = Project.at(root, "dev")
    assert [d.code for d in check_everywhere(there, {}).diagnostics] == ["PCR101", "PCR001"]


def test_a_file_of_an_environment_counts_as_soon_as_it_is_there(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG.replace("langage: es", "language: es"))
    there = Project.at(root, "prod")
    first = check_project(there, {})
    assert first.files[root / "pinecall.prod.yaml"] == b""
    (root / "pinecall.prod.yaml").write_text("agents: {desk: {timezone: UTC, language: pt}}\n")
    checked = check_project(there, {})
    assert checked.diagnostics == []
    assert checked.config is not None
    assert checked.config.agents["desk"].language == "pt"
    assert check_project(replace(there, environment=None), {}).config is not None


def test_only_a_pinecall_yaml_has_files_beside_it(tmp_path: Path) -> None:
    root = project(tmp_path, CONFIG, pinecall_DOT_Up_DOT_yaml="", pinecall_DOT_a_DOT_b_DOT_yaml="")
    (root / "other.yaml").write_text(CONFIG)
    (root / "other.prod.yaml").write_text("[]")
    assert Project.at(root).overlays() == Project.at(root / "other.yaml").overlays() == {}
