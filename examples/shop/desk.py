"""The front desk: what the intake agent may do."""

from __future__ import annotations

from typing import Any

from examples.shop.database import connect
from pinecall_run import Call


def take_message(name: str, topic: str, call: Call) -> dict[str, Any]:
    """Write a message down for a colleague who calls back.

    Args:
        name: Who is calling.
        topic: What it is about, in a few words.
    """
    with connect() as database:
        cursor = database.execute("INSERT INTO messages (name, topic) VALUES (?, ?)", (name, topic))
    return {"number": cursor.lastrowid, "taken_by": call.agent}
