"""A tool's parameters as its source shows them: what cannot be filled, and what the model is told too little of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from pinecall_run.tools.module import Definition, Module


class Parameter(NamedTuple):
    """One parameter. ``default`` is ``None`` where there is none."""

    node: ast.arg
    default: ast.expr | None
    kind: str
    """``/`` for positional only, ``*`` and ``**`` for the rest, else empty."""


def parameters(function: Definition) -> Iterator[Parameter]:
    """The parameters, in the order of :class:`inspect.Signature`."""
    given = function.args
    named = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(named) - len(given.defaults)), *given.defaults]
    for index, (node, default) in enumerate(zip(named, defaults, strict=True)):
        yield Parameter(node, default, "/" if index < len(given.posonlyargs) else "")
    if given.vararg:
        yield Parameter(given.vararg, None, "*")
    for node, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield Parameter(node, default, "")
    if given.kwarg:
        yield Parameter(given.kwarg, None, "**")


def unfillable(function: Definition, path: str) -> tuple[ast.arg, str, str] | None:
    """The first parameter that cannot be filled by name, with the words for it and the way out."""
    for parameter in parameters(function):
        name = parameter.node.arg
        if parameter.kind:
            stars = parameter.kind.strip("/")
            help = "give each argument its own name" if stars else "remove the /"
            return parameter.node, f"`{path}` takes `{stars}{name}`, which cannot be filled by name", help
        if name.startswith("_") and not is_call(parameter.node.annotation):
            return parameter.node, f"the parameter `{name}` of `{path}` begins with _", "rename it"
    return None


def is_call(annotation: ast.expr | None) -> bool:
    """Whether a parameter may be the one that receives the :class:`Call`, by whatever name it goes."""
    if annotation is None:
        return False
    return any(
        (isinstance(node, ast.Name) and node.id.endswith("Call"))
        or (isinstance(node, ast.Attribute) and node.attr.endswith("Call"))
        for node in ast.walk(_evaluated(annotation))
    )


ANY = "*"
"""Stands for a name that is not known."""


def may_mean(annotation: ast.expr | None, name: str, module: Module) -> bool:
    """Whether an annotation may be of a type with a last name; of :data:`ANY`, whether it is of one of the user's."""
    names = [node for node in ast.walk(_evaluated(annotation)) if last_name(node)] if annotation is not None else []
    if name != ANY:
        return any(last_name(node) == name for node in names)
    return any(not (module.qualified(node) or "").startswith(_KNOWN) for node in names if isinstance(node, ast.expr))


def last_name(node: ast.AST) -> str:
    """``Pool`` of ``asyncpg.Pool``; nothing of what is no name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Constant(value=str()):
            inner = _evaluated(node)
            return "" if isinstance(inner, ast.Constant) else last_name(inner)
    return ""


def _evaluated(annotation: ast.expr) -> ast.expr:
    """An annotation in quotes without them."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return ast.parse(annotation.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return annotation
    return annotation


_TYPING = ("typing", "typing_extensions", "collections.abc")
_CONTAINERS = ("Dict", "FrozenSet", "Iterable", "List", "Mapping", "MutableMapping", "Sequence", "Set", "Tuple")
_BARE = frozenset(
    (
        *(f"builtins.{name}" for name in ("dict", "list", "object", "set", "frozenset", "tuple")),
        *(f"{module}.{name}" for module in _TYPING for name in (*_CONTAINERS, "Any")),
    )
)
_CHOICES = frozenset(f"{module}.{name}" for module in _TYPING for name in ("Optional", "Union"))


def is_bare(annotation: ast.expr, module: Module) -> bool:
    """Whether an annotation surely tells nothing of what to put in, as ``dict``, ``list[Any]`` or ``Any | None``."""
    match _evaluated(annotation):
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return is_bare(left, module) or is_bare(right, module)
        case ast.Subscript(value=base, slice=inner):
            name = module.qualified(base)
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if name in _CHOICES:
                return any(is_bare(part, module) for part in parts)
            held = [part for part in parts if not (isinstance(part, ast.Constant) and part.value is Ellipsis)]
            return name in _BARE and bool(held) and is_bare(held[-1], module)
        case ast.Name() | ast.Attribute() as plain:
            return module.qualified(plain) in _BARE
    return False


_KNOWN = ("builtins.", "typing.", "datetime.", "decimal.", "uuid.", "collections.abc.")
"""Modules whose types have no description of their own."""


def may_be_described(parameter: Parameter, module: Module) -> bool:
    """Whether the annotation or the default describes the parameter, or may do so where it cannot be seen."""
    annotation = parameter.node.annotation
    return (annotation is not None and _may_describe(_evaluated(annotation), module)) or (
        isinstance(parameter.default, ast.Call) and _is_description(parameter.default, module)
    )


def _may_describe(annotation: ast.expr, module: Module) -> bool:
    match annotation:
        case ast.Subscript(value=base, slice=ast.Tuple(elts=[inner, *metadata])) if _is_annotated(base, module):
            return _may_describe(inner, module) or any(_is_description(item, module) for item in metadata)
        case ast.Constant(value=None):
            return False
        case ast.Name() | ast.Attribute():
            return not (module.qualified(annotation) or "").startswith(_KNOWN) and not _is_class(annotation, module)
        case ast.Subscript(value=base):  # a description inside of it is one of its items
            return _may_describe(base, module)
        case ast.BinOp(left=left, right=right):
            return _may_describe(left, module) or _may_describe(right, module)
    return True


def _is_annotated(base: ast.expr, module: Module) -> bool:
    return (module.qualified(base) or "").endswith(".Annotated")


def _is_class(annotation: ast.expr, module: Module) -> bool:
    """Whether it is a class of this module: what its docstring says is not said of the parameter."""
    bound = module.certain(annotation.id) if isinstance(annotation, ast.Name) else None
    return bound is not None and isinstance(bound.node, ast.ClassDef)


def _is_description(value: ast.expr, module: Module) -> bool:
    """Whether a value is a ``Field(description=…)``, or not known to be none."""
    if isinstance(value, ast.Constant):
        return False
    if isinstance(value, ast.Call) and (module.qualified(value.func) or "").endswith(".Field"):
        return any(keyword.arg in ("description", "json_schema_extra", None) for keyword in value.keywords)
    return True
