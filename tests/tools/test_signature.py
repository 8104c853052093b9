"""What an annotation says of a parameter, as far as its source shows it."""

import ast

import pytest

from pinecall_run.tools.module import Definition, Module, parse_module
from pinecall_run.tools.signature import is_bare, is_call, may_be_described, parameters

HEAD = """\
import typing as t, datetime
from typing import Annotated, Any, Dict, List, Literal, Mapping, Optional, Sequence, Union
import collections.abc as abc
from pydantic import BaseModel, Field
import pydantic
from mine import Order, Described
from pinecall_run import Call
Alias = dict[str, int]
class Line(BaseModel): ...
"""


def function(annotation: str, default: str = "") -> tuple[Definition, Module]:
    source = f"{HEAD}def f(a: {annotation}{default and f' = {default}'}): ..."
    module = parse_module("shop", "shop.py", source)
    node = ast.parse(source).body[-1]
    assert isinstance(module, Module)
    assert isinstance(node, Definition)
    return node, module


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        *[(bare, True) for bare in (
            "dict", "list", "object", "Any", "t.Any", "Dict", "t.List", "tuple", "abc.Mapping", "dict[str, Any]",
            "list[Any]", "list[dict]", "Mapping[str, object]", "tuple[Any, ...]", "dict | None", "None | list[Any]",
            "Optional[dict]", "Union[str, Any]", "'dict'", "'list[Any] | None'", "dict[str, list[dict]]",
        )],
        *[(told, False) for told in (
            "str", "dict[str, int]", "list[str]", "Line", "list[Line]", "Order", "Alias", "Literal['a']",
            "tuple[int, int]", "Optional[str]", "Union[str, int]", "Annotated[dict, Field(description='x')]", "'1 +'",
            "datetime.date",
            "dict[Any, int]", "Call", "mine.Any", "t", "f()", "None",
        )],
    ],
)  # fmt: skip
def test_annotations_that_tell_nothing(annotation: str, expected: bool) -> None:
    node, module = function(annotation)
    written = node.args.args[0].annotation
    assert written is not None
    assert is_bare(written, module) is expected


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        ("int", "", False),
        ("int", "3", False),
        ("int | None", "None", False),
        ("list[datetime.date]", "", False),
        ("Line", "", False),
        ("Literal['a', 'b']", "", False),
        ("'int'", "", False),
        ("Annotated[int, Field(ge=1)]", "", False),
        ("Annotated[int, 'a number']", "", False),
        ("int", "Field(1)", False),
        ("Annotated[int, Field(description='A number.')]", "", True),
        ("Annotated[int, pydantic.Field(ge=1, description='A number.')]", "", True),
        ("Annotated[int, Field(**options)]", "", True),
        ("Annotated[int, described]", "", True),
        ("int", "Field(description='A number.')", True),
        ("int", "make_field()", True),
        ("Described", "", True),
        ("Described | None", "", True),
        ("Alias", "", True),
    ],
)
def test_descriptions(annotation: str, default: str, expected: bool) -> None:
    node, module = function(annotation, default)
    (parameter,) = parameters(node)
    assert may_be_described(parameter, module) is expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [("Call", True), ("'Call | None'", True), ("pinecall_run.Call", True), ("Annotated[Call, 1]", True),
     ("PhoneCall", True), ("str", False), ("Caller", False)],
)  # fmt: skip
def test_the_call(annotation: str, expected: bool) -> None:
    assert is_call(function(annotation)[0].args.args[0].annotation) is expected


def test_parameters_come_in_order_with_their_kind() -> None:
    node = ast.parse("def f(a, b=1, /, c=2, *d, e, f=3, **g): ...").body[0]
    assert isinstance(node, ast.FunctionDef)
    assert [(p.node.arg, p.kind, p.default is not None) for p in parameters(node)] == [
        ("a", "/", False), ("b", "/", True), ("c", "", True), ("d", "*", False), ("e", "", False), ("f", "", True),
        ("g", "**", False),
    ]  # fmt: skip
