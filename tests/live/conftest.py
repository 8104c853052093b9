"""Projects whose modules are forgotten after a test, and watching that does not wait long."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.live._projects import project
from tests.live._run import CONFIG, TOOLS

from pinecall_run.live import reload
from pinecall_run.live.watch import watch


@pytest.fixture(autouse=True)
def _clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("runnertools", None)


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit may come before the system's watches are there; then the next look finds it."""
    monkeypatch.setattr(reload, "watch", partial(watch, poll_milliseconds=50))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path, CONFIG, desk_DOT_md_DOT_j2="You are the desk.", runnertools_DOT_py=TOOLS)
