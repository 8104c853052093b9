"""Tickets, which the agent's tool writes and the web application shows: both are one process."""

from __future__ import annotations

from typing import Any

from pinecall_run import Call

tickets: list[dict[str, Any]] = []


async def open_ticket(topic: str, call: Call) -> dict[str, Any]:
    """Write down what a caller needs.

    Args:
        topic: What it is about, in a few words.
    """
    ticket = {"number": len(tickets) + 1, "topic": topic, "call": call.id}
    tickets.append(ticket)
    return ticket
