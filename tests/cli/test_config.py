"""``pinecall-run config``: the resolved project, and where each value comes from."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pinecall_run.cli.config import command
from pinecall_run.cli.validate import command as validate

CONFIG = """\
version: 1
environments:
  dev: {agents: {desk: {greeting: null}}}
  prod:
    server: {url: "wss://v.example", api_key: "${KEY}"}
    agents: {desk: {language: es}}
agents:
  desk:
    prompt: You are the desk.
    greeting: Hello for ${PRICE}.
    language: en
    channels: [chat]
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRICE", "$5")
    monkeypatch.setenv("KEY", "canary-4711")
    monkeypatch.delenv("PINECALL_ENV", raising=False)
    Path("pinecall.yaml").write_text(CONFIG)
    Path("pinecall.prod.yaml").write_text("agents: {desk: {language: pt}}\n")


def run(*words: str) -> Result:
    result = CliRunner().invoke(command, words)
    assert "canary" not in result.output
    return result


def test_the_project_as_it_is_in_an_environment_passes_the_check_itself() -> None:
    printed = run("--env", "prod").output
    Path("copy").mkdir()
    Path("copy/pinecall.yaml").write_text(printed)
    assert "language: pt" in printed
    assert "api_key: '***'" in printed
    assert "environments" not in printed
    assert CliRunner().invoke(validate, ["copy"]).exit_code == 0
    found = json.loads(run("--env", "prod", "--format", "json").output)
    assert found["agents"]["desk"]["greeting"] == "Hello for $5."


def test_why_names_the_place_that_won_and_what_it_overrode() -> None:
    expected = (
        'agents.desk.language: "pt"\n'
        '  from pinecall.prod.yaml:1:27  "pt"\n'
        '  over pinecall.yaml:6:31  "es"\n'
        '  over pinecall.yaml:11:15  "en"\n'
    )
    assert run("why", "agents.desk.language", "--env", "prod").output == expected
    assert run("--env", "prod", "why", "agents.desk.language").output == expected
    assert run("why", "agents.desk.language").output == 'agents.desk.language: "en"\n  from pinecall.yaml:11:15  "en"\n'


def test_the_environment_comes_from_a_variable_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINECALL_ENV", "prod")
    assert "pt" in run("why", "agents.desk.language").output
    assert '"es"' not in run("why", "agents.desk.language", "--env", "dev").output
    assert "language: en" in run("--env", "dev").output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("server.api_key", "--env", "prod"), 'server.api_key: "***"\n  from pinecall.yaml:5:47  "${KEY}"\n'),
        (
            ("agents.desk.greeting", "--env", "dev"),
            "agents.desk.greeting is not set\n  taken away at pinecall.yaml:3:35\n  over pinecall.yaml:10:15\n",
        ),
        (("agents.desk.timezone",), 'agents.desk.timezone: "UTC"\n  the default\n'),
        (("agents.desk.stt",), "agents.desk.stt is not set\n"),
        (
            ("agents.desk.greeting",),
            'agents.desk.greeting: "Hello for $5."\n  from pinecall.yaml:10:15  "Hello for ${PRICE}."\n',
        ),
    ],
)
def test_why_of_a_secret_of_what_was_taken_away_and_of_a_default(words: tuple[str, ...], expected: str) -> None:
    assert run("why", *words).output == expected


def test_a_secret_in_the_file_itself_is_masked() -> None:
    Path("pinecall.yaml").write_text(CONFIG.replace("${KEY}", "canary-plain"))
    assert run("why", "server", "--env", "prod").output.count("***") == 2
    Path("pinecall.yaml").write_text(CONFIG.replace("${KEY}", "${GONE:-canary-plain}"))
    assert "***" in run("why", "server", "--env", "prod").output


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("agents.dekc", "did you mean agents.desk?"),
        ("agents.desk.langage", "did you mean agents.desk.language?"),
        ("agents.desk.language.x", "there is no agents.desk.language.x"),
        ("agents..desk", "is no route"),
    ],
)
def test_a_route_that_leads_nowhere_is_a_usage_error(route: str, words: str) -> None:
    result = run("why", route)
    assert result.exit_code == 2
    assert words in result.output


def test_a_project_with_errors_is_not_printed() -> None:
    Path("pinecall.yaml").write_text(CONFIG.replace("language: en", "langage: en"))
    result = run()
    assert result.exit_code == 1
    assert "PCR101" in result.output
    assert run("why", "agents.desk.greeting").exit_code == 0, "it says where a value comes from all the same"
    Path("pinecall.yaml").write_text("[")
    assert run("why", "agents.desk.greeting").exit_code == 1
    assert run("--env", "gone").exit_code == 1
