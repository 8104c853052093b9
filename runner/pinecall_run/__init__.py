"""Voice agents from one version-controlled YAML file, with tools in your own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinecall_run.tools.call import Call

__all__ = ["Call"]


def __getattr__(name: str) -> Any:
    """Public names, imported when they are used: the command line starts fast."""
    if name == "Call":
        from pinecall_run.tools.call import Call

        return Call
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
