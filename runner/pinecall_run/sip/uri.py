"""Addresses of SIP: URIs (RFC 3261, 19.1), and the fields that hold one with a name and parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote as escape
from urllib.parse import unquote as unescape

from pinecall_run.sip.grammar import (
    HOST,
    TOKEN,
    GrammarError,
    Parameters,
    number,
    quote,
    read_parameters,
    split,
    unquote,
    write_parameters,
)

MOST_CHARACTERS = 2_048

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#:]|%[0-9A-Fa-f]{2})+")
_PARAMETER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$]|%[0-9A-Fa-f]{2})+")
_PRINTED = re.compile(r"[!-;=?-~\x80-\U0010ffff]+")
_SIP = ("sip", "sips")


@dataclass(frozen=True, slots=True)
class Uri:
    """An address.

    Attributes:
        scheme: lower case: ``sip``, ``sips``, or another such as ``tel``, of which ``user`` is all the rest.
        user: as it is written, escapes and all, with its password if there is one; empty if there is none.
        host: lower case; empty if the scheme is not SIP's.
        headers: what stands behind the question mark.
    """

    scheme: str
    user: str
    host: str
    port: int | None = None
    parameters: Parameters = field(default_factory=dict)
    headers: str = ""

    @property
    def is_sip(self) -> bool:
        """Whether it is an address of SIP at all."""
        return self.scheme in _SIP

    @property
    def name(self) -> str:
        """The user without escapes and password: a name or a number."""
        return unescape(self.user.partition(":")[0] if self.is_sip else self.user.partition(";")[0])

    def bare(self) -> Uri:
        """Without what only routes it: port, parameters and headers."""
        return replace(self, port=None, parameters={}, headers="")

    def __str__(self) -> str:
        if not self.is_sip:
            return f"{self.scheme}:{self.user}"
        user = f"{self.user}@" if self.user else ""
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{_write(self.parameters)}{headers}"


def sip_uri(user: str, host: str, port: int | None = None, *, is_secure: bool = False) -> Uri:
    """The address of a user by name, escaped as need be."""
    return Uri("sips" if is_secure else "sip", escape(user, safe="-_.!~*'()&=+$,;?/"), host.lower(), port)


def read_uri(text: str) -> Uri:
    """An address of any scheme.

    Raises:
        GrammarError: it is none.
    """
    scheme, colon, rest = text.partition(":")
    if len(text) > MOST_CHARACTERS or not colon or not _SCHEME.fullmatch(scheme) or not _PRINTED.fullmatch(rest):
        raise GrammarError("no URI")
    if scheme.lower() not in _SIP:
        return Uri(scheme.lower(), rest, "")
    user, at, place = rest.rpartition("@")
    if at and not _USER.fullmatch(user):
        raise GrammarError("the user of a URI has characters that it may not have")
    place, mark, headers = place.partition("?")
    where, *parameters = place.split(";")
    host, port = read_host(where)
    if mark and not headers:
        raise GrammarError("a URI ends in a question mark")
    return Uri(scheme.lower(), user, host, port, _read(parameters), headers)


def read_host(text: str) -> tuple[str, int | None]:
    """A host and the port behind it, if there is one.

    Raises:
        GrammarError: it is neither.
    """
    found = HOST.match(text)
    rest = text[found.end() :] if found else "no host"
    if not found or (rest and rest[:1] != ":"):
        raise GrammarError("no host")
    return found[0].lower(), number(rest[1:], 65_535) if rest else None


def _read(parts: list[str]) -> Parameters:
    found: dict[str, str | None] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not _PARAMETER.fullmatch(name) or (equals and not _PARAMETER.fullmatch(value)):
            raise GrammarError("a URI has a bad parameter")
        found.setdefault(name.lower(), value if equals else None)
    return found


def _write(parameters: Parameters) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters.items())


@dataclass(frozen=True, slots=True)
class NameAddr:
    """An address with what the field says of it: From, To, Contact, Route and their like."""

    uri: Uri
    display: str = ""
    parameters: Parameters = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """Which side of a dialog this is; empty where none is given yet."""
        return self.parameters.get("tag") or ""

    def with_tag(self, tag: str) -> NameAddr:
        """The same with a tag."""
        return replace(self, parameters={**self.parameters, "tag": tag})

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{write_parameters(self.parameters)}"


def read_name_addr(text: str) -> NameAddr:
    """One address of a field.

    Raises:
        GrammarError: it is none.
    """
    head, *parameters = split(text, ";")
    display, bracket, rest = _named(head)
    if not bracket:
        # Without brackets what follows ; or ? would be ambiguous, so a URI that has them must have brackets (20.10).
        if "?" in head or "," in head:
            raise GrammarError("a URI with headers has no angle brackets")
        return NameAddr(read_uri(head), "", read_parameters(parameters))
    if not rest.endswith(">"):
        raise GrammarError("something follows an angle bracket")
    return NameAddr(read_uri(rest[:-1]), display, read_parameters(parameters))


def _named(head: str) -> tuple[str, str, str]:
    if not head.startswith('"'):
        display, bracket, rest = head.partition("<")
        if bracket and not all(TOKEN.fullmatch(word) or not word.isascii() for word in display.split()):
            raise GrammarError("a name has characters that need quotes")
        return display.strip(), bracket, rest
    # The brackets that split() counted stand outside of the quotes: the last "<" opens the address.
    display, bracket, rest = head.rpartition("<")
    name = display.strip()
    if not bracket or unquote(name) == name:
        raise GrammarError("no address follows a quoted name")
    return unquote(name), bracket, rest
