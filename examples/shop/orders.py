"""Orders: what the support agent may look up."""

from __future__ import annotations

from typing import Any

from examples.shop.database import connect


def lookup_order(order_id: str) -> dict[str, Any]:
    """Look an order up by its number.

    Args:
        order_id: The order number, such as ORD-1001.
    """
    with connect() as database:
        row = database.execute("SELECT * FROM orders WHERE id = ?", (order_id.strip().upper(),)).fetchone()
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
