"""Why a server cannot be reached, or hung up: one sentence that says what to do."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    ProxyError,
    SecurityError,
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link leads: the address of the socket, and the proxy on the way (``None`` for none)."""

    url: str
    proxy: str | None = None

    @property
    def server(self) -> str:
        """The server's host and port as people write them."""
        return _host_and_port(self.url)

    @property
    def first_hop(self) -> str:
        """What a TCP connection is made to."""
        return self.server if self.proxy is None else f"the proxy {_host_and_port(self.proxy)}"

    @property
    def advice(self) -> str:
        """What to look at when the first hop cannot be reached."""
        return "check server.url" if self.proxy is None else "check HTTPS_PROXY, or name the server in NO_PROXY"


def sentence(error: Exception, target: Target) -> str:
    """What went wrong while connecting, and what to do about it; no credentials of an address are in it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    for kind, explain in _EXPLAIN:
        if isinstance(error, kind):
            return explain(error, target)
    return f"connecting to {target.first_hop} failed: {_text(error)}"


def closing(code: int | None, reason: str) -> str:
    """Why an open connection ended."""
    return reason or _CLOSINGS.get(code or 1006, f"the server closed the connection with code {code}")


_CLOSINGS = {
    1000: "the server closed the connection",
    1001: "the server went away",
    1005: "the server closed the connection",
    1006: "connection lost",
    1009: "the server takes no message of that size",
    1011: "the server failed",
    1012: "the server restarts",
    1013: "the server is overloaded",
}


def _host_and_port(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme in ("wss", "https") else 80)
        host = parts.hostname or "?"
    except ValueError:
        return url.rpartition("@")[2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _shown(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)


def _text(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


# one function for each kind of error


def _bad_address(error: InvalidURI, target: Target) -> str:
    if error.uri == target.url:
        return f"{_shown(target.url)} is not a WebSocket address: write server.url as https://host or http://host:port"
    return f"{target.server} redirects to {_shown(error.uri)}, which is not a WebSocket address: check server.url"


def _status(error: InvalidStatus, target: Target) -> str:
    status = error.response.status_code
    advice = _STATUSES.get(status) or ("it is not well; it is tried again" if status >= 500 else "check server.url")
    return f"{target.server} answered with HTTP {status} instead of a WebSocket: {advice}"


_STATUSES = {
    200: "that is a web page; server.url must be the voice server's own address",
    401: "something before the voice server wants a login; server.url must lead to the server itself",
    403: "it, or something before it, lets this machine not in",
    404: "no voice server is there; check the host, the port and the path of server.url",
    407: "a proxy wants a login; write HTTPS_PROXY with it, or name the server in NO_PROXY",
    426: "something on the way takes the upgrade off; let it pass WebSockets",
    429: "it has too many requests; it is tried again",
}


def _no_http(error: InvalidMessage, target: Target) -> str:
    if "expected HTTP/1.1" in str(error.__cause__):
        return f"{target.server} is a web server that knows no WebSockets: check the host and the port of server.url"
    advice = "check the port of server.url"
    if target.url.startswith("ws:"):
        advice += ", and write https:// if the server speaks TLS"
    return f"{target.server} does not speak HTTP: {advice}"


def _no_websocket(error: InvalidHandshake, target: Target) -> str:
    return f"{target.server} answered, but not as a WebSocket server: check server.url ({_text(error)})"


def _bad_redirect(error: SecurityError, target: Target) -> str:
    return f"{target.server} is not followed ({_text(error)}): check server.url"


def _bad_proxy(error: InvalidProxy, target: Target) -> str:
    return f"{target.first_hop} cannot be used, its address {error.msg}: check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"


def _proxy_refused(error: ProxyError, target: Target) -> str:
    response: Any = getattr(error, "response", None)
    how = f"HTTP {response.status_code}" if response is not None else "no answer of a proxy"
    return f"{target.first_hop} did not let us through to {target.server} ({how}): {target.advice}"


def _bad_certificate(error: ssl.SSLCertVerificationError, target: Target) -> str:
    what = _CERTIFICATES.get(error.verify_code, f"was not accepted ({error.verify_message})")
    return f"the certificate of {target.server} {what}"


_CERTIFICATES = {
    10: "has expired: have it renewed, and check this machine's clock",
    9: "is not valid yet: check this machine's clock",
    18: "is self-signed: name it in SSL_CERT_FILE, or have one issued by a known authority",
    19: "leads to a self-signed one: name its authority's in SSL_CERT_FILE",
    20: "is of an unknown authority: name the authority's certificate in SSL_CERT_FILE",
    62: "is for another name: write server.url with the name that it is for",
    64: "is for another address: write server.url with the name that it is for",
}
"""By OpenSSL's X509_V_ERR numbers (openssl-verification-options(1))."""


def _no_tls(error: ssl.SSLError, target: Target) -> str:
    what = (error.reason or _text(error)).replace("_", " ").lower()
    return f"TLS with {target.server} failed ({what}): write http:// in server.url if the server speaks no TLS"


def _no_name(error: socket.gaierror, target: Target) -> str:
    host = target.first_hop.rpartition(":")[0]
    return f"the name of {host} is not known: check it for a typo, and the network"


def _system(error: OSError, target: Target) -> str:
    if error.errno is None and "Multiple exceptions" in str(error):  # one for each address of a name, only as a text
        is_refused = str(error).count(f"[Errno {errno.ECONNREFUSED}]") > 0
        return _refused(error, target) if is_refused else f"{target.first_hop} cannot be reached: {target.advice}"
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return f"there is no way to {target.first_hop}: check the network, and {target.advice.removeprefix('check ')}"
    return f"connecting to {target.first_hop} failed: {error.strerror or _text(error)}"


def _refused(error: OSError, target: Target) -> str:
    advice = "start the voice server there, or correct server.url" if target.proxy is None else target.advice
    return f"nothing listens at {target.first_hop}: {advice}"


def _hung_up(error: Exception, target: Target) -> str:
    return f"{target.first_hop} hung up before it answered: {target.advice}"


def _bad_value(error: ValueError, target: Target) -> str:
    return f"{_shown(target.url)} is not an address ({_text(error)}): check server.url"


def _no_socks(error: ImportError, target: Target) -> str:
    return f"{target.first_hop} is a SOCKS proxy: install python-socks[asyncio], or name the server in NO_PROXY"


_EXPLAIN: list[tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[[Any, Target], str]]] = [
    (InvalidURI, _bad_address),
    (InvalidProxy, _bad_proxy),
    (ProxyError, _proxy_refused),
    (InvalidStatus, _status),
    (InvalidMessage, _no_http),
    (SecurityError, _bad_redirect),
    ((InvalidUpgrade, InvalidHandshake), _no_websocket),
    (ssl.SSLCertVerificationError, _bad_certificate),
    (ssl.SSLError, _no_tls),
    (socket.gaierror, _no_name),
    (ConnectionRefusedError, _refused),
    ((ConnectionError, EOFError), _hung_up),
    (OSError, _system),
    (ImportError, _no_socks),
    (ValueError, _bad_value),
]
"""The first kind that fits explains."""
