"""Reads a source tree into parsed modules, and finds in them what the rules ask about."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "pinecall_run"
SOURCE = f"runner/{PACKAGE}"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Finding:
    """One breach of a rule; `what` names it for the list of exceptions, which knows no line numbers."""

    where: str
    line: int
    what: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.sentence}"


@dataclass(frozen=True)
class Module:
    path: str  # from the root of the repository: "runner/pinecall_run/link/driver.py"
    text: str
    tree: ast.Module

    @property
    def parts(self) -> tuple[str, ...]:
        """("pinecall_run", "link", "driver")"""
        return tuple(self.path.removeprefix("runner/").removesuffix(".py").split("/"))

    @property
    def room(self) -> str:
        """The first folder below the package; a module at the top is a room of its own."""
        return self.parts[1]

    @property
    def package(self) -> str:
        """What a relative import starts from."""
        return ".".join(self.parts[:-1])

    @property
    def name(self) -> str:
        return self.package if self.parts[-1] == "__init__" else ".".join(self.parts)


@dataclass(frozen=True)
class Import:
    line: int
    module: str  # absolute
    name: str | None  # what `from module import name` takes out of it
    local: str  # the name it binds here; empty for import_module("…")

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


def parse(path: str, text: str) -> Module:
    return Module(path, text, ast.parse(text, path))


def package(files: Mapping[str, str]) -> list[Module]:
    """A package written in a test: paths below `runner/pinecall_run`, and indented text."""
    return [parse(f"{SOURCE}/{path}", dedent(text).lstrip("\n")) for path, text in files.items()]


@cache
def read(folder: str) -> tuple[Module, ...]:
    """Every module below a folder of the repository."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return tuple(parse(p.relative_to(ROOT).as_posix(), p.read_text(encoding="utf-8")) for p in paths)


def report(findings: Iterable[Finding]) -> list[str]:
    return [str(finding) for finding in sorted(set(findings))]


def imports(module: Module) -> Iterator[Import]:
    """Every import, wherever it stands: lazy ones, ones for the type checker, and import_module("…")."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.lineno, alias.name, None, alias.asname or alias.name.split(".")[0])
            case ast.ImportFrom(names=names, level=level):
                source = _absolute(module, level, node.module or "")
                for alias in names:
                    yield Import(alias.lineno, source, alias.name, alias.asname or alias.name)
            case ast.Call(func=func, args=[ast.Constant(value=str(target)), *_]) if last_name(func) in (
                "import_module",
                "__import__",
            ):
                rest = target.lstrip(".")
                yield Import(node.lineno, _absolute(module, len(target) - len(rest), rest), None, "")


def _absolute(module: Module, level: int, rest: str) -> str:
    if not level:
        return rest
    parts = module.package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *filter(None, [rest])])


def prefixes(dotted: str) -> list[str]:
    """`a.b.c` lies in `a`, `a.b` and `a.b.c`."""
    parts = dotted.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def references(module: Module) -> Iterator[tuple[int, str]]:
    """Uses of imported things, by line and full dotted name, whatever they are called here."""
    full = {
        found.local: found.dotted if found.name or found.local != found.module.split(".")[0] else found.local
        for found in imports(module)
        if found.local
    }
    for node in ast.walk(module.tree):
        head, _, rest = dotted_name(node).partition(".")
        if head in full:
            yield node.lineno, f"{full[head]}.{rest}" if rest else full[head]  # type: ignore[attr-defined]


def dotted_name(node: ast.AST) -> str:
    """`a.b.c` as text; empty when it is anything but names and dots."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr) if head := dotted_name(value):
            return f"{head}.{attr}"
    return ""


def last_name(node: ast.AST) -> str:
    """The `c` of `a.b().c`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Every function with its qualified name: `Link.close`, `outer.inner`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef):
            name = f"{prefix}{node.name}"
            if isinstance(node, Function):
                yield name, node
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, prefix)
