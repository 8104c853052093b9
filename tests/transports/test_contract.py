"""The doors, the hub and the conversation fit the contract between them, to the name of each argument."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from tests.voice._fakes import Outlet

from pinecall_run.transports import chat, contract
from pinecall_run.voice.chat_session import ChatSession
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.terminal import TerminalOutlet
from pinecall_run.voice.whatsapp_talk import Talk


@pytest.mark.parametrize(
    ("implementation", "protocol"),
    [
        (chat._Outlet, contract.Outlet),
        (TerminalOutlet, contract.Outlet),
        (Outlet, contract.Outlet),
        (Talk, contract.Outlet),
        (ChatSession, contract.TextSession),
        (Hub, contract.Reception),
    ],
)
def test_implementations_have_the_contracts_methods(implementation: Any, protocol: Any) -> None:
    for name, method in inspect.getmembers(protocol, inspect.isfunction):
        if not name.startswith("_"):
            assert _arguments(getattr(implementation, name)) == _arguments(method), name


def _arguments(function: Any) -> list[tuple[str, str]]:
    parameters = inspect.signature(function).parameters.values()
    return [(each.name, str(each.annotation).replace("events.", "")) for each in parameters]
