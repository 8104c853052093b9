"""Functions of a module by its source."""

from __future__ import annotations

import pytest

from pinecall_run.tools.listing import public_functions
from pinecall_run.tools.module import MAX_SOURCE


def test_functions_of_the_top_level_that_are_not_hidden() -> None:
    source = "def a(): ...\nasync def b(): ...\ndef _c(): ...\nclass D:\n    def e(self): ...\nf = 1\ndef a(): ...\n"
    assert public_functions(f"\ufeff{source}") == ["a", "b"]


@pytest.mark.parametrize("source", ["def", "\x00", "(" * 5000, ""])
def test_what_is_not_python_has_none(source: str) -> None:
    assert public_functions(source) == []


def test_a_very_long_module_is_not_looked_into() -> None:
    assert public_functions("def a(): ...\n" + "#" * MAX_SOURCE) == []
