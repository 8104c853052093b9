"""A Jinja environment for templates that other people wrote: no attribute tricks, and an end to all they do.

What is counted, and why that is enough: a template takes time where it repeats (loops, macros, blocks, included
templates), and where one operation handles much (an operator, comparison, filter, test, method, subscript, or output).
The first are counted for each round by the nodes they hold, the second by the characters and items they are given
and make; all from one budget, before the deed.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from string import Formatter
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.filters import FILTERS
from jinja2.runtime import Context, Macro, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.tests import TESTS
from jinja2.visitor import NodeTransformer

from pinecall_run.templates import growth
from pinecall_run.templates.budget import budget, glance, spend, weigh

_SPEND, _WEIGH, _COMPARE, _CONCAT = " spend", " weigh", " compare", " concat"  # no template can write such a name


def sandbox(**options: Any) -> jinja2.Environment:
    """The environment, with ``options`` of :class:`jinja2.Environment`. What it compiles is rendered with
    :func:`render` and with nothing else."""
    return _Sandbox(
        autoescape=False,  # the output is read by a language model, not by a browser
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # what Jinja would compute while it compiles is computed, and counted, when it renders
        finalize=_written,
        **options,
    )


def render(template: jinja2.Template, variables: Mapping[str, Any]) -> str:
    """The text of a template.

    Raises:
        TooMuchError: it does or makes more than it may.
        Exception: whatever else a template may fail with.
    """
    with budget():
        return template.render(variables)


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.filters = dict(_FILTERS)
        self.tests = dict(_TESTS)
        del self.globals["lipsum"]  # a random text of any length

    def _generate(self, source: nodes.Template, *given: Any, **named: Any) -> str:
        return super()._generate(_Counting().visit(source), *given, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        weigh(left)
        weigh(right)
        spend(_GROWTH.get(operator, _none)(left, right))
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        spend(_CALL)
        if not isinstance(__obj, Macro):  # that takes its arguments as they are
            args = tuple(map(_listed, args))
            given = (*args, *kwargs.values())
            for value in given:
                weigh(value)
            owner = getattr(__obj, "__self__", None)
            (glance if all(isinstance(value, _SCALARS) for value in given) else weigh)(owner)
            if isinstance(owner, str | bytes | int):
                spend(growth.METHODS.get(__obj.__name__, _none)(owner, *args, **kwargs))
        return super().call(__context, __obj, *args, **kwargs)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, tuple):  # is hashed, with all that is in it
            weigh(argument)
        return super().getitem(obj, argument)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapper = super().wrap_str_format(value)
        if wrapper is None:
            return None
        text = value.__self__

        @functools.wraps(value)
        def bounded(*args: Any, **kwargs: Any) -> str:
            given, named = ((), args[0]) if value.__name__ == "format_map" else (args, kwargs)
            _Measuring(self).vformat(text, given, named)
            return wrapper(*args, **kwargs)

        return bounded


class _Measuring(SandboxedFormatter):
    """Goes through a format as ``str.format`` does, and only counts."""

    def format_field(self, value: Any, format_spec: str) -> str:
        weigh(value)
        spend(len(format_spec) + growth.specification(format_spec))
        return Formatter.format_field(self, value, "") if isinstance(value, str | int) else ""


_CALL, _FILTER, _TEMPLATE = 50, 20, 100
"""Steps for what takes longer than other nodes of a template, however little it does."""

_GROWTH: Mapping[str, growth.Estimate] = {"*": growth.times, "**": growth.power, "%": growth.percent}


def _none(*_: Any, **__: Any) -> int:
    return 0


@jinja2.pass_context
def _written(_: Context, value: Any) -> Any:
    """Counts what is about to be written. It asks for the context so that Jinja calls it when rendering only."""
    weigh(value)
    return value


_COSTS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("map", "reject", "rejectattr", "select", "selectattr"), glance),
    **dict.fromkeys(("attr", "count", "d", "default", "first", "items", "last", "length", "random"), lambda _: 0),
}
"""Filters that do not look into the items of what they are given, or not even at each item."""

_DEEP_TESTS = frozenset(
    ("!=", "<", "<=", "==", ">", ">=", "eq", "equalto", "ge", "greaterthan", "gt", "in", "le", "lessthan", "lower",
     "lt", "ne", "upper")
)  # fmt: skip


def _counted(name: str, function: Any, cost: Callable[[Any], Any]) -> Callable[..., Any]:
    """A filter or test that pays for what it is given, and for what it may make of it."""
    hidden = int(getattr(function, "jinja_pass_arg", None) is not None)
    estimate = growth.FILTERS.get(name, _none)

    @functools.wraps(function)
    def paying(*args: Any, **kwargs: Any) -> Any:
        spend(_FILTER)
        given = [_listed(value) for value in args[hidden:]] if cost is weigh else args[hidden:]
        for value in (*given, *kwargs.values()):
            cost(value)
        if estimate is not _none:
            spend(estimate(*given, **kwargs))
        return function(*args[:hidden], *given, **kwargs)

    return paying


def _listed(value: Any) -> Any:
    """A value that can be looked at twice."""
    return list(value) if isinstance(value, Iterator) else value


def _compare(left: Any, name: str, right: Any) -> Any:
    if name in ("in", "notin") and isinstance(left, _SCALARS):
        glance(right)
        weigh(left)
    elif isinstance(left, _SCALARS) or isinstance(right, _SCALARS):
        weigh(left if isinstance(left, _SCALARS) else right)
    else:
        weigh(left)
        weigh(right)
    return _COMPARISONS[name](left, right)


_SCALARS = (str, int, float, type(None))
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


@jinja2.pass_eval_context
def _concat(eval_ctx: nodes.EvalContext, *parts: Any) -> str:
    for part in parts:
        weigh(part)
    return markup_join(parts) if eval_ctx.autoescape else str_join(parts)


def _weighed(value: Any) -> Any:
    weigh(value)
    return value


_FILTERS = {
    **{name: _counted(name, filter, _COSTS.get(name, weigh)) for name, filter in FILTERS.items()},
    _SPEND: spend,
    _WEIGH: _weighed,
    _COMPARE: _compare,
    _CONCAT: _concat,
}
_TESTS = {name: _counted("", test, weigh) if name in _DEEP_TESTS else test for name, test in TESTS.items()}


class _Counting(NodeTransformer):
    """Writes the counting into a template: what repeats pays for each round, what Jinja compiles to plain Python is
    handed to the filters above."""

    def _round(self, node: Any) -> Any:
        """``node`` with a payment at the beginning of its body, for all that a round may go through."""
        count = 1 + sum(_length(inner) for part in node.body for inner in (part, *part.find_all(nodes.Node)))
        count += _TEMPLATE * isinstance(node, nodes.Template)
        self.generic_visit(node)
        line = node.body[0].lineno if node.body else node.lineno  # a macro without end is told of where it calls itself
        node.body.insert(0, nodes.ExprStmt(_applied(_SPEND, nodes.Const(count, lineno=line)), lineno=line))
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self._round(node)
        if node.test is not None:  # it is asked in rounds that are then left out, too
            count = 1 + sum(_length(inner) for inner in node.test.find_all(nodes.Node))
            paid = _applied(_SPEND, nodes.Const(count, lineno=node.lineno))
            node.test = nodes.Or(paid, node.test, lineno=node.lineno)  # what is paid gives None
        return node

    visit_Template = visit_Macro = visit_CallBlock = visit_Block = _round

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _applied(_CONCAT, *node.nodes)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        left: nodes.Expr = node.expr
        whole: nodes.Expr | None = None
        for operand in node.ops:
            pair = _applied(_COMPARE, left, nodes.Const(operand.op, lineno=node.lineno), operand.expr)
            whole = pair if whole is None else nodes.And(whole, pair, lineno=node.lineno)
            left = operand.expr
        return whole or node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _applied(_WEIGH, node.node)
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.key, nodes.Const):
            node.key = _applied(_WEIGH, node.key)
        return node


def _length(node: nodes.Node) -> int:
    return 1 + len(node.data) if isinstance(node, nodes.TemplateData) else 1


def _applied(name: str, value: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(args), [], None, None, lineno=value.lineno)
