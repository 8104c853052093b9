"""Findings as people see them: the caret under the finding, whatever characters are before it."""

import pytest

from pinecall_run.source.diagnostic import Diagnostic, Label, Severity, Span
from pinecall_run.source.render import MAX_COLUMNS, concise, full, report, summary


def shown(line: str, column: int, length: int, **more: str) -> list[str]:
    """The snippet of a finding on a line."""
    found = Diagnostic("PCR101", "wrong", Span.at("a.yaml", 1, column, length), **more)  # type: ignore[arg-type]
    return full(found, {"a.yaml": [line]}).splitlines()[1:]


@pytest.mark.parametrize(
    ("line", "column", "length", "expected"),
    [
        ("abc def", 5, 3, ["  1 | abc def", "    |     ^^^"]),
        ("\tabc", 2, 3, ["  1 | \tabc", "    | \t^^^"]),
        ("日本 x", 4, 1, ["  1 | 日本 x", "    |      ^"]),
        ("日本 x", 1, 2, ["  1 | 日本 x", "    | ^^^^"]),
        ("e\u0301 x", 4, 1, ["  1 | e\u0301 x", "    |   ^"]),
        ("😀 x", 3, 1, ["  1 | 😀 x", "    |    ^"]),
        ("a\x00b\x1b[31mc", 2, 1, ["  1 | a�b�[31mc", "    |  ^"]),
        ("a\u00a0b", 3, 1, ["  1 | a�b", "    |   ^"]),
        ("abc", 4, 1, ["  1 | abc", "    |    ^"]),
        ("abc", 9, 5, ["  1 | abc", "    |    ^"]),
        ("abc", 2, 99, ["  1 | abc", "    |  ^^"]),
        ("", 1, 1, ["  1 | ", "    | ^"]),
    ],
)
def test_the_caret_stands_under_the_finding(line: str, column: int, length: int, expected: list[str]) -> None:
    assert shown(line, column, length) == expected


@pytest.mark.parametrize("column", [1, 100, 5_000, 9_990])
def test_of_a_long_line_the_part_around_the_finding_is_shown(column: int) -> None:
    line = "".join(str(number % 10) for number in range(1, 10_001))
    snippet, caret = shown(line, column, 3)
    assert len(snippet) <= MAX_COLUMNS + len("  1 | ……")
    assert snippet[caret.index("^") :].startswith(line[column - 1 : column + 2])
    assert caret.strip(" |") == "^^^"
    assert snippet.endswith("…") is (column < 9_000)
    assert snippet.startswith("  1 | …") is (column > 1)


def test_a_finding_longer_than_what_is_shown_has_a_caret_no_longer() -> None:
    snippet, caret = shown("x" * 10_000, 1, 10_000)
    assert len(caret) < len(snippet)


def test_a_finding_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    found = Diagnostic("PCR103", "wrong", Span("a.yaml", 2, 4, 5, 2))
    assert full(found, {"a.yaml": ["one", "a: bc", "", "", "x"]}).splitlines()[1:] == ["  2 | a: bc", "    |    ^^"]


def test_everything_a_finding_has_is_shown() -> None:
    label = Label(Span.at("b.yaml", 10, 2), "first given here")
    found = Diagnostic("PCR004", "the key is given twice", Span.at("a.yaml"), help="keep one", labels=(label,))
    assert full(found, {"a.yaml": ["key"], "b.yaml": [""] * 9 + ["\tkey"]}) == "\n".join(
        [
            "a.yaml:1:1: error[PCR004] the key is given twice",
            "  1 | key",
            "    | ^",
            "  b.yaml:10:2: first given here",
            "  10 | \tkey",
            "     | \t^",
            "  help: keep one",
        ]
    )


@pytest.mark.parametrize("lines", [{}, {"a.yaml": []}, {"a.yaml": ["one"]}, {"b.yaml": ["one", "two"]}])
def test_a_file_or_line_that_is_not_there_has_no_snippet(lines: dict[str, list[str]]) -> None:
    found = Diagnostic("PCR001", "gone", Span.at("a.yaml", 2, 1))
    assert full(found, lines) == "a.yaml:2:1: error[PCR001] gone"


def test_what_a_file_says_cannot_write_on_the_terminal() -> None:
    label = Label(Span.at("\x1b.yaml"), "\x1b[2J")
    found = Diagnostic("PCR101", "no key `\x1b[31m\n`", Span.at("a\nb.yaml"), help="\x07", labels=(label,))
    assert full(found, {}).splitlines() == [
        "a�b.yaml:1:1: error[PCR101] no key `�[31m�`",
        "  �.yaml:1:1: �[2J",
        "  help: �",
    ]
    assert concise(found) == "a�b.yaml:1:1: PCR101 no key `�[31m�`"


def test_colour_marks_the_severity_and_the_caret() -> None:
    found = Diagnostic("PCR503", "odd", Span.at("a.yaml"), Severity.WARNING)
    first, _, caret = full(found, {"a.yaml": ["x"]}, colour=True).splitlines()
    assert first == "a.yaml:1:1: \x1b[1;33mwarning[PCR503]\x1b[0m odd"
    assert caret == "    | \x1b[1;33m^\x1b[0m"


def test_a_report_sorts_and_counts() -> None:
    found = [
        Diagnostic("PCR101", "second", Span.at("a.yaml", 2)),
        Diagnostic("PCR101", "first", Span.at("a.yaml", 1)),
        Diagnostic("PCR503", "third", Span.at("a.yaml", 3), Severity.WARNING),
    ]
    text = report(found, {})
    assert [line[-6:].strip() for line in text.split("\n\n")] == ["first", "second", "third", "arning"]
    assert text.endswith("\n\n2 errors, 1 warning")
    assert report([], {}) == ""
    assert summary([]) == "no findings"
