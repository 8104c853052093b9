"""Ports for those who must be told one before they listen."""

from __future__ import annotations

import contextlib
import secrets
import socket

_PORTS = range(20_000, 32_000, 2)
"""Below those that systems give to whoever asks for any, so that nobody gets one in the moment before it is used."""


def free_port() -> int:
    """A port that nobody uses, nor the next one, over UDP and TCP. baresip takes the next one as well, unasked."""
    for _ in range(100):
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for number in (port, port + 1):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    stack.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", number))
            return port
    raise AssertionError("no port is free")
