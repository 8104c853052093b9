"""Modules and functions stay small enough to be read in one go."""

from collections.abc import Iterable, Iterator

from tests.rules._exceptions import check
from tests.rules._scan import SOURCE, Finding, Module, functions, package, read, report

MODULE_LINES = 400
FUNCTION_LINES = 60


def findings(modules: Iterable[Module]) -> Iterator[Finding]:
    for module in modules:
        lines = len(module.text.splitlines())
        if lines > MODULE_LINES:
            sentence = f"the module has {lines} lines, more than {MODULE_LINES}: split it by what it holds"
            yield Finding(module.path, 1, "lines", sentence)
        for name, node in functions(module.tree):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                sentence = f"{name} has {lines} lines, more than {FUNCTION_LINES}: take a step of it out"
                yield Finding(module.path, node.lineno, name, sentence)


def test_modules_and_functions_stay_small() -> None:
    check("size", findings(read(SOURCE)))


def test_long_modules_and_functions_are_caught() -> None:
    tree = {
        "link/driver.py": "class Link:\n    def run(self):\n" + "        step()\n" * 60,
        "link/table.py": "row()\n" * 401,
        "link/fits.py": "def run():\n" + "    step()\n" * 59 + "row()\n" * 340,
    }
    assert report(findings(package(tree))) == [
        "runner/pinecall_run/link/driver.py:2: Link.run has 61 lines, more than 60: take a step of it out",
        "runner/pinecall_run/link/table.py:1: the module has 401 lines, more than 400: split it by what it holds",
    ]
