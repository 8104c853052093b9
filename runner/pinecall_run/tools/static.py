"""A tool's function found in its module's source, without importing it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache

from pinecall_run.source.diagnostic import Diagnostic, Fix, Label, Route, Span
from pinecall_run.source.fix import reword
from pinecall_run.source.suggest import closest, listed, surely
from pinecall_run.tools.path import ToolPath

MAX_SOURCE = 1024 * 1024
"""Longer modules are not looked into: their trees take hundreds of times the memory of their text."""


def check_source(
    path: ToolPath, source: str, file: str, span: Span, route: Route, *, written: str = ""
) -> list[Diagnostic]:
    """Findings about ``path`` in the text of its module.

    ``file`` is the module's name for people, ``span`` and ``route`` the place of the path in the
    configuration, ``written`` what stands there. A name that the module may make dynamically (a star import,
    ``__getattr__``, ``globals()``) is believed.
    """
    if len(source) > MAX_SOURCE:
        return []  # the import will tell
    try:
        names = _module_names(source)
    except (RecursionError, MemoryError):
        return []  # too deep to look at; the import will tell
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        message = f"the module {path.module} is not valid Python: {getattr(error, 'msg', error)}"
        label = Label(Span.at(file, line, max(column, 1)), "here")
        return [Diagnostic("PCR404", message, span, route=route, labels=(label,))]
    if path.function in names:
        return _check_kind(names[path.function], path, file, span, route)
    if None in names:
        return []
    functions = {name for name, node in names.items() if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    public = {name for name in functions if name and not name.startswith("_")}
    meant = closest(path.function, {name for name in names if name})
    known = f"its functions are {listed(map(str, public))}" if public else "it has no functions"
    help = f"did you mean `{path.module}.{meant}`?" if meant else known
    message = f"{file} has no function `{path.function}`"
    fix = _renamed(path, surely(path.function, public, is_ours=False), span, written)
    return [Diagnostic("PCR403", message, span, help=help, route=route, fix=fix)]


def _renamed(path: ToolPath, meant: str | None, span: Span, written: str) -> Fix | None:
    """The fix for a function that was meant to be another of its module."""
    if meant is None:
        return None
    between = ":" if ":" in written else "."
    old, new = (f"{path.module}{between}{name}" for name in (path.function, meant))
    return reword(span, written, old, new, f"changed {old} to {new}")


_DYNAMIC = frozenset(("globals", "vars", "exec", "setattr"))


@lru_cache(maxsize=256)
def _module_names(source: str) -> Mapping[str | None, ast.AST]:
    """What :func:`_names` finds in a module: many agents use the functions of few.

    Raises what ``ast.parse`` raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the user's escape sequences; the import will say it
        return _names(ast.parse(source.removeprefix("\ufeff")))


def _names(tree: ast.Module) -> dict[str | None, ast.AST]:
    """Top-level names of a module with what binds them; the key ``None`` when there may be more.

    Of several bindings one that is no class counts: which of them runs is not known.
    """
    names: dict[str | None, ast.AST] = {}
    for node in _bindings(tree):
        name: str | None = None
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if node.name != "__getattr__":
                name = node.name
            case ast.alias() if node.name != "*":
                name = node.asname or node.name.partition(".")[0]
            case ast.Name() if node.id not in _DYNAMIC:
                name = node.id
        if isinstance(names.get(name, node), ast.ClassDef) or name not in names:
            names[name] = node
    return names


def _bindings(tree: ast.Module) -> Iterator[ast.AST]:
    """Definitions, imported names, and names assigned or of :data:`_DYNAMIC`, outside of functions and classes."""
    todo: list[ast.AST] = [tree]
    while todo:
        for child in ast.iter_child_nodes(todo.pop()):
            match child:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.alias():
                    yield child
                case ast.Name() if isinstance(child.ctx, ast.Store) or child.id in _DYNAMIC:
                    yield child
                case _:
                    todo.append(child)


def _check_kind(node: ast.AST, path: ToolPath, file: str, span: Span, route: Route) -> list[Diagnostic]:
    if not isinstance(node, ast.ClassDef):
        return []
    label = Label(Span.at(file, node.lineno, node.col_offset + 1, len(f"class {node.name}")), "defined here")
    message = f"`{path}` is a class, not a function"
    return [Diagnostic("PCR405", message, span, help="name a function", route=route, labels=(label,))]
