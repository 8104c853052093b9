"""Tests for your own agents: without a network, a key or a model, in virtual time (docs/testing.md)."""

from __future__ import annotations

from pinecall_run.testing.chat import Chat, Reply
from pinecall_run.testing.clock import VirtualLoop, virtual_time
from pinecall_run.testing.failures import Unexpected
from pinecall_run.testing.network import Network
from pinecall_run.testing.script import ScriptError
from pinecall_run.testing.stage import Stage, running, talking_to
from pinecall_run.testing.wire import ScriptedServer, scripted_server

__all__ = [
    "Chat",
    "Network",
    "Reply",
    "ScriptError",
    "ScriptedServer",
    "Stage",
    "Unexpected",
    "VirtualLoop",
    "running",
    "scripted_server",
    "talking_to",
    "virtual_time",
]
