"""A tool's function looked for and looked at in its module's source, without importing it.

What cannot be known from the source is believed: a decorator, a condition or a star import ends every certainty.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pinecall_run.source.diagnostic import Diagnostic, Fix, Label, Route, Severity, Span
from pinecall_run.source.fix import reword
from pinecall_run.source.suggest import closest, listed, surely
from pinecall_run.tools.blocking import WAITS, waits
from pinecall_run.tools.docstring import undescribed
from pinecall_run.tools.given import Kind, gives
from pinecall_run.tools.module import Bound, Broken, Definition, Module, own_nodes
from pinecall_run.tools.path import ToolPath
from pinecall_run.tools.signature import (
    ANY,
    Parameter,
    is_bare,
    is_call,
    last_name,
    may_be_described,
    may_mean,
    parameters,
    unfillable,
)

Load = Callable[[str], Module | Broken | None]
"""Finds the source of a user's module by its dotted name; ``None`` for a module whose source is not to be judged."""

_FURTHEST = 8
"""Modules that a function may be handed through."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path is in the configuration, and ``written`` what stands there."""

    span: Span
    route: Route
    written: str = ""


def check_broken(path: ToolPath, file: str, broken: Broken, place: Place) -> Diagnostic:
    """The finding about a module that is not Python."""
    message = f"the module {path.module} is not valid Python: {broken.message}"
    label = Label(Span.at(file, broken.line, broken.column), "here")
    return Diagnostic("PCR404", message, place.span, route=place.route, labels=(label,))


def check_name(path: ToolPath, module: Module, place: Place) -> Diagnostic | None:
    """The finding about a function that its module surely has not."""
    if path.function in module.bindings or module.may_have_more:
        return None
    functions = {
        name for name, found in module.bindings.items() if any(isinstance(bound.node, Definition) for bound in found)
    }
    public = {name for name in functions if not name.startswith("_")}
    meant = closest(path.function, module.bindings)
    known = f"its functions are {listed(public)}" if public else "it has no functions"
    help = f"did you mean `{path.module}.{meant}`?" if meant else known
    message = f"{module.file} has no function `{path.function}`"
    fix = _renamed(path, surely(path.function, public, is_ours=False), place)
    return Diagnostic("PCR403", message, place.span, help=help, route=place.route, fix=fix)


def _renamed(path: ToolPath, meant: str | None, place: Place) -> Fix | None:
    """The fix for a function that was meant to be another of its module."""
    if meant is None:
        return None
    between = ":" if ":" in place.written else "."
    old, new = (f"{path.module}{between}{name}" for name in (path.function, meant))
    return reword(place.span, place.written, old, new, f"changed {old} to {new}")


def check_function(
    path: ToolPath, module: Module, place: Place, load: Load, state: str | None = None
) -> list[Diagnostic]:
    """What is wrong with a tool's function itself, wherever it is named. For ``state`` see :func:`lifespan_yields`."""
    owner, bound = _followed(path.function, module, load)
    if bound is None:
        return []
    if not isinstance(bound.node, Definition):
        return _Findings(path, owner, place).of_value(bound)
    if bound.node.decorator_list:
        return []  # what it makes of the function is not known
    return list(_Findings(path, owner, place, state).of_function(bound.node))


def check_hook(path: ToolPath, module: Module, place: Place, load: Load, kind: Kind) -> list[Diagnostic]:
    """What is wrong with a function that we call, not the model. Only what is wrong for sure: types are not judged."""
    owner, bound = _followed(path.function, module, load)
    findings = _Findings(path, owner, place)
    if bound is None or isinstance(bound.node, ast.ClassDef):
        return []
    if not isinstance(bound.node, Definition):
        return findings.of_value(bound)
    return [] if bound.node.decorator_list else list(findings.of_hook(bound.node, kind))


def lifespan_yields(path: ToolPath, module: Module, load: Load) -> str:
    """The last name of the type that an async context manager yields, ``*`` where that is not seen."""
    _, bound = _followed(path.function, module, load)
    match bound:
        case Bound(node=ast.FunctionDef() | ast.AsyncFunctionDef() as function):
            match function.returns:
                case ast.Subscript(slice=inner):
                    first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
                    return last_name(first) or ANY
    return ANY


def _followed(name: str, module: Module, load: Load) -> tuple[Module, Bound | None]:
    """What a name is in the end, and where, through imports of it from other modules."""
    bound = module.certain(name)
    for _ in range(_FURTHEST):
        if bound is None or not isinstance(bound.node, ast.ImportFrom) or bound.alias is None:
            return module, bound
        source = module.absolute(bound.node.module, bound.node.level)
        found = load(source) if source else None
        if not isinstance(found, Module):
            return module, None
        module, bound = found, found.certain(bound.alias.name)
    return module, None


class _Findings:
    def __init__(self, path: ToolPath, module: Module, place: Place, state: str | None = None) -> None:
        self._state = state
        self._path = path
        self._module = module
        self._place = place

    def _finding(
        self, code: str, message: str, severity: Severity, help: str, *labels: tuple[ast.expr | ast.stmt | ast.arg, str]
    ) -> Diagnostic:
        shown = tuple(Label(self._span(node), text) for node, text in labels)
        return Diagnostic(code, message, self._place.span, severity, help, self._place.route, shown)

    def _span(self, node: ast.expr | ast.stmt | ast.arg) -> Span:
        """A node's first line, and of a definition its name. Python counts columns in bytes."""
        line = self._module.lines[node.lineno - 1] if node.lineno <= len(self._module.lines) else ""
        before = line.encode()[: node.col_offset].decode(errors="replace")
        length = 1
        match node:
            case ast.ClassDef(name=name):
                length = len(f"class {name}")
            case ast.AsyncFunctionDef(name=name):
                length = len(f"async def {name}")
            case ast.FunctionDef(name=name):
                length = len(f"def {name}")
            case ast.arg(arg=name):
                length = len(name)
            case _ if node.end_lineno == node.lineno and node.end_col_offset:
                length = len(line.encode()[node.col_offset : node.end_col_offset].decode(errors="replace"))
            case _:
                length = len(line.rstrip()) - len(before)
        return Span.at(self._module.file, node.lineno, len(before) + 1, max(length, 1))

    def of_value(self, bound: Bound) -> list[Diagnostic]:
        kind = _kind(bound.node)
        if kind is None:
            return []
        message = f"`{self._path}` is {kind}, not a function"
        return [self._finding("PCR405", message, Severity.ERROR, "name a function", (bound.node, "defined here"))]

    def of_function(self, function: Definition) -> Iterator[Diagnostic]:
        path = str(self._path)
        if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(function)):
            message = f"`{path}` is a generator; a tool returns one result"
            yield self._finding("PCR405", message, Severity.ERROR, "return a value", (function, "defined here"))
            return
        wrong = unfillable(function, path)
        if wrong is not None:
            node, message, help = wrong
            yield self._finding("PCR405", message, Severity.ERROR, help, (node, "defined here"))
            return
        told = [parameter for parameter in parameters(function) if not self._is_given(parameter.node.annotation)]
        yield from self._of_types(told)
        yield from self._of_docstring(function, told)
        if self._path.function.startswith("_"):
            help = "rename it, or name a public function that calls it"
            message = f"`{path}` is private to its module by its name"
            yield self._finding("PCR410", message, Severity.INFO, help, (function, "defined here"))
        yield from self._of_waiting(function)

    def _is_given(self, annotation: ast.expr | None) -> bool:
        return is_call(annotation) or (self._state is not None and may_mean(annotation, self._state, self._module))

    def of_hook(self, function: Definition, kind: Kind) -> Iterator[Diagnostic]:
        if kind is not Kind.MODEL and any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(function)):
            message = f"`{self._path}` is a generator, which is not run by calling it"
            yield self._finding("PCR405", message, Severity.ERROR, "return a value", (function, "defined here"))
        for parameter in parameters(function):
            node = parameter.node
            is_filled = node.annotation is not None or node.arg in ("call", "event") or parameter.default is not None
            if not parameter.kind and not is_filled:
                message = f"`{self._path}` takes `{node.arg}`, and nothing fills it"
                yield self._finding("PCR405", message, Severity.ERROR, gives(kind), (node, "here"))
                return
        yield from self._of_waiting(function)

    def _of_types(self, told: list[Parameter]) -> Iterator[Diagnostic]:
        untyped = [parameter.node for parameter in told if parameter.node.annotation is None]
        if untyped:
            message = f"{_named(untyped)} of `{self._path}` {_have(untyped)} no type, so the model may send anything"
            help = f"annotate {_it(untyped)}, such as {untyped[0].arg}: str"
            labels = [(node, "no type") for node in untyped]
            yield self._finding("PCR406", message, Severity.WARNING, help, *labels)
        for node in (parameter.node for parameter in told):
            if node.annotation is not None and is_bare(node.annotation, self._module):
                message = f"`{_short(node.annotation)}` does not say what goes into `{node.arg}` of `{self._path}`"
                help = "name what it holds: list[str], dict[str, int], or a dataclass or pydantic model"
                yield self._finding("PCR409", message, Severity.WARNING, help, (node.annotation, "says no more"))

    def _of_docstring(self, function: Definition, told: list[Parameter]) -> Iterator[Diagnostic]:
        if "__doc__" in self._module.source:
            return  # it may be written elsewhere
        written = ast.get_docstring(function)
        if not written:
            message = f"`{self._path}` has no docstring, so the model is told nothing but its name"
            help = "say in a docstring what it does and when to call it"
            yield self._finding("PCR408", message, Severity.WARNING, help, (function, "no docstring"))
            return
        visible = [parameter.node for parameter in told if not may_be_described(parameter, self._module)]
        left = set(undescribed(written, [node.arg for node in visible]))
        nodes = [node for node in visible if node.arg in left]
        if nodes:
            message = f"{_named(nodes)} of `{self._path}` {_are(nodes)} not described to the model"
            help = f"describe {_it(nodes)} under `Args:` in the docstring, as `{nodes[0].arg}: What it is.`"
            labels = [(node, "not described") for node in nodes]
            yield self._finding("PCR407", message, Severity.INFO, help, *labels)

    def _of_waiting(self, function: Definition) -> Iterator[Diagnostic]:
        wait = waits(function, self._module)
        if wait is None:
            return
        name = wait.function.removeprefix("builtins.")
        where = f"`{name}` in line {wait.node.lineno} of {self._module.file}"
        if isinstance(function, ast.AsyncFunctionDef):
            message = f"`{self._path}` is async and waits in {where}, and every call waits with it"
            instead = WAITS[wait.function]
            help = f"use {instead}" if instead else f"write await asyncio.to_thread({name}, …)"
            yield self._finding("PCR411", message, Severity.WARNING, help, (wait.node, "nothing else runs here"))
            return
        message = f"`{self._path}` holds a thread while it waits in {where}"
        help = "fine for a few calls at a time; for many, make it async and await an async client"
        yield self._finding("PCR412", message, Severity.INFO, help, (wait.node, "waits here"))


def _kind(node: ast.AST) -> str | None:
    """What something that surely is no function is called."""
    match node:
        case ast.ClassDef(decorator_list=[]):
            return "a class"
        case ast.Import():
            return "a module"
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return _kind_of_value(value)
    return None


def _kind_of_value(value: ast.expr) -> str | None:
    match value:
        case ast.Constant(value=constant):
            return "None" if constant is None else f"a {type(constant).__name__}"
        case ast.List() | ast.ListComp():
            return "a list"
        case ast.Dict() | ast.DictComp():
            return "a dict"
        case ast.Tuple():
            return "a tuple"
        case ast.Set() | ast.SetComp():
            return "a set"
        case ast.JoinedStr():
            return "a str"
    return None


def _named(nodes: list[ast.arg]) -> str:
    names = [f"`{node.arg}`" for node in nodes]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _have(nodes: list[ast.arg]) -> str:
    return "has" if len(nodes) == 1 else "have"


def _are(nodes: list[ast.arg]) -> str:
    return "is" if len(nodes) == 1 else "are"


def _it(nodes: list[ast.arg]) -> str:
    return "it" if len(nodes) == 1 else "them"


def _short(annotation: ast.expr) -> str:
    text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    return str(text) if len(str(text)) <= 40 else f"{str(text)[:39]}…"
