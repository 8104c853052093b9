"""The shop's database: one SQLite file, made and filled when it is first used."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL, item TEXT NOT NULL, status TEXT NOT NULL, expected TEXT
);
CREATE TABLE IF NOT EXISTS products (name TEXT PRIMARY KEY, price_cents INTEGER NOT NULL, stock INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, name TEXT NOT NULL, topic TEXT NOT NULL);
"""

_ORDERS = [
    ("ORD-1001", "Ada Byron", "espresso machine", "shipped", "Tuesday"),
    ("ORD-1002", "Grace Murray", "burr grinder", "being packed", "Thursday"),
    ("ORD-1003", "Alan Mathison", "gooseneck kettle", "delivered", None),
]
_PRODUCTS = [
    ("espresso machine", 34900, 4),
    ("burr grinder", 12900, 11),
    ("gooseneck kettle", 5900, 0),
]


def path() -> Path:
    """Where the database lies; ``SHOP_DATABASE`` moves it."""
    return Path(os.environ.get("SHOP_DATABASE", Path(__file__).with_name("shop.sqlite3")))


@contextmanager
def connect() -> Iterator[sqlite3.Connection]:
    """A connection for one unit of work: committed at the end, rolled back on an error, closed in any case."""
    connection = sqlite3.connect(path(), timeout=5)
    connection.row_factory = sqlite3.Row
    try:
        _fill(connection)
        with connection:
            yield connection
    finally:
        connection.close()


def _fill(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'messages'").fetchone():
        return
    with connection:  # all of it or nothing: who comes at the same moment must not find tables without rows
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.executemany("INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?)", _ORDERS)
        connection.executemany("INSERT OR IGNORE INTO products VALUES (?, ?, ?)", _PRODUCTS)
