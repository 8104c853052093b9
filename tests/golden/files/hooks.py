"""Functions that are called for a call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pinecall_run import Call


class Pool:
    """Stands for a database."""


@asynccontextmanager
async def lifespan() -> AsyncIterator[Pool]:
    yield Pool()


async def greet(call: Call, pool: Pool) -> None:
    call.say("Hello.")


def customer(call: Call, pool: Pool) -> dict[str, str]:
    return {"name": call.from_}


async def respond(call: Call) -> AsyncIterator[str]:
    yield call.transcript[-1].text


def lookup(order_id: str, pool: Pool) -> str:
    """Look an order up.

    Args:
        order_id: Its number.
    """
    return order_id


def asks(customer_id):
    return customer_id


async def streams(call: Call) -> AsyncIterator[str]:
    yield "one"
