"""Tools of the golden projects."""


def lookup_order(order_id: str) -> str:
    """Look an order up.

    Args:
        order_id: Its number.
    """
    return order_id


def to_text(order_id: str) -> str:
    """Say an order's number.

    Args:
        order_id: Its number.
    """
    return order_id


class OrderDesk:
    """A class, which is no tool."""


def forget() -> None:
    """Forget the order."""
