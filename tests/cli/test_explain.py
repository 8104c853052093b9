"""``pinecall-run explain``: the section of the page."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner
from tests.stories._stage import ROOT

from pinecall_run.cli._pages import sections
from pinecall_run.cli.explain import command
from pinecall_run.source.codes import CODES


def _explain(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, list(words))
    return result.exit_code, result.output


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_with_a_bad_and_a_good_example(code: str) -> None:
    status, output = _explain(code.lower())
    assert status == 0
    assert output.startswith(f"## {code} {CODES[code]}\n\n")
    assert re.search(r"\nBad(, with `[^`]+`)?:\n", output)
    assert "\nGood:\n" in output
    assert output.count("\n## ") == 0
    assert output.strip() in (ROOT / "docs/diagnostics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("word", "says"), [("PCR6O1", "did you mean PCR601?"), ("voise", "`pinecall-run rules` lists")]
)
def test_another_word_is_a_usage_error(word: str, says: str) -> None:
    code, output = _explain(word)
    assert code == 2
    assert f"{word} is not a code; " in output
    assert says in output


def test_a_section_ends_at_the_next_heading_and_not_in_code() -> None:
    text = (
        "# Top\n\n## PCR101 one\n\na\n\n```yaml\n## PCR102 code\n```\n\n### b\n\n## Other\n\nc\n\n## PCR103 three\nd\n"
    )
    assert sections(text) == {
        "PCR101": "## PCR101 one\n\na\n\n```yaml\n## PCR102 code\n```\n\n### b",
        "PCR103": "## PCR103 three\nd",
    }
