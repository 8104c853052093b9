"""Dotted paths of tools."""

import pytest

from pinecall_run.tools.path import ToolPath, parse_tool_path


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("shop.lookup", ToolPath("shop", "lookup")),
        ("shop.orders.lookup", ToolPath("shop.orders", "lookup")),
        ("shop.orders:lookup", ToolPath("shop.orders", "lookup")),
        ("shop:lookup", ToolPath("shop", "lookup")),
        ("_shop.__init__:_lookup", ToolPath("_shop.__init__", "_lookup")),
        ("año.día", ToolPath("año", "día")),
    ],
)
def test_paths(written: str, expected: ToolPath) -> None:
    path = parse_tool_path(written)
    assert path == expected
    assert str(path) == written.replace(":", ".")


@pytest.mark.parametrize(
    "written",
    ["", "lookup", ".lookup", "shop.", "shop..lookup", "shop:", ":lookup", "shop:a:b", "shop:a.b", "shop.look-up",
     "shop/orders.lookup", "shop.py:lookup()", "shop. lookup", "1shop.lookup", "shop.lookup\n"],
)  # fmt: skip
def test_what_is_no_path(written: str) -> None:
    assert parse_tool_path(written) == f"`{written}` is not a path such as package.module.function"
