"""What a project says when every variable has its value, for people to read: secrets are masked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pinecall_run.config.values import Reading, Shape
from pinecall_run.source import nodes
from pinecall_run.source.diagnostic import Route
from pinecall_run.source.document import Document
from pinecall_run.source.secrets import MASK, is_secret_name


@dataclass(slots=True)
class _Masking(Reading):
    """Reads as the project does. What a field for secrets holds is masked, unless it is nothing or a variable that is
    not set."""

    def value(self, node: nodes.Node, shape: Shape, route: Route = ()) -> Any:
        if not isinstance(node, nodes.Scalar) and _is_secret(shape, route):
            return MASK
        return super(_Masking, self).value(node, shape, route)

    def _scalar(self, node: nodes.Scalar, shape: Shape, parent: Route, *step: str | int) -> Any:
        missing = len(self.unset_secrets)
        value = super(_Masking, self)._scalar(node, shape, parent, *step)
        if not _is_secret(shape, (*parent, *step)):
            return escaped(value) if isinstance(value, str) else value
        return value if not value or len(self.unset_secrets) > missing else MASK


def _is_secret(shape: Shape, route: Route) -> bool:
    """Whether the schema says so, or says nothing and the name does."""
    return shape.is_secret or (not shape.is_known and bool(route) and is_secret_name(str(route[-1])))


def resolved(document: Document, schema: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    """The values of a document, secrets as ``***``, in the form in which a pinecall.yaml would give the same: a dollar
    sign that would begin a variable is doubled."""
    assert document.root is not None
    return _Masking(environ).value(document.root, Shape([schema], schema))


def escaped(text: str) -> str:
    """A text in which nothing is a variable any more."""
    return re.sub(r"\$+(?=\{)|\${2,}", lambda match: match[0] * 2, text)


def at(values: Any, route: Route) -> Any:
    """The value at a route; ``None`` where there is none."""
    for step in route:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def is_secret_at(schema: Mapping[str, Any], route: Route) -> bool:
    """Whether what stands at a route is not to be shown."""
    return _is_secret(shape_at(schema, route), route)


def shape_at(schema: Mapping[str, Any], route: Route, values: Any = None) -> Shape:
    """What the schema says of the place that a route leads to, in a document of these ``values`` if they are given:
    what a vendor's option is depends on the vendor."""
    shape = Shape([schema], schema)
    for step in (*route, None):
        if shape.deciding and isinstance(values, dict):
            shape = shape.of({key: str(values[key]) for key in shape.deciding if key in values})
        if step is not None:
            shape = shape.item() if isinstance(step, int) else shape.child(step)
            values = at(values, (step,))
    return shape
