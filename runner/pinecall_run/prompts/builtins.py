"""Variables that only the voice server knows, anew for each request to the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

PER_REQUEST = ("date", "time", "day", "datetime", "timestamp", "date_block")

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"  # noncharacters, which Unicode keeps for a program's own use
_MARK = re.compile(f"{_OPEN}({'|'.join(PER_REQUEST)}){_CLOSE}")


NO_CALL: Mapping[str, Any] = {
    "id": "",
    "agent": "",
    "channel": "",
    "direction": "",
    "from": "",
    "from_": "",
    "to": "",
    "metadata": {},
    "started_at": 0.0,
    "revision": "",
}
"""``call`` while there is none: when a project is checked, and for a call whose prompt took too long."""


class PerRequestError(Exception):
    """A template did more with a per-request variable than print it. ``name`` is the variable."""

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` is known only when the model is asked, so it can be printed and no more")
        self.name = name


class PerRequest:
    """Stands for a per-request variable while the rest of the prompt is rendered: prints as a mark
    (see :func:`placed`) and can do nothing else."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return f"{_OPEN}{self._name}{_CLOSE}"

    def _refuse(self, *_: Any) -> NoReturn:
        raise PerRequestError(self._name)

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __len__ = __iter__ = __int__ = __float__ = __hash__ = __call__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __mod__ = __contains__ = __getitem__ = __html__ = _refuse


def per_request_variables() -> dict[str, PerRequest]:
    """Every per-request variable by name."""
    return {name: PerRequest(name) for name in PER_REQUEST}


def placed(rendered: str) -> str:
    """The text with each mark as ``{{name}}``, which the voice server fills in.

    Raises:
        PerRequestError: a filter changed a mark.
    """
    text = _MARK.sub(r"{{\1}}", rendered)
    # Looked for only where there is something: the search goes through each word of a text as often as it is long.
    is_damaged = _OPEN in text or _CLOSE in text
    damaged = re.search(f"{_OPEN}?(\\w*){_CLOSE}|{_OPEN}(\\w*)", text) if is_damaged else None
    if damaged:
        left = (damaged[1] or damaged[2] or "").lower()
        raise PerRequestError(next((name for name in PER_REQUEST if left and name.startswith(left)), PER_REQUEST[0]))
    return text
