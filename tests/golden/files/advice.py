"""Tools of the golden projects that the model is told too little of, or that cannot be tools."""

import subprocess
import time
from collections.abc import AsyncIterator
from typing import Any

from shop import OrderDesk as handed_on  # noqa: F401

LIMIT = 3


def untyped(order_id, loud=False):
    """Look an order up.

    Args:
        order_id: Its number.
        loud: Whether to say it aloud.
    """


def undescribed(order_id: str, *, loud: bool = False) -> None:
    """Look an order up."""


def undocumented(order_id: str) -> None: ...


def bare(filters: dict[str, Any], more: list | None = None) -> None:
    """Look orders up.

    Args:
        filters: What is known of it.
        more: What else.
    """


def _private() -> None:
    """Hide."""


async def stops_all() -> None:
    """Wait."""
    time.sleep(1)  # noqa: ASYNC251


def holds_a_thread() -> None:
    """Wait."""
    subprocess.run(["true"])


async def generates() -> AsyncIterator[int]:
    """Count."""
    yield 1


def variadic(*order_ids: str) -> None:
    """Look orders up."""


def positional(order_id: str, /) -> None:
    """Look an order up."""
