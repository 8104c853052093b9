"""A tool's function looked for in its module's source, which is not run."""

import pytest

from pinecall_run.source.diagnostic import Diagnostic, Span
from pinecall_run.tools.path import ToolPath
from pinecall_run.tools.static import check_source

PLACE = Span.at("pinecall.yaml", 7, 12, 9)


def found(source: str, function: str = "lookup") -> list[Diagnostic]:
    return check_source(ToolPath("shop", function), source, "shop.py", PLACE, ("agents",))


@pytest.mark.parametrize(
    "source",
    [
        "def lookup(): ...",
        "async def lookup(): ...",
        "from orders import lookup",
        "from orders import find as lookup",
        "import lookup",
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
        "class lookup: ...\ndef lookup(): ...",
        "try:\n    from fast import lookup\nexcept ImportError:\n    class lookup: ...",
        # names that a module may make when it runs
        "from orders import *",
        "def __getattr__(name): ...",
        "globals()['lookup'] = 1",
        "exec('def lookup(): ...')",
        # text that Python reads
        "\ufeffdef lookup(): ...",
        "# -*- coding: latin-1 -*-\ndef lookup(): ...",
        "PATTERN = '\\d'\ndef lookup(): ...",
        "x = " + "+".join(["1"] * 3000) + "\ndef lookup(): ...",
    ],
)
def test_what_is_there_or_may_be(source: str) -> None:
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
    assert (finding.code, finding.span, finding.help) == ("PCR403", PLACE, help)
    assert finding.message == "shop.py has no function `lookup`"


@pytest.mark.parametrize(
    ("source", "line"),
    [("x = 1\ny = = 2", 2), ("def f(:\n", 1), ("  x = 1", 1), ("x = 1\n\ny = '", 3), ("x = 1\x00", 1), ("(" * 9000, 1)],
)
def test_a_module_that_is_not_python(source: str, line: int) -> None:
    (finding,) = found(source)
    assert (finding.code, finding.span) == ("PCR404", PLACE)
    assert finding.message.startswith("the module shop is not valid Python: ")
    assert [(label.span.file, label.span.line) for label in finding.labels] == [("shop.py", line)]


def test_a_class_is_no_function() -> None:
    (finding,) = found("x = 1\n\nclass lookup(Base):\n    ...")
    assert (finding.code, finding.span, finding.help) == ("PCR405", PLACE, "name a function")
    assert finding.labels[0].span == Span.at("shop.py", 3, 1, len("class lookup"))
