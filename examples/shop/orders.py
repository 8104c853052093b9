"""Orders: what the support agent may look up."""

from __future__ import annotations

import re
from typing import Any

from examples.shop.database import connect


def lookup_order(order_id: str) -> dict[str, Any]:
    """Look an order up by its number.

    Args:
        order_id: The order number, such as ORD-1001.
    """
    with connect() as database:
        row = database.execute("SELECT * FROM orders WHERE id = ?", (order_number(order_id),)).fetchone()
    if row is None:
        return {"error": f"there is no order {order_id}"}
    return dict(row)


def orders_of(customer: str) -> list[dict[str, Any]]:
    """List the orders of a customer.

    Args:
        customer: The customer's name, or a part of it.
    """
    with connect() as database:
        rows = database.execute(
            "SELECT id, item, status FROM orders WHERE customer LIKE ? ORDER BY id", (f"%{customer}%",)
        ).fetchall()
    return [dict(row) for row in rows]


_NUMBERS = {
    "o": 0, "oh": 0, "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000,
}  # fmt: skip


def order_number(said: str) -> str:
    """The number of an order as it was typed or said: ``1001``, ``one thousand and one``, ``one zero zero one`` and
    ``ten oh one`` are ``ORD-1001``. What is no number stays as it is."""
    words = [
        word for word in re.findall(r"[a-z]+|[0-9]+", said.lower()) if word not in ("ord", "order", "number", "and")
    ]
    if not words or not all(word.isdigit() or word in _NUMBERS for word in words):
        return said.strip().upper()
    is_counted = "hundred" in words or "thousand" in words
    return f"ORD-{_counted(words) if is_counted else _spelled(words)}"


def _counted(words: list[str]) -> int:
    """Four thousand two hundred twenty one."""
    thousands = rest = 0
    for word in words:
        value = int(word) if word.isdigit() else _NUMBERS[word]
        if word == "thousand":
            thousands, rest = value * (rest or 1), 0
        elif word == "hundred":
            rest = value * (rest or 1)
        else:
            rest += value
    return thousands + rest


def _spelled(words: list[str]) -> str:
    """Four two twenty one; digits that were typed keep their zeros."""
    found, before = "", 0
    for word in words:
        value = _NUMBERS.get(word, 0)
        if before >= 20 and 0 < value < 10:
            found = found[:-1] + str(value)
        else:
            found += word if word.isdigit() else str(value)
        before = value
    return found
