"""A project's file as it should be laid out, or the findings that say why not."""

from pathlib import Path

import pytest
from tests.config._world import values
from tests.live._projects import project
from tests.stories._stage import ROOT

from pinecall_run.live.formatting import format_project
from pinecall_run.live.project import Project
from pinecall_run.resources import schema
from pinecall_run.source.document import Document

UGLY = b"version:  1\nagents:\n    desk:\n        prompt: Hello.  # c\n        language: no\n"
NEAT = b'version: 1\nagents:\n  desk:\n    prompt: Hello. # c\n    language: "no"\n'


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_line_endings_and_the_byte_order_mark_stay(tmp_path: Path, mark: bytes, newline: bytes) -> None:
    data, expected = (mark + text.replace(b"\n", newline) for text in (UGLY, NEAT))
    (tmp_path / "pinecall.yaml").write_bytes(data)
    change, read = format_project(Project.at(tmp_path))
    assert change is not None
    assert (change.before, change.after) == (data, expected)
    assert read.diagnostics == []
    assert (tmp_path / "pinecall.yaml").read_bytes() == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"a: [", "PCR003"),
        (b"\xff", "PCR002"),
        (b"", "PCR003"),
        (b"a: 1\na:  2\n", "PCR004"),
        (b"a: !x  1\n", "PCR005"),
    ],
)
def test_what_is_not_valid_is_left_with_its_findings(tmp_path: Path, data: bytes, code: str) -> None:
    change, read = format_project(Project.at(tmp_path), data, "<stdin>")
    assert change is None
    assert [(finding.code, finding.span.file) for finding in read.diagnostics] == [(code, "<stdin>")]


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    change, read = format_project(Project.at(tmp_path))
    assert change is None
    assert [finding.code for finding in read.diagnostics] == ["PCR001"]


def test_mistakes_of_meaning_do_not_keep_a_file_from_being_laid_out(tmp_path: Path) -> None:
    change, _ = format_project(Project.at(project(tmp_path, "version:  2\nagents: {a: {promt:  no}}\n")))
    assert change is not None
    assert change.after == b'version: 2\nagents: {a: {promt: "no"}}\n'


@pytest.mark.parametrize("name", ["pinecall.yaml", "runner/pinecall_run/cli/template/pinecall.yaml"])
def test_our_own_files_are_laid_out_so(name: str) -> None:
    change, _ = format_project(Project(ROOT / name))
    assert change is not None
    assert change.diff() == ""
    text = change.after.decode()
    assert values(text, schema("pinecall")) == values((ROOT / name).read_text(), schema("pinecall"))
    assert Document.parse(text, "a")[1] == []
