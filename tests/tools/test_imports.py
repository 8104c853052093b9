"""Every name that a module may import is found, wherever its statement stands."""

import ast

import pytest

from pinecall_run.tools.imports import imported


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b as c, d", ["a.b", "d"]),
        ("from a import b, c as d", ["a", "a.b", "a.c"]),
        ("from a import *", ["a"]),
        ("def f():\n    async def g():\n        import a", ["a"]),
        ("try:\n    import a\nexcept ImportError:\n    import b", ["a", "b"]),
        ("from . import b", ["shop.api", "shop.api.b"]),
        ("from .. import b", ["shop", "shop.b"]),
        ("from ..db.rows import Row", ["shop.db.rows", "shop.db.rows.Row"]),
        ("from ... import b", []),
    ],
)
def test_names_are_absolute(source: str, names: list[str]) -> None:
    assert list(imported(ast.parse(source), "shop.api")) == names


def test_outside_a_package_nothing_is_relative() -> None:
    assert list(imported(ast.parse("from . import b\nfrom .a import b"), "")) == []
