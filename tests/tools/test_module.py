"""What a name is bound to is said only where it is certain."""

import pytest

from pinecall_run.tools.module import Broken, Module, parse_module


def module(source: str, name: str = "shop.orders", *, is_package: bool = False) -> Module:
    parsed = parse_module(name, "orders.py", source, is_package=is_package)
    assert isinstance(parsed, Module)
    return parsed


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def f(): ...", 1),
        ("def f(): ...\ndef f(): ...", 2),
        ("from x import *\ndef f(): ...", 2),
        ("def f(): ...\nfrom x import *", None),
        ("f = 1\nx = (f := 2)", None),
        ("f = 1\nfor f in x: ...", None),
        ("f = 1\nf += 1", None),
        ("f, g = 1, 2", None),
        ("f = 1\ntry: ...\nexcept E as f: ...", None),
        ("f = 1\nmatch x:\n    case [*f]: ...", None),
        ("if x:\n    def f(): ...", None),
        ("f: int", None),
        ("def f(): ...\nexec(x)", None),
        ("def f(): ...\ndef g(): setattr(x, y, z)", 1),
    ],
)
def test_certainty(source: str, line: int | None) -> None:
    bound = module(source).certain("f")
    assert (bound.node.lineno if bound else None) == line


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("dict", "builtins.dict"),
        ("from typing import Any\nAny", "typing.Any"),
        ("import typing as t\nt.Any", "typing.Any"),
        ("import a.b\na.b.c", "a.b.c"),
        ("from . import a\na.b", "shop.a.b"),
        ("from .a import b\nb", "shop.a.b"),
        ("from ..a import b\nb", None),
        ("if TYPE_CHECKING:\n    from a import b\nb", "a.b"),
        ("try:\n    from a import b\nexcept ImportError:\n    from c import b\nb", None),
        ("dict = 1\ndict", None),
        ("from x import *\ndict", None),
        ("f().x", None),
    ],
)
def test_qualified_names(source: str, expected: str | None) -> None:
    import ast

    *_, last = ast.parse(source).body
    assert isinstance(last, ast.Expr)
    assert module(source, "shop.orders").qualified(last.value) == expected


def test_a_package_is_its_own_parent() -> None:
    package = module("", "shop", is_package=True)
    assert package.absolute("orders", 1) == "shop.orders"
    assert package.absolute("orders", 2) is None
    assert module("", "shop").absolute("orders", 1) is None


def test_what_cannot_be_read() -> None:
    assert parse_module("m", "m.py", "x = 1\ny = = 2") == Broken("invalid syntax", 2, 5)
    assert isinstance(parse_module("m", "m.py", "x\0"), Broken)
