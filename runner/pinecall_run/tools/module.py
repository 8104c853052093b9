"""What the names of a Python module are bound to, by its source alone."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_SOURCE = 1024 * 1024
"""Characters of a module. Longer ones are not looked into: their trees take hundreds of times the memory of their
text."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef


class Bound(NamedTuple):
    """One binding of a name.

    Attributes:
        node: a definition, an assignment, an import or, of others, the name.
        alias: of an import, which of its names.
        is_certain: whether it is made whenever the module is imported: it is at the top, in no condition or loop.
    """

    node: ast.stmt | ast.expr
    alias: ast.alias | None = None
    is_certain: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A module that Python cannot read, with where and why."""

    message: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Module:
    """A module that was read. ``name`` is dotted, ``file`` what people call it."""

    name: str
    file: str
    source: str
    lines: Sequence[str]
    """As Python counts them."""
    bindings: Mapping[str, list[Bound]]
    is_package: bool = False
    is_dynamic: bool = False
    """Whether it makes names when it runs: by ``__getattr__``, ``globals()`` and the like."""
    stars: tuple[int, ...] = ()
    """The lines of ``from … import *``."""
    rebound: frozenset[str] = field(default_factory=frozenset)
    """What functions declare ``global``."""

    @property
    def may_have_more(self) -> bool:
        """Whether there may be names that the source does not show."""
        return self.is_dynamic or bool(self.stars)

    def certain(self, name: str) -> Bound | None:
        """What a name is bound to after the import, if that can be known; overloads aside."""
        found = [bound for bound in self.bindings.get(name, ()) if not self._is_overload(bound.node)]
        if not found or not all(bound.is_certain for bound in found) or name in self.rebound or self.is_dynamic:
            return None
        last = max(found, key=lambda bound: bound.node.lineno)
        return None if any(line > last.node.lineno for line in self.stars) else last

    def _is_overload(self, node: ast.AST) -> bool:
        return isinstance(node, Definition) and any(
            self.qualified(decorator) in ("typing.overload", "typing_extensions.overload")
            for decorator in node.decorator_list
        )

    def qualified(self, expression: ast.expr, local: Mapping[str, str | None] | None = None) -> str | None:
        """The dotted name of what an expression such as ``np.ndarray`` means: ``builtins.dict``, ``typing.Any``.

        ``local`` has the names of the function it stands in. ``None`` when it cannot be known, or is made here.
        """
        match expression:
            case ast.Attribute(value=value, attr=attr):
                owner = self.qualified(value, local)
                return f"{owner}.{attr}" if owner else None
            case ast.Name(id=name) if local and name in local:
                return local[name]
            case ast.Name(id=name) if name in self.bindings:
                found = self.bindings[name]
                return self.imported(found[0]) if len(found) == 1 else None
            case ast.Name(id=name) if not self.may_have_more:
                return f"builtins.{name}"
        return None

    def imported(self, bound: Bound) -> str | None:
        """The dotted name of what an import binds; ``None`` for other bindings."""
        match bound.node, bound.alias:
            case ast.Import(), ast.alias(name=name, asname=asname):
                return name if asname else name.partition(".")[0]
            case ast.ImportFrom(module=module, level=level), ast.alias(name=name):
                source = self.absolute(module, level)
                return f"{source}.{name}" if source else None
        return None

    def absolute(self, module: str | None, level: int) -> str | None:
        """The module that ``from ..module import`` names, or ``None`` when it leads out of all packages."""
        if not level:
            return module
        parts = self.name.split(".")
        up = level - 1 if self.is_package else level
        if up >= len(parts):
            return None
        return ".".join([*parts[: len(parts) - up], *([module] if module else [])]) or None


def parse_module(name: str, file: str, source: str, *, is_package: bool = False) -> Module | Broken | None:
    """The module that a source text is; ``None`` for one too deep to look at, of which the import will tell."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the user's escape sequences; the import will say it
            tree = ast.parse(source.removeprefix("\ufeff"))
    except (RecursionError, MemoryError):
        return None
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        return Broken(getattr(error, "msg", None) or str(error), line, max(column, 1))
    bindings: dict[str, list[Bound]] = {}
    stars: list[int] = []
    is_dynamic = False
    for key, bound in _bindings(tree):
        if key == "*":
            stars.append(bound.node.lineno)
        elif key in _DYNAMIC:
            is_dynamic = True
        else:
            bindings.setdefault(key, []).append(bound)
    lines = _LINE.split(source.removeprefix("\ufeff"))
    return Module(name, file, source, lines, bindings, is_package, is_dynamic, tuple(stars), _rebound(tree, source))


_LINE = re.compile(r"\r\n|[\r\n]")
_DYNAMIC = frozenset(("__getattr__", "globals", "vars", "exec", "setattr"))


def _bindings(tree: ast.Module) -> Iterator[tuple[str, Bound]]:
    """Names that are bound outside of functions and classes, and those of :data:`_DYNAMIC` that are used there."""
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                yield name, Bound(statement, is_certain=True)
                yield from _nested(value)
            case _:
                yield from _nested(statement, is_certain=True)


def _nested(top: ast.AST, *, is_certain: bool = False) -> Iterator[tuple[str, Bound]]:
    todo = [(top, is_certain)]
    while todo:
        node, certain = todo.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, Bound(node, is_certain=certain)
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    yield alias.asname or alias.name.partition(".")[0], Bound(node, alias, certain)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, Bound(node)
            case ast.Name(id=name) if name in _DYNAMIC:
                yield name, Bound(node)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name, Bound(ast.Name(name, ast.Store(), lineno=getattr(node, "lineno", 1), col_offset=0))
                todo += [(child, False) for child in ast.iter_child_nodes(node)]
            case _:
                todo += [(child, False) for child in ast.iter_child_nodes(node)]


def _rebound(tree: ast.Module, source: str) -> frozenset[str]:
    if "global " not in source:
        return frozenset()
    return frozenset(name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names)


def own_nodes(function: Definition) -> Iterator[ast.AST]:
    """What runs when the function is called, in no order: its body without the functions, lambdas and classes in it."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(node)
