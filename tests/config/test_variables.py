"""Variables: the forms of Docker Compose, and what is wrong with the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.config.variables import substitute

LINES = {"TWO": "a\nb", "END": "a\n", "ODD": "a\u2028b", "ONE": "a\tb"}
ENVIRON = {"NAME": "value", "EMPTY": "", "DEEP": "${NAME} $$ $NAME"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a ${NAME} b ${NAME}", "a value b value"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY-other}", ""),
        ("${GONE:-other}", "other"),
        ("${GONE-other}", "other"),
        ("${GONE:-}", ""),
        ("${GONE:-a:-b ? c\nd}", "a:-b ? c\nd"),
        ("${NAME:-other}", "value"),
        ("${NAME:?no}", "value"),
        ("${EMPTY?no}", ""),
        ("${DEEP}", "${NAME} $$ $NAME"),
        ("$NAME costs $5", "$NAME costs $5"),
        ("$$", "$"),
        ("$$$$", "$$"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$value"),
        ("$", "$"),
        ("{{ x }}", "{{ x }}"),
    ],
)
def test_values(text: str, expected: str) -> None:
    found = substitute(text, ENVIRON)
    assert (found.text, found.problems) == (expected, ())
    assert found.has_variables is ("${" in text.replace("$$", ""))


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("${GONE}", "PCR201", "the variable GONE is not set"),
        ("${GONE:?set it in .env}", "PCR201", "GONE is not set: set it in .env"),
        ("${GONE?}", "PCR201", "GONE is not set"),
        ("${EMPTY:?must be there}", "PCR201", "EMPTY is not set: must be there"),
        ("${}", "PCR202", "`${}` is not a variable"),
        ("${ NAME }", "PCR202", "is not a variable"),
        ("${1ST}", "PCR202", "is not a variable"),
        ("${NAME", "PCR202", "`${NAME` is not a variable"),
        ("${NAME:+x}", "PCR202", "is not a variable"),
        ("${ÑAME}", "PCR202", "is not a variable"),
        ("${GONE:-${NAME}}", "PCR202", "the default of GONE holds another variable"),
    ],
)
def test_problems(text: str, code: str, words: str) -> None:
    found = substitute(f"a {text}", ENVIRON)
    (problem,) = found.problems
    assert problem.code == code
    assert words in problem.message
    assert problem.written in text
    assert found.text == f"a {text}"


def test_each_problem_is_told() -> None:
    found = substitute("${A} ${NAME} ${B} ${", ENVIRON)
    assert [problem.written for problem in found.problems] == ["${A}", "${B}", "${"]
    assert found.text == "${A} value ${B} ${"


@given(st.text(st.sampled_from("${}:-?AB_ \n"), max_size=20))
def test_no_text_makes_it_raise(text: str) -> None:
    found = substitute(text, {"A": "1"})
    assert len(found.problems) <= text.count("${")
    assert found.has_variables or found.text == text.replace("$$", "$")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("${TWO}", ["TWO"]),
        ("${END} ${ODD:?set it}", ["END", "ODD"]),
        ("${ONE}", []),
        ("${GONE:-a\nb}", []),  # the author's own
        ("${TWO:-a}", ["TWO"]),
        ("a\nb", []),
    ],
)
def test_a_value_of_several_lines_is_told_without_the_value(text: str, told: list[str]) -> None:
    found = substitute(text, LINES)
    assert [problem.message.split()[2] for problem in found.line_breaks] == told
    assert not any("b" in problem.message.split() for problem in found.line_breaks)
