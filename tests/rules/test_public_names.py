"""Public names are pinned: what users import changes only together with public_names.txt."""

import ast
from collections.abc import Iterable, Iterator

from tests.rules._exceptions import check
from tests.rules._scan import PACKAGE, ROOT, SOURCE, Finding, Module, package, read, report

PINNED = "tests/rules/public_names.txt"
PUBLIC = frozenset({PACKAGE, f"{PACKAGE}.testing", f"{PACKAGE}.testing.providers"})


def findings(modules: Iterable[Module], pinned: list[str]) -> Iterator[Finding]:
    public: dict[str, tuple[str, int]] = {}
    for module in modules:
        if module.name not in PUBLIC:
            continue
        for node in _listings(module.tree):
            if not isinstance(node, ast.List | ast.Tuple) or not all(map(_is_text, node.elts)):
                sentence = "__all__ is not a plain list of strings: write it out, so that it can be read"
                yield Finding(module.path, node.lineno, "__all__", sentence)
                continue
            for element in node.elts:
                public[f"{module.name}.{ast.literal_eval(element)}"] = (module.path, element.lineno)
    for name, (path, line) in public.items():
        if name not in pinned:
            sentence = f"{name} is public but not pinned: add the line {name} to {PINNED}, or make it private"
            yield Finding(path, line, name, sentence)
    for line, name in enumerate(pinned, 1):
        if name not in public:
            sentence = f"{name} is pinned but no longer public: put it back, or delete this line (users lose it)"
            yield Finding(PINNED, line, name, sentence)
        if line > 1 and pinned[line - 2] >= name:
            yield Finding(PINNED, line, name, f"{name} is out of order: one name a line, sorted, none twice")


def _listings(tree: ast.Module) -> Iterator[ast.expr]:
    """Whatever the module binds to `__all__` or adds to it."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
                | ast.AugAssign(target=ast.Name(id="__all__"), value=value)
            ):
                yield value


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_public_names_are_pinned() -> None:
    check("public_names", findings(read(SOURCE), (ROOT / PINNED).read_text(encoding="utf-8").split()))


def test_names_that_come_and_go_are_caught() -> None:
    tree = {
        "__init__.py": '__all__ = [\n    "Call",\n    "tool",\n]',
        "testing/__init__.py": '__all__ = ("Playbook",)',
        "link/__init__.py": '__all__ = ["Link"]',
    }
    pinned = ["pinecall_run.tool", "pinecall_run.testing.Playbook", "pinecall_run.testing.gone"]
    assert report(findings(package(tree), pinned)) == [
        "runner/pinecall_run/__init__.py:2: pinecall_run.Call is public but not pinned: "
        "add the line pinecall_run.Call to tests/rules/public_names.txt, or make it private",
        "tests/rules/public_names.txt:2: pinecall_run.testing.Playbook is out of order: "
        "one name a line, sorted, none twice",
        "tests/rules/public_names.txt:3: pinecall_run.testing.gone is pinned but no longer public: "
        "put it back, or delete this line (users lose it)",
    ]


def test_a_computed_list_is_caught() -> None:
    tree = {"__init__.py": '__all__ = ["Call"]\n__all__ += sorted(globals())'}
    assert report(findings(package(tree), ["pinecall_run.Call"])) == [
        "runner/pinecall_run/__init__.py:2: __all__ is not a plain list of strings: "
        "write it out, so that it can be read"
    ]
