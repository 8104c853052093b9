"""Every bad project is reported in exactly these words (`make docs` writes them again); the good ones are quiet."""

from contextlib import chdir
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.golden._cases import BAD, OK, expected, run

from pinecall_run.live.load import check_project
from pinecall_run.live.project import Project
from pinecall_run.source.codes import CODES
from pinecall_run.source.diagnostic import has_errors
from pinecall_run.source.render import report


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.stem)
def test_a_bad_project_is_reported_in_these_words(case: Path, tmp_path: Path) -> None:
    assert run(case, tmp_path).report + "\n" == expected(case).read_text(encoding="utf-8")


@pytest.mark.parametrize("case", OK, ids=lambda case: case.stem)
def test_a_good_project_has_no_findings(case: Path, tmp_path: Path) -> None:
    assert run(case, tmp_path).report == ""


def test_every_code_that_a_check_can_give_is_among_them() -> None:
    reports = "".join(expected(case).read_text(encoding="utf-8") for case in BAD)
    assert [code for code in CODES if f"[{code}]" not in reports] == []


def test_no_report_is_without_its_project() -> None:
    assert sorted((Path(__file__).parent / "bad").glob("*.txt")) == [expected(case) for case in BAD]


EVERYTHING = next(case for case in OK if case.stem == "everything")
PIECES = st.sampled_from(
    ["", "\n", "  ", ": ", "- ", "[", "]", "{", "}", "&a ", "*a", "<<: ", "|\n", "'", '"', "#", "${X}", "${GONE}",
     "{{ x", "{{ date|upper }}", "{% include 'a' %}", "../", "/", ".", "shop.gone", "x" * 300, "😀", "~", "true", "-1"]
)  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project that is right."""
    folder = tmp_path_factory.mktemp("project")
    assert run(EVERYTHING, folder).report == ""
    return folder


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = EVERYTHING.read_text(encoding="utf-8")
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + 30, len(text))))
        text = text[:start] + draw(PIECES) + text[end:]
    return text


@settings(max_examples=100, deadline=None)
@given(text=mutated())
def test_no_mutation_of_a_whole_project_makes_the_check_raise(text: str, project: Path) -> None:
    with chdir(project):
        checked = check_project(Project(Path("everything.yaml")), {"X": "x\n{{ y"}, text=text)
        assert (checked.config is None) == has_errors(checked.diagnostics)
        report(checked.diagnostics, checked.lines)
