"""What the code of a module may import, at once or in a function that is called later."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def imported(tree: ast.Module, package: str) -> Iterator[str]:
    """The absolute dotted names that import statements mean, in any function; of ``from a import b`` both ``a`` and
    ``a.b``, which may be a module. ``package`` is what relative names are relative to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module, node.level, package)
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _absolute(module: str | None, level: int, package: str) -> str:
    if not level:
        return module or ""
    parts = package.split(".") if package else []
    if level > len(parts):
        return ""
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])
