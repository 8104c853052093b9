"""A tool's function looked for and looked at in its source, which is not run; of what is unsure nothing is said."""

import pytest
from tests.tools._modules import Write, bound

from pinecall_run.source.diagnostic import Diagnostic, Span
from pinecall_run.tools.binding import BindError
from pinecall_run.tools.module import Broken, Module, parse_module
from pinecall_run.tools.path import ToolPath
from pinecall_run.tools.static import Place, check_broken, check_function, check_name

PLACE = Place(Span.at("pinecall.yaml", 7, 12, 9), ("agents",))


def found(source: str, function: str = "lookup", **others: str) -> list[Diagnostic]:
    """The findings about a function of the module ``shop``, in a project with other modules; ``__`` is a dot."""
    path = ToolPath("shop", function)
    modules = {
        name.replace("__", "."): parse_module(name.replace("__", "."), f"{name}.py", text)
        for name, text in {"shop": source, **others}.items()
    }
    module = modules["shop"]
    if isinstance(module, Broken):
        return [check_broken(path, "shop.py", module, PLACE)]
    if not isinstance(module, Module):
        return []
    unknown = check_name(path, module, PLACE)
    return [unknown] if unknown else check_function(path, module, PLACE, modules.get)


@pytest.mark.parametrize(
    "source",
    [
        "def lookup(): 'Look it up.'",
        "async def lookup(): 'Look it up.'",
        "from orders import lookup",
        "from orders import find as lookup",
        "try:\n    import lookup\nexcept ImportError:\n    lookup = None",
        "@tool\ndef lookup(*args): yield 1",
        "def lookup(*args): ...\nlookup = wrap(lookup)",
        "def lookup(*args): ...\nlookup: object = wrap(lookup)",
        "def lookup(*args): ...\nfrom orders import *",
        "def lookup(*args): ...\nif fast:\n    def lookup(): ...",
        "def lookup(*args): ...\ndef f():\n    global lookup",
        "def lookup(*args): ...\nsetattr(me, 'lookup', f)",
        "@singleton\nclass lookup: ...",
        "lookup = Lookup()",
        "lookup = lambda *args: 1",
        "lookup = shop.lookup",
        "import typing\n@typing.overload\ndef lookup(*a): ...\ndef lookup(): 'Look it up.'",
        "def lookup(*args): ...\ndef lookup(): 'Look it up.'",
        "lookup = partial(find, 1)",
        "lookup: object = find",
        "(first, *lookup) = tools",
        "if fast:\n    def lookup(): ...",
        "try:\n    from fast import lookup\nexcept ImportError:\n    def lookup(): ...",
        "try:\n    pass\nfinally:\n    lookup = 1",
        "for lookup in tools: pass",
        "with open_tools() as lookup: pass",
        "match x:\n    case 1:\n        def lookup(): ...",
        "while True:\n    def lookup(): ...",
        "if (lookup := find): pass",
        "class lookup: ...\ndef lookup(): 'Look it up.'",
        "try:\n    from fast import lookup\nexcept ImportError:\n    class lookup: ...",
        # names that a module may make when it runs
        "from orders import *",
        "def __getattr__(name): ...",
        "globals()['lookup'] = 1",
        "exec('def lookup(): ...')",
        # text that Python reads
        "\ufeffdef lookup(): 'Look it up.'",
        "# -*- coding: latin-1 -*-\ndef lookup(): 'Look it up.'",
        "PATTERN = '\\d'\ndef lookup(): 'Look it up.'",
        "x = " + "+".join(["1"] * 3000) + "\ndef lookup(): 'Look it up.'",
    ],
)
def test_what_is_right_or_may_be(source: str) -> None:
    assert found(source) == []


@pytest.mark.parametrize(
    ("source", "help"),
    [
        ("", "it has no functions"),
        ("def find(): ...\ndef _hidden(): ...\nasync def store(): ...\nX = 1", "its functions are find, store"),
        ("def look_up(): ...", "did you mean `shop.look_up`?"),
        ("def f():\n    def lookup(): ...", "its functions are f"),
        ("class Shop:\n    def lookup(self): ...", "it has no functions"),
        ("x = lambda: lookup", "it has no functions"),
        ("'lookup'\nprint(lookup)", "it has no functions"),
    ],
)
def test_a_function_that_is_not_there(source: str, help: str) -> None:
    (finding,) = found(source)
    assert (finding.code, finding.span, finding.help) == ("PCR403", PLACE.span, help)
    assert finding.message == "shop.py has no function `lookup`"


@pytest.mark.parametrize(
    ("source", "line"),
    [("x = 1\ny = = 2", 2), ("def f(:\n", 1), ("  x = 1", 1), ("x = 1\n\ny = '", 3), ("x = 1\x00", 1), ("(" * 9000, 1)],
)
def test_a_module_that_is_not_python(source: str, line: int) -> None:
    (finding,) = found(source)
    assert (finding.code, finding.span) == ("PCR404", PLACE.span)
    assert finding.message.startswith("the module shop is not valid Python: ")
    assert [(label.span.file, label.span.line) for label in finding.labels] == [("shop.py", line)]


def test_a_class_is_no_function() -> None:
    (finding,) = found("x = 1\n\nclass lookup(Base):\n    ...")
    assert (finding.code, finding.span, finding.help) == ("PCR405", PLACE.span, "name a function")
    assert finding.labels[0].span == Span.at("shop.py", 3, 1, len("class lookup"))


HEAD = """\
from __future__ import annotations
import datetime, enum, subprocess as sp, time
from typing import Annotated, Any, Dict, Optional
from pydantic import BaseModel, Field
from pinecall_run import Call
OrderId = Annotated[str, Field(description="Its number.")]
class Line(BaseModel): ...
"""
ARGS = "\n    Args:\n"


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        # types
        ("def lookup(a, b: int, c=3): 'Do.\\n\\nArgs:\\n    a: A.\\n    b: B.\\n    c: C.'",
         ["PCR406 `a`, `c` of `shop.lookup` have no type, so the model may send anything"]),
        ("def lookup(a: dict, call: Call): 'Do.\\n\\nArgs:\\n    a: A.'",
         ["PCR409 `dict` does not say what goes into `a` of `shop.lookup`"]),
        ("def lookup(a: 'Optional[Dict[str, Any]]'): 'Do.\\n\\nArgs:\\n    a: A.'",
         ["PCR409 `Optional[Dict[str, Any]]` does not say what goes into `a` of `shop.lookup`"]),
        # docstrings
        ("def lookup(a: int): ...",
         ["PCR408 `shop.lookup` has no docstring, so the model is told nothing but its name"]),
        ("def lookup(a: int, b: int, c: OrderId, d: Annotated[int, Field(description='D.')], e: int = Field(1)): 'Do.'",
         ["PCR407 `a`, `b`, `e` of `shop.lookup` are not described to the model"]),
        ("def lookup(a: int, b: Line, c: datetime.date | None): 'Do.\\n\\nArgs:\\n    a: A.'",
         ["PCR407 `b`, `c` of `shop.lookup` are not described to the model"]),
        ("def lookup(): 'Do.'\nlookup.__doc__ = 'Do more.'", []),
        ("def lookup(): ...\nlookup.__doc__ = 'Do more.'", []),
        # names
        ("def _lookup(): 'Do.'", ["PCR410 `shop._lookup` is private to its module by its name"]),
        # waiting
        ("def lookup():\n    'Do.'\n    sp.run(['x'])",
         ["PCR412 `shop.lookup` holds a thread while it waits in `subprocess.run` in line 10 of shop.py"]),
        ("async def lookup():\n    'Do.'\n    time.sleep(1)",
         ["PCR411 `shop.lookup` is async and waits in `time.sleep` in line 10 of shop.py, "
          "and every call waits with it"]),
    ],
)  # fmt: skip
def test_what_the_model_is_told_too_little_of(definition: str, expected: list[str]) -> None:
    name = "_lookup" if "_lookup" in definition else "lookup"
    findings = found(HEAD + definition, name)
    assert [f"{finding.code} {finding.message}" for finding in findings] == expected
    assert all(finding.help and finding.labels and finding.labels[0].span.file == "shop.py" for finding in findings)


def test_a_label_points_at_the_parameter() -> None:
    (finding,) = found(
        "s = 'é'; d = 1\ndef lookup(a: str = 'éé', *, order_id): 'Do.\\n\\n:param a: A.\\n:param order_id: O.'"
    )
    assert [label.span for label in finding.labels] == [Span.at("shop.py", 2, 30, len("order_id"))]


@pytest.mark.parametrize(
    ("source", "others", "expected"),
    [
        ("from orders import lookup", {"orders": "def lookup(*a): ..."}, ["PCR405"]),
        ("from orders import find as lookup", {"orders": "def find(): ..."}, ["PCR408"]),
        ("from orders import find as lookup", {"orders": "from inner import find", "inner": "find = 3"}, ["PCR405"]),
        ("from orders import lookup", {"orders": "from shop import lookup"}, []),
        ("from orders import lookup", {"orders": ""}, []),
        ("from orders import lookup", {"orders": "def ("}, []),
        ("from orders import lookup", {"orders": "@cache\ndef lookup(*a): ..."}, []),
        ("if fast:\n    from orders import lookup", {"orders": "lookup = 3"}, []),
    ],
)
def test_an_imported_function_is_looked_at_where_it_is(
    source: str, others: dict[str, str], expected: list[str]
) -> None:
    findings = found(source, **others)
    assert [finding.code for finding in findings] == expected
    if expected:
        assert findings[0].labels[0].span.file == f"{list(others)[-1]}.py"


@pytest.mark.parametrize(
    "definition",
    [
        "class tool: ...", "tool = 3", "tool = 'x'", "tool = [1]", "tool: dict = {}", "import json as tool",
        "def tool(): yield 1", "async def tool(): yield 1", "def tool():\n  x = yield from []",
        "def tool(*args): ...", "def tool(**more: int): ...", "def tool(a, /): ...", "def tool(a, b, /, *c): ...",
        "def tool(_a): ...", "def tool(a, *, _b=1): ...",
    ],
)  # fmt: skip
def test_what_cannot_be_bound_is_said_as_the_import_says_it(write: Write, definition: str) -> None:
    with pytest.raises(BindError) as error:
        bound(write, definition)
    (finding,) = found(definition, "tool")
    assert finding.code == error.value.code == "PCR405"
    assert finding.message == str(error.value).replace("user_tools.", "shop.")
    assert finding.help == error.value.help
