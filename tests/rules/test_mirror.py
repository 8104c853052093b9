"""Tests mirror modules: the test of any module is found without searching, and none outlives its module."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from tests.rules._exceptions import check
from tests.rules._scan import ROOT, SOURCE, Finding, Function, Module, package, read, report

# Folders of tests that cross modules.
CROSSING = frozenset({"chaos", "conformance", "docs", "emulators", "fuzz", "golden", "rules", "stories"})


def findings(modules: Sequence[Module], tests: Iterable[str]) -> Iterator[Finding]:
    present = {test for test in tests if test.split("/")[1] not in CROSSING}
    for module in modules:
        test = _mirror(module)
        if _wants_test(module) and test not in present:
            yield Finding(module.path, 1, "untested", f"has no test of its own: write {test}")
    for test in sorted(present - {_mirror(module) for module in modules}):
        module_path = f"{SOURCE}/{test.removeprefix('tests/').replace('test_', '', 1)}"
        yield Finding(test, 1, "orphan", f"mirrors no module ({module_path}): rename it after the one it tests")


def _mirror(module: Module) -> str:
    path = PurePosixPath(*module.parts[1:])
    return f"tests/{path.with_name(f'test_{path.name}.py')}"


def _wants_test(module: Module) -> bool:
    """Whether there is something to test: a module that only declares data, or what others must do, has nothing."""
    has_code = any(isinstance(node, Function) and not _is_stub(node) for node in ast.walk(module.tree))
    return has_code and not module.parts[-1].startswith("_")


def _is_stub(function: Function) -> bool:
    """Whether the body is no more than a docstring, `...` or `pass`, or an `__init__` that keeps what it is given."""
    return all(_says_nothing(node) or (function.name == "__init__" and _keeps(node)) for node in function.body)


def _says_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _keeps(node: ast.stmt) -> bool:
    """`self.name = name`, or `super().__init__(name)`."""
    match node:
        case ast.Assign(value=ast.Name()) | ast.AnnAssign(value=ast.Name()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="__init__"), args=args)):
            return all(isinstance(given, ast.Name) for given in args)
    return False


def test_tests_mirror_modules() -> None:
    tests = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    check("mirror", findings(read(SOURCE), tests))


def test_a_module_without_a_test_and_a_test_without_a_module_are_caught() -> None:
    code = "def f(): return 1"
    declarations = """
        class Model(Protocol):
            limit: int = 3
            def stream(self):
                "What it gives."
            @property
            def name(self): ...
        class ModelError(Exception):
            def __init__(self, message, hint):
                super().__init__(message)
                self.hint = hint
    """
    modules = package(
        {
            "__init__.py": code,
            "resources.py": code,
            "link/__init__.py": code,
            "link/_shape.py": code,
            "link/names.py": "NAMES = ['a']",
            "link/contracts.py": declarations,
            "link/half.py": declarations + "        def f(): return 1",
            "link/error.py": "class E(Exception):\n    def __init__(self, a): super().__init__(f'{a}!')",
            "link/driver.py": code,
            "link/retry.py": code,
            "providers/stt/one.py": code,
            "providers/stt/two.py": "class Two: ...",
            "providers/stt/three.py": "class Three: ...",
        }
    )
    tests = [
        "tests/test_resources.py",
        "tests/link/test_retry.py",
        "tests/link/test_gone.py",
        "tests/providers/test_one.py",
        "tests/providers/stt/test_two.py",
        "tests/rules/test_anything.py",
        "tests/stories/test_a_call.py",
    ]
    assert report(findings(modules, tests)) == [
        "runner/pinecall_run/link/driver.py:1: has no test of its own: write tests/link/test_driver.py",
        "runner/pinecall_run/link/error.py:1: has no test of its own: write tests/link/test_error.py",
        "runner/pinecall_run/link/half.py:1: has no test of its own: write tests/link/test_half.py",
        "runner/pinecall_run/providers/stt/one.py:1: has no test of its own: write tests/providers/stt/test_one.py",
        "tests/link/test_gone.py:1: mirrors no module (runner/pinecall_run/link/gone.py): "
        "rename it after the one it tests",
        "tests/providers/test_one.py:1: mirrors no module (runner/pinecall_run/providers/one.py): "
        "rename it after the one it tests",
    ]
