"""Functions of modules that a test has just written."""

from collections.abc import Callable
from pathlib import Path

from pinecall_run.tools.binding import Binding, bind
from pinecall_run.tools.path import ToolPath

Write = Callable[..., Path]
"""The fixture ``write``."""


def bound(write: Write, text: str, function: str = "tool") -> Binding:
    """A function of a module that was just written."""
    write(user_tools=text)
    return bind(function, ToolPath("user_tools", function))
