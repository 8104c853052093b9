"""Modules of a user's, written for one test and gone after it."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from tests.tools._modules import Write


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes modules into an importable folder: ``write(shop="def f(): …", shop_db="…")``; ``__`` is a folder."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(**modules: str) -> Path:
        for name, text in modules.items():
            file = tmp_path / f"{name.replace('__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(dedent(text), encoding="utf-8")
        importlib.invalidate_caches()
        return tmp_path

    yield put
    for name in set(sys.modules) - before:
        del sys.modules[name]
