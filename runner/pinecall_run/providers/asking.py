"""What asking any vendor's language model has in common: trying again, and what failures come to.

The libraries of the vendors wrap some failures of the network and let others through, each in its own way; here they
are told by what they are. Nothing that a vendor writes as a sentence is told on: it may quote what was said.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

from pinecall_run.providers.contracts import FailureKind, ModelPiece, ProviderError
from pinecall_run.providers.failures import Vendor

PAUSES = (0.2, 0.5)
"""Seconds before a second and a third try: no longer, for somebody waits on the line, and there may be a vendor to fall
back on."""

_PASSING: frozenset[FailureKind] = frozenset(("unavailable", "network", "rate_limit"))
_NAME = re.compile(r"[A-Za-z][\w.\[\]-]{0,59}", re.ASCII)
"""``invalid_request_error``, ``messages[0].content``."""

_BROKEN = frozenset(("ReadError", "WriteError", "CloseError", "RemoteProtocolError", "LocalProtocolError"))
_NO_ADDRESS = frozenset(("InvalidURL", "UnsupportedProtocol"))
"""Exceptions of httpx and of httpx2, which the libraries stand on: they are told by their names, whichever it is."""

AskOnce = Callable[[], AsyncGenerator[ModelPiece, None]]


async def ask(once: AskOnce) -> AsyncIterator[ModelPiece]:
    """The pieces of an answer. A failure that may pass is tried again while nothing has been said, unless the vendor
    wants more patience than there is.

    Raises:
        ProviderError: what the last try raised.
    """
    for pause in (*PAUSES, None):
        has_begun = False
        try:
            async with aclosing(once()) as pieces:
                async for piece in pieces:
                    has_begun = True
                    yield piece
            return
        except ProviderError as error:
            if pause is None or has_begun or error.kind not in _PASSING or error.retry_after > pause:
                raise
        await asyncio.sleep(pause)


def names(*found: Any) -> str:
    """What of a vendor's error are names, and no sentences."""
    return ", ".join(dict.fromkeys(name for name in found if isinstance(name, str) and _NAME.fullmatch(name)))


def no_such_model(vendor: Vendor, model: str) -> ProviderError:
    """The vendor does not know the model, or the endpoint is no endpoint."""
    error = vendor.failed(f"has no model `{model}`", "request")
    error.hint = "check `model`" + (f" and {vendor.endpoint}" if vendor.endpoint else "")
    return error


def gave_nothing(vendor: Vendor, reason: str) -> ProviderError:
    """An answer that is none. Whether the next one will be is open, so it is no lasting failure."""
    return vendor.failed(f"gave no answer ({names(reason) or 'no reason'})", "failed")


def broke_off(vendor: Vendor) -> ProviderError:
    """An answer that ended without its end."""
    return vendor.failed("broke the answer off", "network")


def cut_in_a_call(vendor: Vendor) -> ProviderError:
    """The bound on the answer fell into the arguments of a tool call, of which no half can be used."""
    error = vendor.failed("had too few tokens for the tool call it began", "failed")
    error.hint = "raise `max_tokens`"
    return error


def of_transport(vendor: Vendor, error: BaseException) -> ProviderError:
    """What anything but an answer of the vendor's comes to."""
    chain = list(_chain(error))
    kinds = {base.__name__ for one in chain for base in type(one).__mro__}
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return vendor.of_garbage()
    if any(isinstance(one, TimeoutError) for one in chain) or "TimeoutException" in kinds:
        return vendor.of_connecting(TimeoutError())
    if kinds & _BROKEN:
        return vendor.failed("broke the connection off", "network")
    if kinds & _NO_ADDRESS:
        return vendor.failed("has an address that cannot be", "request")
    causes = [one for one in chain if isinstance(one, OSError)]
    known = [one for one in causes if isinstance(one, ssl.SSLError) or one.strerror]
    if causes:
        return vendor.of_connecting((known or causes)[-1])
    if "TransportError" in kinds:
        return vendor.failed("cannot be reached", "network")
    return vendor.failed(f"failed with {type(error).__name__}", "failed")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from _chain(error.exceptions[0])
        error = error.__cause__ or error.__context__
