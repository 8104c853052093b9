"""Voice agents from one version-controlled YAML file, with tools in your own process."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinecall_run.live import notices
    from pinecall_run.live.dialing import DialError
    from pinecall_run.live.embedded import StartError
    from pinecall_run.live.library import ProjectError, Runner
    from pinecall_run.live.runner import RefusedError
    from pinecall_run.tools.call import Call, CallError

__all__ = ["Call", "CallError", "DialError", "ProjectError", "RefusedError", "Runner", "StartError", "notices"]

_HOMES = {
    "Call": "pinecall_run.tools.call",
    "CallError": "pinecall_run.tools.call",
    "DialError": "pinecall_run.live.dialing",
    "JournalError": "pinecall_run.live.journal_file",
    "LifespanError": "pinecall_run.live.lifespan",
    "ProjectError": "pinecall_run.live.library",
    "RefusedError": "pinecall_run.live.runner",
    "Runner": "pinecall_run.live.library",
    "StartError": "pinecall_run.live.embedded",
}


def __getattr__(name: str) -> Any:
    """Public names, imported when they are used: the command line starts fast."""
    if name == "notices":
        return import_module("pinecall_run.live.notices")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
