"""Findings are sorted by place, each once, and only errors stop a project."""

import pytest

from pinecall_run.source.diagnostic import MAX_MESSAGE, Diagnostic, Severity, Span, has_errors, in_order


def finding(line: int, code: str = "PCR101", file: str = "a.yaml", column: int = 1) -> Diagnostic:
    return Diagnostic(code, "wrong", Span.at(file, line, column))


def test_findings_are_sorted_by_place_and_each_is_shown_once() -> None:
    found = [
        finding(10),
        finding(2, file="b.yaml"),
        finding(2, "PCR102"),
        finding(2),
        finding(2, column=9),
        finding(10),
    ]
    assert in_order(found) == [found[3], found[2], found[4], found[0], found[1]]


@pytest.mark.parametrize(
    ("severities", "expected"),
    [([], False), ([Severity.WARNING, Severity.INFO], False), ([Severity.WARNING, Severity.ERROR], True)],
)
def test_only_errors_count(severities: list[Severity], expected: bool) -> None:
    found = [Diagnostic("PCR503", "odd", Span.at("a.yaml"), severity) for severity in severities]
    assert has_errors(found) is expected


def test_a_span_on_one_line_ends_after_its_length() -> None:
    assert tuple(Span.at("a.yaml", 3, 5, 4)) == ("a.yaml", 3, 5, 3, 9)


def test_a_message_is_cut_where_it_quotes_too_much() -> None:
    assert len(Diagnostic("PCR101", "x" * 10_000, Span.at("a")).message) == MAX_MESSAGE
    assert Diagnostic("PCR101", "x" * MAX_MESSAGE, Span.at("a")).message == "x" * MAX_MESSAGE
