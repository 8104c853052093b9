"""Comments that ignore findings: which they reach, and that one in vain is a finding itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.source.diagnostic import Diagnostic, Severity, Span
from pinecall_run.source.document import Document
from pinecall_run.source.ignores import without_ignored

MARK = "# pinecall: ignore"


def _left(text: str, *places: tuple[str, int], severity: Severity = Severity.WARNING) -> list[str]:
    """What is left of findings (code and line), as ``code:line`` and for ignores in vain their message."""
    document, _ = Document.parse(text, "a.yaml")
    found = [Diagnostic(code, "wrong", Span.at("a.yaml", line, 3), severity) for code, line in places]
    left = without_ignored(found, document)
    return [d.message if d.code == "PCR006" else f"{d.code}:{d.span.line}" for d in left]


def test_a_comment_ignores_on_its_line() -> None:
    assert _left(f"a: 1 {MARK}[PCR101]\nb: 2\n", ("PCR101", 1), ("PCR101", 2), ("PCR503", 1)) == [
        "PCR101:2",
        "PCR503:1",
    ]


@pytest.mark.parametrize(
    "written", ["[PCR101,PCR503]", "[ PCR101 , PCR503 ]", "[PCR503,PCR101,] because", " [PCR101 PCR503]"]
)
def test_several_codes_are_separated_by_commas(written: str) -> None:
    assert _left(f"a: 1 {MARK}{written}\n", ("PCR101", 1), ("PCR503", 1)) == []


@pytest.mark.parametrize("comment", [f"{MARK}[PCR101]", "#pinecall:ignore[PCR101]", f"# why {MARK}[PCR101]"])
def test_alone_on_a_line_it_is_for_the_next_that_is_no_comment(comment: str) -> None:
    text = f"a: 1\n  {comment}\n# more\nb: 2\n"
    assert _left(text, ("PCR101", 4), ("PCR101", 1), ("PCR101", 2)) == ["PCR101:1", "PCR101:2"]


def test_two_alone_above_one_another_are_for_the_same_line() -> None:
    assert _left(f"{MARK}[PCR101]\n{MARK}[PCR503]\nb: 2\n", ("PCR101", 3), ("PCR503", 3)) == []


def test_on_the_line_where_a_block_begins_it_is_for_all_of_the_block() -> None:
    text = f"a: | {MARK}[PCR302]\n  one\n  two\n\nb: 1\n"
    assert _left(text, ("PCR302", 3), ("PCR302", 5)) == ["PCR302:5"]
    assert _left(f"{MARK}[PCR302]\na: >-\n  one\n  two\nb: 1\n", ("PCR302", 4), ("PCR302", 5)) == ["PCR302:5"]


@pytest.mark.parametrize(
    "text",
    [
        f"a: |\n  {MARK}[PCR101]\n",
        f"a: >\n  x\n  {MARK}[PCR101]\nb: 1\n",
        f'a: " {MARK}[PCR101]"\n',
        f"a: ' {MARK}[PCR101]'\n",
        f'a: "x\n  {MARK}[PCR101]\n  y"\n',
        f"' {MARK}[PCR101]': 1\n",
        f"a: x{MARK}[PCR101]\n",
        f"a: [' {MARK}[PCR101]', b]\n",
    ],
)
def test_in_a_text_it_is_text(text: str) -> None:
    assert _left(text, ("PCR101", 1), ("PCR101", 2), ("PCR101", 3)) == ["PCR101:1", "PCR101:2", "PCR101:3"]


@pytest.mark.parametrize(
    "text",
    [
        f"a: |\n  x\n{MARK}[PCR101]\nb: 1\n",
        f"a:\n  - |\n    x\n\n  {MARK}[PCR101]\n  - 1\n",
        f"a: 'x' {MARK}[PCR101]\n",
        f"'a': \"é 😀\" {MARK}[PCR101]\n",
        f"a: &x {MARK}[PCR101]\n  b: 1\n",
        f"a: it's {MARK}[PCR101]\n",
        f"\ufeffa: 1 {MARK}[PCR101]\r\n",
    ],
)
def test_beside_a_text_it_is_a_comment(text: str) -> None:
    assert _left(text, *(("PCR101", line) for line in range(1, 7))) != [f"PCR101:{line}" for line in range(1, 7)]


def test_an_ignore_in_vain_is_a_finding_where_it_is_written() -> None:
    document, _ = Document.parse(f"a: 1 {MARK}[PCR101, PCR503]\n", "a.yaml")
    kept = Diagnostic("PCR503", "wrong", Span.at("a.yaml", 1))
    (found,) = without_ignored([kept], document)
    assert (found.code, found.severity) == ("PCR006", Severity.WARNING)
    assert found.span == Span.at("a.yaml", 1, 25, 6)
    assert found.message == "there is no PCR101 on line 1 to ignore"


def test_of_a_block_the_finding_in_vain_names_the_lines() -> None:
    assert _left(f"a: | {MARK}[PCR302]\n  one\n  two\n") == ["there is no PCR302 on lines 1 to 3 to ignore"]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "an ignore must name codes"),
        ("[]", "an ignore must name codes"),
        ("[PCR101", "an ignore must name codes"),
        ("[PCR1010]", "`PCR1010` is not a code"),
        ("[PCR1]", "`PCR1` is not a code"),
        ("[PCR003]", "PCR003, not valid YAML, cannot be ignored"),
        ("[PCR301]", "PCR301, template syntax error, cannot be ignored"),
        ("[PCR006]", "PCR006, unused ignore, cannot be ignored"),
    ],
)
def test_an_ignore_that_cannot_work_is_a_finding(written: str, says: str) -> None:
    assert _left(f"a: 1 {MARK}{written}\n", ("PCR301", 1)) == ["PCR301:1", says]


@pytest.mark.parametrize(
    "comment", ["# pinecall: ignored", "# pinecall: ignore-next", "# pinecall: hello", "#  ignore[PCR101]"]
)
def test_other_comments_are_comments(comment: str) -> None:
    assert _left(f"a: 1 {comment}\n", ("PCR101", 1)) == ["PCR101:1"]


def test_in_a_file_that_is_not_yaml_nothing_is_ignored() -> None:
    assert _left(f"a: [ {MARK}[PCR101]\n", ("PCR101", 1), ("PCR003", 1)) == ["PCR101:1", "PCR003:1"]


def test_findings_of_other_files_stay() -> None:
    document, _ = Document.parse(f"a: 1 {MARK}[PCR101]\n", "a.yaml")
    other = Diagnostic("PCR101", "wrong", Span.at("b.yaml"))
    assert other in without_ignored([other], document)


def test_what_was_not_checked_after_an_error_is_not_said_to_be_in_vain() -> None:
    text = f"a: 1 {MARK}[PCR503, PCR103]\nb: 2\n"
    assert _left(text, ("PCR101", 2), severity=Severity.ERROR) == [
        "PCR101:2",
        "there is no PCR103 on line 1 to ignore",
    ]
    assert len(_left(text, ("PCR501", 2), severity=Severity.ERROR)) == 3


@given(st.text(alphabet="a: '\"|>-\n#[]{}&*pinecall:ignore[PCR101] ", max_size=80), st.integers(1, 4))
def test_it_loses_only_what_a_comment_names_whatever_the_text(text: str, line: int) -> None:
    document, _ = Document.parse(f"{text} {MARK}[PCR101]\n", "a.yaml")
    kept = Diagnostic("PCR503", "wrong", Span.at("a.yaml", line))
    assert kept in without_ignored([kept], document)
