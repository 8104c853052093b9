"""Signatures become JSON Schema; what no model can fill is refused, and a failed import says where."""

from typing import Any

import pytest
from tests.tools._modules import Write, bound

from pinecall_run.tools.binding import BindError, bind
from pinecall_run.tools.path import ToolPath

HEAD = """\
from __future__ import annotations
import datetime, decimal, enum, functools
from dataclasses import dataclass
from typing import Annotated, Any, Callable, Literal, Optional, TypedDict, Union
from pydantic import BaseModel, Field
from pinecall_run import Call

class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"

class Line(BaseModel):
    sku: str
    title: str = Field("none", description="What it is called.")
    inner: list["Line"] = []

@dataclass
class Point:
    x: float

def plain(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

"""


@pytest.mark.parametrize(
    ("parameters", "properties", "required"),
    [
        ("", {}, None),
        ("a: str", {"a": {"type": "string"}}, ["a"]),
        ("a: int = 3", {"a": {"type": "integer", "default": 3}}, None),
        ("*, a: float", {"a": {"type": "number"}}, ["a"]),
        ("a: bool, b: str = ''", {"a": {"type": "boolean"}, "b": {"type": "string", "default": ""}}, ["a"]),
        ("a", {"a": {}}, ["a"]),
        ("a=None", {"a": {"default": None}}, None),
        ("a: Optional[int]", {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, ["a"]),
        ("a: int | str = 1", {"a": {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 1}}, None),
        ("a: Literal['x', 'y']", {"a": {"type": "string", "enum": ["x", "y"]}}, ["a"]),
        ("a: Size = Size.SMALL", {"a": {"$ref": "#/$defs/Size", "default": "small"}}, None),
        ("a: list[int]", {"a": {"type": "array", "items": {"type": "integer"}}}, ["a"]),
        ("a: dict[str, int]", {"a": {"type": "object", "additionalProperties": {"type": "integer"}}}, ["a"]),
        ("a: Line", {"a": {"$ref": "#/$defs/Line"}}, ["a"]),
        ("a: list[Point]", {"a": {"type": "array", "items": {"$ref": "#/$defs/Point"}}}, ["a"]),
        ("a: datetime.date", {"a": {"type": "string", "format": "date"}}, ["a"]),
        ("a: Annotated[int, Field(ge=1, description='n')]",
         {"a": {"type": "integer", "minimum": 1, "description": "n"}}, ["a"]),
        ("a: int = Field(3, ge=1)", {"a": {"type": "integer", "minimum": 1, "default": 3}}, None),
        ("a: int = Field(ge=1)", {"a": {"type": "integer", "minimum": 1}}, ["a"]),
        ("a: object = object()", {"a": {}}, None),
        ("title: dict = {'title': 'x'}",
         {"title": {"type": "object", "additionalProperties": True, "default": {"title": "x"}}}, None),
        ("properties: str, default: str",
         {"properties": {"type": "string"}, "default": {"type": "string"}}, ["properties", "default"]),
        # names that pydantic's models have for themselves
        ("copy: str, json: int = 1", {"copy": {"type": "string"}, "json": {"type": "integer", "default": 1}}, ["copy"]),
        ("model_config: str, model_id: str",
         {"model_config": {"type": "string"}, "model_id": {"type": "string"}}, ["model_config", "model_id"]),
        ("self: str, cls: str", {"self": {"type": "string"}, "cls": {"type": "string"}}, ["self", "cls"]),
        # the call is ours to give
        ("a: str, call: Call", {"a": {"type": "string"}}, ["a"]),
        ("call: Call | None = None", {}, None),
        ("*, it: Annotated[Call, 'the call']", {}, None),
    ],
)  # fmt: skip
def test_parameters(write: Write, parameters: str, properties: dict[str, Any], required: list[str] | None) -> None:
    binding = bound(write, f"{HEAD}def tool({parameters}): ...")
    assert binding.parameters["type"] == "object"
    assert binding.parameters["properties"] == properties
    assert binding.parameters.get("required") == required
    assert binding.call_parameter == ("call" if "call:" in parameters else "it" if "it:" in parameters else None)


def test_models_inside_are_described_without_titles(write: Write) -> None:
    binding = bound(write, f"{HEAD}def tool(line: Line): ...")
    assert binding.parameters["$defs"] == {
        "Line": {
            "type": "object",
            "required": ["sku"],
            "properties": {
                "sku": {"type": "string"},
                "title": {"type": "string", "default": "none", "description": "What it is called."},
                "inner": {"type": "array", "items": {"$ref": "#/$defs/Line"}, "default": []},
            },
        }
    }


GOOGLE = """Find an order.

    Among all of them.

    Args:
        order_id: Its number,
            such as 7.
        loud: Whether.

    Returns:
        the order
    """
NUMPY = """Find an order.

    Among all of them.

    Parameters
    ----------
    order_id : str
        Its number,
        such as 7.
    loud : bool
        Whether.

    Returns
    -------
    dict
        the order
    """
SPHINX = """Find an order.

    Among all of them.

    :param order_id: Its number,
        such as 7.
    :param loud: Whether.
    :returns: the order
    """


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_docstrings(write: Write, docstring: str) -> None:
    binding = bound(write, f'def tool(order_id: str, loud: bool = False):\n    """{docstring}"""\n')
    assert binding.description == "Find an order.\n\nAmong all of them."
    properties = binding.parameters["properties"]
    assert properties["order_id"]["description"] == "Its number, such as 7."
    assert properties["loud"]["description"] == "Whether."


def test_what_is_said_at_the_parameter_wins_over_the_docstring(write: Write) -> None:
    text = """
def tool(
    a: Annotated[str, Field(description="near")], b: str = Field("x", description="near"), c: str = Field("x")
):
    '''Do.

    Args:
        a: far
        b: far
        c: far
    '''
"""
    binding = bound(write, HEAD + text)
    assert {name: p["description"] for name, p in binding.parameters["properties"].items()} == {
        "a": "near",
        "b": "near",
        "c": "far",
    }


def test_a_tool_as_it_goes_to_the_voice_server(write: Write) -> None:
    assert bound(write, "def tool(a: str):\n    'Do it.'").spec() == {
        "type": "function",
        "function": {
            "name": "tool",
            "description": "Do it.",
            "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        },
    }


@pytest.mark.parametrize(
    ("definition", "is_async"),
    [
        ("def tool(a: int):\n    'Do it.'", False),
        ("async def tool(a: int):\n    'Do it.'", True),
        ("@plain\ndef tool(a: int):\n    'Do it.'", False),
        ("@plain\nasync def tool(a: int):\n    'Do it.'", False),  # called like a plain one; what it returns is awaited
        ("def find(b: str, a: int):\n    'Do it.'\ntool = functools.partial(find, 'x')", False),
        ("class Shop:\n  def find(self, a: int):\n    'Do it.'\ntool = Shop().find", False),
        ("class Shop:\n  def __call__(self, a: int):\n    'Do it.'\ntool = Shop()", False),
        ("class Shop:\n  @staticmethod\n  def find(a: int):\n    'Do it.'\ntool = Shop.find", False),
    ],
)
def test_functions_of_every_kind(write: Write, definition: str, is_async: bool) -> None:
    binding = bound(write, HEAD + definition)
    assert binding.description == "Do it."
    assert binding.parameters["properties"] == {"a": {"type": "integer"}}
    assert binding.is_async is is_async


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ("class tool: ...", "is a class, not a function"),
        ("tool = 3", "is a int, not a function"),
        ("import json as tool", "is a module, not a function"),
        ("def tool(): yield 1", "is a generator"),
        ("async def tool(): yield 1", "is a generator"),
        ("def tool(*args): ...", "takes `*args`"),
        ("def tool(**more: int): ...", "takes `**more`"),
        ("def tool(a, /): ...", "takes `a`"),
        ("def tool(_a): ...", "`_a` of `user_tools.tool` begins with _"),
        ("def tool(a: Call, b: Call): ...", "takes two calls"),
        ("def tool(a: Gone): ...", "name 'Gone' is not defined"),
        ("def tool(a: '1 +'): ...", "cannot be read"),
        ("def tool(a: Callable[[], int]): ...", "no JSON Schema"),
        ("def tool(a: list[Call]): ...", "no JSON Schema"),
        ("class Strange: ...\ndef tool(a: Strange): ...", "no JSON Schema"),
        ("def tool(a: Annotated[str, Field(pattern='(')]): ...", "unclosed group"),
        ("class Half(BaseModel):\n  a: Gone\ndef tool(a: Half): ...", "not fully defined"),
        ("tool = len", "takes `obj`"),
        ("tool = print", "takes `*args`"),
        ("tool = dict.update", "cannot be read"),
    ],
)
def test_what_no_model_can_fill(write: Write, definition: str, words: str) -> None:
    with pytest.raises(BindError) as error:
        bound(write, HEAD + definition)
    assert error.value.code == "PCR405"
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.help


@pytest.mark.parametrize(
    ("modules", "path", "code", "words", "place"),
    [
        ({}, ("gone", "f"), "PCR402", "there is no module `gone`", None),
        ({"shop": ""}, ("shop.orders", "f"), "PCR402", "there is no module `shop.orders`", None),
        ({"shop__orders": ""}, ("shop.gone", "f"), "PCR402", "there is no module `shop.gone`", None),
        ({"shop": "def g(): ..."}, ("shop", "f"), "PCR403", "the module shop has no function `f`", None),
        ({"shop": "\nimport gone"}, ("shop", "f"), "PCR404", "shop fails: No module named 'gone'", ("shop", 2)),
        ({"shop": "\n\n1 / 0"}, ("shop", "f"), "PCR404", "fails with ZeroDivisionError: division by zero", ("shop", 3)),
        ({"shop": "import sys\nsys.exit('bye')"}, ("shop", "f"), "PCR404", "fails with SystemExit: bye", ("shop", 2)),
        ({"shop": "x = 1\ny = = 2"}, ("shop", "f"), "PCR404", "fails with SyntaxError: invalid syntax", ("shop", 2)),
        ({"shop": "import json\n\njson.loads('{')"}, ("shop", "f"), "PCR404", "with JSONDecodeError", ("shop", 3)),
        ({"shop": "\nimport base", "base": "\n\nraise KeyError"}, ("shop", "f"), "PCR404", "KeyError: KeyError",
         ("base", 3)),
        ({"shop": "from base import gone", "base": ""}, ("shop", "f"), "PCR404",
         "ImportError: cannot import name 'gone' from 'base'", ("shop", 1)),
        ({"shop": "raise ValueError('one\\ntwo')"}, ("shop", "f"), "PCR404", "ValueError: one", ("shop", 1)),
        ({"shop": "def __getattr__(name): raise RuntimeError"}, ("shop", "f"), "PCR404", "finding shop.f fails",
         ("shop", 1)),
    ],
)  # fmt: skip
def test_a_failed_import_says_what_and_where(
    write: Write,
    modules: dict[str, str],
    path: tuple[str, str],
    code: str,
    words: str,
    place: tuple[str, int] | None,
) -> None:
    folder = write(**modules)
    with pytest.raises(BindError) as error:
        bind("tool", ToolPath(*path))
    assert error.value.code == code
    assert words in str(error.value)
    assert str(folder) not in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.place == (place and (str(folder / f"{place[0]}.py"), place[1]))


def test_an_import_that_the_user_interrupts_is_not_held_up(write: Write) -> None:
    write(shop="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        bind("tool", ToolPath("shop", "f"))


def test_arguments_are_filled_in_by_the_names_of_the_parameters(write: Write) -> None:
    text = "def tool(copy: int, size: Size, a__: Annotated[int, Field(alias='orderId')] = 1, line: Line = None): ..."
    binding = bound(write, HEAD + text)
    filled = binding.fill('{"copy": "3", "size": "small", "orderId": 2}')
    assert filled == {"copy": 3, "size": type(filled["size"]).SMALL, "a__": 2, "line": None}
