"""A few hundred broken files and whatever bytes: findings, never an exception. `make fuzz` tries many more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import __main__ as fuzz
from tests.fuzz._big import SPECIAL, probe_special
from tests.fuzz._target import KINDS, probe, project

from pinecall_run.source.codes import area

SEEDS = range(1_000_000, 1_000_200)
"""Others than those that `make fuzz` begins with."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with project(tmp_path_factory.mktemp("fuzz")) as folder:
        yield folder


def test_a_whole_project_has_no_findings(folder: Path) -> None:
    for kind, (file, _) in KINDS.items():
        assert probe(folder, kind, (folder / file).read_bytes()) == set()


def test_broken_files_give_findings(folder: Path) -> None:
    codes: set[str] = set()
    for seed in SEEDS:
        codes |= probe(folder, fuzz.kind_of(seed), fuzz.made(seed))
    assert len({area(code) for code in codes}) >= 5, "the mutations do not reach deep any more"


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_give_findings(kind: str, data: bytes, folder: Path) -> None:
    probe(folder, kind, data)


@pytest.mark.parametrize("name", SPECIAL)
def test_what_is_no_file_is_a_finding(name: str, tmp_path: Path) -> None:
    probe_special(name, tmp_path)


def test_a_failing_file_is_made_smaller_and_keeps_failing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path, __: str, data: bytes) -> None:
        assert b"bug" not in data

    monkeypatch.setattr(fuzz, "probe", refuse)
    says = fuzz.failure(folder, "config", b"version: 1\n# a bug here\n" * 9)
    assert says.startswith("AssertionError at test_fuzz.py:")
    assert fuzz.smaller(folder, "config", b"version: 1\n# a bug here\n" * 9, says) == b"bug"
    assert fuzz.failure(folder, "config", b"fine") == ""
