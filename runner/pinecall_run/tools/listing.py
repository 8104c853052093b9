"""The functions of a module that may be tools, by its source alone."""

from __future__ import annotations

import ast
import warnings

from pinecall_run.tools.module import MAX_SOURCE


def public_functions(source: str) -> list[str]:
    """Functions that the module defines at its top level and does not hide, in their order; none when the text is
    not Python or too long to look into."""
    if len(source) > MAX_SOURCE:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the user's escape sequences; the import will say it
            tree = ast.parse(source.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [name for name in dict.fromkeys(functions) if not name.startswith("_")]
