"""Products: what the sales agent may look up."""

from __future__ import annotations

import asyncio
from typing import Any

from examples.shop.database import connect


async def check_stock(product: str) -> dict[str, Any]:
    """Say what a product costs and how many are in stock.

    Args:
        product: The product's name, such as burr grinder.
    """
    return await asyncio.to_thread(_find, product)


def _find(product: str) -> dict[str, Any]:
    with connect() as database:
        row = database.execute(
            "SELECT name, price_cents, stock FROM products WHERE name LIKE ?", (f"%{product.strip()}%",)
        ).fetchone()
    if row is None:
        return {"error": f"we do not sell {product}"}
    return {"name": row["name"], "price": f"{row['price_cents'] / 100:.2f} EUR", "stock": row["stock"]}
